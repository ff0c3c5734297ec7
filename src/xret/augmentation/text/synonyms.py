"""Synonym replacement: some content words become others of the same meaning."""

from dataclasses import dataclass

import numpy as np

from xret.augmentation._checks import check_share
from xret.augmentation.text._synonyms import WORDNET, like, synonyms
from xret.augmentation.text._words import how_many, pick, split


@dataclass(frozen=True)
class Synonyms:
    """Replace n words of a text, none of them a function word, by a random synonym each.

    ``Synonyms()("a small dog on a bicycle", np.random.default_rng(0))``

    n is ``share`` of the text's words, at least one; fewer where fewer have synonyms.

    Source: Wei and Zou 2019, EDA, https://arxiv.org/abs/1901.11196 (sec. 2, SR). There any sense of a word counts; here
    the most frequent one, since "dog" is seldom a hot dog.

    Args:
        share: of the words, in [0, 1].
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
        """Return the text with synonyms; as it is where no word has one."""
        if rng.random() >= self.p:
            return text
        source = synonyms(self.table, self.wordnet)
        cut = split(text, source.vocabulary)
        known = [i for i in cut.content() if source(cut.words[i])]
        for i in pick(known, how_many(self.share, len(cut.words)), rng):
            others = source(cut.words[i])
            cut.words[i] = like(cut.words[i], others[rng.integers(len(others))])
        return str(cut)
