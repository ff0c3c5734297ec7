"""The normal form of a label: what is chance in its spelling goes."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from xret.clean import Outcome
from xret.clean.labels._plural import is_plural, other_numbers
from xret.clean.labels._value import HAN, TOO_LONG, fold

_SAME_NAME = {"colour": "color", "color": "colour", "type": "kind", "kind": "type"}


class Normal:
    """Write a label in small letters, with single spaces, without punctuation around its words.

    Letters of full width become plain ones (Unicode NFKC); underscores and the hyphens between words become spaces.
    What tells values apart stays: digits, a minus before a digit, points and commas inside numbers, ``& + # % / °``
    and apostrophes. A label without letter and digit is only trimmed.

    ``fit`` sees the values of one attribute, every occurrence: repeats are support. From then on

    - the attribute's own name at the end of a value goes ("retro style" of the attribute style);
    - English singular and plural become the one that is more frequent, if both occur, the singular if they are even.
      Where the plural is another thing (glasses, shorts, woods), both stay.

    Args:
        own_name: let the attribute's own name at the end go.
        suffixes: more words that go at the end of a value, unless nothing is left: style, colour; 色, 风格.
        plural: make one of singular and plural.

    Raises:
        ValueError: a suffix is empty, or `suffixes` is a text.
    """

    def __init__(self, own_name: bool = True, suffixes: Iterable[str] = (), plural: bool = True) -> None:
        if isinstance(suffixes, str):
            raise ValueError(f"suffixes must be a list, got {suffixes!r}; write [{suffixes}]")
        self.own_name, self.plural = own_name, plural
        self.suffixes = tuple(fold(suffix) for suffix in suffixes)
        if not all(self.suffixes):
            raise ValueError("suffixes must be words, got an empty one")
        self._names: tuple[str, ...] = ()
        self._support: Counter[str] = Counter()

    def fit(self, values: Iterable[tuple[str, str]]) -> None:
        """Learn the attribute's name and how often each value occurs; the same value may come many times."""
        names: set[str] = set()
        forms: Counter[str] = Counter()
        for name, value in values:
            names.add(name)
            forms[value[: TOO_LONG + 1]] += 1
        one = fold(names.pop()) if len(names) == 1 else ""
        self._names = tuple(name for name in (one, _SAME_NAME.get(one, "")) if name)
        self._support = Counter()
        for value, count in forms.items():
            self._support[self._stripped(fold(value))] += count

    def state(self) -> dict[str, Any]:
        """Return the attribute's names and the supports."""
        return {"names": list(self._names), "support": dict(self._support)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what was learnt before."""
        self._names, self._support = tuple(state["names"]), Counter(state["support"])

    def __call__(self, value: str) -> Outcome[str]:
        """Return the normal form."""
        if len(value) > TOO_LONG:
            return Outcome(value)
        plain = fold(value)
        bare = self._stripped(plain)
        after = self._usual_number(bare) if self.plural else bare
        if after == value:
            return Outcome(value)
        if after != bare:
            return Outcome(
                after, f"number: {self._support[after]} times {after!r}, {self._support[bare]} {bare!r}"[:200]
            )
        return Outcome(after, "normal form" if bare == plain else f"ends in {plain[len(bare) :].strip()!r}")

    def _stripped(self, value: str) -> str:
        """Return a folded value without the words that go at its end."""
        endings = (*self.suffixes, *(self._names if self.own_name else ()))
        while (shorter := next((s for e in endings if (s := _without(value, e))), "")) != "":
            value = shorter
        return value

    def _usual_number(self, value: str) -> str:
        """Return the value in the number in which it is most frequent."""
        while True:
            known = [other for other in other_numbers(value) if other in self._support]
            best = max([value, *sorted(known)], key=self._rank)
            if best == value:
                return value
            value = best

    def _rank(self, value: str) -> tuple[int, bool, int, str]:
        return (self._support[value], not is_plural(value), -len(value), value)


def _without(value: str, ending: str) -> str:
    """Return a value without a word at its end; "" where it does not end so, or nothing would be left."""
    if not value.endswith(ending) or value == ending:
        return ""
    rest = value[: -len(ending)]
    joined = HAN.match(ending) and HAN.match(rest[-1:])
    return fold(rest) if rest.endswith(" ") or joined else ""
