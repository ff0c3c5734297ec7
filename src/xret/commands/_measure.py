"""Vectors of a split, what they achieve, and what stands beside them."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from xret._errors import UserError
from xret.commands._assembly import Prepared
from xret.commands._sources import Provider
from xret.data.manifest import media_path
from xret.data.parts import BESIDE, ITEM
from xret.data.reading import BrokenMedia, read_image
from xret.metric import TaskLike, Tasks
from xret.metric.evaluate import Evaluation, SecondStage, Vectors, evaluate
from xret.metric.ridge import RidgeBaseline, ridge_baseline
from xret.metric.top_k import top_k
from xret.model.dual_encoder import DualEncoder
from xret.protocol.default import Default
from xret.run.figures import answers, best_and_worst
from xret.run.runs import INDEX

_BATCH = 256
_SHOWN = 4
_PICTURE_PX = 96
_COUNTS = ("queries", "targets", "left_out")


def encode_split(model: DualEncoder, prepared: Prepared, split: str) -> dict[str, np.ndarray]:
    """Return modality -> (N, D) float32 unit vectors of a split's items."""
    _, places = prepared.split(split)
    return {m: encode_items(model, m, prepared.given[m], where) for m, where in places.items()}


@torch.inference_mode()
def encode_items(model: DualEncoder, modality: str, provider: Provider, where: np.ndarray) -> np.ndarray:
    """Return (N, D) float32 unit vectors of the items at N positions."""
    model.eval()
    device = next(model.parameters()).device
    parts = []
    for begin in range(0, len(where), _BATCH):
        inputs = provider(where[begin : begin + _BATCH])
        on_device = {name: tensor.to(device) for name, tensor in inputs.items()}
        parts.append(model.encode(modality, on_device).vector.float().cpu().numpy())
    return np.concatenate(parts)


def with_mean_mrr(values: Mapping[str, float]) -> dict[str, float]:
    """Return figures and, as "mrr", the mean of all directions' MRR: one number for one model."""
    directions = [value for name, value in values.items() if name.count("/") == 1 and name.endswith("/mrr")]
    return {**values, "mrr": float(np.mean(directions))}


def measure(
    tasks: Tasks,
    vectors: Vectors | Callable[[TaskLike], Vectors],
    seed: int,
    second: SecondStage | None = None,
    report: str = "first",
) -> Evaluation:
    """Evaluate with intervals, and add the mean MRR.

    Args:
        tasks: of a split.
        vectors: modality -> (N, D) unit vectors of its items; or a task -> those that it is measured by.
        seed: of the bootstrap.
        second: its figures stand beside those of the vectors, as "text_to_image/reranked_recall_at_1" and so on.
        report: "reranked" gives its figures the plain names too, and calls those of the vectors
            "text_to_image/first_recall_at_1".
    """
    first = _with_mean_mrr(evaluate(tasks, vectors, seed=seed))
    if second is None:
        return first
    again = _with_mean_mrr(evaluate(tasks, vectors, seed=seed, second=second))
    if report == "first":
        return beside(first, again, "reranked_")
    return beside(beside(again, first, "first_"), again, "reranked_")


def _with_mean_mrr(result: Evaluation) -> Evaluation:
    return Evaluation(with_mean_mrr(result.values), result.per_query)


def beside(plain: Evaluation, other: Evaluation, prefix: str) -> Evaluation:
    """Return figures with those of another system beside them; what does not depend on the system stands there once."""
    values = {}
    for name, value in other.values.items():
        direction, slash, figure = name.rpartition("/")
        if not figure.startswith(("chance_", *_COUNTS)):
            values[f"{direction}{slash}{prefix}{figure}"] = value
    tables = {
        name: table | {f"{prefix}{key}": v for key, v in other.per_query[name].items() if key not in INDEX}
        for name, table in plain.per_query.items()
    }
    return Evaluation({**plain.values, **values}, tables)


def arrays(evaluation: Evaluation, split: str) -> dict[str, np.ndarray]:
    """Return the per-query values as flat arrays: "test/text_to_image/mrr" -> (Q,)."""
    return {
        f"{split}/{name}/{key}": column for name, table in evaluation.per_query.items() for key, column in table.items()
    }


def picture(
    prepared: Prepared,
    split: str,
    tasks: Tasks,
    vectors: Vectors | Callable[[TaskLike], Vectors],
    result: Evaluation,
) -> bytes | None:
    """Draw the best and the worst queries from text to image with their first five answers; None without pictures.

    An item of several parts is shown by its picture, where it has one.
    """
    wanted = (("text", "image"), ("text", ITEM))
    task = next((t for t in tasks if (t.query, t.target) in wanted and t.fold == 0), None)
    if task is None:
        return None
    items, _ = prepared.split(split)
    given = vectors(task) if callable(vectors) else vectors
    table = result.per_query[task.name]
    first = 1 / table["mrr"][: len(task.queries)]
    best, worst = best_and_worst(first, _SHOWN)
    chosen = [*best, *worst]
    found, _ = top_k(given["text"][task.queries[chosen]], given[task.target][task.targets], 5)
    rows = []
    for query, targets in zip(chosen, found.tolist(), strict=True):
        offsets, columns, _ = task.relevance
        right = set(columns[offsets[query] : offsets[query + 1]].tolist())
        shown = []
        for target in targets:
            ref = items[task.target].refs[int(task.targets[target])]
            shown.append((_thumbnail(prepared, ref.partition(BESIDE)[0]), ref, target in right))
        rows.append((f"{items['text'].refs[int(task.queries[query])]}\n(rank {first[query]:.0f})", shown))
    return answers(rows, f"{split}: best and worst queries")


def _thumbnail(prepared: Prepared, ref: str) -> np.ndarray | None:
    try:
        return read_image(media_path(prepared.manifest.root, ref), ref.partition("#")[2], _PICTURE_PX, "pad")
    except BrokenMedia:
        return None


def require(cfg_protocol: Any, items: Mapping[str, Any], split: str) -> Tasks:  # noqa: ANN401 - a protocol
    """Return a protocol's tasks for the items of a split.

    Raises:
        UserError: there is nothing to ask.
    """
    tasks: Tasks = cfg_protocol(items)
    if not any(len(task.queries) for task in tasks):
        raise UserError(f"the split {split!r} has no query with a right answer")
    return tasks


def of_split(protocol: Any, split: str) -> Any:  # noqa: ANN401 - a protocol
    """Return what measures a split in training: the protocol, or the default one where it speaks of another split."""
    return protocol if getattr(protocol, "split", None) in (None, split) else Default()


class Ridge:
    """The closed-form baseline on the features of frozen encoders; silent where an encoder is not frozen.

    Fitted on the training pairs, its strength chosen on the validation split, as `xret.metric.ridge` says.

    Args:
        prepared: the data and its stored features.
        tasks: of the validation split.
    """

    def __init__(self, prepared: Prepared, tasks: Tasks) -> None:
        self.prepared = prepared
        self.baseline: RidgeBaseline | None = None
        if len(prepared.features) < max(2, len(prepared.items)):
            return
        rows = prepared.rows("train")
        pairs = {m: array[prepared.of_row[m][rows]] for m, array in prepared.features.items()}
        self.baseline = ridge_baseline(pairs, tasks, self._of("val"))

    def _of(self, split: str) -> dict[str, np.ndarray]:
        _, places = self.prepared.split(split)
        return {m: array[places[m]] for m, array in self.prepared.features.items()}

    def evaluate(self, tasks: Tasks, split: str) -> dict[str, float]:
        """Return "text_to_image/ridge_recall_at_10" and so on for the items of a split."""
        return {} if self.baseline is None else self.baseline.evaluate(tasks, self._of(split))
