"""Boilerplate: what was stuck to captions comes off, what captions share stays."""

import json
import random

import pytest

from xret.clean.text._stamps import stamps
from xret.clean.text.boilerplate import Boilerplate
from xret.data.openmoji import OpenMoji

# None of these is in the lists of the step `phrases`.
ENGLISH = [
    "Picture taken by our reader", "Vote for us", "Ask about bulk rates", "Rate this item please", "Winner of the week",
    "Scroll down for sizes", "As advertised on radio", "Reserve your copy", "Parcel leaves within two days",
    "Coupon inside", "Printed on recycled paper", "Tell your friends about it",
]  # fmt: skip
CHINESE = [
    "本图由读者提供", "收藏本店送好礼", "支持批量定制", "请给五星好评", "每周精选", "尺码详见下方",
    "电台同步播出", "预约领取样品", "两日内寄出", "内含代金券", "再生纸印刷", "转发给你的朋友",
]  # fmt: skip
FORMS = ["{p} {c}", "{p}! {c}", "{p}: {c}", "{c} {p}", "{c} - {p}", "{c}, {p}!", "{c} ({p})"]


def fitted(captions, **arguments):
    step = Boilerplate(**arguments)
    step.fit(("", caption) for caption in captions)
    return step


def dirtied(captions, phrases, share, seed):
    rng = random.Random(seed)
    for caption in captions:
        dirty = rng.choice(FORMS).format(p=rng.choice(phrases), c=caption)
        yield (dirty if rng.random() < share else caption), caption


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
@pytest.mark.parametrize("count", [6, 12])
@pytest.mark.parametrize(("language", "pool"), [("english", ENGLISH), ("chinese", CHINESE)])
def test_unseen_phrases_are_taken_off_and_nothing_else(request, language, pool, count, share):
    rows = list(dirtied(request.getfixturevalue(language), random.Random(count).sample(pool, count), share, seed=count))
    step = fitted(dict.fromkeys(dirty for dirty, _ in rows))
    right = [step(dirty).value == clean for dirty, clean in rows if dirty != clean]
    assert sum(right) >= 0.95 * len(right)
    assert sum(step(clean).value != clean for dirty, clean in rows if dirty == clean) <= 0.001 * len(rows)


@pytest.mark.parametrize(
    "source",
    [OpenMoji(lang=lang) for lang in ("en", "zh", "fr", "de", "es")]
    + [OpenMoji(extra_captions=["aliases"], extra_in="all")],
    ids=lambda source: f"{source.lang}-{len(source.extra_captions)}",
)
def test_names_of_drawings_are_left_alone(source):
    assert touched(source) <= 0.001


@pytest.mark.parametrize(
    "arguments", [{}, *({"lang": lang, "symbols": True} for lang in ("en", "zh_CN", "de", "fr"))], ids=str
)
def test_captions_of_stamps_are_left_alone(arguments, stamps):
    assert touched(stamps(**arguments)) <= 0.001


def touched(source):
    """Return the share of captions that are changed."""
    captions = [row.inputs["text"] for row in source.load().rows]
    step = fitted(dict.fromkeys(captions))
    return sum(step(caption).value != caption for caption in captions) / len(captions)


def test_the_reason_names_the_phrase_and_the_state_brings_it_back(english):
    rows = list(dirtied(english, ["Vote for us"], 0.3, seed=1))
    step = fitted(dict.fromkeys(dirty for dirty, _ in rows))
    assert step.state() == {"phrases": [["vote", "for", "us"]]}
    assert step("Vote for us! a dog").reason == "boilerplate: Vote for us"
    again = Boilerplate()
    assert again("Vote for us! a dog").reason == ""
    again.restore(json.loads(json.dumps(step.state())))
    assert again("vote FOR us: a dog, vote for us!").value == "a dog"


def test_the_last_content_and_the_middle_stay(english):
    step = fitted(dict.fromkeys(dirty for dirty, _ in dirtied(english, ["Vote for us"], 0.3, seed=1)))
    for caption in ("Vote for us", "The vote for us", "a sign: vote for us, it says"):
        assert step(caption).value == caption


def test_a_phrase_of_one_small_source_is_found(english):
    shop = [f"Vote for us {name}" for name in english[:400:8]]
    step, mixed = Boilerplate(min_share=0.1), Boilerplate(min_share=0.1)
    step.fit([*(("shop", c) for c in shop), *(("other", c) for c in (*english[400:], *english[1:400:8]))])
    mixed.fit([("", c) for c in (*shop, *english[400:], *english[1:400:8])])
    assert step("Vote for us a dog").value == "a dog"
    assert mixed("Vote for us a dog").value == "Vote for us a dog"


def test_the_first_word_of_the_captions_is_not_taken_for_the_last_of_the_phrase(stamps):
    captions = list(dict.fromkeys(r.inputs["text"] for r in stamps(lang="zh_CN", symbols=True).load().rows))
    for seed in range(3):
        rows = list(dirtied(captions, CHINESE[seed : seed + 6], 1.0, seed))
        step = fitted(dict.fromkeys(dirty for dirty, _ in rows))
        assert sum(step(dirty).value == clean for dirty, clean in rows) >= 0.97 * len(rows)


def test_a_phrase_at_both_ends_needs_half_as_many_captions(english):
    front = [f"Vote for us {c}" for c in english[:1600:160]]
    both = [f"{c} vote for us" if i % 2 else f"Vote for us {c}" for i, c in enumerate(english[:1600:160])]
    rest = [c for i, c in enumerate(english) if i % 160]
    assert fitted([*front, *rest]).state() == {"phrases": []}
    assert fitted([*both, *rest]).state() == {"phrases": [["vote", "for", "us"]]}


def test_a_phrase_on_every_caption_is_found(english):
    step = fitted(f"Stock photo: a {name}" if i % 2 else f"Stock photo: {name}" for i, name in enumerate(english))
    assert step("Stock photo: a dog").value == "a dog"


def test_few_captions_teach_nothing():
    assert fitted(["Vote for us a dog", "Vote for us a cat"]).state() == {"phrases": []}
    assert fitted([]).state() == {"phrases": []}
    assert fitted([""] * 50 + ["..."]).state() == {"phrases": []}


def test_captions_beyond_the_bound_are_thinned_evenly(english):
    rows = list(dict.fromkeys(dirty for dirty, _ in dirtied(english, ["Vote for us"], 0.3, seed=1)))
    assert fitted(rows, max_captions=400).state() == {"phrases": [["vote", "for", "us"]]}
    assert fitted([*english[:400], *rows[400:]], max_captions=400).state() == {"phrases": [["vote", "for", "us"]]}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"min_words": 0}, "1 <= min_words <= max_words"),
        ({"min_words": 9}, "1 <= min_words <= max_words"),
        ({"min_share": 0}, "min_share must be in"),
        ({"breadth": 1.5}, "breadth must be in"),
        ({"min_count": 1}, "2 <= min_count <= max_captions"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Boilerplate(**arguments)


def stamped(english, share, stamp):
    """Captions of which every so-manieth is put into a stamp."""
    return [stamp.format(c) if i % round(1 / share) == 0 else c for i, c in enumerate(dict.fromkeys(english))]


@pytest.mark.parametrize("stamp", ["Buy {} online at best price - pixelpark.com", "{}, item no. RK25030"])
def test_a_stamp_on_many_captions_goes_with_the_word_at_the_other_end(english, stamp):
    captions = stamped(english, 0.2, stamp)
    step = Boilerplate()
    step.fit(("", caption) for caption in captions)
    plain = list(dict.fromkeys(english))
    wrong = [(b, step(b).value, a) for a, b in zip(plain, captions, strict=True) if step(b).value != a]
    assert len(wrong) <= len(captions) / 200, wrong[:5]


@pytest.mark.parametrize("share", [0.02, 0.1])
@pytest.mark.parametrize(
    "stamp", ["Rent {} by the day", "Here\u2019s {} in all its glory", "We think that {} is for you"]
)
def test_a_phrase_of_common_words_around_captions_is_found_though_few_have_it(english, stamp, share):
    captions = stamped(english, share, stamp)
    step = Boilerplate()
    step.fit(("", caption) for caption in captions)
    wrong = [(b, step(b).value) for b, a in zip(captions, dict.fromkeys(english), strict=True) if step(b).value != a]
    assert len(wrong) <= len(captions) / 1000, wrong[:5]


def test_what_begins_and_ends_captions_of_one_kind_is_no_stamp():
    others = [f"a {thing} number {i}" for i in range(100) for thing in ("dog", "cat", "cow")]
    letters = [f"the sign for the letter {chr(97 + i)} in sign language" for i in range(26)]
    assert not stamps([tuple(c.split()) for c in others + letters], 16, 10)


def test_a_phrase_of_words_that_stand_elsewhere_too_is_no_stamp():
    things = [f"thing{i} kind{i % 7}" for i in range(300)]
    captions = [f"{t} with red hat" if i % 5 == 0 else f"{t} red with a hat" for i, t in enumerate(things)]
    assert not stamps([tuple(c.split()) for c in captions], 16, 10)


def test_a_stamp_needs_its_share_and_different_remainders():
    plain = [(f"thing{i}", f"kind{i}") for i in range(400)]
    end = ("item", "no", "rk1")
    assert stamps([c + end if i % 10 == 0 else c for i, c in enumerate(plain)], 16, 10) == {end}
    assert not stamps([c + end if i % 20 == 0 else c for i, c in enumerate(plain)], 16, 10)
    same = [(f"thing{i % 5}", "kind") for i in range(400)]
    assert not stamps([c + end if i % 10 == 0 else c for i, c in enumerate(same)], 16, 10)
