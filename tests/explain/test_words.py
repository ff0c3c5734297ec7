"""Weights of words: exact on a bag of words, whatever the script."""

import pytest
import torch

from xret.explain.words import MAX_WORDS, leave_one_out, spans

WEIGHTS = {"red": 2.0, "apple": 5.0, "not": -1.0}


def bag(texts):
    """A score that is the sum of what words are worth."""
    return torch.tensor([sum(WEIGHTS.get(word.strip(".,!"), 0.0) for word in text.split()) for text in texts])


def test_on_a_bag_of_words_each_word_has_what_it_is_worth():
    text = "a red, red apple, not green!"
    found = leave_one_out(bag, text, batch=3)
    assert [(text[w.start : w.end], w.weight) for w in found] == [
        ("a", 0.0),
        ("red", 2.0),
        ("red", 2.0),
        ("apple", 5.0),
        ("not", -1.0),
        ("green", 0.0),
    ]
    assert sum(w.weight for w in found) == bag([text]).item()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("don't well-known naïve", ["don't", "well-known", "naïve"]),
        ("红色的apple", ["红", "色", "的", "apple"]),
        ("ひらがな", ["ひ", "ら", "が", "な"]),
        ("size 42 (new)", ["size", "42", "new"]),
        ("🍎 !!", ["🍎", "!!"]),
        ("", []),
    ],
)
def test_words_are_what_stands_between_spaces_and_punctuation(text, words):
    assert [text[start:end] for start, end in spans(text)] == words


def test_the_only_word_is_weighed_against_nothing():
    (only,) = leave_one_out(bag, "apple")
    assert only.weight == 5.0


def test_a_text_without_words_has_no_weights():
    assert leave_one_out(bag, "") == []


def test_of_a_long_text_the_first_words_are_weighed():
    asked = []

    def score(texts):
        asked.extend(texts)
        return torch.zeros(len(texts))

    assert len(leave_one_out(score, "word " * 5000)) == MAX_WORDS
    assert len(asked) == MAX_WORDS + 1
