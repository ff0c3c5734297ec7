"""Mismatches: pairs whose picture and caption do not belong together, as far as other pairs tell."""

import hashlib

import numpy as np
from numpy.typing import NDArray

from xret.clean import Finding
from xret.clean.pairs import Pairs

Floats = NDArray[np.float32]
_BLOCK = 4096


class Mismatch:
    """Report the pairs that models of the other pairs find least likely; none is left out.

    The groups of a split are dealt into folds. For each fold a ridge regression from image to text vectors is fitted on
    all others, so that no pair is scored by a model that has seen it or a row of its group. A pair's score is the share
    of captions of its fold that lie nearer to the predicted vector than its own does, of other groups: about 0 for a
    pair that fits, 0.5 for one at random. The evidence is that score.

    Source: cross-fitting: Chernozhukov et al. 2018, https://arxiv.org/abs/1608.00060 (def. 3.1); ranking pairs by
    out-of-sample agreement: Northcutt et al. 2021, Confident Learning, https://arxiv.org/abs/1911.00068.

    Args:
        share: of the pairs that is reported at most.
        least: score of a pair that is reported, in [0, 1].
        folds: K, at least 2.
        ridge: weight of the penalty, times the mean variance of the image vectors' components.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(self, share: float = 0.05, least: float = 0.3, folds: int = 5, ridge: float = 1.0) -> None:
        if not 0 < share <= 1:
            raise ValueError(f"share must be in (0, 1], got {share}")
        if not 0 <= least <= 1:
            raise ValueError(f"least must be in [0, 1], got {least}")
        if folds < 2:
            raise ValueError(f"folds must be at least 2, got {folds}")
        if ridge <= 0:
            raise ValueError(f"ridge must be positive, got {ridge}")
        self.share, self.least, self.folds, self.ridge = share, least, folds, ridge

    def __call__(self, data: Pairs) -> list[Finding]:
        """Return the pairs that fit least, the worst first; nothing where the data has no vectors."""
        scores = self.scores(data)
        worst = np.argsort(-scores, kind="stable")[: int(self.share * len(scores))]
        return [
            Finding((data.ids[i],), f"{scores[i]:.0%} of other captions fit this picture better", (), float(scores[i]))
            for i in worst.tolist()
            if scores[i] >= self.least
        ]

    def scores(self, data: Pairs) -> Floats:
        """Return the score of each row (R,), 0 where there are no vectors or too few groups to fit a model."""
        found = np.zeros(len(data.ids), np.float32)
        if data.vectors is None:
            return found
        vectors = data.vectors()
        image, text = vectors["image"], vectors["text"]
        names = {name: number for number, name in enumerate(dict.fromkeys(data.groups))}
        groups = np.array([names[name] for name in data.groups])
        fold = np.array([_draw(name) for name in names])[groups] % self.folds
        for k in range(self.folds):
            inside, outside = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
            if len(np.unique(groups[inside])) > 1 and len(np.unique(groups[outside])) > 1:
                weights, shift = _fitted(image, text, outside, self.ridge)
                found[inside] = _shares(image, text, groups, inside, weights, shift)
        return found


def _draw(group: str) -> int:
    """Return a number that depends on the name of a group alone."""
    return int.from_bytes(hashlib.sha256(group.encode(errors="surrogatepass")).digest()[:4], "big")


def _fitted(image: np.ndarray, text: np.ndarray, rows: np.ndarray, ridge: float) -> tuple[Floats, Floats]:
    """Return weights (D, E) and constant (E,) of the regression over some rows, in one pass over them."""
    d, e = image.shape[1], text.shape[1]
    square, product = np.zeros((d, d)), np.zeros((d, e))
    mean_image, mean_text = np.zeros(d), np.zeros(e)
    for begin in range(0, len(rows), _BLOCK):
        x, y = (_unit(a[rows[begin : begin + _BLOCK]]).astype(np.float64) for a in (image, text))
        square, product = square + x.T @ x, product + x.T @ y
        mean_image, mean_text = mean_image + x.sum(0), mean_text + y.sum(0)
    mean_image, mean_text = mean_image / len(rows), mean_text / len(rows)
    square -= len(rows) * np.outer(mean_image, mean_image)
    product -= len(rows) * np.outer(mean_image, mean_text)
    square[np.arange(d), np.arange(d)] += ridge * max(np.trace(square) / d, 1e-9)
    weights = np.linalg.solve(square, product)
    return weights.astype(np.float32), (mean_text - mean_image @ weights).astype(np.float32)


def _shares(
    image: np.ndarray, text: np.ndarray, groups: np.ndarray, rows: np.ndarray, weights: Floats, shift: Floats
) -> Floats:
    """Return for each row the share of captions of other groups that fit its picture better than its own."""
    own = _unit(text[rows])
    found = []
    for begin in range(0, len(rows), _BLOCK // 8):
        part = rows[begin : begin + _BLOCK // 8]
        guess = _unit(_unit(image[part]) @ weights + shift)
        scores = guess @ own.T
        others = groups[part][:, None] != groups[rows][None]
        mine = scores[np.arange(len(part)), begin + np.arange(len(part))]
        better = ((scores > mine[:, None]) & others).sum(1)
        found.append(better / others.sum(1).clip(1))
    return np.concatenate(found).astype(np.float32)


def _unit(vectors: np.ndarray) -> Floats:
    vectors = np.asarray(vectors, np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-9), np.float32)
