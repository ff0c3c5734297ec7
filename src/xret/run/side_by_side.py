"""A comparison as text: Markdown for people, CSV and JSON for machines."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from xret.metric.compare import Estimate
from xret.run.comparison import RANKS, Comparison, Standing
from xret.run.runs import Run
from xret.run.settings import Setting


def markdown(comparison: Comparison) -> str:
    """Return notes, the table of all figures and, last, the table with verdict and cost.

    Shares are in percent, their differences in percent points. "±" is half the 95 % interval.
    """
    lines = [*(f"- {note}" for note in comparison.notes), ""] if comparison.notes else []
    return "\n".join([*lines, *_every_figure(comparison), *_legend(comparison), "", *_verdicts(comparison)])


def _legend(comparison: Comparison) -> list[str]:
    count, primary = len(comparison.settings) - 1, comparison.primary
    mean = "" if "/" in primary else ", mean of all directions"
    lines = [f"{primary}{mean}, on {comparison.split}; ± and [low, high]: 95 % intervals over seeds and queries"]
    if count:
        baseline = comparison.settings[comparison.baseline].name
        lines[0] += f"; baseline: {baseline}; p: corrected for {count} comparison{'s' * (count > 1)} (Holm)"
        if len(comparison.figures) > 1:
            lines[0] += "; ↑ ↓: better or worse at p < 0.05, corrected for each figure by itself"
    return lines


def _every_figure(comparison: Comparison) -> list[str]:
    """Return the table of the figures beside the primary one; arrows where the difference is shown."""
    figures = [figure for figure in comparison.figures if figure != comparison.primary]
    if not figures:
        return []
    arrows = {"better": " ↑", "worse": " ↓"}
    lines = [f"| setting | {' | '.join(figures)} |", "|---|" + "---:|" * len(figures)]
    for setting, *row in zip(comparison.settings, *map(comparison.of, figures), strict=True):
        cells = [_mean(s) + arrows.get(s.verdict, "") for s in row]
        lines.append(f"| {_cell(setting.name)} | {' | '.join(cells)} |")
    return [*lines, ""]


def _verdicts(comparison: Comparison) -> list[str]:
    directions = list(_latency(comparison.settings[0].runs[0]))
    heads = ["setting", "seeds", comparison.primary, "difference [low, high]", "p", "verdict", "training s"]
    heads += [f"ms per query, {d.replace('_to_', ' → ')}" for d in directions]
    heads += ["trained parameters", "bytes per vector"]
    lines = [f"| {' | '.join(heads)} |", "|---|---:|---:|---:|---:|---|" + "---:|" * (len(heads) - 6)]
    for setting, s in zip(comparison.settings, comparison.of(comparison.primary), strict=True):
        spent = costs(setting)
        verdict = "" if len(comparison.settings) == 1 else s.verdict
        cells = [_cell(s.setting), str(len(setting.runs)), _mean(s), _difference(s), _p(s.p), verdict]
        cells += [_number(spent["fit_s"]), *(_number(spent["latency_p50_ms"].get(d)) for d in directions)]
        cells += [_millions(spent["trained_parameters"]), _number(spent["vector_bytes"], 0)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def costs(setting: Setting) -> dict[str, Any]:
    """Return what a setting costs, as mean over its runs; None where a run did not record it."""

    def average(values: list[float | None]) -> float | None:
        return None if None in values else float(np.mean([v for v in values if v is not None]))

    runs = setting.runs
    return {
        "fit_s": average([run.cost.get("seconds", {}).get("fit") for run in runs]),
        "latency_p50_ms": {d: average([_latency(run).get(d) for run in runs]) for d in _latency(runs[0])},
        "trained_parameters": average([run.cost.get("parameters", {}).get("trained") for run in runs]),
        "vector_bytes": average([run.cost.get("vector_bytes") for run in runs]),
    }


def _latency(run: Run) -> dict[str, float]:
    table: Mapping[str, Mapping[str, float]] = run.cost.get("latency_ms", {})
    return {direction: times["p50"] for direction, times in table.items()}


def scale(figure: str) -> float:
    """Return what a figure is multiplied with to be shown: 100 for shares, 1 for ranks."""
    return 1.0 if figure.rpartition("/")[2] in RANKS else 100.0


def _mean(s: Standing) -> str:
    return f"{scale(s.figure) * s.mean.value:.1f} ± {scale(s.figure) * (s.mean.high - s.mean.value):.1f}"


def _difference(s: Standing) -> str:
    if s.difference is None:
        return ""
    value, low, high = (scale(s.figure) * x for x in (s.difference.value, s.difference.low, s.difference.high))
    return f"{value:+.1f} [{low:+.1f}, {high:+.1f}]"


def _p(p: float | None) -> str:
    return "" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _number(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _millions(value: float | None) -> str:
    return "" if value is None else f"{value / 1e6:.2f} M"


def _estimate(estimate: Estimate | None) -> dict[str, float] | None:
    return None if estimate is None else {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def as_json(comparison: Comparison) -> str:
    """Return one JSON document; shares stay fractions of 1."""
    groups = [
        {
            "name": setting.name,
            "baseline": i == comparison.baseline,
            "seeds": setting.seeds,
            "runs": [str(run.path) for run in setting.runs],
            "figures": {s.figure: _one(s) for s in comparison.standings if s.setting == setting.name},
            "verdict": next(s.verdict for s in comparison.of(comparison.primary) if s.setting == setting.name),
            "cost": costs(setting),
        }
        for i, setting in enumerate(comparison.settings)
    ]
    whole = {"split": comparison.split, "metric": comparison.primary, "notes": comparison.notes, "groups": groups}
    return json.dumps(whole, indent=1, ensure_ascii=False)


def _one(s: Standing) -> dict[str, Any]:
    p = None if s.difference is None else s.difference.p
    paired = s.difference is not None and s.difference.paired_seeds
    found: dict[str, Any] = {"mean": _estimate(s.mean), "difference": _estimate(s.difference)}
    return found | {"p": p, "p_corrected": s.p, "verdict": s.verdict, "paired_seeds": paired}


def as_csv(comparison: Comparison) -> str:
    """Return one line per figure and setting; shares stay fractions of 1."""
    text = io.StringIO()
    heads = ["figure", "setting", "seeds", "mean", "mean_low", "mean_high", "difference", "difference_low"]
    heads += ["difference_high", "p", "p_corrected", "verdict", "fit_s", "trained_parameters", "vector_bytes"]
    writer = csv.DictWriter(text, heads, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    spent = {setting.name: {**costs(setting), "seeds": len(setting.runs)} for setting in comparison.settings}
    for figure in comparison.figures:
        for s in comparison.of(figure):
            row = {"figure": figure, "setting": s.setting, "verdict": s.verdict, "p_corrected": s.p, **spent[s.setting]}
            row |= {"mean": s.mean.value, "mean_low": s.mean.low, "mean_high": s.mean.high}
            if d := s.difference:
                row |= {"difference": d.value, "difference_low": d.low, "difference_high": d.high, "p": d.p}
            writer.writerow(row)
    return text.getvalue()
