"""What the parts of items are worth: figures of items that lack one, and of each part alone."""

from collections.abc import Callable, Mapping

import numpy as np

from xret.commands._assembly import Prepared
from xret.commands._measure import encode_items
from xret.data.parts import ITEM, Composite
from xret.metric import TaskLike, Tasks
from xret.metric.evaluate import Evaluation, Vectors, evaluate
from xret.model.dual_encoder import DualEncoder

Shown = Vectors | Callable[[TaskLike], Vectors]
_SHOWN = ("recall_at_1", "recall_at_10", "mrr")


def by_parts(
    model: DualEncoder,
    prepared: Prepared,
    split: str,
    tasks: Tasks,
    vectors: Mapping[str, np.ndarray],
    result: Evaluation,
    shown: Callable[[Vectors], Shown] | None = None,
) -> dict[str, float]:
    """Return figures of a split by the parts of its items; none where targets have no parts.

    Args:
        model: that encodes them.
        prepared: the data.
        split: of them.
        tasks: of the split.
        vectors: modality -> (N, D) of its items.
        result: the figures of the whole items.
        shown: vectors -> those that are measured, where the scores of hubs are lowered.

    Returns:
        "test/items_without_title": share of the items that lack it. Where items differ in what they have,
        "test/text_to_item/all_parts_recall_at_10" of the queries whose right answers have all, "only_image_" and
        "only_title_" of those whose right answers have but one, each with its "queries"; queries by items go by what
        they have themselves. "alone_image_": of all queries, when of every item that has a picture nothing else is
        looked at.
    """
    item = prepared.given.get(ITEM)
    if not isinstance(item, Composite):
        return {}
    where = prepared.split(split)[1][ITEM]
    present = {part: there[where] for part, there in item.present().items()}
    found = {f"{split}/items_without_{part}": float(1 - there.mean()) for part, there in present.items()}
    kinds = _kinds(present)
    if len(np.unique(kinds)) > 1:
        found |= {f"{split}/{name}": value for name, value in _of_kinds(kinds, [*present], tasks, result).items()}
    seen = shown or (lambda found: found)
    for part in present if len(present) > 1 else ():
        alone = encode_items(model, ITEM, item.only(part), where)
        for name, value in evaluate(tasks, seen({**vectors, ITEM: alone}), resamples=0).values.items():
            direction, _, figure = name.rpartition("/")
            if figure in _SHOWN and direction:
                found[f"{split}/{direction}/alone_{part}_{figure}"] = value
    return found


def _kinds(present: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return (N,) int64, a bit for each part that an item has."""
    bits = [there.astype(np.int64) << bit for bit, there in enumerate(present.values())]
    found: np.ndarray = np.sum(bits, axis=0)
    return found


def _of_kinds(kinds: np.ndarray, parts: list[str], tasks: Tasks, result: Evaluation) -> dict[str, float]:
    """Return the means of the figures over the queries of each kind."""
    found = {}
    names = {(1 << len(parts)) - 1: "all_parts", **{1 << bit: f"only_{part}" for bit, part in enumerate(parts)}}
    for direction, table in result.per_query.items():
        of_query = np.concatenate([_asked(task, kinds) for task in tasks if task.name == direction])
        for kind, name in names.items():
            chosen = of_query == kind
            found[f"{direction}/{name}_queries"] = float(chosen.sum())
            for figure in _SHOWN if chosen.any() else ():
                found[f"{direction}/{name}_{figure}"] = float(table[figure][chosen].mean(dtype=np.float64))
    return found


def _asked(task: TaskLike, kinds: np.ndarray) -> np.ndarray:
    """Return (Q,) the kind of each query: its own, or that which all of its right answers share; else 0."""
    if task.query == ITEM:
        own: np.ndarray = kinds[task.queries]
        return own
    offsets, columns, _ = task.relevance
    right = kinds[task.targets[columns]]
    first = right[offsets[:-1]]  # every query has a right answer
    lowest, highest = np.minimum.reduceat(right, offsets[:-1]), np.maximum.reduceat(right, offsets[:-1])
    return np.where(lowest == highest, first, 0)
