"""Rows to tensors."""

import logging

import numpy as np
import pytest
import torch
from lightning_fabric.utilities import move_data_to_device
from torch.utils.data import DataLoader

from xret._errors import UserError
from xret.data.batch import Batch, PairDataset
from xret.data.providers import ImageProvider, Stored, TextProvider
from xret.data.sampler import Batches


def stack(pictures):
    return {"pixels": torch.from_numpy(np.stack(pictures))}


def lengths(texts):
    return {"input_ids": torch.tensor([[len(text)] for text in texts])}


@pytest.fixture
def data(colours):
    root, refs, table = colours(6)
    providers = {
        "image": ImageProvider(root, refs, 4, "squash", stack),
        "text": TextProvider(["a" * i for i in range(9)], lengths),
    }
    items = {"image": np.array([0, 1, 1, 2, 3, 4, 5]), "text": np.array([8, 7, 6, 5, 4, 3, 2])}
    groups = np.array([10, 11, 11, 12, 13, 14, 15])
    return root, table, PairDataset(providers, items, groups, np.linspace(0, 1, 7), np.arange(7) % 2)


def test_a_list_of_rows_gives_their_items_in_order(data):
    _, table, pairs = data
    batch = pairs[[6, 1, 2]]
    assert batch.inputs["image"]["pixels"][:, :, 0, 0].tolist() == table[[5, 1, 1]].tolist()
    assert batch.inputs["text"]["input_ids"].tolist() == [[2], [7], [6]]
    assert batch.group.tolist() == [15, 11, 11]
    assert batch.weight.tolist() == pytest.approx([1, 1 / 6, 2 / 6])
    assert batch.domain.tolist() == [0, 1, 0]
    assert (batch.group.dtype, batch.weight.dtype, batch.domain.dtype) == (torch.int64, torch.float32, torch.int64)
    assert len(batch) == 3
    assert len(pairs) == 7


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_hands_over_the_sampler_s_batches(data, workers):
    _, _, pairs = data
    sampler = Batches(np.array([10, 11, 11, 12, 13, 14, 15]), 3, seed=0)
    loader = DataLoader(pairs, batch_size=None, sampler=sampler, num_workers=workers)
    found = [batch.group.tolist() for batch in loader]
    assert found == [pairs[rows].group.tolist() for rows in sampler]
    assert len(found) == 2


def test_a_batch_moves_as_a_whole(data):
    batch = data[2][[0, 1]]
    for moved in (batch.to("meta"), move_data_to_device(batch, "meta")):
        assert isinstance(moved, Batch)
        tensors = [
            *moved.inputs["image"].values(),
            *moved.inputs["text"].values(),
            moved.group,
            moved.weight,
            moved.domain,
        ]
        assert {tensor.device.type for tensor in tensors} == {"meta"}


def test_rows_whose_file_is_broken_are_left_out_and_named_once(data, caplog):
    root, _, pairs = data
    (root / "1.png").write_bytes(b"no picture")
    (root / "4.png").unlink()
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            batch = pairs[[0, 1, 2, 5, 6]]
            assert batch.group.tolist() == [10, 15]
            assert batch.inputs["text"]["input_ids"].tolist() == [[8], [2]]
    assert sorted(record.args[0] for record in caplog.records) == [1, 2, 5]
    with pytest.raises(UserError, match="none of the files"):
        pairs[[1, 2]]


def test_items_and_rows_must_fit(data):
    def build(items, groups=3):
        provider = Stored("vector", np.zeros((3, 2), np.float32))
        return PairDataset({"text": provider}, {"text": np.array(items)}, np.zeros(groups), np.ones(3), np.zeros(3))

    assert len(build([0, 1, 2])) == 3
    with pytest.raises(ValueError, match="row 1 has no text"):
        build([0, -1, 2])
    with pytest.raises(ValueError, match="one entry per row"):
        build([0, 1])
    with pytest.raises(ValueError, match="one entry per row"):
        build([0, 1, 2], groups=4)


def test_what_is_drawn_for_a_batch_depends_on_seed_epoch_and_rows_alone():
    def draws(seed, rows, epoch):
        given = {"text": lambda positions: {"x": torch.from_numpy(positions)}}
        extras = {"luck": lambda rows, draw: {"text": {"x": torch.from_numpy(draw.rng.integers(1 << 30, size=3))}}}
        ones = np.ones(6)
        pairs = PairDataset(given, {"text": np.arange(6)}, np.arange(6), ones, ones, extras, seed)
        return pairs.batch(rows, epoch).extra["luck"]["text"]["x"].tolist()

    first = draws(0, [1, 2], 0)
    assert draws(0, [1, 2], 0) == first
    assert all(draws(*other) != first for other in [(1, [1, 2], 0), (0, [1, 3], 0), (0, [1, 2], 1)])


def test_a_batch_says_which_rows_it_holds_and_moves_its_extras_too():
    given = {"text": lambda positions: {"x": torch.from_numpy(positions)}}
    extras = {"more": lambda rows, draw: {"image": {"vector": torch.ones(2, 3)}}}
    pairs = PairDataset(given, {"text": np.arange(6)}, np.arange(6), np.ones(6), np.ones(6), extras)
    batch = pairs[[4, 2]]
    assert batch.row.tolist() == [4, 2]
    moved = batch.to("meta")
    assert moved.row.is_meta
    assert moved.extra["more"]["image"]["vector"].is_meta


def with_others(group, others):
    group = torch.tensor(group)
    others = None if others is None else torch.tensor(others)
    return Batch({}, group, torch.ones(len(group)), torch.zeros(len(group)), torch.arange(len(group)), others=others)


def test_pairs_of_one_thing_are_right_within_their_group_and_wrong_elsewhere():
    right, neither = with_others([1, 2, 1], None).relation()
    assert right.tolist() == [[True, False, True], [False, True, False], [True, False, True]]
    assert neither is None
    same, nothing = with_others([1, 2, 1], [1, 2, 1]).relation()
    assert torch.equal(same, right)
    assert not nothing.any()


def test_a_pair_of_two_things_is_neither_right_nor_wrong_for_its_parts():
    # 0: one and two; 1: two; 2: one; 3: three; 4: two and three; 5: two and one, the other way round; 6: four and two
    batch = with_others([1, 2, 1, 3, 2, 2, 4], [2, 2, 1, 3, 3, 1, 2])
    right, neither = batch.relation()
    things = [{1, 2}, {2}, {1}, {3}, {2, 3}, {1, 2}, {4, 2}]
    for i in range(7):
        for j in range(7):
            assert bool(right[i, j]) == (i == j)
            assert bool(neither[i, j]) == (i != j and bool(things[i] & things[j])), (i, j)


def test_what_others_and_health_hold_moves_with_the_batch():
    batch = with_others([1, 2], [1, 1]).to("meta")
    assert batch.others.device.type == "meta"
