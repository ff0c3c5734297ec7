"""Rematching: doubted pairs are taken apart, and their halves are given to those they fit."""

import numpy as np
from scipy.optimize import isotonic_regression

from xret.robust.split import Split

_NEAREST = 10  # of the other modality, whose mean score says how much of a hub a vector is
_NULL = 20_000  # scores of pairs that do not belong together, drawn at random
_ROUNDS = 50  # of Sinkhorn's algorithm
_LARGEST = 60.0  # logarithm of an odds ratio


class Rematch(Split):
    """Split pairs before training, and match what the doubted ones hold anew: a plan in place of weights.

    A start in closed form judges pairs that it was fitted without. What a false pair scores there needs no guess: pairs
    across rows are false. Where a share f of the pairs is false, f0 is the density of scores across rows and f1 that of
    all rows with themselves,

        P(true | score) = 1 - f * f0(score) / f1(score)        f = 2 * share of the rows below the median of f0

    is the weight w of a pair; the ratio is fitted such that it never rises with the score. What is left, 1 - w of each
    row, goes to other rows: entries of the plan are proportional to the odds that two halves belong together, from two
    normal distributions with the moments of the true and the false pairs, such that each row and column sums to one.
    The start is fitted on that plan, judges again, and so on. In training, pairs keep the weights of the last verdict
    until the warm-up is over and are split then, as they are by `Split` where there is no start in closed form.

    Source: the false ones as a known null, Efron 2004, Large-scale simultaneous hypothesis testing, JASA 99 (sec. 3);
    scores relative to those of neighbours, CSLS, Conneau et al. 2018, https://arxiv.org/abs/1710.04087 (sec. 2.3); the
    plan, Cuturi 2013, https://arxiv.org/abs/1306.0895; the idea to match false pairs anew, Han et al. 2024, Learning to
    Rematch Mismatched Pairs (L2RM), https://arxiv.org/abs/2403.05105, who train a network for its cost.

    Args:
        rows: R, rows of the data set.
        sharpness: factor of the logarithms of the odds, above 0; 0 would give each half to all alike.
        start_rounds: how often a start in closed form is judged and fitted again.
        start_folds: into how many parts the pairs are cut for that.
        start_repeats: how many cuts are made in a round; their scores are averaged.
        start_strength: of the ridge of the starts that judge; more than of the one that training begins at.
        warmup_epochs, momentum, threshold, temperature: see `xret.robust.split.Split`.

    Raises:
        ValueError: an argument is outside its range.
    """

    def __init__(
        self,
        rows: int,
        sharpness: float = 2.0,
        start_rounds: int = 3,
        start_folds: int = 4,
        start_repeats: int = 2,
        start_strength: float = 12.0,
        warmup_epochs: int = 3,
        momentum: float = 0.7,
        threshold: float | None = None,
        temperature: float = 0.03,
    ) -> None:
        super().__init__(rows, warmup_epochs, momentum, threshold, temperature, start_rounds, start_folds)
        if not sharpness > 0 or start_repeats < 1 or not start_strength > 0:
            raise ValueError(
                "sharpness and start_strength must be above 0 and start_repeats at least 1, got "
                f"{sharpness}, {start_strength} and {start_repeats}"
            )
        self.sharpness, self.start_repeats, self.start_strength = sharpness, start_repeats, start_strength

    def match(self, scores: np.ndarray, groups: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return how far each row is believed, and to whom the rest of it goes.

        Args:
            scores: (N, N) float, cosine of what row i holds of the first modality and row j of the second, by models
                that saw no pair of one of them.
            groups: (N,) int64; rows of one group are no rivals.
            rng: draws false pairs.

        Returns:
            The weights (N,) float64 in [0, 1], and the plan (N, N) float64, whose diagonal is zero and whose rows and
            columns sum to 1 - weight, as nearly as ``_ROUNDS`` bring them.
        """
        rivals = groups[:, None] != groups[None, :]
        if not rivals.any():
            return np.ones(len(scores)), np.zeros_like(scores, dtype=np.float64)
        standing = _csls(scores, rivals)
        across = rng.choice(standing[rivals], min(_NULL, int(rivals.sum())), replace=False)
        own = standing.diagonal()
        weight = _believed(own, across)
        if weight.sum() < 1:  # nothing to learn from how true pairs score
            return weight, np.zeros_like(scores, dtype=np.float64)
        mean = weight @ own / weight.sum()
        variance = (weight @ (own - mean) ** 2 / weight.sum() + across.var()) / 2
        odds = (standing - (mean + across.mean()) / 2) * (mean - across.mean()) / max(variance, 1e-12)
        odds = np.clip(self.sharpness * odds, -_LARGEST, _LARGEST)
        return weight, _plan(np.where(rivals, np.exp(odds), 0), 1 - weight)


def _csls(scores: np.ndarray, rivals: np.ndarray) -> np.ndarray:
    """Return (N, N): twice each score, less the mean of the best scores of its row and of its column."""
    others = np.where(rivals, scores, -1.0)
    count = min(_NEAREST, len(scores))
    rows, columns = (np.partition(others, -count, axis=axis).take(range(-count, 0), axis) for axis in (1, 0))
    standing: np.ndarray = 2 * scores - rows.mean(axis=1, keepdims=True) - columns.mean(axis=0, keepdims=True)
    return standing


def _believed(own: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Return the probability (N,) of each row to be true, from its score (N,) and scores of false pairs (M,)."""
    false = min(1.0, 2 * float((own < np.median(across)).mean()))
    scores, is_row = np.concatenate([own, across]), np.repeat([1.0, 0.0], [len(own), len(across)])
    counts = np.repeat([1 / len(own), 1 / len(across)], [len(own), len(across)])
    order = np.argsort(scores, kind="stable")
    share = np.empty(len(scores))  # of the rows in the density of both together
    share[order] = isotonic_regression(is_row[order], weights=counts[order]).x
    share = share[: len(own)]
    believed: np.ndarray = np.clip(1 - false * (1 - share) / np.maximum(share, 1e-9), 0, 1)
    return believed


def _plan(odds: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Return odds (N, N), rows and columns scaled such that both sum to ``free`` (N,)."""
    left, right = np.ones(len(free)), np.ones(len(free))
    for _ in range(_ROUNDS):
        left = free / np.maximum(odds @ right, 1e-30)
        right = free / np.maximum(odds.T @ left, 1e-30)
    plan: np.ndarray = left[:, None] * odds * right[None, :]
    return plan
