"""Adverts: promotion in no known wording, told by its words of trade."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from xret.clean import Outcome
from xret.clean.text._adverts import without_adverts
from xret.clean.text._caption import outcome, plain_words
from xret.clean.text._inside import inside, without_inside
from xret.clean.text._trade import Words, tokens, wording
from xret.clean.text.phrases import shipped

_MOST_CHARACTERS = 2000  # a longer text is no caption
_ROUNDS = 3  # in which captions and what is cut off them tell each other
_CONTENT = 0.01  # share of captions that must have a word, for it to be their content ...
_FEWEST = 3  # ... and so many
_FOREIGN = 0.15  # share of captions with Chinese, below which it is none of their content


class Advert:
    """Take promotion off English captions that is in no list, where its words are those of shops and posts.

    Each token speaks for promotion or for content, by the logarithm of how much likelier it is there: words by the
    lists of phrases, wording and words of trade on the one side, English and the captions themselves on the other;
    links, prices, codes, hashtags by their kind. A run of tokens before, behind or within the content is cut where
    their sum, and the punctuation or the capital that sets it off, reach a bound. Words that the training captions
    have beside their promotion count for less, which is found in rounds. An article stays with its caption, and so
    does the last content.

    Words of trade that stand within many captions, between words that are others each time, are taken out wherever
    they are; words that are cut off more often than they stay are no content.

    Nothing is cut unless `fit` finds promotion that a capital or punctuation sets off on an unusual share of the
    captions: data without it stay as they are.

    Source: naive Bayes over words, as in Sahami et al. 1998, A Bayesian Approach to Filtering Junk E-Mail (sec. 2),
    trained on itself; the weights of kinds and joints are this bench's own.

    Args:
        certainty: nats from which a run is promotion; 3.5 are odds of 33 to 1.
        min_share: share of the training captions that must have promotion, in (0, 1].

    Raises:
        ValueError: certainty is not positive, or min_share is outside (0, 1].
        UserError: the package pyspellchecker, whose dictionary tells how frequent words are, is not installed.
    """

    def __init__(self, certainty: float = 3.5, min_share: float = 0.02) -> None:
        if certainty <= 0:
            raise ValueError(f"certainty must be positive, got {certainty}")
        if not 0 < min_share <= 1:
            raise ValueError(f"min_share must be in (0, 1], got {min_share}")
        self.certainty, self.min_share = certainty, min_share
        self._words = Words([*map(plain_words, shipped("en")), *wording()])
        self._found = False
        self._inside: set[tuple[str, ...]] = set()

    def fit(self, values: Iterable[tuple[str, str]]) -> None:
        """Learn the content of the training captions, and whether they have promotion at all."""
        captions = list(dict.fromkeys(caption[:_MOST_CHARACTERS] for _, caption in values))
        chinese = sum(any(token.kind == "han" for token in tokens(caption)) for caption in captions)
        foreign, dirty = chinese < _FOREIGN * len(captions), 0
        self._words.learn({}, foreign)
        self._inside = inside(captions, self._words)
        for _ in range(_ROUNDS):
            counts, told = Counter[str](), Counter[str]()
            dirty = 0
            for caption in captions:
                rest, found = self._cut(caption)
                dirty += any(set_off for _, set_off in found)
                for text in (rest, *(piece for piece, set_off in found if not set_off)):
                    counts.update(_content(text))
                told.update(token.text for piece, set_off in found if set_off for token in tokens(piece))
            least, total = max(_FEWEST, _CONTENT * len(captions)), counts.total()
            content = {w: count / total for w, count in counts.items() if count >= max(least, told[w])}
            self._words.learn(content, foreign)
        self._found = dirty >= max(self.min_share * len(captions), 1)

    def state(self) -> dict[str, Any]:
        """Return what was learnt, of JSON."""
        return {
            "found": self._found,
            "foreign": self._words.foreign,
            "content": self._words.content,
            "inside": sorted(list(run) for run in self._inside),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what was learnt before."""
        self._found = state["found"]
        self._inside = {tuple(run) for run in state["inside"]}
        self._words.learn(state["content"], state["foreign"])

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption without adverts."""
        if not self._found or len(caption) > _MOST_CHARACTERS:
            return Outcome(caption)
        after, found = self._cut(caption)
        return outcome(caption, after, f"advert: {', '.join(piece for piece, _ in found)}"[:200])

    def _cut(self, caption: str) -> tuple[str, list[tuple[str, bool]]]:
        """Return a caption without adverts, and these, with whether something sets them off."""
        rest, within = without_inside(caption, self._inside)
        rest, found = without_adverts(rest, self._words, self.certainty)
        return rest, [*((piece, piece[0].isupper()) for piece in within), *found]


def _content(caption: str) -> list[str]:
    """Return the words of a caption, but for those with a capital in its middle: adverts left within begin so."""
    return [t.text for i, t in enumerate(tokens(caption)) if t.kind == "word" and not (i and t.capital)]
