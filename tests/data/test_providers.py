"""Items to tensors."""

import pickle

import numpy as np
import pytest

from xret.data.providers import Stored


def test_stored_features_are_copies_of_the_asked_rows():
    array = np.arange(12, dtype=np.float32).reshape(4, 3)
    array.flags.writeable = False
    found = Stored("vector", array)(np.array([2, 0, 2]))
    assert found["vector"].tolist() == array[[2, 0, 2]].tolist()
    found["vector"].zero_()
    assert array[2, 2] == 8


def test_stored_tokens_come_with_their_mask():
    tokens, mask = np.random.default_rng(0).random((4, 3, 2), np.float32), np.eye(4, 3, dtype=bool)
    found = Stored("tokens", tokens, mask)(np.array([1, 3]))
    assert found["tokens"].tolist() == tokens[[1, 3]].tolist()
    assert found["mask"].tolist() == mask[[1, 3]].tolist()
    assert set(Stored("tokens", tokens)(np.array([1]))) == {"tokens"}


def test_stored_vectors_may_have_their_tokens_beside_them():
    rng = np.random.default_rng(0)
    vectors, tokens, mask = rng.random((4, 5), np.float32), rng.random((4, 3, 2)).astype(np.float16), np.eye(4, 3) > 0
    both = Stored("vector", vectors, mask, tokens)
    found = both(np.array([2, 0]))
    assert set(found) == {"vector", "tokens", "mask"}
    assert found["vector"].tolist() == vectors[[2, 0]].tolist()
    assert found["tokens"].numpy().tolist() == tokens[[2, 0]].tolist()
    assert found["mask"].tolist() == mask[[2, 0]].tolist()
    assert set(both.without_tokens()(np.array([1]))) == {"vector"}
    alone = Stored("tokens", tokens, mask)
    assert alone.without_tokens() is alone
    with pytest.raises(ValueError, match="beside vectors"):
        Stored("vector", vectors[:3], None, tokens)


@pytest.mark.parametrize(
    ("name", "mask"), [("pixels", None), ("vector", np.ones((4, 3), bool)), ("tokens", np.ones(4, bool))]
)
def test_stored_features_that_do_not_fit_are_refused(name, mask):
    with pytest.raises(ValueError, match="must be"):
        Stored(name, np.zeros((4, 3, 2), np.float32), mask)


def test_mapped_features_travel_to_another_process_by_name(tmp_path):
    array = np.random.default_rng(0).random((1000, 100), np.float32)
    np.save(tmp_path / "v.npy", array)
    mapped = np.load(tmp_path / "v.npy", mmap_mode="r")
    data = pickle.dumps(Stored("vector", mapped))
    assert len(data) < 2000
    assert (pickle.loads(data)(np.array([7, 999]))["vector"].numpy() == array[[7, 999]]).all()
    view = pickle.loads(pickle.dumps(Stored("vector", mapped[500:])))
    assert (view(np.array([7]))["vector"].numpy() == array[[507]]).all()
    assert (pickle.loads(pickle.dumps(Stored("vector", array)))(np.array([7]))["vector"].numpy() == array[[7]]).all()


def test_some_tokens_are_those_of_the_same_drawn_places_in_all_items():
    rng = np.random.default_rng(0)
    vectors, tokens = rng.random((5, 4), np.float32), rng.random((5, 9, 2), np.float32)
    asked = np.array([3, 1])
    some = Stored("vector", vectors, None, tokens).some_tokens(asked, 4, np.random.default_rng(1))
    places = [int(np.flatnonzero((tokens[3] == token).all(axis=1))[0]) for token in some["tokens"][0].numpy()]
    assert len(set(places)) == 4
    assert places == sorted(places)
    assert some["tokens"].tolist() == tokens[asked][:, places].tolist()
    assert some["vector"].tolist() == vectors[asked].tolist()
    assert "mask" not in some
    seen = {place for seed in range(30) for place in drawn_places(tokens, seed)}
    assert seen == set(range(9))


def drawn_places(tokens, seed):
    both = Stored("vector", np.zeros((5, 4), np.float32), None, tokens)
    found = both.some_tokens(np.array([0]), 4, np.random.default_rng(seed))["tokens"][0].numpy()
    return [int(np.flatnonzero((tokens[0] == token).all(axis=1))[0]) for token in found]


def test_some_tokens_are_drawn_among_those_that_one_of_the_items_has():
    tokens, mask = np.random.default_rng(0).random((3, 9, 2), np.float32), np.arange(9) < np.array([[2], [5], [9]])
    both = Stored("vector", np.zeros((3, 4), np.float32), mask, tokens)
    some = both.some_tokens(np.array([0, 1]), 3, np.random.default_rng(0))
    assert some["tokens"].shape == (2, 3, 2)
    assert some["mask"][1].all()  # the five places that the longer one has
    whole = both.some_tokens(np.array([0, 1]), 8, np.random.default_rng(0))
    assert whole["tokens"].tolist() == tokens[:2, :5].tolist()
    assert whole["mask"].tolist() == mask[:2, :5].tolist()


def test_features_that_are_tokens_are_not_thinned():
    tokens = np.random.default_rng(0).random((3, 9, 2), np.float32)
    assert Stored("tokens", tokens).some_tokens(np.array([1]), 2, np.random.default_rng(0))["tokens"].shape == (1, 9, 2)
    alone = Stored("vector", tokens[:, 0]).some_tokens(np.array([1]), 2, np.random.default_rng(0))
    assert set(alone) == {"vector"}
