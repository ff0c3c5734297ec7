"""Masking: one token per hidden word, and one content word always to be read."""

import numpy as np
import pytest

from xret.augmentation.text.mask import Mask


def test_all_but_one_content_word_can_be_hidden():
    found = {Mask("[MASK]", share=1, p=1)("the dog, on mat", np.random.default_rng(i)) for i in range(50)}
    assert found == {"[MASK] dog, [MASK] [MASK]", "[MASK] [MASK], [MASK] mat"}


def test_each_word_is_hidden_as_often_as_share_says():
    rng = np.random.default_rng(0)
    words = " ".join(f"w{i}" for i in range(10))
    hidden = [Mask("<mask>", share=0.3, p=1)(words, rng).count("<mask>") for _ in range(500)]
    assert 2.8 < np.mean(hidden) < 3.2


def test_a_tokeniser_without_a_mask_token_is_told_at_once():
    with pytest.raises(ValueError, match="its tokeniser has none"):
        Mask(None)
