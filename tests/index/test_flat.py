"""Exact search equals a full sort by plain NumPy."""

import numpy as np
import pytest

from xret._errors import UserError
from xret.index import _half, flat
from xret.index.flat import Flat


@pytest.fixture(params=[True, False], ids=["multiplied", "looked_up"])
def multiplied(request, monkeypatch):
    """Let a batch be looked up as on a processor that multiplies in half precision, and as on another."""
    for module in (flat, _half):
        monkeypatch.setattr(module, "multiplies", lambda: request.param)
    return request.param


def built(*parts):
    index = Flat()
    index.build([parts[0]])
    for part in parts[1:]:
        index.add([part])
    return index


def test_holds_the_contract(holds_the_contract):
    holds_the_contract(Flat, recall=1.0)


@pytest.mark.parametrize("queries", [1, 4, 5, 50])
@pytest.mark.parametrize("k", [1, 10, 3000])
@pytest.mark.usefixtures("multiplied")
def test_equals_a_full_sort(vectors, plain, queries, k):
    nearest, _ = plain
    targets, asked = vectors
    found, scores = built(targets).search(asked[:queries], k)
    truth = nearest(asked[:queries], targets, k)
    width = min(k, len(targets))
    assert (found[:, width:] == -1).all()
    assert all(len(set(row[:width])) == width for row in found.tolist()), "each once"
    every = asked[:queries].astype(np.float64) @ targets.T.astype(np.float64)
    exact = np.take_along_axis(every, truth[:, :width], 1)  # float32 may swap two that are closer than it can tell
    assert np.abs(np.take_along_axis(every, found[:, :width], 1) - exact).max() < 1e-6
    assert np.abs(scores[:, :width] - exact).max() < 1e-6


@pytest.mark.parametrize("queries", [1, 50])
@pytest.mark.usefixtures("multiplied")
def test_of_equal_scores_the_smaller_position_comes_first(queries):
    same = np.tile(np.eye(1, 8, dtype=np.float32), (300, 1))
    other = np.tile(np.eye(1, 8, 1, dtype=np.float32), (5, 1))
    index = built(np.concatenate([other, same[:100]]), same[100:])
    found, scores = index.search(same[:queries], 10)
    assert (found == np.arange(5, 15)).all()
    assert (scores == 1).all()


@pytest.mark.usefixtures("multiplied")
def test_equal_ones_before_the_last_answer_are_in_order_too(vectors):
    targets, queries = vectors
    places = [5, 100, 700, 1500]
    doubled = targets.copy()
    doubled[places] = queries[0]  # the four nearest to it, and others follow
    found, scores = built(doubled[:300], doubled[300:]).search(queries, 10)
    assert found[0, :4].tolist() == places
    assert scores[0, 3] > scores[0, 4]


def test_one_query_does_not_read_all_vectors_where_a_copy_tells_enough(vectors, monkeypatch):
    targets, queries = vectors
    whole = []
    monkeypatch.setattr(Flat, "_product", lambda self, query, k, mask: whole.append(query))
    index = built(targets[:900], targets[900:])
    allowed = np.arange(len(targets)) % 3 > 0
    for query in queries[:20]:
        found, _ = index.search(query[None], 10, allowed)
        exact = np.where(allowed, targets.astype(np.float64) @ query, -2)
        assert exact[found[0]] == pytest.approx(np.sort(exact)[:-11:-1], abs=1e-6)
    assert not whole


def test_a_batch_reads_the_vectors_only_where_a_copy_does_not_tell_enough(vectors, monkeypatch):
    targets, queries = vectors
    monkeypatch.setattr(flat, "multiplies", lambda: True)
    monkeypatch.setattr(_half, "multiplies", lambda: True)
    close = targets.copy()
    close[300:1700] = queries[7] + 1e-4 * targets[300:1700]  # more than are looked at, all as near to one query
    index, read = built(close[:1750], close[1750:]), []
    monkeypatch.setattr(index, "_tiles", lambda asked, *rest: read.append(asked) or Flat._tiles(index, asked, *rest))
    found, _ = index.search(queries, 10)
    exact = np.take_along_axis(queries.astype(np.float64) @ close.T, found, 1)
    assert exact == pytest.approx(-np.sort(-queries.astype(np.float64) @ close.T, axis=1)[:, :10], abs=1e-6)
    assert len(read) == 1
    assert any(np.array_equal(query, queries[7]) for query in read[0])
    assert len(read[0]) < len(queries)


def test_one_query_finds_what_half_precision_hides():
    others = np.zeros((200, 8), np.float32)
    others[:, 0], others[:, 1] = 1, np.arange(200) * 2.0**-22  # half precision holds them as they are
    best = np.zeros((1, 8), np.float32)
    best[0, :2] = 0.5001  # 0.5 in half precision, so that its copy scores less than all others
    found, scores = built(others, best).search(np.ones((1, 8), np.float32), 10)
    assert found[0].tolist() == [200, *range(199, 190, -1)]
    assert scores[0, 0] == pytest.approx(1.0002)


@pytest.mark.parametrize("scale", [1e15, 1e-30])
def test_one_query_is_exact_at_any_scale(vectors, scale):
    targets, queries = vectors
    index = built(np.float32(scale) * targets)
    for query in queries[:5]:
        found, _ = index.search(query[None], 10)
        exact = scale * (targets.astype(np.float64) @ query)
        assert exact[found[0]] == pytest.approx(np.sort(exact)[:-11:-1], rel=1e-5)


@pytest.mark.parametrize("queries", [1, 5])
@pytest.mark.usefixtures("multiplied")
def test_finds_a_vector_that_half_precision_cannot_hold(vectors, queries):
    targets, _ = vectors
    asked = np.tile(np.eye(1, targets.shape[1], dtype=np.float32), (queries, 1))
    large = np.zeros((2, targets.shape[1]), np.float32)
    large[0, 0] = 3e38  # the best of those that a copy holds, far ahead of the next
    large[1, :2] = 3.4e38  # infinite in a copy, and no number times the query's zero
    found, _ = built(np.concatenate([targets, large])).search(asked, 1)
    assert (found == len(targets) + 1).all()


def test_vectors_that_are_no_numbers_hide_no_others(vectors):
    targets, queries = vectors
    broken = targets.copy()
    broken[7] = np.nan
    left = np.arange(len(targets)) != 7
    found, _ = built(broken).search(queries[:1], 10, left)
    assert found[0].tolist() == built(targets).search(queries[:1], 10, left)[0][0].tolist()


@pytest.mark.usefixtures("multiplied")
def test_a_batch_finds_the_allowed_even_where_they_are_few_and_far(vectors, plain):
    nearest, _ = plain
    targets, queries = vectors
    allowed = np.zeros(len(targets), bool)
    allowed[np.argsort(targets @ queries[0])[:40]] = True  # those farthest from one query
    found, _ = built(targets).search(queries, 10, allowed)
    assert np.array_equal(found, nearest(queries, targets, 10, allowed))


def test_a_new_version_links_what_did_not_change(vectors, tmp_path):
    targets, _ = vectors
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    index = built(targets)
    index.save(folders[0])
    index = Flat()
    index.load(folders[0])
    index.add([targets[:10]])
    index.save(folders[1])
    files = [folder / "vectors-00000.npy" for folder in folders]
    assert files[0].stat().st_ino == files[1].stat().st_ino
    index.remove(np.arange(1500))
    index.save(folders[2])
    assert np.load(files[2]).shape == (510, 32), "with most gone, what is left is written anew"
    assert len(np.load(files[0])) == len(targets)


def test_additions_without_end_are_joined(vectors, tmp_path):
    targets, queries = vectors
    index = built(*np.split(targets, 50))
    before = index.search(queries, 10)
    index.save(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["vectors-00000.npy"]
    assert np.array_equal(index.search(queries, 10)[0], before[0])


@pytest.mark.parametrize(
    "broken",
    [b"", b"\x93NUMPY", b"not an array at all", None],
    ids=["empty", "truncated", "other", "float64"],
)
def test_a_broken_file_is_refused(tmp_path, broken):
    if broken is None:
        np.save(tmp_path / "vectors-00000.npy", np.zeros((3, 2)))
    else:
        (tmp_path / "vectors-00000.npy").write_bytes(broken)
    with pytest.raises(UserError):
        Flat().load(tmp_path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError):
        Flat().load(tmp_path)


def test_tombstones_of_another_index_are_refused(vectors, tmp_path):
    index = built(vectors[0])
    index.save(tmp_path)
    np.save(tmp_path / "gone.npy", np.zeros(7, bool))
    with pytest.raises(UserError, match="must mark 2000"):
        Flat().load(tmp_path)
