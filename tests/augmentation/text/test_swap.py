"""Swap: the same words in another order."""

import itertools

import numpy as np

from xret.augmentation.text.swap import Swap


def test_one_swap_gives_every_transposition_and_no_other_order():
    found = {Swap(share=0.1, p=1)("a b c, d", np.random.default_rng(i)) for i in range(300)}
    expected = set()
    for i, j in itertools.combinations(range(4), 2):
        words = list("abcd")
        words[i], words[j] = words[j], words[i]
        expected.add("{} {} {}, {}".format(*words))
    assert found == expected


def test_share_says_how_often():
    found = {Swap(share=0.5, p=1)("a b c d", np.random.default_rng(i)) for i in range(300)}
    assert "b c a d" in found  # two swaps


def test_one_word_stays():
    assert Swap(p=1)("dog", np.random.default_rng(0)) == "dog"
    assert Swap(p=1)("", np.random.default_rng(0)) == ""
