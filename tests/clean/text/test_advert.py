"""Promotion in no known wording comes off, and data without any stay as they are."""

import json
import random

import pytest

from xret.clean.text._inside import inside
from xret.clean.text._trade import Words, tokens
from xret.clean.text.advert import Advert
from xret.clean.text.phrases import Phrases
from xret.data.openmoji import OpenMoji

# No list of the step `phrases` has one of these.
ADVERTS = [
    "{} - voucher inside",
    "{} | parcel tracked, refund guaranteed",
    "{}. Coupon valid this weekend",
    "{}, bundle of 4",
    "{} $7.25 each",
    "{} ref KT40817",
    "Wallpaper download: {}",
    "Bargain of the month! {}",
    "{} / printed by shop.example.com",
    "{} * members save 15% on postage",
    "{} #xyzzy #love",
    "{} © 2021 Xyzzy",
]


def fitted(captions, **arguments):
    step = Advert(**arguments)
    step.fit(("", caption) for caption in captions)
    return step


def letters(caption):
    return [char for char in caption if char.isalnum()]


def dirtied(captions, share, seed):
    rng = random.Random(seed)
    return [(rng.choice(ADVERTS).format(c) if rng.random() < share else c, c) for c in captions]


@pytest.fixture(scope="module")
def rows(english):
    return dirtied(english, 0.3, seed=1)


@pytest.fixture(scope="module")
def step(rows):
    return fitted(dirty for dirty, _ in rows)


def test_most_unseen_adverts_are_taken_off_and_hardly_anything_else(rows, step):
    right = [letters(step(dirty).value) == letters(clean) for dirty, clean in rows if dirty != clean]
    assert sum(right) >= 0.7 * len(right)  # much stays of what nothing sets off ("$7.25 each"), or what has no capital
    harmed = [clean for dirty, clean in rows if dirty == clean and step(clean).value != clean]
    assert len(harmed) <= 0.005 * len(rows)


def test_no_list_knows_these_adverts():
    known = Phrases(patterns=False)
    assert sum(known(advert.format("a dog")).value == "a dog" for advert in ADVERTS) == 0


@pytest.mark.parametrize("source", [OpenMoji(lang="en"), OpenMoji(lang="de")], ids=lambda source: source.lang)
def test_names_of_drawings_are_left_alone(source):
    captions = [row.inputs["text"] for row in source.load().rows]
    step = fitted(captions)
    assert sum(step(caption).reason != "" for caption in captions) == 0


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_captions_of_stamps_are_left_alone(lang, stamps):
    captions = [row.inputs["text"] for row in stamps(lang=lang, symbols=True).load().rows]
    step = fitted(captions)
    assert sum(step(caption).reason != "" for caption in captions) == 0


def test_unfitted_or_on_clean_data_it_touches_nothing(english):
    for step in (Advert(), fitted(english), fitted([])):
        assert step("a dog - voucher inside").reason == ""


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("a dog - voucher inside", "a dog"),
        ("Picture of A dog", "A dog"),
        ("A dog In Stock with Courier", "A dog"),
        ("A COUPON dog", "A dog"),
        ("A Refund Guaranteed dog", "A dog"),
        ("A dog by Xyzzy", "A dog"),
        ("Xyzzy A dog.", "A dog."),
        ("4pcs A dog", "A dog"),
        ("A dog - what do you think", "A dog"),
        ("We think you deserve A dog", "A dog"),
        ("A dog. Don\u2019t miss it", "A dog."),
        ("A dog | Xyzzy", "A dog"),
        ("The coupon of the month: A dog", "A dog"),
        ("A dog · parcel", "A dog"),
        ("A dog. © 2021 Xyzzy", "A dog."),
        ("A dog 正品包邮", "A dog"),
    ],
)
def test_adverts_of_each_kind(dirty, clean, step):
    found = step(dirty)
    assert found.value == clean
    assert found.reason.startswith("advert: ")


@pytest.mark.parametrize(
    "caption",
    [
        "voucher",
        "free voucher coupon",
        "a man with a gift",
        "a man with a box",
        "a dog asked about you",
        "The shop: Dogs",
        "a shop in the street",
        "A dog. Tap. Tap. Tap.",
        "Vitamin A pills",
        "A painting by the sea",
        "World War 2 tank",
        "an order of monks",
        "红色连衣裙",
    ],
)
def test_content_stays(caption, step):
    assert step(caption).value == caption


def test_words_that_captions_have_themselves_are_no_promotion(english):
    crates = [f"a {colour} parcel warehouse" for colour in ("red", "green", "blue", "grey", "black") * 40]
    many = [f"{c} near a parcel warehouse" for c in english[:300]]
    step = fitted([*crates, *many, *(dirty for dirty, _ in dirtied(english, 0.3, seed=2))])
    assert step("a dog near a parcel warehouse").reason == ""
    assert step("a dog - voucher inside").value == "a dog"


def put_inside(captions, phrase, share, seed):
    """Captions with a phrase after one of their words, where they have two and more, in a share of them."""
    rng = random.Random(seed)
    for caption in captions:
        words = caption.split(" ")
        dirty = len(words) > 1 and rng.random() < share
        at = rng.randrange(1, len(words)) if dirty else 0
        yield (" ".join([*words[:at], phrase, *words[at:]]) if dirty else caption), caption


@pytest.mark.parametrize("phrase", ["parcel tracked", "you will love it", "Made to order"])
def test_promotion_that_stands_within_many_captions_is_taken_out(english, phrase):
    put = list(put_inside(english, phrase, 0.15, seed=4))
    more = dirtied([clean for _, clean in put], 0.1, seed=5)
    step = fitted([*(dirty for dirty, _ in put), *(dirty for dirty, _ in more)])
    right = [letters(step(dirty).value) == letters(clean) for dirty, clean in put if dirty != clean]
    assert sum(right) >= 0.9 * len(right)
    again = Advert()
    again.restore(json.loads(json.dumps(step.state())))
    assert [again(dirty) for dirty, _ in put] == [step(dirty) for dirty, _ in put]


def test_promotion_with_a_capital_within_captions_is_told_without_any_other(english):
    put = list(put_inside(english, "Made to order", 0.1, seed=6))
    step = fitted(dirty for dirty, _ in put)
    assert step("a dog Made to order kennel").value == "a dog kennel"


def test_what_many_captions_hold_as_content_is_not_taken_for_promotion_within_them():
    things = [f"{a}{b}" for a in "bdfgklmnprst" for b in ("ax", "obo", "uri", "ezzo", "int")]
    boxes = [f"a gift box with {a} and {b}" for a, b in zip(things, reversed(things), strict=True)]
    pairs = [f"a pair of {thing} things" for thing in things]
    words = Words([("gift", "box"), ("pair", "of")] * 9)
    assert sum(words.weight(token) for token in tokens("gift box")) > 2
    assert sum(words.weight(token) for token in tokens("pair of")) > 2
    assert inside([*boxes, *pairs], words) == set()
    put_in = [f"a {thing} gift box {other}" for thing, other in zip(things, reversed(things), strict=True)]
    assert inside([*put_in, *pairs], words) == {("gift", "box")}


def test_one_word_before_many_captions_is_not_taken_for_their_content(english):
    plain = [f"A {caption}" if i % 3 else caption.capitalize() for i, caption in enumerate(english)]
    step = fitted([f"Introducing {caption}" if i % 10 < 3 else caption for i, caption in enumerate(plain)])
    assert step("Introducing A dog").value == "A dog"


def test_state_is_json_and_brings_everything_back(step, rows):
    again = Advert()
    again.restore(json.loads(json.dumps(step.state())))
    assert [again(dirty) for dirty, _ in rows[:200]] == [step(dirty) for dirty, _ in rows[:200]]


def test_a_higher_certainty_cuts_less(rows):
    cut = []
    for nats in (3.5, 8.0, 40.0):
        step = fitted((dirty for dirty, _ in rows), certainty=nats)
        cut.append(sum(step(dirty).reason != "" for dirty, _ in rows))
    assert cut[0] > cut[1] > cut[2] == 0


@pytest.mark.parametrize("wrong", [{"certainty": 0}, {"min_share": 0}, {"min_share": 1.5}])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Advert(**wrong)
