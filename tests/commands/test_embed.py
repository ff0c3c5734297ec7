"""`embed` as its user meets it: any rows, any run, killed and resumed, and the same vectors from every engine."""

import contextlib
import errno
import json
import logging
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest
from PIL import Image

from xret.commands._launch import launch
from xret.run.vectors import VectorFolder

pytestmark = pytest.mark.slow

SMALL = ("data=table", "encoder=scratch", "tracker=none", "batch.size=16", "batch.workers=0", "details=false")
QUICK = ("workers=0", "batch_size=8")


@pytest.fixture(scope="module")
def trained(shapes, tmp_path_factory):
    """Train a run once; returns a function: name, overrides -> its folder."""
    made = {}
    root = tmp_path_factory.mktemp("runs")

    def train(name, *overrides):
        if name not in made:
            logger = logging.getLogger()
            handlers = list(logger.handlers)
            arguments = [
                *SMALL,
                f"data.path={shapes}",
                "trainer.max_epochs=1",
                "trainer.accelerator=cpu",
                f"hydra.run.dir={root / name}",
            ]
            with contextlib.suppress(SystemExit):
                assert launch("train", [*arguments, *overrides]) == 0
            for handler in [h for h in logger.handlers if h not in handlers]:
                handler.close()
            logger.handlers = handlers
            assert (root / name / "metrics.json").exists()
            made[name] = str(root / name)
        return made[name]

    return train


def vectors(folder, modality="image"):
    return np.concatenate(list(VectorFolder.open(Path(folder)).shards(modality)))


def table(folder, modality="image"):
    return VectorFolder.open(Path(folder)).table(modality).to_pylist()


def rejected(folder):
    return [json.loads(line) for line in Path(folder, "rejected.jsonl").read_text().splitlines()]


def contents(folder):
    """File -> what it holds, of all that says what was embedded; the config holds the folder's own name."""
    files = [p for p in Path(folder).rglob("*") if p.is_file() and p.name not in (".lock", "config.yaml")]
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_vectors_are_those_the_model_gives_and_do_not_depend_on_how_they_are_cut(xret, trained):
    run = trained("plain")
    for name, size in (("a", 7), ("b", 4096)):
        code, out, err = xret("embed", f"run={run}", f"shard_size={size}", *QUICK, f"hydra.run.dir={name}")
        assert code == 0, err
        assert "80 image, 80 text vectors of" in out
        assert "left out" not in out
    assert np.allclose(vectors("a"), vectors("b"), atol=1e-6)
    assert np.allclose(np.linalg.norm(vectors("a"), axis=1), 1, atol=1e-5)
    assert table("a") == table("b")
    assert table("a", "text")[3]["text"].startswith("a ")
    assert len(list(Path("a/image").glob("*.npy"))) == 12
    VectorFolder.open(Path("a")).check()
    from xret.commands._embedding import Encoding
    from xret.commands._trained import open_run
    from xret.data.reading import read_image

    model = open_run(Path(run), []).model
    first = table("a")[33]
    picture = read_image(Path(first["path"]), "", model.encoders["image"].image_px, "crop")
    inputs = model.encoders["image"].collate([picture])
    assert np.allclose(Encoding(model, Path(), 1).vectors("image", inputs), vectors("a")[33], atol=1e-5)


def test_one_split_holds_its_own_items(xret, trained):
    code, _, err = xret("embed", f"run={trained('plain')}", "split=test", *QUICK, "hydra.run.dir=v")
    assert code == 0, err
    rows = table("v")
    assert {row["split"] for row in rows} == {"test"}
    assert 0 < len(rows) < 40


def test_a_folder_of_pictures_needs_no_captions_and_broken_ones_are_told_by_file(xret, trained, tmp_path):
    gallery = tmp_path / "gallery"
    (gallery / "deep").mkdir(parents=True)
    for i in range(20):
        Image.new("RGB", (40, 30), (i * 12, 80, 255 - i * 12)).save(gallery / f"deep/{i:02d}.png")
    (gallery / "deep/03.png").write_bytes(b"no picture")
    whole = (gallery / "deep/05.png").read_bytes()
    (gallery / "deep/05.png").write_bytes(whole[: len(whole) // 2])
    (gallery / "deep/07.txt").write_text("this one has a caption\n")
    (gallery / "deep/08.txt").write_text("\n")
    os.symlink("/etc/hostname", gallery / "deep/link.png")
    command = ["embed", f"run={trained('plain')}", "data=folder", f"data.path={gallery}", "shard_size=6", *QUICK]
    code, out, err = xret(*command, "modalities=[image]", "hydra.run.dir=v")
    assert code == 0, err
    assert "18 image vectors" in out
    assert "left out: 3, each with its reason in" in out
    assert {Path(row["row"]).name: row["reason"] for row in rejected("v")} == {
        "link.png": "outside",
        "03.png": "undecodable",
        "05.png": "undecodable",
    }
    assert all("03.png" in row["detail"] for row in rejected("v") if row["row"] == "deep/03.png")
    rows = table("v")
    assert [Path(row["path"]).stem for row in rows] == [f"{i:02d}" for i in range(20) if i not in (3, 5)]
    assert [row["text"] for row in rows if row["text"]] == ["this one has a caption"]
    code, out, err = xret(*command, "hydra.run.dir=both")
    assert code == 0, err
    assert "18 image, 1 text vectors" in out
    code, _, err = xret(*command, "data.on_error=fail", "hydra.run.dir=strict")
    assert code == 2
    assert "link.png" in err
    (gallery / "deep/link.png").unlink()
    code, _, err = xret(*command, "data.on_error=fail", "hydra.run.dir=stricter")
    assert code == 2
    assert "03.png" in err
    assert not Path("stricter/vectors.json").exists()


def test_a_table_needs_but_one_column(xret, trained, shapes):
    pictures = sorted(shapes.parent.glob("*.png"))[:5]
    Path("pictures.csv").write_text("photo\n" + "".join(f"{path}\n" for path in pictures))
    Path("texts.csv").write_text("text,lang\na red circle,en\n,en\na blue bar,en\n")
    own = [f"run={trained('plain')}", "data=table", *QUICK]
    outside = ["data.columns.image=photo", "data.allow_outside=true"]
    code, out, err = xret("embed", *own, "data.path=pictures.csv", *outside, "hydra.run.dir=p")
    assert code == 0, err
    assert "5 image vectors" in out
    code, out, err = xret("embed", *own, "data.path=texts.csv", "hydra.run.dir=t")
    assert code == 0, err
    assert "2 text vectors" in out
    assert [row["reason"] for row in rejected("t")] == ["empty"]
    code, _, err = xret("embed", *own, "data.path=texts.csv", "data.columns.text=null", "hydra.run.dir=n")
    assert code == 2
    assert "must have one of the columns" in err


@pytest.mark.parametrize(
    ("name", "overrides"),
    [
        ("fusion", ["fusion=late"]),
        ("lora", ["encoder/image=timm", "encoder.image.model=test_vit", "encoder.image.weights=null"]),
    ],
)
def test_runs_with_a_second_stage_or_adapters_embed_what_they_measure_first(xret, trained, name, overrides):
    if name == "lora":
        pytest.importorskip("peft")
        overrides = [*overrides, "encoder.image.train=lora_2"]
    run = trained(name, *overrides)
    code, _, err = xret("embed", f"run={run}", "split=test", *QUICK, "hydra.run.dir=v")
    assert code == 0, err
    assert np.allclose(np.linalg.norm(vectors("v"), axis=1), 1, atol=1e-5)


@pytest.fixture
def titled(shapes):
    """Arguments of data with titles: every fifth row has none, every seventh no picture."""
    lines = shapes.read_text().splitlines()
    rows = ["id,image,text,name"]
    for i, line in enumerate(lines[1:]):
        name, image, text = line.split(",")
        title = "" if i % 5 == 0 else f"{name.split('-')[0][::-1]} thing"
        rows.append(f"{name},{'' if i % 7 == 0 and i % 5 else image},{text},{title}")
    path = shapes.parent / "titled.csv"
    path.write_text("\n".join(rows) + "\n")
    return [f"data.path={path}", "data.title=name"]


FROZEN = ["encoder.text.train=head", "encoder.image.train=head", "encoder.projection.dim=16"]


@pytest.mark.parametrize("items", ["late", "intermediate"])
def test_items_of_parts_have_the_vectors_they_were_measured_with(xret, trained, titled, items):
    more = [f"items={items}", *FROZEN, *titled, *(["items.width=16"] if items == "intermediate" else [])]
    run = trained(items, *more)
    code, out, err = xret("embed", f"run={run}", "shard_size=9", *QUICK, "hydra.run.dir=v")
    assert code == 0, err
    assert "80 item, 80 text vectors" in out
    from xret.commands._assembly import prepare
    from xret.commands._made import load
    from xret.commands._measure import encode_items
    from xret.commands._needs import needs
    from xret.commands._trained import open_run

    opened = open_run(Path(run), [])
    prepared = prepare(opened.cfg, load(opened.cfg), opened.model, needs(opened.cfg))
    for modality in ("item", "text"):
        wanted = encode_items(opened.model, modality, prepared.given[modality], np.arange(80))
        assert np.allclose(vectors("v", modality), wanted, atol=1e-5), modality
    rows = table("v", "item")
    assert [bool(row["path"]) for row in rows] == [not (i % 7 == 0 and i % 5) for i in range(80)]
    assert rows[1]["text"].endswith("thing")
    picture = Path(rows[10]["path"])
    assert rows[10]["text"].startswith("a "), "without a title it is called by what is asked for"
    lone = Path("lone")
    lone.mkdir()
    shutil.copy(picture, lone / "x.png")
    (lone / "y.png").write_bytes(b"no picture")
    code, out, err = xret("embed", f"run={run}", "data=folder", "data.path=lone", *QUICK, "hydra.run.dir=w")
    assert code == 0, err
    assert "1 item vectors" in out
    assert [row["row"] for row in rejected("w")] == ["y.png"]


def test_a_killed_embedding_goes_on_and_ends_as_one_that_was_not(xret, trained, fork, wait_for):
    command = [f"run={trained('plain')}", "shard_size=8", *QUICK]
    killed = fork("embed", *command, "hydra.run.dir=killed")
    wait_for(Path("killed/image/00002.parquet"), killed)
    killed.kill()
    assert not Path("killed/vectors.json").exists()
    Path("killed/image/.00004.npy-abc").write_bytes(b"left by a kill in the midst of writing")
    np.save("killed/image/00009.npy", np.zeros((8, 2)))
    Path("killed/image/00001.npy").write_bytes(Path("killed/image/00001.npy").read_bytes()[:-4])
    kept = os.stat("killed/image/00000.npy").st_mtime_ns
    for name in ("killed", "whole"):
        code, _, err = xret("embed", *command, f"hydra.run.dir={name}")
        assert code == 0, err
    assert os.stat("killed/image/00000.npy").st_mtime_ns == kept
    assert contents("killed").keys() == contents("whole").keys()
    differ = [name for name, content in contents("killed").items() if content != contents("whole")[name]]
    assert not differ
    code, _, err = xret("embed", *command, "split=test", "hydra.run.dir=killed")
    assert code == 2
    assert "another run, data or setting" in err


def test_ctrl_c_is_told_and_another_process_is_refused_meanwhile(xret, trained, fork, wait_for):
    command = ["embed", f"run={trained('plain')}", "shard_size=1", *QUICK, "hydra.run.dir=v"]
    first = fork(*command)
    wait_for(Path("v/image/00001.parquet"), first)
    first.send_signal(signal.SIGSTOP)  # or it may be done before the other one was refused
    code, _, err = xret(*command)
    assert (code, "another process is embedding" in err) == (2, True)
    first.send_signal(signal.SIGINT)
    first.send_signal(signal.SIGCONT)
    _, err = first.communicate(60)
    assert first.returncode == 130, err
    assert "stopped by Ctrl-C" in err
    assert not Path("v/vectors.json").exists()


def test_a_full_disk_is_one_line_and_what_was_done_stays(xret, trained, monkeypatch):
    command = ["embed", f"run={trained('plain')}", "shard_size=20", *QUICK, "hydra.run.dir=v"]
    write, done = pq.write_table, []

    def full(*args, **more):
        if done.append(1) or len(done) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(pq, "write_table", full)
        code, _, err = xret(*command)
    assert code == 2
    assert "No space left on device" in err
    assert len(err.strip().splitlines()) == 1
    assert [p.name for p in sorted(Path("v/image").glob("*.parquet"))] == ["00000.parquet", "00001.parquet"]
    assert xret(*command)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["shard_size=0"], "shard_size must be at least 1"),
        (["split=dev"], "split must be train, val, test"),
        (["modalities=[audio]"], "have image, text in common, got audio"),
        (["workers=-1"], "workers must not be negative"),
        (["runtime=onnx"], "runs image encoders of timm"),
        (["data=folder", "data.path=empty"], "no usable row"),
    ],
)
def test_a_mistake_is_one_line(xret, trained, arguments, message):
    Path("empty").mkdir()
    code, _, err = xret("embed", f"run={trained('plain')}", *QUICK, "hydra.run.dir=v", *arguments)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_a_run_trained_on_features_of_one_runtime_embeds_in_any_other(xret, trained):
    pytest.importorskip("onnxruntime", reason="needs the extra runtime")
    if "XRET_RUNTIMES" not in os.environ:
        pytest.skip("loads another runtime: see tests/encoder/test_runtimes_apart.py")
    timm = ["encoder/image=timm", "encoder.image.model=test_efficientnet", "encoder.image.weights=null"]
    run = trained("onnx", *timm, "encoder.image.image_px=32", "encoder.image.runtime=onnx")
    command = ["embed", f"run={run}", "split=test", "modalities=[image]", *QUICK]
    for name, more in (("own", []), ("other", ["runtime=torch"])):
        code, _, err = xret(*command, *more, f"hydra.run.dir={name}")
        assert code == 0, err
    own, other = (VectorFolder(Path(name)).facts() for name in ("own", "other"))
    assert (own.runtime, other.runtime) == ("onnx", "torch")
    assert own.weights == other.weights
    assert own.fingerprint != other.fingerprint
    assert (vectors("own") * vectors("other")).sum(axis=1).min() > 0.9999
    code, _, err = xret(*command, "runtime=torch", "hydra.run.dir=own")
    assert (code, "of another run, data or setting" in err) == (2, True)
    graphs = Path(os.environ["XRET_CACHE"], "runtimes")
    assert len(list(graphs.iterdir())) == 1
    assert " graph " in xret("cache", "action=clear")[1]
    assert not list(graphs.iterdir())


@pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
def test_ray_gives_the_same_vectors_and_leaves_no_process(xret, trained):
    pytest.importorskip("ray", reason="engine=ray needs the extra ray")
    before = {p.pid for p in psutil.process_iter()}
    command = ["embed", f"run={trained('plain')}", "split=test", "shard_size=6", "batch_size=8"]
    for engine in ("local", "ray"):
        code, _, err = xret(*command, f"embed/engine={engine}", f"hydra.run.dir={engine}")
        assert code == 0, err
    for modality in ("image", "text"):
        assert np.allclose(vectors("local", modality), vectors("ray", modality), atol=1e-5)
        assert table("local", modality) == table("ray", modality)
    left = [p.info["cmdline"] for p in psutil.process_iter(["cmdline"]) if p.pid not in before]
    assert not [words for words in left if "xret-ray-" in " ".join(words or [])]
