"""Where synonyms come from: WordNet's own files, or a table of the user's."""

import csv
from collections.abc import Collection, Mapping
from functools import lru_cache
from pathlib import Path

from xret._errors import UserError

WORDNET = "/usr/share/wordnet"
_PARTS = ("noun", "adj", "verb", "adv")  # captions name things, then say what they are like


class WordNet:
    """Synonyms by the files of WordNet 3 (``index.*``, ``data.*``; manual page wndb(5WN)).

    Source: Miller 1995, WordNet: a lexical database for English, https://doi.org/10.1145/219717.219748. A word has the
    synonyms of its most frequent sense as a noun; as an adjective, verb or adverb only where it is no noun. A lemma is
    looked up as it is written: no plural is brought to its singular.

    Args:
        folder: where the files lie; Debian's package wordnet-base puts them in /usr/share/wordnet.

    Raises:
        UserError: they do not lie there.
    """

    vocabulary: Collection[str] = ()  # English has spaces

    def __init__(self, folder: str) -> None:
        self._data: dict[str, bytes] = {}
        self._first: dict[str, tuple[str, int]] = {}  # lemma -> part of speech and place of its first sense
        for part in _PARTS:
            index, data = Path(folder, f"index.{part}"), Path(folder, f"data.{part}")
            if not index.is_file() or not data.is_file():
                raise UserError(
                    f"WordNet must lie in {folder}, which has no {index.name}; apt-get install wordnet-base, "
                    "or give a table of your own synonyms"
                )
            self._data[part] = data.read_bytes()
            for line in index.read_text("ascii").splitlines():
                if not line.startswith(" "):
                    fields = line.split()
                    offset = fields[6 + int(fields[3])]  # lemma pos senses pointers [symbols] senses tagged offsets
                    self._first.setdefault(fields[0], (part, int(offset)))

    def __call__(self, word: str) -> tuple[str, ...]:
        """Return the synonyms of a word, without the word itself; none where it is not known."""
        if word.casefold() not in self._first:
            return ()
        part, offset = self._first[word.casefold()]
        fields = self._data[part][offset : self._data[part].index(b"|", offset)].decode("ascii").split()
        lemmas = [fields[4 + 2 * i].partition("(")[0].replace("_", " ") for i in range(int(fields[3], 16))]
        return tuple(lemma for lemma in lemmas if lemma.casefold() != word.casefold())


class Table:
    """Synonyms by a table: in each line a word and, in the further columns, its synonyms. UTF-8, no header.

    Args:
        path: .csv, or .tsv for tabs.

    Raises:
        UserError: the file cannot be read, or holds no word with a synonym.
    """

    def __init__(self, path: str) -> None:
        try:
            with Path(path).open(encoding="utf-8-sig", newline="") as file:
                lines = [
                    [cell.strip() for cell in line if cell.strip()]
                    for line in csv.reader(file, delimiter="\t" if path.endswith((".tsv", ".tab")) else ",")
                ]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise UserError(f"a table of synonyms must be a CSV or TSV file in UTF-8: {path}: {error}") from None
        found: dict[str, list[str]] = {}
        for word, *others in filter(None, lines):
            found.setdefault(word.casefold(), []).extend(o for o in others if o != word)
        self._found: Mapping[str, tuple[str, ...]] = {w: tuple(dict.fromkeys(o)) for w, o in found.items() if o}
        if not self._found:
            raise UserError(
                f"a table of synonyms must hold a word and its synonyms in each line, {path} has no such line"
            )
        self.vocabulary: Collection[str] = self._found

    def __call__(self, word: str) -> tuple[str, ...]:
        """Return the synonyms of a word; none where it is not known."""
        return self._found.get(word.casefold(), ())


@lru_cache
def synonyms(table: str | None, wordnet: str) -> WordNet | Table:
    """Return the user's table, or WordNet where there is none; read once per process.

    Raises:
        UserError: it cannot be read.
    """
    return WordNet(wordnet) if table is None else Table(table)


def like(word: str, synonym: str) -> str:
    """Return a synonym with a capital where the word has one."""
    return synonym[:1].upper() + synonym[1:] if word[:1].isupper() else synonym
