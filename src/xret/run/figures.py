"""Pictures of a run: the curves of its training, and its best and worst queries."""

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

mpl.rcParams["font.family"] = ["DejaVu Sans", "sans-serif"]

_RIGHT, _WRONG = "#2a7f3f", "#b3261e"


def curves(history: Sequence[Mapping[str, float]]) -> bytes:
    """Draw loss and validation metrics over epochs.

    Args:
        history: one mapping per epoch with "epoch", "train/loss" and "val/..." values.

    Returns:
        A PNG.
    """
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    epochs = [int(row["epoch"]) + 1 for row in history]
    left.plot(epochs, [row.get("train/loss", np.nan) for row in history], color="#444444")
    left.set(xlabel="epoch", ylabel="train/loss", title="loss")
    shown = [
        name
        for name in history[-1]
        if name.startswith("val/") and name.endswith(("mrr", "recall_at_1", "recall_at_10"))
    ]
    for name in sorted(shown):
        right.plot(epochs, [row.get(name, np.nan) for row in history], label=name.removeprefix("val/"))
    right.set(xlabel="epoch", ylim=(0, None), title="validation")
    right.legend(fontsize=7)
    return _png(figure)


def answers(rows: Sequence[tuple[str, Sequence[tuple[Any, str, bool]]]], title: str) -> bytes:
    """Draw queries with their first answers, right ones framed green, wrong ones red.

    Args:
        rows: (query text, [(picture (3, H, W) uint8 or None, caption, right?), ...]) each.
        title: of the whole picture.

    Returns:
        A PNG.
    """
    columns = 1 + max(len(found) for _, found in rows)
    figure = Figure(figsize=(1.5 * columns, 1.55 * len(rows)), layout="constrained")
    figure.suptitle(title, fontsize=10)
    axes = np.atleast_2d(figure.subplots(len(rows), columns))
    for line, (query, found) in zip(axes, rows, strict=True):
        for axis in line:
            axis.set(xticks=[], yticks=[])
            axis.spines[:].set_visible(False)
        line[0].text(0.5, 0.5, textwrap.fill(query, 18), ha="center", va="center", fontsize=8)
        for axis, (picture, caption, right) in zip(line[1:], found, strict=False):
            if picture is None:
                axis.text(0.5, 0.5, textwrap.fill(caption, 18), ha="center", va="center", fontsize=7)
            else:
                axis.imshow(np.moveaxis(picture, 0, -1))
            axis.spines[:].set(visible=True, color=_RIGHT if right else _WRONG, linewidth=3)
    return _png(figure)


def best_and_worst(first_rank: np.ndarray, count: int) -> tuple[list[int], list[int]]:
    """Return positions of the queries whose first right answer stands highest, and lowest.

    Args:
        first_rank: (Q,) rank of the first right answer, from 1.
        count: how many of each.
    """
    order = np.argsort(first_rank, kind="stable")
    return order[:count].tolist(), order[::-1][:count].tolist()


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
