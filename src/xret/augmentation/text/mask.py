"""Token masking: some words are hidden behind the mask token of the encoder's tokeniser."""

from dataclasses import dataclass

import numpy as np

from xret.augmentation._checks import check_share
from xret.augmentation.text._words import split


@dataclass(frozen=True)
class Mask:
    """Hide each word with a probability of ``share`` behind one mask token; one content word always stays.

    ``Mask("[MASK]")("a small dog on a bicycle", np.random.default_rng(0))``

    The tokeniser reads its own mask token inside a text as that token.

    Source: the noise of Devlin et al. 2019, BERT, https://arxiv.org/abs/1810.04805 (sec. 3.1), by whole words and
    without its 10 % of random and 10 % of unchanged words.

    Args:
        token: of the tokeniser, "[MASK]" for BERT and "<mask>" for RoBERTa; in a config null: the encoder's own.
        share: probability that a word is hidden, in [0, 1]; 0.15 in the paper.
        p: probability that a text is touched, in [0, 1].

    Raises:
        ValueError: there is no token, or share or p is outside [0, 1].
    """

    token: str | None
    share: float = 0.15
    p: float = 0.5

    def __post_init__(self) -> None:
        if not self.token:
            raise ValueError(
                "mask needs the mask token of the text encoder, and its tokeniser has none; drop the operation"
            )
        check_share("share", self.share)
        check_share("p", self.p)

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        """Return the text with mask tokens in it."""
        if rng.random() >= self.p:
            return text
        cut = split(text)
        hidden = set(np.flatnonzero(rng.random(len(cut.words)) < self.share).tolist())
        needed = cut.content() or list(range(len(cut.words)))
        if needed and hidden.issuperset(needed):
            hidden.remove(needed[rng.integers(len(needed))])
        for place in hidden:
            cut.words[place] = str(self.token)
        return str(cut)
