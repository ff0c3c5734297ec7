"""The engine of one process."""

import pytest

from xret.embed.engine.local import Local


def test_shards_are_made_one_at_a_time_in_order_with_the_readers_it_was_given():
    seen = []

    def make(shard, readers):
        seen.append((shard, readers))
        return shard * 10

    results = Local(workers=3)(make, [2, 1])
    assert seen == []
    assert next(results) == 20
    assert seen == [(2, 3)], "the next shard waits until the last one was taken"
    assert list(results) == [10]


def test_a_negative_number_of_readers_is_refused():
    with pytest.raises(ValueError, match="must not be negative"):
        Local(-1)
