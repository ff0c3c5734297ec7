"""Batches, for groups of every size."""

import logging
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xret.data.sampler import Batches

groups_of = st.lists(st.integers(1, 12), min_size=1, max_size=40).flatmap(
    lambda sizes: st.permutations([g for g, n in enumerate(sizes) for _ in range(n)])
)


def most_full_batches(groups, size):
    """Count up until the groups no longer fill the batches: the slow way."""
    counts = Counter(groups).values()
    number = 1
    while sum(min(n, number + 1) for n in counts) >= (number + 1) * size:
        number += 1
    return number


@settings(max_examples=300, deadline=None)
@given(groups_of, st.integers(1, 30), st.integers(0, 3), st.booleans())
def test_no_group_twice_in_a_batch_and_no_row_twice_in_an_epoch(groups, size, epoch, drop_last):
    groups = np.array(groups) * 7 - 3  # any numbers will do
    sampler = Batches(groups, size, seed=1, drop_last=drop_last)
    sampler.set_epoch(epoch)
    batches = list(sampler)
    rows = [row for batch in batches for row in batch]
    full = min(size, len(set(groups.tolist())))
    assert len(set(rows)) == len(rows)
    assert set(rows) <= set(range(len(groups)))
    assert all(len(set(groups[batch])) == len(batch) > 0 for batch in batches)
    assert len(batches) == len(sampler)
    assert sampler.left_out == len(groups) - len(rows)
    if drop_last:
        assert {len(batch) for batch in batches} == {full}
        assert len(batches) == most_full_batches(groups.tolist(), full)
    else:
        assert max(map(len, batches)) - min(map(len, batches)) <= 1
        assert max(map(len, batches)) <= full


@given(st.integers(1, 200), st.integers(1, 50), st.integers(0, 5))
def test_without_groups_all_rows_but_the_last_incomplete_batch_are_used(count, size, seed):
    sampler = Batches(np.zeros(count, int), size, seed, unique_groups=False)
    rows = [row for batch in sampler for row in batch]
    assert len(rows) == (count // size * size or count)
    assert len(set(rows)) == len(rows)
    whole = Batches(np.zeros(count, int), size, seed, unique_groups=False, drop_last=False)
    assert sorted(row for batch in whole for row in batch) == list(range(count))
    assert len(whole) == -(-count // size)


def test_batches_are_a_function_of_seed_and_epoch_alone():
    groups = np.arange(300) // 3
    first, second = Batches(groups, 16, seed=5), Batches(groups, 16, seed=5)
    begin = list(first)
    list(first)
    torch.rand(3)
    second.set_epoch(1)
    assert list(second) != begin
    second.set_epoch(0)
    assert list(second) == begin
    assert list(Batches(groups, 16, seed=6)) != begin


def test_row_of_a_large_group_comes_in_one_of_the_next_epochs():
    groups = np.array([0] * 10 + list(range(1, 9)) * 2)
    sampler = Batches(groups, 8, seed=0)
    seen = Counter()
    for epoch in range(20):
        sampler.set_epoch(epoch)
        seen.update(row for batch in sampler for row in batch)
    assert set(seen) == set(range(len(groups)))
    assert max(seen[i] for i in range(10)) - min(seen[i] for i in range(10)) <= 4


def test_every_group_meets_many_others():
    groups = np.arange(500) // 5
    sampler = Batches(groups, 10, seed=0)
    met = set()
    shared = []
    batches = [set(groups[batch].tolist()) for batch in sampler]
    for batch in batches:
        met |= batch if 7 in batch else set()
    shared = [len(a & b) for i, a in enumerate(batches) for b in batches[:i]]
    assert len(met) > 30  # 5 batches with 9 others each, at random
    assert max(shared) <= 6  # a group's rows do not travel together


def test_processes_share_each_batch_between_them():
    groups = np.arange(120) // 2
    whole = list(Batches(groups, 12, seed=3))
    parts = [list(Batches(groups, 12, seed=3, rank=rank, world=3)) for rank in range(3)]
    assert [len(part) for part in parts] == [len(whole)] * 3
    for batch, *slices in zip(whole, *parts, strict=True):
        assert [len(part) for part in slices] == [4, 4, 4]
        assert sorted(row for part in slices for row in part) == sorted(batch)


def test_fewer_groups_than_the_batch_holds_is_said_once(caplog):
    with caplog.at_level(logging.WARNING):
        sampler = Batches(np.array([0, 0, 1, 1, 2]), 4, seed=0)
        assert sorted(len(batch) for batch in sampler) == [3]
        list(sampler)
    assert caplog.text.count("batches hold 3 rows, not 4") == 1


def test_half_a_million_rows_are_dealt_to_the_last_batch():
    sampler = Batches(np.arange(500_000) // 5, 1024, seed=0)
    assert sum(map(len, sampler)) == len(sampler) * 1024


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": 0},
        {"size": 4, "world": 3},
        {"size": 4, "rank": 2, "world": 2},
        {"size": 4, "world": 2, "drop_last": False},
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments):
    with pytest.raises(ValueError, match=r"must|need"):
        Batches(np.arange(9), seed=0, **arguments)


def test_nothing_to_draw_from_is_refused():
    with pytest.raises(ValueError, match="at least one row"):
        Batches(np.array([], int), 2, seed=0)
