"""Settings side by side: mean and interval of each figure, difference to a baseline, verdict, cost."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from xret._errors import UserError
from xret.metric.compare import Estimate, difference, holm, mean
from xret.run.answers import Answers
from xret.run.runs import Run, conflict
from xret.run.settings import Setting

LEVEL = 0.05
RANKS = ("mean_rank",)  # figures in ranks and not in percent; lower is better


@dataclass(frozen=True)
class Standing:
    """One figure of one setting.

    Attributes:
        setting: its name.
        figure: "mrr" for the mean over directions, "text_to_image/mrr" for one of them.
        mean: over seeds and queries; as stored, so 0.5 for 50 %.
        difference: to the baseline, None for the baseline itself.
        p: corrected for the number of settings compared with the baseline.
        verdict: "baseline", "better", "worse" or "not shown".
    """

    setting: str
    figure: str
    mean: Estimate
    difference: Estimate | None
    p: float | None
    verdict: str


@dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
        settings: compared, with their runs.
        baseline: place of the baseline among them.
        split: "test" or "val".
        primary: the figure that the verdict is about.
        standings: of all figures, those of one figure together, in the order of the settings.
        notes: what a reader must know, a line each.
    """

    settings: list[Setting]
    baseline: int
    split: str
    primary: str
    standings: list[Standing]
    notes: list[str]

    def of(self, figure: str) -> list[Standing]:
        """Return the standings of one figure."""
        return [s for s in self.standings if s.figure == figure]

    @property
    def figures(self) -> list[str]:
        """The figures, the primary one first."""
        return list(dict.fromkeys([self.primary, *(s.figure for s in self.standings)]))


def compare(
    settings: Sequence[Setting],
    baseline: int,
    metrics: Sequence[str],
    split: str,
    *,
    force: bool = False,
    seed: int = 0,
) -> Comparison:
    """Compare settings with a baseline.

    Args:
        settings: one for means alone, or more.
        baseline: place of the one that the others are compared with.
        metrics: the first is the primary one. "mrr" is the mean over directions, and brings each of them along;
            "text_to_image/mrr" stands for itself.
        split: "test" or "val".
        force: compare runs of different protocol, data or split; with queries drawn apart where they differ.
        seed: of the bootstrap.

    Raises:
        UserError: runs must not be compared, or a metric is not known.
    """
    first = settings[baseline].runs[0]
    notes = _refusals(settings, first, split, force)
    wanted = [_resolve(metric, first, split) for metric in metrics]
    columns = list(dict.fromkeys(column for _, column in wanted))
    answers = Answers.read(settings, split, columns, seed)
    standings: list[Standing] = []
    for direction, column in _figures(wanted, first.figures(split)):
        standings += _standings(settings, baseline, answers, direction, column)
    primary = "/".join(filter(None, wanted[0]))
    return Comparison(list(settings), baseline, split, primary, standings, notes + _remarks(settings))


def _refusals(settings: Sequence[Setting], first: Run, split: str, force: bool) -> list[str]:
    """Raise where runs answer different questions; where that is wanted all the same, return what differs."""
    notes = []
    for setting in settings:
        for run in setting.runs:
            apart = conflict(first, run, split)
            if apart and not force:
                raise UserError(
                    f"{first.path} and {run.path} differ in {apart}, so a difference in figures would not be one of "
                    f"settings; leave one out, or compare them all the same with force=true"
                )
            if apart:
                notes.append(f"forced: {first.path} and {run.path} differ in {apart}")
            if setting.runs[0].asked(split) != run.asked(split):
                raise UserError(
                    f"{setting.runs[0].path} and {run.path} are one setting ({setting.name}) asked different queries; "
                    f"leave one of them out"
                )
    return notes


def _resolve(metric: str, run: Run, split: str) -> tuple[str, str]:
    """Return (direction or "", column) of a metric as typed."""
    figures = run.figures(split)
    direction, _, column = metric.removeprefix(f"{split}/").rpartition("/")
    known = {column for columns in figures.values() for column in columns}
    if column in (figures.get(direction, ()) if direction else known):
        return direction, column
    every = [*sorted(known), *(f"{d}/{c}" for d, columns in figures.items() for c in columns)]
    near = difflib.get_close_matches(metric, every, n=3) or sorted(known)
    raise UserError(f"metric={metric} is no figure of {run.path}; did you mean {' or '.join(near)}?")


def _figures(wanted: Sequence[tuple[str, str]], known: dict[str, list[str]]) -> list[tuple[str, str]]:
    """Return (direction or "", column) of all figures: for a mean over directions also each of them."""
    figures = []
    for direction, column in wanted:
        figures.append((direction, column))
        if not direction:
            figures += [(d, column) for d, columns in known.items() if column in columns]
    return list(dict.fromkeys(figures))


def _standings(
    settings: Sequence[Setting], baseline: int, answers: Answers, direction: str, column: str
) -> list[Standing]:
    """Return one figure of every setting, p-values corrected for their number."""
    figure = f"{direction}/{column}".lstrip("/")
    samples = [answers.sample(i, direction, column) for i in range(len(settings))]
    found = {
        i: difference(
            sample,
            samples[baseline],
            same_queries=answers.asked_alike(i, baseline),
            same_seeds=settings[i].seeds == settings[baseline].seeds,
        )
        for i, sample in enumerate(samples)
        if i != baseline
    }
    corrected = dict(zip(found, holm([estimate.p for estimate in found.values()]), strict=True))
    return [
        Standing(
            s.name, figure, mean(samples[i]), found.get(i), corrected.get(i), _verdict(found, corrected, i, column)
        )
        for i, s in enumerate(settings)
    ]


def _verdict(found: dict[int, Estimate], corrected: dict[int, float], i: int, column: str) -> str:
    if i not in found:
        return "baseline"
    if corrected[i] >= LEVEL:
        return "not shown"
    return "better" if (found[i].value > 0) != (column in RANKS) else "worse"


def _remarks(settings: Sequence[Setting]) -> list[str]:
    """Return what a reader must know of the seeds."""
    if len(settings) == 1:
        return ["one setting alone: its means, and nothing to compare them with"]
    single = [s.name for s in settings if len(s.runs) == 1]
    if len(single) == len(settings):
        return ["seeds were not varied: the verdict is about these trained models, not about their settings"]
    if single:
        return [f"one seed only, taken to vary as much as the others: {', '.join(single)}"]
    return []
