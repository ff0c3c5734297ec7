"""How faithful the maps of a run are: deletion and insertion over many pairs, beside random maps."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from omegaconf import DictConfig
from torch import Tensor

from xret._errors import UserError
from xret.commands._assembly import Prepared
from xret.commands._explaining import Pair
from xret.commands._ranked import candidate
from xret.data.watching import watched
from xret.explain.faithfulness import Faithfulness, faithfulness
from xret.model.dual_encoder import DualEncoder


@dataclass(frozen=True)
class Settings:
    """How pairs are measured: see ``conf/explain.yaml``."""

    split: str
    pairs: int
    steps: int
    randoms: int
    away: str
    seed: int

    @classmethod
    def of(cls, cfg: DictConfig) -> Self:
        """Return those of a config."""
        return cls(cfg.split, cfg.pairs, cfg.steps, cfg.randoms, cfg.away, cfg.seed)


@dataclass(frozen=True)
class Measured:
    """One pair that was measured.

    Attributes:
        id: of its row.
        score: of the whole picture.
        blank: of the picture with everything removed.
        deletion: area under the score while the hottest pixels go first; less is better.
        insertion: area while the hottest pixels come first; more is better.
        chance: mean area of random maps.
    """

    id: str
    score: float
    blank: float
    deletion: float
    insertion: float
    chance: float

    @classmethod
    def of(cls, name: str, found: Faithfulness) -> Self:
        """Return the figures of one row."""
        return cls(name, found.score, found.blank, found.deletion, found.insertion, found.chance)


@dataclass(frozen=True)
class Report:
    """Pairs that were measured."""

    pairs: Sequence[Measured]

    def figures(self, split: str) -> dict[str, float]:
        """Return means over pairs, and the shares of pairs whose map is better than the mean of random ones."""
        found = {name: self._mean(name) for name in ("score", "blank", "deletion", "insertion", "chance")}
        better = {"deletion_better": self._deletion(), "insertion_better": self._insertion()}
        for name, share in list(better.items()):
            low, high = wilson(share, len(self.pairs))
            better |= {f"{name}_low": low, f"{name}_high": high}
        return {
            f"{split}/explain/{name}": v for name, v in {"pairs": float(len(self.pairs)), **found, **better}.items()
        }

    def table(self, split: str) -> str:
        """Return the figures in Markdown."""
        lines = [f"| {split}, {len(self.pairs)} pairs | map | random maps | pairs where the map is better |"]
        lines.append("|---|---:|---:|---:|")
        for name, share in (("deletion", self._deletion()), ("insertion", self._insertion())):
            low, high = wilson(share, len(self.pairs))
            area = f"{self._mean(name):.3f} | {self._mean('chance'):.3f}"
            lines.append(f"| {name} | {area} | {share:.0%} ({low:.0%} to {high:.0%}) |")
        lines.append("")
        whole, blank = self._mean("score"), self._mean("blank")
        lines.append(f"cosine of the whole picture {whole:.3f}, with everything removed {blank:.3f}")
        return "\n".join(lines)

    def _mean(self, name: str) -> float:
        return float(np.mean([getattr(pair, name) for pair in self.pairs]))

    def _deletion(self) -> float:
        return float(np.mean([pair.deletion < pair.chance for pair in self.pairs]))

    def _insertion(self) -> float:
        return float(np.mean([pair.insertion > pair.chance for pair in self.pairs]))


def measure(model: DualEncoder, prepared: Prepared, method: Any, settings: Settings) -> Report:  # noqa: ANN401
    """Explain pairs of a split, drawn by a seed, and measure each map.

    Raises:
        UserError: the split is empty, or the method does not go with the encoder.
    """
    prepared.split(settings.split)  # says so when it is empty
    rows = prepared.rows(settings.split)
    rng = np.random.default_rng(settings.seed)
    chosen = rng.permutation(rows)[: settings.pairs].tolist()

    def one(row: int) -> Measured:
        given = candidate(model, prepared, row)
        pair = Pair(model, given.picture, given.text, beside=given.beside)
        return Measured.of(given.id, faithful(pair, heat_of(pair, method), settings, row))

    with torch.inference_mode(False):
        return Report(list(watched(map(one, chosen), len(chosen), "explaining pairs", lambda _: 1)))


def heat_of(pair: Pair, method: Any) -> Tensor:  # noqa: ANN401 - a method
    """Return the signed map (H, W) of a pair.

    Raises:
        UserError: the method does not go with the encoder.
    """
    try:
        heat: Tensor = method(pair.score, pair.model.encoders["image"], pair.pixels)
    except ValueError as error:
        raise UserError(f"explain: {error}") from error
    return heat


def faithful(pair: Pair, heat: Tensor, settings: Settings, seed: int) -> Faithfulness:
    """Return deletion and insertion of one map."""
    try:
        return faithfulness(pair.score, pair.pixels, heat, settings.steps, settings.randoms, seed, settings.away)
    except ValueError as error:
        raise UserError(f"explain: {error}") from error


def wilson(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of ``count`` pairs (Wilson 1927)."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return max(0.0, middle - half), min(1.0, middle + half)
