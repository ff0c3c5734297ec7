"""Captions as shops and stock sites write them: promotion, boilerplate and damage around what is shown."""

import random
from dataclasses import dataclass, fields
from functools import partial

from xret.dirt import Planted, _damage
from xret.dirt._phrase import Phrase, draw, language_of, other, shop
from xret.dirt.draws import Draws, check_share

_DAMAGES = {  # in the order in which they happen; phrases come between repeats and the others
    "repeats": _damage.repeats,
    "symbols": _damage.symbols,
    "shouting": _damage.shouting,
    "html": _damage.html,
    "mojibake": _damage.mojibake,
}


@dataclass(frozen=True)
class Captions:
    """Plant dirt in captions; each kind in a share of them, drawn apart from the others.

    Phrases stand before, behind, around or within the caption, in its language: Chinese where it has a Chinese
    character, else English. Where a kind has nothing to work on (capitals in Chinese), none is planted.

    ``Planted.what`` holds the phrase and its place ("before", "after", "inside" or "around") for promotion and
    boilerplate; for the other kinds, the captions before and after it tell.

    Args:
        boilerplate: share of captions with one of the one to four phrases that the shop puts everywhere.
        promotion: share with a phrase that is drawn for this caption.
        foreign: share of the latter whose phrase is in the other language.
        repeats: share in which words are said again.
        symbols: share with stars, arrows and the like.
        shouting: share in capitals.
        html: share with tags and character references.
        mojibake: share whose bytes were read in a wrong encoding.

    Raises:
        ValueError: a share is outside [0, 1].
    """

    boilerplate: float = 0.4
    promotion: float = 0.3
    foreign: float = 0.05
    repeats: float = 0.05
    symbols: float = 0.12
    shouting: float = 0.06
    html: float = 0.08
    mojibake: float = 0.06

    def __post_init__(self) -> None:
        for one in fields(self):
            check_share(one.name, getattr(self, one.name))

    def __call__(self, caption: str, row: str, draws: Draws) -> tuple[str, list[Planted]]:
        """Return the dirty caption and what was planted, in the order in which it was.

        Args:
            caption: as it is.
            row: id of the row that holds it.
            draws: of the data set.
        """
        planted: list[Planted] = []
        steps = [(name, phrase.around) for name, phrase in self._phrases(caption, row, draws)]
        for kind in _DAMAGES:
            rng = draws.of(kind, row)
            if rng.random() < getattr(self, kind):
                steps.append((kind, partial(_damaged, kind, draws.pool, rng)))
        for kind, step in sorted(steps, key=lambda s: s[0] != "repeats"):
            after, what = step(caption)
            if after != caption:
                planted.append(Planted(kind, "text", what, caption, after))
                caption = after
        return caption, planted

    def _phrases(self, caption: str, row: str, draws: Draws) -> list[tuple[str, Phrase]]:
        """Return the phrases of a caption by kind, those that stand within it first."""
        language, found = language_of(caption), []
        if (rng := draws.of("promotion", row)).random() < self.promotion:
            spoken = other(language) if rng.random() < self.foreign else language
            found.append(("promotion", draw(draws.pool, spoken, rng)))
        if (rng := draws.of("boilerplate of", row)).random() < self.boilerplate:
            found.append(("boilerplate", rng.choice(shop(draws, language))))
        return sorted(found, key=lambda f: f[1].place != "inside")


def _damaged(kind: str, pool: str, rng: random.Random, caption: str) -> tuple[str, dict[str, str]]:
    return _DAMAGES[kind](caption, pool, rng), {}
