"""Captions: what is said to be planted is what differs, in the share that was asked for."""

import html
import math

import pytest

from xret.dirt.captions import Captions
from xret.dirt.draws import Draws

KINDS = ("boilerplate", "promotion", "repeats", "symbols", "shouting", "html", "mojibake")
NONE = dict.fromkeys(KINDS, 0.0)
ROWS = [f"row {i}" for i in range(900)]
CAPTION = "A small dog on grandma's red bicycle."


def only(kind, share=1.0, **more):
    return Captions(**{**NONE, kind: share, **more})


def test_zero_shares_leave_every_caption_as_it_is():
    for row in ROWS[:50]:
        assert Captions(**NONE)(CAPTION, row, Draws()) == (CAPTION, [])


@pytest.mark.parametrize("pool", ["seen", "unseen"])
def test_changes_are_a_chain_from_the_caption_to_the_dirty_one(pool):
    for row in ROWS[:300]:
        dirty, planted = Captions()(CAPTION, row, Draws(0, pool))
        befores = [CAPTION, *(p.after for p in planted)]
        assert [p.before for p in planted] == befores[:-1]
        assert befores[-1] == dirty
        assert all(p.before != p.after and p.field == "text" for p in planted)


@pytest.mark.parametrize("kind", KINDS)
def test_shares_are_within_five_sigma_and_grow_without_other_rows(kind):
    hit = {}
    for share in (0.2, 0.5):
        found = [Captions(**{**NONE, kind: share})(CAPTION, row, Draws(1))[1] for row in ROWS]
        assert {p.kind for planted in found for p in planted} == {kind}
        hit[share] = {row for row, planted in zip(ROWS, found, strict=True) if planted}
        count = len(ROWS)
        assert abs(len(hit[share]) - share * count) < 5 * math.sqrt(count * share * (1 - share))
    assert hit[0.2] < hit[0.5]


def test_kinds_are_drawn_apart():
    both = sum(
        len({p.kind for p in Captions(**{**NONE, "html": 0.5, "symbols": 0.5})(CAPTION, row, Draws())[1]}) == 2
        for row in ROWS
    )
    assert 0.2 * len(ROWS) < both < 0.3 * len(ROWS)


@pytest.mark.parametrize("kind", ["promotion", "boilerplate"])
@pytest.mark.parametrize("pool", ["seen", "unseen"])
def test_without_its_phrase_the_caption_is_there_again(kind, pool):
    places = set()
    for seed in range(60):
        dirty, (planted,) = only(kind, foreign=0.2)(CAPTION, f"row {seed}", Draws(seed, pool))
        place, phrase = planted.what["place"], planted.what["phrase"]
        places.add(place)
        for part in phrase.split("{caption}"):
            assert part in dirty
        plain = CAPTION.removesuffix(".")
        if place == "inside":
            assert dirty.replace(f"{phrase} ", "", 1) == CAPTION
        elif place == "before":
            assert dirty.startswith(phrase)
            assert dirty.endswith(CAPTION)
        elif place == "after":
            assert dirty.startswith(plain)
            assert dirty.endswith(phrase)
        else:
            assert plain in dirty
            assert dirty.replace(CAPTION, "{caption}").replace(plain, "{caption}") == phrase
    assert {"around", "after"} <= places <= {"around", "after", "before", "inside"}


def test_no_phrase_is_torn_by_another_and_none_is_said_again_with_the_caption():
    captions = Captions(**{**NONE, "promotion": 1.0, "boilerplate": 1.0, "repeats": 1.0})
    for seed in range(100):
        dirty, planted = captions(CAPTION, "row", Draws(seed))
        for one in planted[1:]:
            for part in filter(None, one.what["phrase"].split("{caption}")):
                assert dirty.count(part) >= 1
        assert planted[0].kind == "repeats"
        assert {p.kind for p in planted[1:]} == {"promotion", "boilerplate"}


def test_a_full_stop_goes_where_the_phrase_runs_on():
    for caption, kept in (("A dog.", "A dog"), ("一只狗。", "一只狗"), ("A dog...", "A dog..."), ("A dog!", "A dog!")):
        for row in ROWS[:60]:
            dirty, (planted,) = only("promotion", foreign=0.0)(caption, row, Draws())
            before, mark, behind = planted.what["phrase"].partition("{caption}")
            if mark:
                assert dirty == f"{before}{kept if behind else caption}{behind}"
            elif planted.what["place"] == "after":
                assert dirty.startswith(kept)
                assert not kept[-1].isalpha() or not dirty.startswith(caption)


def test_the_shop_has_one_to_four_phrases_and_promotion_has_many():
    counts = set()
    for seed in range(12):
        found = [only("boilerplate")(CAPTION, row, Draws(seed))[1][0].what["phrase"] for row in ROWS[:80]]
        counts.add(len(set(found)))
    assert counts <= {1, 2, 3, 4}
    assert len(counts) > 1
    assert len({only("promotion")(CAPTION, row, Draws())[1][0].what["phrase"] for row in ROWS[:200]}) > 60


def test_phrases_speak_the_language_of_the_caption_but_for_a_foreign_share():
    def is_chinese(text):
        return any("\u4e00" <= letter <= "\u9fff" for letter in text)

    for caption, own in ((CAPTION, False), ("一只小狗。", True)):
        found = [
            is_chinese(only("promotion", foreign=share)(caption, row, Draws())[1][0].what["phrase"])
            for share in (0.0, 1.0)
            for row in ROWS[:50]
        ]
        assert found == [own] * 50 + [not own] * 50


@pytest.mark.parametrize("pool", ["seen", "unseen"])
def test_pools_share_no_phrase(pool):
    from xret.dirt._pools import phrases

    other = {"seen": "unseen", "unseen": "seen"}[pool]
    starts = [p.split("{")[0] for p in phrases(other, "en") if len(p.split("{")[0]) > 8]
    for row in ROWS[:200]:
        dirty, _ = only("promotion", foreign=0.0)(CAPTION, row, Draws(0, pool))
        assert not any(start in dirty for start in starts)


@pytest.mark.parametrize("pool", ["seen", "unseen"])
def test_each_damage_is_what_it_is_called(pool):
    for row in ROWS[:60]:
        draws = Draws(0, pool)
        assert CAPTION in only("symbols")(CAPTION, row, draws)[0]
        assert only("shouting")(CAPTION, row, draws)[0].casefold() == CAPTION.casefold()
        assert html.unescape(CAPTION) in html.unescape(only("html")(CAPTION, row, draws)[0])
        again = only("repeats")(CAPTION, row, draws)[0].split()
        assert len(again) > len(CAPTION.split())
        assert set(again) == set(CAPTION.split())


@pytest.mark.parametrize("pool", ["seen", "unseen"])
@pytest.mark.parametrize("caption", [CAPTION, "Apple", "one two", "一只小狗。", "Déjà vu"])
def test_mojibake_can_be_read_back(caption, pool):
    dirty, (planted,) = only("mojibake")(caption, "row", Draws(0, pool))
    assert not planted.after.isascii()
    read = set()
    for encoding in ("cp1252", "mac_roman", "cp850"):
        table = {bytes([b]).decode(encoding, errors="replace"): b for b in range(256)}
        read.add(bytes(table.get(c, ord(c) & 255) for c in dirty).decode(errors="replace"))
    plain = caption.translate(str.maketrans("’–\u00a0", "'- "))  # noqa: RUF001
    assert plain in {text.translate(str.maketrans("’–\u00a0", "'- ")).removesuffix("…") for text in read}  # noqa: RUF001


def test_what_has_no_capitals_does_not_shout():
    assert only("shouting")("一只小狗。", "row", Draws()) == ("一只小狗。", [])


@pytest.mark.parametrize("name", [*KINDS, "foreign"])
def test_rejects_a_share_outside_its_range(name):
    with pytest.raises(ValueError, match=rf"{name} must be in \[0, 1\], got 1.5"):
        Captions(**{name: 1.5})
