"""Stems."""

import pytest

from xret._errors import UserError
from xret.clean.text.stem import Stem


def test_words_become_stems_and_the_rest_stays():
    assert Stem()("Running shoes, 2 dogs!").value == "run shoe, 2 dog!"
    assert Stem("german")("Kleine Häuser").value == "klein haus"


def test_a_stem_is_stable(english):
    step = Stem()
    once = [step(name).value for name in english]
    assert [step(stems).value for stems in once] == once


def test_an_unknown_language_is_told():
    with pytest.raises(UserError, match="language must be one of"):
        Stem("klingon")
