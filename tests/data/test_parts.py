"""Items of several parts: which there are, what stands in for a part that is missing, and what is taken away."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from xret.data.batch import PairDataset
from xret.data.manifest import Manifest, Row
from xret.data.parts import ITEM, Composite, composed, part_of
from xret.data.providers import Stored

ROWS = (
    Row("a", "one", {"text": "dog", "image": "1.png", "title": "perro"}),
    Row("b", "one", {"text": "hound", "image": "1.png", "title": "perro"}),
    Row("c", "one", {"text": "puppy", "image": "2.png", "title": "perro"}),
    Row("d", "two", {"text": "cat", "image": "3.png"}),
    Row("e", "two", {"text": "kitten", "title": "gato"}),
    Row("f", "two", {"text": "tom"}),
)
GROUPS = Manifest("animals", ROWS).group_ids()
KNOWN = {part: Manifest("animals", ROWS).items(part) for part in ("image", "title")}


def composite():
    pictures = Stored("vector", np.arange(6, dtype=np.float32).reshape(3, 2))
    titles = Stored("vector", np.array([[10.0], [20.0]], np.float32))
    _, _, places = composed(KNOWN, ["image", "title"], GROUPS)
    return Composite({"image": pictures, "title": titles}, places)


def test_rows_hold_one_item_when_they_agree_in_every_part():
    items, of_row, places = composed(KNOWN, ["image", "title"], GROUPS)
    assert items.refs == ("1.png | perro", "2.png | perro", "3.png", "gato")
    assert of_row.tolist() == [0, 0, 1, 2, 3, -1]  # the last has nothing that could be found
    assert items.groups.tolist() == [0, 0, 1, 1]
    assert items.counts.tolist() == [2, 1, 1, 1]
    assert {part: where.tolist() for part, where in places.items()} == {"image": [0, 1, 2, -1], "title": [0, 0, -1, 1]}


def test_who_looks_at_titles_alone_is_asked_for_the_same_items_but_for_those_without():
    items, of_row, places = composed(KNOWN, ["title"], GROUPS)
    assert items.refs == ("1.png | perro", "2.png | perro", "gato")
    assert of_row.tolist() == [0, 0, 1, -1, 2, -1]
    assert {part: where.tolist() for part, where in places.items()} == {"title": [0, 0, 1]}


def test_tensors_of_the_parts_stand_side_by_side_and_say_what_is_there():
    inputs = composite()(np.array([3, 0, 2]))
    image, seen = part_of(inputs, "image")
    title, told = part_of(inputs, "title")
    assert seen.tolist() == [False, True, True]
    assert told.tolist() == [True, True, False]
    assert image["vector"][1:].tolist() == [[0.0, 1.0], [4.0, 5.0]]
    assert title["vector"][:2].tolist() == [[20.0], [10.0]]
    assert image["vector"].shape == (3, 2)


def test_training_reads_a_sample_of_the_stored_tokens_and_measuring_all():
    tokens = np.random.default_rng(0).random((3, 7, 4), np.float32)
    pictures = Stored("vector", np.zeros((3, 2), np.float32), None, tokens)
    items = Composite({"image": pictures}, {"image": np.array([2, 0, -1])}, sample=3)
    data = PairDataset({ITEM: items}, {ITEM: np.arange(3)}, np.arange(3), np.ones(3), np.zeros(3))

    def read(epoch):
        return data.batch([1, 0, 2], epoch).inputs[ITEM]

    assert read(0)["image.tokens"].shape == (3, 3, 4)
    assert read(0)["image.present"].tolist() == [True, True, False]
    assert (read(0)["image.tokens"] == read(0)["image.tokens"]).all()
    assert any((read(0)["image.tokens"] != read(epoch)["image.tokens"]).any() for epoch in range(1, 9))
    assert items(np.array([0]))["image.tokens"].numpy().tolist() == tokens[[2]].tolist()
    whole = replace(items, sample=None)
    assert whole.drawn(np.array([0]), np.random.default_rng(0))["image.tokens"].shape == (1, 7, 4)


def test_a_batch_in_which_nobody_has_a_part_still_has_its_tensors():
    inputs = composite()(np.array([3, 3]))
    image, seen = part_of(inputs, "image")
    assert not seen.any()
    assert image["vector"].shape == (2, 2)


def test_only_one_part_is_left_of_items_that_have_it_and_the_others_stay():
    alone = composite().only("title")
    assert alone.present()["title"].tolist() == [True, True, False, True]
    assert alone.present()["image"].tolist() == [False, False, True, False]


def test_joined_features_have_the_mean_of_what_is_known_where_a_part_is_missing():
    joined = composite().joined(np.array([0, 1, 3]))
    assert joined == pytest.approx(np.array([[0, 1, 10], [2, 3, 10], [4, 5, 40 / 3], [1, 2, 20]]))


def test_tokens_that_are_still_to_be_pooled_are_no_vectors():
    given = composite()
    assert given.has_vectors
    tokens = Stored("tokens", np.zeros((2, 3, 4), np.float32), np.ones((2, 3), bool))
    assert not Composite({**given.providers, "title": tokens}, given.places).has_vectors


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_share_of_the_items_loses_one_part_and_none_loses_its_last(share):
    rows = tuple(Row(str(i), str(i), {"text": "x", "image": f"{i}.png", "title": f"t{i}"}) for i in range(2000))
    manifest = Manifest("many", (*rows, Row("last", "last", {"text": "x", "image": "last.png"})))
    known = {part: manifest.items(part) for part in ("image", "title")}
    _, of_row, places = composed(known, ["image", "title"], manifest.group_ids(), share)
    lost = {part: (where[:2000] < 0).mean() for part, where in places.items()}
    assert (of_row >= 0).all()
    assert ((places["image"] >= 0) | (places["title"] >= 0)).all()
    assert places["image"][2000] >= 0
    assert lost["image"] == pytest.approx(share / 2, abs=0.04)
    assert lost["title"] == pytest.approx(share / 2, abs=0.04)


def test_which_part_is_lost_depends_on_the_item_and_not_on_its_neighbours():
    rows = [Row(str(i), str(i), {"text": "x", "image": f"{i}.png", "title": f"t{i}"}) for i in range(50)]
    found = []
    for order in (rows, rows[::-1]):
        manifest = Manifest("many", tuple(order))
        known = {part: manifest.items(part) for part in ("image", "title")}
        items, _, places = composed(known, ["image", "title"], manifest.group_ids(), 0.5)
        found.append({ref: (i >= 0, t >= 0) for ref, i, t in zip(items.refs, *places.values(), strict=True)})
    assert found[0] == found[1]
    assert len(set(found[0].values())) == 3


def test_a_share_outside_of_its_range_is_refused():
    with pytest.raises(ValueError, match=r"missing must be in \[0, 1\]"):
        composed(KNOWN, ["image"], GROUPS, 1.5)


def test_what_it_gives_is_made_of_tensors():
    assert all(isinstance(tensor, torch.Tensor) for tensor in composite()(np.array([0])).values())
