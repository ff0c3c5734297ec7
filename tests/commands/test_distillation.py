"""A student that learns from another run."""

import json
import string
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf
import yaml

from xret.commands import _distillation
from xret.commands._trained import open_run

pytestmark = pytest.mark.slow

STUDENT = ("encoder.projection.dim=32", "encoder.image.image_px=32", "encoder.image.width=64", "encoder.text.blocks=1")


def read(name):
    return json.loads(Path(name).read_text())


@pytest.fixture
def teacher(xret, small):
    code, _, err = xret("train", *small, "encoder.projection.dropout=0.5", "seed=4", "hydra.run.dir=teacher")
    assert code == 0, err
    return Path("teacher")


@pytest.mark.parametrize("method", ["embedding", "relation", "logits"])
def test_a_smaller_student_learns_and_stands_beside_its_teacher(xret, small, teacher, method):
    asked = [
        f"distillation={method}",
        "distillation.teacher=teacher",
        *STUDENT,
        "details=true",
        "hydra.run.dir=student",
    ]
    code, out, err = xret("train", *small, *asked)
    assert code == 0, err
    metrics, theirs, costs = (read(f"{f}.json") for f in ("student/metrics", "teacher/metrics", "student/cost"))
    shares = []
    for direction in ("text_to_image", "image_to_text"):
        name = f"test/{direction}/"
        assert metrics[f"{name}teacher_recall_at_10"] == theirs[f"{name}plain_recall_at_10"]
        assert metrics[f"val/{direction}/teacher_mrr"] == theirs[f"val/{direction}/plain_mrr"]
        share = metrics[f"{name}plain_recall_at_10"] / theirs[f"{name}plain_recall_at_10"]
        assert metrics[f"{name}kept_recall_at_10"] == pytest.approx(share)
        shares.append(share)
    assert f"of its teacher: keeps {50 * sum(shares):.1f} % of R@10" in out
    assert costs["teacher"]["vector_bytes"] == 4 * costs["vector_bytes"]
    assert costs["teacher"]["encode_per_s"].keys() == {"text", "image"}
    history = torch.load("student/checkpoints/last.ckpt", weights_only=True)["callbacks"]["Checkpoints"]["history"]
    assert history[0]["train/distillation"] > history[-1]["train/distillation"]
    assert 0 <= history[-1]["train/teacher_agreement"] <= 1


def test_teaching_leaves_the_students_own_randomness_alone(xret, small, teacher):
    """A weight near nothing gives the student that learns alone; the learned map is the only thing drawn beside it."""
    for name, asked in (("alone", []), ("taught", ["distillation=logits", "distillation.teacher=teacher"])):
        more = [*asked, *(["distillation.weight=1e-30"] if asked else [])]
        code, _, err = xret("train", *small, *more, f"hydra.run.dir={name}")
        assert code == 0, err
    alone, taught = read("alone/metrics.json"), read("taught/metrics.json")
    assert {name: taught[name] for name in alone} == alone


def test_vectors_are_the_teachers_own_in_eval_mode_for_the_rows_of_the_batch(xret, small, teacher, monkeypatch):
    kept = []
    real = _distillation.Rows.__call__

    def spy(self, rows, draw):
        kept.append((rows, real(self, rows, draw), self.of_row))
        return kept[-1][1]

    monkeypatch.setattr(_distillation.Rows, "__call__", spy)
    asked = ["distillation=relation", "distillation.teacher=teacher", *STUDENT, "hydra.run.dir=student"]
    assert xret("train", *small, *asked)[0] == 0
    trained = open_run(teacher, [])
    assert not trained.model.training
    rows, given, of_row = kept[0]
    from xret.commands._assembly import build
    from xret.commands._sources import reader

    manifest = build(trained.cfg.data, "data").load()
    for modality in ("text", "image"):
        items, _ = manifest.items(modality)
        encoder = trained.model.encoders[modality]
        inputs = reader(encoder, items, manifest.root)(of_row[modality][rows])
        expected = trained.model.encode(modality, inputs).vector.detach()
        torch.testing.assert_close(given[modality]["vector"], expected, atol=1e-5, rtol=1e-5)


def test_a_run_that_was_resumed_ends_like_one_that_was_not_and_wants_the_same_teacher(xret, small, teacher):
    asked = ["distillation=embedding", "distillation.teacher=teacher", *STUDENT, "trainer.max_epochs=3"]
    assert xret("train", *small, *asked, "hydra.run.dir=whole")[0] == 0
    assert xret("train", *small, *asked, "hydra.run.dir=cut")[0] == 0
    last = Path("cut/checkpoints/last.ckpt")
    state = torch.load(last, weights_only=True)
    assert state["state_dict"]["objectives.distillation.fingerprint"].shape == (32,)
    Path("cut/metrics.json").unlink()
    code, _, err = xret("train", "resume=cut")
    assert code == 0, err
    assert read("cut/metrics.json") == read("whole/metrics.json")
    best = Path("teacher/checkpoints/best.ckpt")
    weights = torch.load(best, weights_only=True)
    weights["state_dict"]["model.projections.text.linear.weight"] *= 2
    torch.save(weights, best)
    Path("cut/metrics.json").unlink()
    code, _, err = xret("train", "resume=cut")
    assert (code, "the teacher's weights have changed" in err) == (2, True)


@pytest.mark.parametrize("frozen", [True, False])
def test_a_second_student_takes_the_vectors_from_the_cache(xret, small, frozen, monkeypatch):
    still = ["encoder.text.train=head", "encoder.image.train=head"] if frozen else []
    assert xret("train", *small, *still, "hydra.run.dir=teacher")[0] == 0
    asked = ["distillation=logits", "distillation.teacher=teacher", *STUDENT]
    assert xret("train", *small, *asked, "hydra.run.dir=first")[0] == 0
    monkeypatch.setattr(_distillation, "features", None)
    monkeypatch.setattr(_distillation, "encode_items", None)
    monkeypatch.setattr(_distillation, "_last", None)
    code, _, err = xret("train", *small, *asked, "hydra.run.dir=second")
    assert code == 0, err
    assert read("first/metrics.json") == read("second/metrics.json")


def refused(xret, *arguments):
    code, _, err = xret("train", *arguments, "distillation=logits", "hydra.run.dir=refused")
    assert code == 2, err
    assert len(err.strip().splitlines()) == 1
    return err


def test_a_teacher_must_fit(xret, small, teacher, shapes):
    assert "teacher" in refused(xret, *small)
    Path("refused/config.yaml").unlink(missing_ok=True)
    named = "distillation.teacher=teacher"
    assert "is no run folder" in refused(xret, *small, "distillation.teacher=nowhere")
    Path("refused/config.yaml").unlink()
    assert "folds=null" in refused(xret, *small, named, "folds=2")
    Path("refused/config.yaml").unlink()
    table = shapes.with_name("resalted.csv")
    table.write_text(shapes.read_text())
    other = [a for a in small if not a.startswith("data.path")]
    assert "trained on it; split them alike" in refused(xret, *small, named, "data.salt=other")
    Path("refused/config.yaml").unlink()
    more = shapes.with_name("more.csv")
    more.write_text(shapes.read_text() + "new,red-bar-white.png,something new\n")
    assert "a teacher must know the student's data" in refused(xret, *other, f"data.path={more}", named)
    Path("refused/config.yaml").unlink()
    code, _, err = xret("train", *small, "limit=12", named, "distillation=logits", "hydra.run.dir=part")
    assert code == 0, err  # some of the teacher's own rows, split alike
    Path("teacher/metrics.json").rename("teacher/aside.json")
    assert "has not finished" in refused(xret, *small, named)


def test_a_teacher_from_elsewhere_may_not_name_foreign_classes(xret, small, teacher):
    config = teacher / "config.yaml"
    config.write_text(config.read_text().replace("xret.loss.infonce.InfoNCE", "os.system"))
    assert "os.system is not trusted" in refused(xret, *small, "distillation.teacher=teacher")


def test_arguments_out_of_range_are_one_line(xret, small, teacher):
    named = "distillation.teacher=teacher"
    assert "weight must be above 0" in refused(xret, *small, named, "distillation.weight=0")
    assert np.isfinite(read("teacher/metrics.json")["test/mrr"])
    assert yaml.safe_load(Path("refused/config.yaml").read_text())["distillation"]["teacher"] == "teacher"


@pytest.fixture
def folders(tmp_path):
    """Random BERT and ALBERT of one block, as wide as the published ones, with a tokeniser of letters."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.ascii_lowercase]
    words += [f"##{letter}" for letter in string.ascii_lowercase]
    tokenizer = hf.BertTokenizer(vocab={word: i for i, word in enumerate(words)}, model_max_length=64)
    sizes = {"vocab_size": 64, "max_position_embeddings": 64, "num_hidden_layers": 1, "num_attention_heads": 12}
    torch.manual_seed(0)
    networks = {
        "bert": hf.BertModel(hf.BertConfig(hidden_size=768, **sizes)),
        "albert": hf.AlbertModel(hf.AlbertConfig(hidden_size=768, embedding_size=128, intermediate_size=3072, **sizes)),
    }
    for name, network in networks.items():
        network.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    return tmp_path


def test_mobilenet_and_albert_learn_from_resnet50_and_bert(xret, small, folders):
    def networks(text, image):
        folder = [f"encoder.text.model={folders / text}", "encoder.image.weights=null", "encoder.image.image_px=32"]
        return [f"encoder/text={text}", f"encoder/image={image}", "limit=8", "trainer.max_epochs=1", *folder]

    heavy = [*small, *networks("bert", "resnet50"), "encoder.projection.dim=96"]
    code, _, err = xret("train", *heavy, "hydra.run.dir=heavy")
    assert code == 0, err
    for dim, method in ((48, "embedding"), (128, "relation")):
        asked = [f"encoder.projection.dim={dim}", f"distillation={method}", "distillation.teacher=heavy"]
        light = [*small, *networks("albert", "mobilenetv3"), *asked]
        code, out, err = xret("train", *light, f"hydra.run.dir=light/{method}{dim}")
        assert code == 0, err
        assert "of its teacher: keeps" in out
        costs = read(f"light/{method}{dim}/cost.json")
        assert costs["parameters"]["total"] < costs["teacher"]["parameters"]["total"]
