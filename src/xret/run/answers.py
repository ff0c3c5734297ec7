"""What runs answered to single queries, drawn so that settings can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xret._errors import UserError
from xret.metric.compare import Block, Sample, draw
from xret.run.runs import INDEX, Run
from xret.run.settings import Setting


@dataclass(frozen=True)
class _Drawn:
    """Runs that were asked the same queries: samples by direction, with runs x figures as columns."""

    samples: dict[str, Sample]
    runs: int


@dataclass(frozen=True)
class Answers:
    """Bootstrap samples of several figures of several settings.

    Settings that were asked the same queries are drawn in one go, so that they share the draws.
    """

    drawn: list[_Drawn]
    columns: list[str]
    where: list[tuple[int, range]]

    @classmethod
    def read(cls, settings: Sequence[Setting], split: str, columns: Sequence[str], seed: int) -> "Answers":
        """Read and draw.

        Args:
            settings: within each, all runs were asked the same queries.
            split: "test" or "val".
            columns: names of figures.
            seed: of the draws.

        Raises:
            UserError: there are too few queries to draw from, or a run lacks a figure.
        """
        classes: list[list[Run]] = []
        where = []
        for setting in settings:
            alike = [i for i, c in enumerate(classes) if c[0].asked(split) == setting.runs[0].asked(split)]
            if not alike:
                alike = [len(classes)]
                classes.append([])
            begin = len(classes[alike[0]])
            classes[alike[0]] += setting.runs
            where.append((alike[0], range(begin, begin + len(setting.runs))))
        drawn = [_Drawn(_draw(every, split, columns, seed), len(every)) for every in classes]
        return cls(drawn, list(columns), where)

    def sample(self, setting: int, direction: str, column: str) -> Sample:
        """Return the sample of a figure of a setting; direction "" for the mean over directions."""
        place, runs = self.where[setting]
        begin = self.columns.index(column) * self.drawn[place].runs
        return self.drawn[place].samples[direction].of([begin + run for run in runs])

    def asked_alike(self, one: int, other: int) -> bool:
        """Tell whether two settings were asked the same queries."""
        return self.where[one][0] == self.where[other][0]


def _draw(every: Sequence[Run], split: str, columns: Sequence[str], seed: int) -> dict[str, Sample]:
    """Return samples by direction, and "" for the mean of all; column i * R + j is figure i of run j of R."""
    blocks: dict[str, list[Block]] = {}
    for direction in every[0].figures(split):
        prefix = f"{split}/{direction}"
        index = every[0].read([f"{prefix}/{name}" for name in INDEX])
        tables = [run.read([f"{prefix}/{column}" for column in columns]) for run in every]
        values = np.stack([t[f"{prefix}/{column}"] for column in columns for t in tables], axis=1).astype(np.float64)
        groups, folds = index[f"{prefix}/group"], index[f"{prefix}/fold"]
        blocks[direction] = [Block(values[folds == f], groups[folds == f], int(f)) for f in np.unique(folds)]
    try:
        samples = {direction: draw(parts, seed=seed) for direction, parts in blocks.items()}
        return {**samples, "": draw([block for parts in blocks.values() for block in parts], seed=seed)}
    except ValueError as error:
        raise UserError(f"{every[0].path}, {split}: {error}") from error
