"""Synonyms: from WordNet's files or a table, for content words alone."""

from pathlib import Path

import numpy as np
import pytest

from xret._errors import UserError
from xret.augmentation.text._synonyms import WORDNET, WordNet
from xret.augmentation.text.synonyms import Synonyms


def texts(operation, text, draws=200):
    return {operation(text, np.random.default_rng(i)) for i in range(draws)}


def test_the_first_sense_as_a_noun_counts_without_markers(wordnet):
    found = WordNet(wordnet)
    assert found("dog") == ("domestic dog", "Canis familiaris")
    assert found("Small") == ("little",)
    assert found("run") == found("unicorn") == ()


def test_every_synonym_is_drawn_and_nothing_else_changes(wordnet):
    operation = Synonyms(share=0.1, p=1, wordnet=wordnet)
    assert texts(operation, "the run of a dog!") == {"the run of a domestic dog!", "the run of a Canis familiaris!"}
    assert texts(operation, "Small unicorn") == {"Little unicorn"}
    assert texts(operation, "the run") == {"the run"}


def test_share_says_how_many_words_are_replaced(wordnet):
    one = texts(Synonyms(share=0.0, p=1, wordnet=wordnet), "small bike dog cat")
    assert all(sum(a != b for a, b in zip(t.split(), ["small", "bike", "dog", "cat"], strict=False)) >= 1 for t in one)
    assert {"little bike dog cat", "small bicycle dog cat"} < one
    assert "little bicycle dog cat" not in one
    assert "little bicycle dog cat" in texts(Synonyms(share=0.5, p=1, wordnet=wordnet), "small bike dog cat")


def test_a_table_serves_other_languages(tmp_path):
    table = tmp_path / "words.tsv"
    table.write_text("苹果\t林檎\n狗\t犬\t小狗\n\nChien\ttoutou\n", encoding="utf-8-sig")
    operation = Synonyms(p=1, table=str(table))
    assert texts(operation, "红苹果") == {"红林檎"}
    assert texts(operation, "一只狗") == {"一只犬", "一只小狗"}
    assert texts(operation, "un chien") == {"un toutou"}


def test_half_of_the_texts_are_touched_at_one_half(wordnet):
    rng = np.random.default_rng(0)
    operation = Synonyms(p=0.5, wordnet=wordnet)
    assert 420 < sum(operation("dog", rng) != "dog" for _ in range(1000)) < 580


def test_what_is_missing_is_one_line(tmp_path):
    with pytest.raises(UserError, match="apt-get install wordnet-base"):
        Synonyms(wordnet=str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="CSV or TSV file"):
        Synonyms(table=str(tmp_path / "nowhere.csv"))
    (tmp_path / "empty.csv").write_text("dog\n")
    with pytest.raises(UserError, match="no such line"):
        Synonyms(table=str(tmp_path / "empty.csv"))
    with pytest.raises(ValueError, match=r"share must be in \[0, 1\]"):
        Synonyms(share=1.5)


@pytest.mark.skipif(not Path(WORDNET).is_dir(), reason="apt-get install wordnet-base brings WordNet")
def test_debian_s_wordnet_is_read():
    found = WordNet(WORDNET)
    assert {"domestic dog", "Canis familiaris"} == set(found("dog"))
    assert "auto" in found("car")
    assert len(found._first) > 100_000
