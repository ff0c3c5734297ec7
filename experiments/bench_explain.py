"""Which heat map is faithful? Deletion and insertion of several methods, beside random maps and beside other maps.

``python experiments/bench_explain.py RUN [--split val] [--pairs 60] [--methods gradcam,layercam_3] [--away blur]``
takes a trained run and prints, for each method, the area under the score while the hottest pixels are removed first
(deletion) or come first (insertion), the share of pairs where it is better than the mean of random maps of the same
power spectrum, and with ``--controls`` the share where it is better than two maps that are no noise: that of another
pair (a map that only marks the middle would be as good), and that of the same picture for another caption (one that
only marks the drawing would be). Methods are chosen on the validation split; on the test split it ends with 1 where
the best method given is better than random maps on less than 80 % of the pairs.
"""

import argparse
import math
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf
from torch import Tensor

from xret.commands._explaining import Pair
from xret.commands._faithful import wilson
from xret.commands._ranked import candidate, prepared_for
from xret.commands._trained import open_run
from xret.explain.auto import Auto
from xret.explain.conductance import Conductance
from xret.explain.faithfulness import faithfulness
from xret.explain.gradcam import GradCAM
from xret.explain.integrated_gradients import IntegratedGradients
from xret.explain.layercam import LayerCAM
from xret.explain.occlusion import Occlusion
from xret.explain.relevance import Relevance

BAR = 0.8
METHODS: dict[str, Callable[[], Any]] = {
    "auto": Auto,
    "gradcam": GradCAM,
    "layercam_1": lambda: LayerCAM(last=1),
    "layercam_2": lambda: LayerCAM(last=2),
    "layercam_3": lambda: LayerCAM(last=3),
    "layercam_5": lambda: LayerCAM(last=5),
    "conductance": Conductance,
    "conductance_2": lambda: Conductance(steps=2),
    "conductance_last_5": lambda: Conductance(last=5),
    "relevance": Relevance,
    "integrated_gradients": IntegratedGradients,
    "integrated_gradients_4": lambda: IntegratedGradients(steps=4),
    "integrated_gradients_rough": lambda: IntegratedGradients(smooth=0.015),
    "integrated_gradients_smooth": lambda: IntegratedGradients(smooth=0.06),
    "occlusion": Occlusion,
    "occlusion_7": lambda: Occlusion(grid=7),
}
COLUMNS = ("deletion", "insertion", "random", "del < random", "ins > random", "< other pair", "< other caption", "s")


def pairs_of(run: Path, split: str, count: int, seed: int) -> list[tuple[Pair, Pair]]:
    """Return pairs of a split, each with its picture beside the caption of the next one."""
    trained = open_run(run, [])
    plain = {"batch": {"workers": 2}, "cache": {"dir": None, "max_gb": 10}, "data": None}
    prepared = prepared_for(OmegaConf.create(plain), trained)
    rows = np.random.default_rng(seed).permutation(prepared.rows(split))[:count].tolist()
    given = [candidate(trained.model, prepared, row) for row in rows]
    model = trained.model
    return [
        (
            Pair(model, one.picture, one.text, beside=one.beside),
            Pair(model, one.picture, other.text, beside=one.beside),
        )
        for one, other in zip(given, given[1:] + given[:1], strict=True)
    ]


def quick(pair: Pair) -> Callable[[Tensor], Tensor]:
    """Return what encodes pictures (B, 3, H, W) as `Pair.encode` does, traced and frozen: some 3 times as fast."""
    for parameter in pair.model.parameters():
        parameter.requires_grad_(False)

    class Encode(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = pair.model

        def forward(self, pixels: Tensor) -> Tensor:
            return self.model.encode("image", {"pixels": pixels}).vector

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the tracer, which is on its way out
        jit: Any = torch.jit  # its functions have no types
        traced = jit.trace(Encode().eval(), pair.pixels.expand(2, -1, -1, -1), check_trace=False)
        encode: Callable[[Tensor], Tensor] = jit.freeze(traced)
        if not torch.allclose(encode(pair.pixels[None]), pair.encode(pair.pixels[None]), atol=1e-4):
            raise RuntimeError("the traced encoder gives other vectors")
    return encode


def measured(
    method: Any,  # noqa: ANN401 - a method
    pairs: list[tuple[Pair, Pair]],
    encode: Callable[[Tensor], Tensor],
    args: argparse.Namespace,
) -> tuple[float, np.ndarray]:
    """Return seconds per map and (N, 5): deletion, insertion, random, deletion by maps of other pair and caption."""

    def heat(pair: Pair) -> Tensor:
        found: Tensor = method(pair.score, pair.model.encoders["image"], pair.pixels)
        return found

    began = time.perf_counter()
    maps = [heat(pair) for pair, _ in pairs]
    seconds = (time.perf_counter() - began) / len(pairs)
    rows = []
    for i, (pair, other) in enumerate(pairs):

        def score(pixels: Tensor, pair: Pair = pair) -> Tensor:
            return encode(pixels) @ pair.direction

        found = faithfulness(score, pair.pixels, maps[i], args.steps, args.randoms, i, args.away)
        rivals = [maps[i - 1], heat(other)] if args.controls else []
        areas = [faithfulness(score, pair.pixels, rival, args.steps, 0, i, args.away).deletion for rival in rivals]
        rows.append([found.deletion, found.insertion, found.chance, *(areas or [math.nan] * 2)])
    return seconds, np.array(rows)


def main() -> int:
    """Measure, print a table, and return the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("--split", default="val", choices=["train", "val", "test"])
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--methods", default="gradcam,layercam_1,layercam_3,integrated_gradients,occlusion")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--randoms", type=int, default=4)
    parser.add_argument("--away", default="blur", choices=["blur", "mean"])
    parser.add_argument("--controls", action="store_true", help="also the maps of another pair and another caption")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    pairs = pairs_of(args.run, args.split, args.pairs, args.seed)
    print(f"{args.run}, {args.split}, {len(pairs)} pairs, removed pixels: {args.away}\n")
    print(f"| method | {' | '.join(COLUMNS)} |\n|---|{'---:|' * len(COLUMNS)}")
    encode, best = quick(pairs[0][0]), 0.0
    for name in args.methods.split(","):
        seconds, areas = measured(METHODS[name](), pairs, encode, args)
        own, more, chance, other, caption = areas.T
        better = [own < chance, more > chance, own < other, own < caption]
        shares = [float(b.mean()) for b in better]
        last = [f"{share:.0%}" if args.controls else "" for share in shares[2:]]
        low, high = wilson(shares[0], len(pairs))
        cells = [f"{own.mean():.3f}", f"{more.mean():.3f}", f"{chance.mean():.3f}"]
        cells += [f"{shares[0]:.0%} ({low:.0%} to {high:.0%})", f"{shares[1]:.0%}", *last]
        print(f"| {name} | {' | '.join(cells)} | {seconds:.2f} |", flush=True)
        best = max(best, shares[0])
    return 1 if args.split == "test" and best < BAR else 0


if __name__ == "__main__":
    torch.manual_seed(0)
    sys.exit(main())
