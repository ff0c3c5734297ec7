"""Pictures of explanations: heat over pictures, and words on a ground of the colour of their weight."""

import io
import textwrap
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

mpl.rcParams["font.family"] = ["DejaVu Sans", "sans-serif"]

_SHOWN_WORDS = 40
_LETTERS = 24  # of a word; longer ones are cut


@dataclass(frozen=True)
class Panel:
    """One picture of an explanation.

    Attributes:
        title: above it.
        picture: (H, W, 3) uint8.
    """

    title: str
    picture: np.ndarray


@dataclass(frozen=True)
class Line:
    """Words with their weights.

    Attributes:
        title: in front of them.
        words: each with its weight: above zero it speaks for the pair, below zero against it.
    """

    title: str
    words: Sequence[tuple[str, float]]


def draw(title: str, panels: Sequence[Panel], lines: Sequence[Line], note: str = "") -> bytes:
    """Draw pictures side by side and words below them; colours of all lines have one scale.

    Args:
        title: of the whole.
        panels: at least one.
        lines: at least one.
        note: at the bottom.

    Returns:
        A PNG.
    """
    figure = Figure(figsize=(max(2.6 * len(panels), 6), 3.6 + 0.62 * len(lines)), layout="constrained")
    heights = [2.6, *[0.62] * len(lines)]
    grid: Any = figure.add_gridspec(len(heights), len(panels), height_ratios=heights)
    figure.suptitle(_cut(title, 120), fontsize=10, parse_math=False)
    for column, panel in enumerate(panels):
        axis = figure.add_subplot(grid[0, column])
        axis.imshow(panel.picture)
        axis.set_axis_off()
        axis.set_title(textwrap.fill(_cut(panel.title, 80), 34), fontsize=8, parse_math=False)
    most = max((abs(weight) for line in lines for _, weight in line.words), default=0.0)
    rows = [figure.add_subplot(grid[row + 1, :]) for row in range(len(lines))]
    if note:
        figure.supxlabel(note, fontsize=8, parse_math=False)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # of a script that no installed font has
        for axis in rows:
            axis.set_axis_off()
        figure.draw_without_rendering()  # places the axes, so that words can be measured
        figure.set_layout_engine("none")
        for axis, line in zip(rows, lines, strict=True):
            _words(axis, line, most)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _words(axis: Axes, line: Line, most: float) -> None:
    """Write words from left to right, in as many rows as they need."""
    axis.set(xlim=(0, 1), ylim=(0, 1))
    to_axis = axis.transAxes.inverted()
    axis.text(0, 1, line.title, fontsize=8, va="top", color="#444444", transform=axis.transAxes, parse_math=False)
    left, top = 0.0, 0.62
    for word, weight in line.words[:_SHOWN_WORDS]:
        text = axis.text(
            left,
            top,
            f"{_cut(word, _LETTERS)} {weight:+.2f}",
            fontsize=9,
            va="top",
            transform=axis.transAxes,
            parse_math=False,
            bbox={"facecolor": _colour(weight, most), "edgecolor": "none", "pad": 1.5},
        )
        box = text.get_window_extent().transformed(to_axis)
        if box.x1 > 1 and left > 0:
            left, top = 0.0, top - 1.4 * box.height
            text.set_position((left, top))
        left += box.width + 0.015


def _colour(weight: float, most: float) -> tuple[float, ...]:
    """Return orange for words that speak for the pair, blue for those against it, white for none."""
    share = 0.5 + 0.5 * weight / most if most > 0 else 0.5
    return tuple(mpl.colormaps["PuOr_r"](0.2 + 0.6 * share))


def _cut(text: str, letters: int) -> str:
    clean = " ".join(text.split())
    return clean if len(clean) <= letters else f"{clean[: letters - 1]}…"
