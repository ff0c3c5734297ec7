"""Fuzzy merging: slips in rare values go, other words stay."""

import json

import pytest

from xret.clean.labels.fuzzy import Fuzzy


def fitted(counts, **arguments):
    step = Fuzzy(**arguments)
    step.fit(("kind", value) for value, count in counts.items() for _ in range(count))
    return step


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("florral", "floral"), ("flroal", "floral"), ("flral", "floral"), ("florap", "floral"),
        ("dark lether", "dark leather"), ("musicql instrumemt", ""), ("instrumetn", "instrument"),
        ("insturmetn", "instrument"), ("tshirt", "t shirt"), ("lea ther", "leather"),
    ],
)  # fmt: skip
def test_a_rare_slip_becomes_the_frequent_value(wrong, right):
    counts = {
        "floral": 30,
        "dark leather": 30,
        "musical instrument": 30,
        "instrument": 30,
        "t shirt": 30,
        "leather": 30,
    }
    found = fitted({**counts, wrong: 1})(wrong)
    assert found.value == (right or wrong)
    if right:
        assert found.applied
        assert found.reason == f"spelling: 30 times {right!r}, 1 {wrong!r}"
        assert 0.7 <= found.evidence <= 1


def test_a_slip_that_was_never_seen_counts_as_rare():
    assert fitted({"floral": 30})("florral").value == "floral"
    assert fitted({"floral": 2})("florral").value == "florral"


@pytest.mark.parametrize(
    ("rare", "frequent"),
    [
        ("size 38", "size 39"), ("red", "bed"), ("s1zes", "sizes"), ("size 3 8", "size 38"),
        ("红色连衣裙", "绿色连衣裙"),
        ("left", "right"), ("men", "women"), ("floral dress", "floral skirt"), ("beag", "beaker"), ("ii", "iii"),
    ],
)  # fmt: skip
def test_digits_short_words_and_other_words_are_never_slips(rare, frequent):
    assert fitted({frequent: 50, rare: 1})(rare).reason == ""


@pytest.mark.parametrize(("rare", "frequent"), [("latin", "satin"), ("cotton", "carton"), ("blackbird", "black bird")])
def test_words_of_the_dictionary_are_proposals_at_most(rare, frequent):
    found = fitted({frequent: 50, rare: 1})(rare)
    assert not found.reason or (not found.applied and found.evidence < 0.7)


def test_the_dictionary_can_be_left_out():
    counts = {"velvet": 50, "velved": 1, "stripes": 50, "stripe": 1}
    assert fitted(counts, dictionary=None)("stripe").applied
    assert not fitted(counts)("stripe").applied


def test_a_slip_in_the_first_letter_is_only_proposed():
    found = fitted({"floral": 50, "dloral": 1})("dloral")
    assert (found.value, found.applied) == ("floral", False)


def test_support_decides_by_ratio_and_share():
    assert fitted({"florral": 10, "floral": 20})("florral").reason == ""
    assert not fitted({"florral": 10, "floral": 30})("florral").applied
    assert fitted({"florral": 1, "floral": 30})("florral").applied
    # evidence by hand: 30 of 31, one slip in seven letters
    assert fitted({"florral": 1, "floral": 30})("florral").evidence == pytest.approx(30 / 31 * (1 - 1 / 7))


def test_case_does_not_split_the_support_and_the_usual_form_comes_back():
    step = fitted({"Floral": 20, "floral": 10, "FLORRAL": 1, "Florral": 1})
    assert step("florral").value == "Floral"
    assert "30 times 'floral', 2 'florral'" in step("florral").reason


def test_what_is_merged_is_settled_and_no_value_becomes_one_that_goes_on():
    step = fitted({"flooral": 2, "floral": 9, "florale": 1, "florales": 100})
    for value in ("flooral", "floral", "florale", "florales"):
        assert step(step(value).value).reason == ""


def test_the_state_is_of_json_and_brings_everything_back():
    step, other = fitted({"floral": 30, "florral": 1}), Fuzzy()
    other.restore(json.loads(json.dumps(step.state())))
    assert other("florral") == step("florral")
    assert other("florral").value == "floral"


def test_the_index_finds_what_a_look_at_all_pairs_finds():
    import random

    from rapidfuzz.distance import OSA

    rng = random.Random(3)
    words = sorted({"".join(rng.choices("abc", k=rng.randint(5, 7))) for _ in range(400)})
    step = fitted({word: rng.choice([1, 60]) for word in words}, dictionary=None, least=0.0, certainty=0.0)
    found = 0
    for word in {w for w in words if step._support[w] == 1}:
        near = [w for w in words if step._support[w] == 60 and OSA.distance(word, w) == 1]
        assert (step(word).value in near) if near else (step(word).value == word)
        found += bool(near)
    assert found > 20


@pytest.mark.parametrize(
    "wrong", [{"certainty": 1.1}, {"least": 0.9}, {"ratio": 1}, {"min_letters": 2}, {"dictionary": "xx"}]
)
def test_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Fuzzy(**wrong)
