"""Adverts: what stands at the ends of a caption in words of trade."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from xret.clean import Outcome
from xret.clean.text._caption import TOO_LONG, cut_out, has_content, outcome, plain_words
from xret.clean.text._trade import Token, Words, joint, tokens
from xret.clean.text.phrases import shipped

_MOST_CHARACTERS = 2000
_ROUNDS = 3


class Advert:
    def __init__(self, certainty: float = 3.7, min_share: float = 0.02) -> None:
        self.certainty, self.min_share = certainty, min_share
        self._words = Words(map(plain_words, shipped("en")))
        self._learnt = False

    def fit(self, values: Iterable[tuple[str, str]]) -> None:
        captions = list(dict.fromkeys(caption[:_MOST_CHARACTERS] for _, caption in values))
        self._learnt = False
        self._words.learn({})
        for _ in range(_ROUNDS):
            counts: Counter[str] = Counter()
            hits = 0
            for caption in captions:
                rest = self._strip(caption, [])
                hits += rest != caption
                counts.update(t.text for t in tokens(rest) if t.kind == "word")
            total = max(1, counts.total())
            self._words.learn({w: c / total for w, c in counts.items() if c >= max(3, 0.01 * len(captions))})
            self.share = hits / max(1, len(captions))
        self._learnt = self.share >= self.min_share

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass

    def __call__(self, caption: str) -> Outcome[str]:
        if not self._learnt or len(caption) > _MOST_CHARACTERS:
            return Outcome(caption)
        found: list[str] = []
        after = self._strip(caption, found)
        return outcome(caption, after, f"advert: {', '.join(found)}"[:200])

    def _strip(self, caption: str, found: list[str]) -> str:
        for _ in range(4):
            cut = self._cut(caption, self.certainty - 2.0 * bool(found))
            if cut is None:
                break
            caption, piece = cut
            found.append(piece)
        return caption

    def _cut(self, caption: str, certainty: float) -> tuple[str, str] | None:
        seen = tokens(caption)
        if len(seen) < 2:
            return None
        weights = [self._words.weight(t) for t in seen]
        content = [self._words.is_content(t) for t in seen]
        options = []
        total = 0.0
        for i in range(len(seen) - 1, 0, -1):
            total += weights[i]
            if any(content[:i]):
                j = joint(caption, seen[i - 1], seen[i], False)
                options.append((total + j, total + 2 * j, seen[i].start, len(caption)))
        total = 0.0
        for i in range(1, len(seen)):
            total += weights[i - 1]
            if any(content[i:]) and seen[0].text not in ("a", "an", "the"):
                j = joint(caption, seen[i - 1], seen[i], True)
                options.append((total + j, total + 2 * j, 0, seen[i - 1].end))
        options.extend(self._inside(seen, weights, content))
        fit = [o for o in options if o[0] >= certainty]
        for _, _, start, end in sorted(fit, key=lambda o: -o[1]):
            shorter = cut_out(caption, start, end)
            if has_content(shorter):
                return shorter, caption[start:end].strip()
        return None

    def _inside(self, seen, weights, content):
        best = (0.0, 0, 0)
        run, begin = 0.0, 1
        for i in range(1, len(seen) - 1):
            if run <= 0:
                run, begin = 0.0, i
            run += weights[i]
            best = max(best, (run, begin, i))
        run, i, j = best
        if run > 0 and any(content[:i]) | any(content[j + 1:]):
            worth = run - (3.0 if seen[i].capital else 5.0)
            yield worth, worth - 3, seen[i].start, seen[j].end
