"""A WordNet of three words, written as wndb(5WN) says."""

import pytest

HEAD = "  1 a licence stands in front of every file\n"
SENSES = {
    "noun": {"dog": ["dog", "domestic_dog", "Canis_familiaris"], "frame": ["frump"], "bike": ["bicycle", "bike"]},
    "adj": {"small": ["small", "little(a)"]},
    "verb": {"dog": ["chase", "dog"], "run": ["run"]},
    "adv": {},
}


@pytest.fixture
def wordnet(tmp_path):
    """The folder of the files; "dog" has a second sense, "frump", that must not be used."""
    for part, words in SENSES.items():
        data, index = HEAD, HEAD
        for word, lemmas in words.items():
            offset = len(data)
            listed = " ".join(f"{lemma} 0" for lemma in lemmas)
            data += f"{offset:08d} 05 {part[0]} {len(lemmas):02x} {listed} 001 @ 00000001 n 0000 | a gloss\n"
            senses = f"{offset:08d}" + (" 00000099" if word == "dog" and part == "noun" else "")
            index += f"{word} {part[0]} {len(senses.split())} 2 @ ~ {len(senses.split())} 1 {senses}  \n"
        (tmp_path / f"data.{part}").write_text(data)
        (tmp_path / f"index.{part}").write_text(index)
    return str(tmp_path)
