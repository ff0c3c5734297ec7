"""Insertion: the text keeps all its words, in order, and gets synonyms of them."""

import numpy as np

from xret.augmentation.text.insert import Insert


def test_a_synonym_lands_at_every_place(wordnet):
    operation = Insert(p=1, wordnet=wordnet)
    found = {operation("a small cat", np.random.default_rng(i)) for i in range(200)}
    assert found == {"little a small cat", "a little small cat", "a small little cat", "a small cat little"}


def test_share_says_how_many_are_put_in(wordnet):
    text = "small bike small bike the cat"
    for share, more in ((0.0, 1), (0.34, 2), (0.5, 3), (1.0, 4)):
        found = Insert(share, p=1, wordnet=wordnet)(text, np.random.default_rng(1))
        assert len(found.split()) == 6 + more
        rest = iter(found.split())
        assert all(word in rest for word in text.split())  # still there, in order


def test_chinese_gets_no_space(tmp_path):
    (tmp_path / "words.csv").write_text("狗,犬\n", encoding="utf-8")
    operation = Insert(p=1, table=str(tmp_path / "words.csv"))
    assert {operation("红狗", np.random.default_rng(i)) for i in range(100)} == {"犬红狗", "红犬狗", "红狗犬"}


def test_without_synonyms_nothing_is_inserted(wordnet):
    assert Insert(p=1, wordnet=wordnet)("the unicorn", np.random.default_rng(0)) == "the unicorn"
