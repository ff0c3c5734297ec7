"""Which items of an index may be answers: those whose attributes have certain values."""

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from xret._errors import UserError

Where = Mapping[str, str | Sequence[str]]
Key = tuple[tuple[str, tuple[str, ...]], ...]

_COLUMNS = ("group", "split")  # of every item, beside its attributes


class Filtering:
    """Turns ``{category: food, split: [val, test]}`` into a mask: every name must have one of its values.

    Args:
        items: table of what the vectors stand for, a row each; see `xret.run.vectors.COLUMNS`.
    """

    def __init__(self, items: Any) -> None:  # noqa: ANN401 - a pyarrow.Table
        self.items = items
        self._mask = lru_cache(64)(self._masked)  # the same filters come again

    @cached_property
    def columns(self) -> dict[str, tuple[list[str], np.ndarray]]:
        """Name -> its values, sorted, and (N,) int64 which of them an item has; an item without one has ""."""
        import pyarrow.compute as pc

        found = {}
        unlike = self.items.column("attributes").combine_chunks().dictionary_encode()
        read = [json.loads(text) for text in unlike.dictionary.to_pylist()]
        which = unlike.indices.to_numpy()
        for name in sorted({key for attributes in read for key in attributes}):
            values, codes = np.unique([attributes.get(name, "") for attributes in read], return_inverse=True)
            found[name] = (values.tolist(), codes[which])
        for name in _COLUMNS:
            values, codes = np.unique(pc.fill_null(self.items.column(name), "").to_pylist(), return_inverse=True)
            if values.tolist() != [""]:
                found.setdefault(name, (values.tolist(), codes))
        return found

    def offered(self, most: int = 200) -> dict[str, list[str]]:
        """Return name -> values of what is worth choosing from: two values at least and ``most`` at most."""
        known = {name: [v for v in values if v] for name, (values, _) in self.columns.items()}
        return {name: values for name, values in known.items() if 1 < len(values) <= most}

    def key(self, where: Where) -> Key:
        """Return a filter in one form, equal for equal filters.

        Raises:
            UserError: no item has such an attribute or value.
        """
        key = []
        for name, values in where.items():
            if name not in self.columns:
                raise UserError(f"no item has an attribute {name!r}; {_nearest(name, self.columns)}")
            chosen = {values} if isinstance(values, str) else set(values)
            for value in sorted(chosen - set(self.columns[name][0])):
                raise UserError(f"no item has {name}={value!r}; {_nearest(value, self.columns[name][0])}")
            key.append((name, tuple(sorted(chosen))))
        return tuple(sorted(key))

    def allowed(self, where: Where) -> np.ndarray | None:
        """Return (N,) bool, the items that pass; None: all.

        Raises:
            UserError: see `key`.
        """
        return self._mask(self.key(where)) if where else None

    def _masked(self, key: Key) -> np.ndarray:
        mask = np.ones(self.items.num_rows, bool)
        for name, chosen in key:
            values, codes = self.columns[name]
            mask &= np.isin(codes, [values.index(value) for value in chosen])
        return mask


def _nearest(word: str, names: Iterable[str]) -> str:
    """Return a hint with the names nearest to a word."""
    known = [name for name in names if name]
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(known[:20])}{', ...' if len(known) > 20 else ''}" if known else "there are none"
