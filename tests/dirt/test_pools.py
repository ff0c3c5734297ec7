"""The two halves of every pool have nothing in common, and no word of one is hidden in the other."""

from collections import Counter
from importlib.metadata import distribution

import pytest

from xret.dirt import _margins, _pools, _watermark

PAIRS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in (_pools, _margins, _watermark)
    for name, value in vars(module).items()
    if isinstance(value, dict) and set(value) == {"seen", "unseen"}
}
MAY_MEET = {"_watermark._ANGLES_DEG": {0}, "_watermark._PLACES": {None}}  # upright writing, and tiles


def test_pools_are_found():
    assert len(PAIRS) >= 13


@pytest.mark.parametrize("name", PAIRS)
def test_halves_are_disjoint(name):
    seen, unseen = (set(PAIRS[name][half]) for half in ("seen", "unseen"))
    assert seen & unseen == MAY_MEET.get(name, set())
    assert seen - unseen
    assert unseen - seen


@pytest.mark.parametrize("language", ["en", "zh"])
def test_phrases_are_disjoint_whatever_their_case(language):
    halves = [Counter(p.casefold() for p in _pools.phrases(half, language)) for half in ("seen", "unseen")]
    for half in halves:
        assert max(half.values()) == 1
        assert len(half) >= (60 if language == "en" else 30)
    bare = [{p.replace("{caption}", "").strip(" -|,.:") for p in half} for half in halves]
    assert not bare[0] & bare[1]


def test_every_phrase_can_be_filled():
    from xret.dirt.draws import Draws

    for half in ("seen", "unseen"):
        templates = [
            *_pools.phrases(half, "en"),
            *_pools.phrases(half, "zh"),
            *_pools.SYMBOLS[half],
            *_pools.HTML[half],
        ]
        for template in templates:
            text = _pools.filled(template, half, Draws().of(template), "CAPTION")
            assert text.count("CAPTION") == template.count("{caption}")
            assert "{" not in text


def test_a_synonym_belongs_to_one_value_and_one_half():
    table = _pools.synonyms()
    names = Counter(n.casefold() for half in table.values() for names in half.values() for n in names)
    assert max(names.values()) == 1
    assert not set(names) & set(table["seen"])
    assert len(table["seen"]) == len(table["unseen"]) >= 50


def test_the_fonts_are_installed():
    for half in _watermark._FONTS.values():
        for name in filter(None, half):
            path = distribution("matplotlib").locate_file(f"matplotlib/mpl-data/fonts/ttf/{name}.ttf")
            assert path.is_file()
