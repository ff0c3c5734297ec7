"""English plurals: which two words are one thing in two numbers."""

from collections.abc import Iterator

_IRREGULAR = {
    "man": "men", "woman": "women", "child": "children", "foot": "feet", "tooth": "teeth", "goose": "geese",
    "mouse": "mice", "ox": "oxen", "person": "people", "cactus": "cacti", "axis": "axes",
}  # fmt: skip
_SINGULAR = {many: one for one, many in _IRREGULAR.items()}

# Plurals that name another thing than their singular does.
_OTHER = frozenset([
    "arms", "blues", "boxers", "briefs", "checkers", "clothes", "contents", "cords", "customs", "flats", "glasses",
    "goods", "greens", "heels", "irons", "jeans", "leggings", "letters", "looks", "manners", "means", "minutes", "news",
    "overalls", "pants", "pumps", "scales", "shorts", "slacks", "specs", "spectacles", "spirits", "stocks", "sweats",
    "tights", "trainers", "trunks", "vespers", "waters", "woods", "works",
])  # fmt: skip
_SHORTEST = 3  # letters of a singular


def other_numbers(value: str) -> Iterator[str]:
    """Yield the value with its last word in the other number, all ways in which that may be spelt."""
    head, space, word = value.rpartition(" ")
    if word.isascii() and word.isalpha():
        for other in {*_plurals(word), *_singulars(word)}:
            yield f"{head}{space}{other}"


def is_plural(value: str) -> bool:
    """Tell whether the last word of a value is built like a plural."""
    return bool(_singulars(value.rpartition(" ")[2]))


def _plurals(word: str) -> set[str]:
    if word in _IRREGULAR:
        return {_IRREGULAR[word]}
    if len(word) < _SHORTEST or word in _SINGULAR:
        return set()
    if word.endswith("y") and word[-2] not in "aeiou":
        found = {f"{word[:-1]}ies"}
    elif word.endswith(("s", "x", "z", "ch", "sh")):
        found = {f"{word}es"}
    else:
        found = {f"{word}s"}
        if word.endswith("o"):
            found.add(f"{word}es")
        if word.endswith(("f", "fe")):
            found.add(f"{word.removesuffix('e')[:-1]}ves")
    return found - _OTHER


def _singulars(word: str) -> set[str]:
    if word in _SINGULAR:
        return {_SINGULAR[word]}
    stem = word[:-1] if word.endswith("s") else ""
    likely = {stem, stem.removesuffix("e")}
    if stem.endswith("ie"):
        likely.add(f"{stem[:-2]}y")
    if stem.endswith("ve"):
        likely |= {f"{stem[:-2]}f", f"{stem[:-2]}fe"}
    return {one for one in likely if word in _plurals(one)}
