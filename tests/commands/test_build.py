"""``xret build`` on vectors made up instead of a model: parity, new versions, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from xret.index.flat import Flat
from xret.run.index_folder import ITEMS, IndexFolder
from xret.run.vectors import Facts, Item, VectorFolder

FAST = ("parity.seconds=0.01", "parity.queries=100")


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def embedded(path, images=300, texts=400, *, dim=16, seed=0, weights="w", prefix="i", shards=2, run="/runs/a"):
    """Write a folder as embed does."""
    rng = np.random.default_rng(seed)
    folder, counts = VectorFolder(Path(path)), {"image": images, "text": texts}
    for modality, count in counts.items():
        vectors = unit(rng.standard_normal((count, dim)))
        names = [f"{prefix if modality == 'image' else 't'}{number}" for number in range(count)]
        items = [Item(name, name, "", name, "", {}) for name in names]
        for shard, places in enumerate(np.array_split(np.arange(count), shards)):
            folder.write(modality, shard, vectors[places], items[places[0] : places[-1] + 1] if count else [])
    kept = {modality: count for modality, count in counts.items() if count}
    folder.finish(Facts(run, weights, "made up", kept, dim, dict.fromkeys(kept, shards)))
    return folder


def of(index):
    """Open an index; returns its facts, ids, and what it finds for some queries."""
    version = IndexFolder.open(Path(index)).current()
    facts = IndexFolder.facts(version)
    return facts, pq.read_table(version / ITEMS)["id"].to_pylist(), version


def found(index, query):
    """The id of the nearest vector."""
    _, ids, version = of(index)
    flat = Flat()
    flat.load(version)
    return ids[flat.search(query[None], 1)[0][0, 0]]


@pytest.fixture
def vec():
    return embedded("vec")


@pytest.fixture
def idx(vec, xret):
    code, _, err = xret("build", "vectors=vec", "hydra.run.dir=idx", *FAST)
    assert code == 0, err
    return Path("idx")


def test_says_what_the_index_loses_and_writes_it_down(vec, xret):
    code, out, _ = xret("build", "vectors=vec", "hydra.run.dir=idx", "index=pq", "index.refine=1", *FAST)
    assert code == 0
    facts, ids, version = of("idx")
    assert "| queries                        | 100 text vectors" in out
    assert 0.2 < facts.parity["recall"]["10"] < 0.95, "codes of 4 numbers in 4 bits lose much"
    assert f"{facts.parity['recall']['10']:.4f}" in out
    assert json.loads((version / "parity.json").read_text()) == facts.parity
    assert facts.parity["p50_ms"] <= facts.parity["p95_ms"] <= facts.parity["p99_ms"]
    assert facts.parity["bytes_per_vector"] * 300 == pytest.approx((version / "index.faiss").stat().st_size)
    assert (facts.items, facts.dim, facts.target, facts.weights, facts.normalised) == (300, 16, "image", "w", True)
    assert len(ids) == 300


def test_without_another_modality_targets_ask_for_each_other(xret):
    embedded("vec", texts=0)
    code, out, _ = xret("build", "vectors=vec", "hydra.run.dir=idx", *FAST)
    assert code == 0
    assert "100 targets, each without itself" in out
    assert of("idx")[0].parity["recall"] == {"1": 1.0, "10": 1.0}


@pytest.mark.parametrize("index", ["flat", "ivf", "hnsw", "pq", "ivfpq", "scalar", "auto"])
def test_every_index_is_built_changed_and_opened_again(vec, xret, index):
    assert xret("build", "vectors=vec", "hydra.run.dir=idx", f"index={index}", *FAST)[0] == 0
    embedded("more", images=10, seed=5, prefix="n")
    code, out, err = xret("build", "into=idx", "vectors=more", "delete=[i3,i4]")
    assert code == 0, err
    assert "10 put in, 2 taken out: 308 items" in out
    facts, ids, _ = of("idx")
    assert (facts.items, len(ids), ids[3], ids[-1]) == (308, 308, "i5", "n9")
    assert (facts.parity["added"], facts.parity["removed"]) == (10, 2)


def test_any_name_of_faiss_builds_and_a_wrong_one_is_told(vec, xret):
    name = "'IVF4,SQ8'"
    assert xret("build", "vectors=vec", "hydra.run.dir=idx", "index=factory", f"index.name={name}", *FAST)[0] == 0
    code, _, err = xret("build", "vectors=vec", "hydra.run.dir=b", "index=factory", "index.name=IVFx", *FAST)
    assert code == 2
    assert "faiss cannot build" in err


def test_what_is_put_in_is_found_and_what_is_taken_out_is_not(vec, idx, xret):
    first = next(vec.shards("image"))
    assert found(idx, first[7]) == "i7"
    Path("gone.txt").write_text("i7\n\n  i8 \n")
    assert xret("build", "into=idx", "delete=gone.txt")[0] == 0
    assert found(idx, first[7]) not in {"i7", "i8"}
    assert found(idx, first[9]) == "i9", "the others keep their names"
    assert xret("build", "into=idx", "vectors=vec")[0] == 0
    assert found(idx, first[7]) == "i7"
    assert of(idx)[0].items == 300, "an item whose id is there replaces it"


def test_the_folder_itself_is_the_run_folder_of_a_change(idx, xret):
    xret("build", "into=idx", "delete=[i1]")
    assert not Path("runs").exists()


def test_ids_that_are_not_there_are_told(idx, xret):
    code, _, err = xret("build", "into=idx", "delete=[x1,x2]")
    assert code == 2
    assert "idx has no item x1, x2" in err
    code, out, _ = xret("build", "into=idx", "delete=[x1,i1]")
    assert code == 0
    assert "left alone: x1" in out
    assert of(idx)[0].items == 299


def test_an_index_keeps_an_item(idx, xret):
    Path("all.txt").write_text("\n".join(f"i{n}" for n in range(300)))
    code, _, err = xret("build", "into=idx", "delete=all.txt")
    assert code == 2
    assert "must keep an item" in err


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ({"weights": "other", "run": "/runs/b"}, ["model w (run /runs/a)", "other (run /runs/b)"]),
        ({"dim": 8}, ["16 numbers", "vectors of 8"]),
        ({"images": 0}, ["image vectors", "text"]),
    ],
)
def test_vectors_that_do_not_fit_are_refused_and_both_sides_named(idx, xret, other, names):
    embedded("more", **other)
    code, _, err = xret("build", "into=idx", "vectors=more")
    assert code == 2
    assert all(name in err for name in ["idx holds", "more holds", *names])
    assert of(idx)[0].items == 300


@pytest.mark.parametrize("harm", ["norm", "nan", "dim", "float64", "count", "truncated", "pickle"])
def test_broken_vectors_are_refused(vec, xret, harm):
    path = Path("vec/image/00001.npy")
    vectors = np.load(path)
    if harm == "norm":
        vectors[3] *= 2
    elif harm == "nan":
        vectors[3, 3] = np.nan
    changed = {"dim": vectors[:, :8], "float64": vectors.astype(float), "count": vectors[:-1]}.get(harm, vectors)
    np.save(path, np.array([{}]) if harm == "pickle" else changed, allow_pickle=True)
    if harm == "truncated":
        path.write_bytes(path.read_bytes()[:500])
    code, _, err = xret("build", "vectors=vec", "hydra.run.dir=idx", *FAST)
    assert code == 2, err
    assert not Path("idx/current").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "vectors=VEC"),
        (["vectors=vec", "delete=[i1]"], "into=IDX"),
        (["into=idx"], "what is to change"),
        (["into=idx", "vectors=vec", "index=ivf"], "keeps the index"),
        (["into=idx", "delete=nowhere.txt"], "nowhere.txt"),
        (["into=nowhere", "delete=[i1]"], "no index folder"),
        (["vectors=vec", "hydra.run.dir=idx"], "into=idx"),
        (["vectors=vec", "target=sound"], "target must be one of"),
        (["vectors=vec", "parity.ks=[]"], "parity"),
        (["vectors=vec", "index=ivf", "index.probes=0"], "at least 1"),
    ],
)
def test_a_mistake_is_told_in_a_line(idx, xret, words, message):
    code, _, err = xret("build", *words)
    assert code == 2
    assert message in err.replace(str(Path.cwd()) + "/", "")


def test_a_broken_index_is_refused_before_it_is_read(idx, xret):
    path = idx / "current/vectors-00000.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    code, _, err = xret("build", "into=idx", "delete=[i1]")
    assert code == 2
    assert "has changed" in err


@pytest.mark.slow
def test_killed_while_it_builds_the_same_command_completes(vec, start, wait_for):
    words = ["build", "vectors=vec", "hydra.run.dir=idx", "index=hnsw", "parity.queries=100", "parity.seconds=30"]
    process = start(*words)
    top = Path("idx/versions")
    wait_for(top, process)
    process.kill()
    process.wait()
    assert not Path("idx/current").exists()
    again = start(*words[:-1], "parity.seconds=0.01")
    _, err = again.communicate(timeout=240)
    assert again.returncode == 0, err
    assert of("idx")[0].items == 300
    assert [p.name for p in top.iterdir()] == ["00001"]
