"""Promotional phrases, and where in a caption they stand."""

import random
from dataclasses import dataclass

from xret.dirt._pools import CHINESE, JOINTS, filled, phrases
from xret.dirt.draws import Draws

_MOST = 4  # phrases that a shop puts everywhere
_PLACES = ("after",) * 5 + ("before",) * 2 + ("inside",)  # most shops write behind the title


@dataclass(frozen=True, slots=True)
class Phrase:
    """A phrase with its placeholders filled.

    Attributes:
        text: with ``{caption}`` in it where it goes around the caption.
        place: "around", else "before", "after" or "inside".
        joint: what stands between it and the caption.
        cut: where in the caption it stands, as a share of its words, for "inside".
    """

    text: str
    place: str
    joint: str
    cut: float

    def around(self, caption: str) -> tuple[str, dict[str, str]]:
        """Return the caption with the phrase, and what describes it: its words and its place.

        A full stop goes where the sentence runs on behind it.
        """
        words = caption.split(" ")
        place = "after" if self.place == "inside" and len(words) < 2 else self.place
        if place == "inside":
            at = 1 + int(self.cut * (len(words) - 1))
            full = " ".join([*words[:at], self.text, *words[at:]])
        elif place == "before":
            full = f"{self.text}{self.joint}{caption}"
        else:
            template = self.text if place == "around" else f"{{caption}}{self.joint}{self.text}"
            full = template.replace("{caption}", caption if template.endswith("{caption}") else _open(caption))
        return full, {"phrase": self.text, "place": place}


def _open(caption: str) -> str:
    """Return a caption without the full stop that ends it; three dots stay."""
    return caption if caption.endswith("..") else caption.removesuffix(".").removesuffix("。")


def draw(pool: str, language: str, rng: random.Random) -> Phrase:
    """Return a phrase of a pool in "en" or "zh"."""
    text = filled(rng.choice(phrases(pool, language)), pool, rng)
    place = "around" if "{caption}" in text else rng.choice(_PLACES)
    return Phrase(text, place, rng.choice(JOINTS[pool]), rng.random())


def shop(draws: Draws, language: str) -> tuple[Phrase, ...]:
    """Return the one to four phrases that the shop of a data set puts everywhere, each in its place."""
    rng = draws.of("boilerplate", draws.pool, language)
    return tuple(draw(draws.pool, language, rng) for _ in range(rng.randint(1, _MOST)))


def other(language: str) -> str:
    """Return "zh" for "en", and the other way round."""
    return "en" if language == "zh" else "zh"


def language_of(caption: str) -> str:
    """Return "zh" where a caption has a Chinese character, else "en"."""
    return "zh" if CHINESE.search(caption) else "en"
