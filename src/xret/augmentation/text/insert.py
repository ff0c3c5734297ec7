"""Random insertion: synonyms of some words are put somewhere into the text."""

from dataclasses import dataclass

import numpy as np

from xret.augmentation._checks import check_share
from xret.augmentation.text._synonyms import WORDNET, synonyms
from xret.augmentation.text._words import how_many, is_cjk, pick, split


@dataclass(frozen=True)
class Insert:
    """Put a random synonym of n words, none of them a function word, at random places of the text.

    ``Insert()("a small dog on a bicycle", np.random.default_rng(0))``

    Source: Wei and Zou 2019, EDA, https://arxiv.org/abs/1901.11196 (sec. 2, RI).

    Args:
        share: n as a share of the text's words, at least one word; in [0, 1].
        p: probability that a text is touched, in [0, 1].
        table: CSV or TSV with a word and its synonyms in each line, for other languages than English; null: WordNet.
        wordnet: folder of WordNet's files.

    Raises:
        ValueError: share or p is outside [0, 1].
        UserError: neither WordNet nor the table can be read.
    """

    share: float = 0.1
    p: float = 0.5
    table: str | None = None
    wordnet: str = WORDNET

    def __post_init__(self) -> None:
        check_share("share", self.share)
        check_share("p", self.p)
        synonyms(self.table, self.wordnet)

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        """Return the longer text; as it is where no word has a synonym."""
        if rng.random() >= self.p:
            return text
        source = synonyms(self.table, self.wordnet)
        cut = split(text, source.vocabulary)
        known = [cut.words[i] for i in cut.content() if source(cut.words[i])]
        for i in pick(list(range(len(known))), how_many(self.share, len(cut.words)), rng):
            others = source(known[i])
            new = others[rng.integers(len(others))]
            cut.insert(int(rng.integers(len(cut.words) + 1)), new, "" if is_cjk(new) else " ")
        return str(cut)
