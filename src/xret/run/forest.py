"""The picture of a comparison: a forest plot of differences to the baseline."""

import io
import textwrap

import matplotlib as mpl
from matplotlib.figure import Figure

from xret.run.comparison import Comparison, Standing
from xret.run.side_by_side import scale

mpl.rcParams["font.family"] = ["DejaVu Sans", "sans-serif"]

_COLOURS = {"better": "#2a7f3f", "worse": "#b3261e", "not shown": "#666666", "baseline": "#222222"}


def forest(comparison: Comparison) -> bytes:
    """Draw means with their intervals on the left and differences to the baseline with theirs on the right.

    Returns:
        A PNG.
    """
    standings = comparison.of(comparison.primary)
    figure = Figure(figsize=(9, 1.4 + 0.42 * len(standings)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for height, s in enumerate(standings):
        _line(left, height, s, of_difference=False)
        if s.difference is not None:
            _line(right, height, s, of_difference=True)
    unit = "%" if scale(comparison.primary) == 100 else "rank"
    points = "percent points" if unit == "%" else "ranks"
    baseline = textwrap.shorten(comparison.settings[comparison.baseline].name, 60)
    left.set(xlabel=f"{comparison.split}, {comparison.primary}, {unit}", ylim=(len(standings) - 0.5, -0.5))
    left.set_yticks(range(len(standings)), [textwrap.fill(s.setting, 40) for s in standings], fontsize=8)
    right.axvline(0, color="#222222", linewidth=0.8)
    right.set(xlabel=f"difference in {points} to\n{baseline}")
    right.tick_params(labelleft=False)
    figure.suptitle("95 % intervals over seeds and queries; green: better, red: worse, grey: not shown", fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _line(axes: mpl.axes.Axes, height: int, s: Standing, of_difference: bool) -> None:
    estimate = s.difference if of_difference and s.difference is not None else s.mean
    value, low, high = (scale(s.figure) * x for x in (estimate.value, estimate.low, estimate.high))
    axes.plot([low, high], [height, height], color=_COLOURS[s.verdict], linewidth=1.5)
    axes.plot([value], [height], "o", color=_COLOURS[s.verdict], markersize=5)
