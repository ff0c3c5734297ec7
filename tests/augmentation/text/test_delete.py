"""Deletion: never the last content word, never a special token."""

import numpy as np
import pytest

from xret.augmentation.text.delete import Delete


def test_everything_goes_but_one_content_word():
    found = {Delete(share=1, p=1)("the dog on a mat", np.random.default_rng(i)) for i in range(100)}
    assert found == {"dog", "mat"}


def test_of_function_words_one_stays():
    assert {Delete(share=1, p=1)("of the", np.random.default_rng(i)) for i in range(50)} == {"of", "the"}


@pytest.mark.parametrize("text", ["dog", "", "...", "红苹果", "[MASK]"])
def test_what_has_one_word_or_none_stays(text):
    assert Delete(share=1, p=1)(text, np.random.default_rng(0)) == text


def test_special_tokens_stay():
    assert Delete(share=1, p=1)("a [MASK] of <mask> the", np.random.default_rng(0)).count("MASK") == 1
    assert "<mask>" in Delete(share=1, p=1)("a [MASK] of <mask> the", np.random.default_rng(0))


def test_each_word_goes_as_often_as_share_says():
    rng = np.random.default_rng(0)
    words = " ".join(f"w{i}" for i in range(10))
    left = [len(Delete(share=0.3, p=1)(words, rng).split()) for _ in range(500)]
    assert 6.8 < np.mean(left) < 7.2
