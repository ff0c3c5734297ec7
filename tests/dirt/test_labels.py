"""Labels: the variants of a value are few, recur, and are no other value's."""

import math

import pytest

from xret.dirt.draws import Draws
from xret.dirt.labels import Labels

ROWS = [f"row {i}" for i in range(1000)]


@pytest.mark.parametrize("pool", ["seen", "unseen"])
def test_share_is_within_five_sigma_and_variants_are_few(pool):
    written = [Labels(0.3)("style", "retro style", row, Draws(0, pool)) for row in ROWS]
    changed = [value for value, planted in written if planted]
    assert abs(len(changed) - 300) < 5 * math.sqrt(1000 * 0.3 * 0.7)
    assert 2 <= len(set(changed)) <= 3
    assert "retro style" not in changed
    assert {value for value, planted in written if not planted} == {"retro style"}
    for value, planted in written:
        for one in planted:
            assert (one.kind, one.field, one.before, one.after) == ("label", "style", "retro style", value)


def normal(value):
    return "".join(sorted(value.casefold().replace("-", "").replace("_", "").replace(" ", "")))


@pytest.mark.parametrize("pool", ["seen", "unseen"])
def test_each_way_does_what_it_is_called(pool):
    ways = set()
    for value in ("retro style", "dark green dress", "animals", "red", "toy", "glass", "kitchen"):
        for written, way in Labels(variants=20).spellings("style", value, Draws(1, pool)):
            ways.add(way)
            if way == "case":
                assert written != value
                assert written.casefold() == value
            elif way == "joint":
                assert normal(written) == normal(value)
            elif way == "number":
                assert written in {f"{value}s", value.removesuffix("s")}
            elif way == "typo":
                assert abs(len(written) - len(value)) <= 1
                assert written[0] == value[0]
    assert ways == {"case", "joint", "number", "typo", "synonym"}


def test_plurals_of_words_in_y():
    found = dict(Labels(variants=20).spellings("a", "berry", Draws()))
    assert found["berries"] == "number"
    assert "toys" in dict(Labels(variants=20).spellings("a", "toy", Draws()))


def test_pools_write_a_value_in_different_ways():
    seen, unseen = (
        {
            w
            for v in ("red", "retro style", "animals")
            for w, way in Labels(variants=30).spellings("a", v, Draws(0, pool))
            if way != "number"
        }
        for pool in ("seen", "unseen")
    )
    assert not seen & unseen


@pytest.mark.parametrize("seed", range(8))
def test_no_variant_is_another_value_whatever_its_case(seed):
    taken = {"animals", "Animal", "wildlife", "FAUNA", "toys", "toy"}
    for value in taken:
        for written, _ in Labels(variants=20).spellings("a", value, Draws(seed), taken):
            assert written.casefold() not in {t.casefold() for t in taken - {value}}


def test_a_value_without_variants_stays():
    taken = {"7", "8"}
    assert Labels(1.0)("size", "7", "row", Draws(), taken) == ("7", [])


@pytest.mark.parametrize(("arguments", "message"), [({"share": -0.1}, "share must be"), ({"variants": 0}, "share=0")])
def test_rejects_arguments_outside_their_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Labels(**arguments)
