"""How often `compare` is right: on settings that differ by nothing but the seed, and by five points.

Hits are drawn from queries of different difficulty, with noise of the seed and of seed and query together. Run from a
checkout: ``python experiments/bench_compare.py``; exits with 1 where a bar is missed.
"""

import argparse
import sys
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np

from xret.metric.compare import Block, Sample, difference, draw

QUERIES = 350
HIT_RATE = 0.6
LASTING = 0.75  # share of the variance of a query's score that is the query's own, whatever the seed
ONE_SEED = 1.0  # points: usual standard deviation of the hit rate between seeds
QUERY_NOISE = 100 * (HIT_RATE * (1 - HIT_RATE) / QUERIES) ** 0.5  # points: standard error of a hit rate, 2.6


def hits(rng: np.random.Generator, groups: np.ndarray, seeds: Sequence[int], noise: float, gain: float) -> np.ndarray:
    """Return (Q, 2 S) hits of two settings with S seeds each; the second is better by ``gain`` points."""
    spread = LASTING**0.5
    alike = rng.standard_normal(groups.max() + 1)[groups] * (spread / 2**0.5)
    query = alike + rng.standard_normal(len(groups)) * (spread / 2**0.5)
    normal = NormalDist()
    levels = np.repeat([HIT_RATE, HIT_RATE + gain / 100], seeds)
    rates = np.clip(levels + rng.standard_normal(len(levels)) * noise / 100, 0.01, 0.99)
    offsets = np.array([normal.inv_cdf(float(rate)) for rate in rates])
    own = rng.standard_normal((len(groups), len(levels))) * (1 - LASTING) ** 0.5
    hit: np.ndarray = query[:, None] + own + offsets > 0
    return hit.astype(np.float64)


def plain(both: Sample, seeds: Sequence[int], rng: np.random.Generator) -> float:
    """Return 1, -1 or 0: a percentile bootstrap over seeds and queries finds the second better, worse or neither."""
    rows = np.arange(len(both.replicates))[:, None]
    drawn = [rng.integers(n, size=(len(rows), n)) for n in seeds]
    first = both.replicates[rows, drawn[0]].mean(axis=1)
    second = both.replicates[rows, seeds[0] + drawn[1]].mean(axis=1)
    low, high = np.quantile(second - first, [0.025, 0.975])
    return float(low > 0) - float(high < 0)


def rates(
    seeds: Sequence[int], noise: float, gain: float, repeats: int, same_seeds: bool, seed: int = 0
) -> tuple[float, float, float]:
    """Return how often the second setting is found better, and not different; and the latter of the plain bootstrap.

    Args:
        seeds: of each setting.
        noise: standard deviation of a seed's hit rate, in points.
        gain: planted difference, in points.
        repeats: simulated comparisons.
        same_seeds: the settings were trained with equal seeds, and their noise is independent all the same.
        seed: of the simulation.
    """
    rng = np.random.default_rng([seed, *seeds, int(noise * 10), int(gain), same_seeds])
    groups = np.sort(rng.integers(int(QUERIES / 1.4), size=QUERIES))
    found, percentile = [], []
    for _ in range(repeats):
        both = draw([Block(hits(rng, groups, seeds, noise, gain), groups)], resamples=1000)
        first, second = both.of(range(seeds[0])), both.of(range(seeds[0], sum(seeds)))
        result = difference(second, first, same_seeds=same_seeds)
        found.append((result.p < 0.05) * (1 if result.value > 0 else -1))
        percentile.append(plain(both, seeds, rng))
    return tuple(float(np.mean(x)) for x in (np.equal(found, 1), np.equal(found, 0), np.equal(percentile, 0)))  # type: ignore[return-value]


def main() -> None:
    """Print one line per case."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    missed = 0
    print("| seeds | noise of a seed | equal seeds | planted | better | not shown | plain bootstrap: not shown | bar |")
    print("|---|---:|---|---:|---:|---:|---:|---|")
    cases = [
        (n, noise, 0.0, same) for n in ((5, 5), (3, 3), (2, 2)) for noise in (0, QUERY_NOISE) for same in (False, True)
    ]
    cases += [((5, 3), QUERY_NOISE, 0.0, False), ((5, 1), QUERY_NOISE, 0.0, False)]
    cases += [((5, 5), ONE_SEED, 5.0, same) for same in (False, True)]
    for seeds, noise, gain, same in cases:
        better, silent, percentile = rates(seeds, noise, gain, options.repeats, same, options.seed)
        met = better >= 0.8 if gain else silent >= 0.95
        missed += not met
        bar = "better ≥ 80 %" if gain else "not shown ≥ 95 %"
        print(
            f"| {seeds[0]}, {seeds[1]} | {noise:.1f} points | {'yes' if same else 'no'} | {gain:.0f} points "
            f"| {100 * better:.1f} % | {100 * silent:.1f} % | {100 * percentile:.1f} % "
            f"| {bar}: {'met' if met else 'MISSED'} |",
            flush=True,
        )
    sys.exit(missed > 0)


if __name__ == "__main__":
    main()
