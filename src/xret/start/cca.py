"""Regularised canonical correlation analysis: the best linear common space, in closed form."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xret.start import Affine
from xret.start._canonical import directions

_KEPT: dict[str, tuple[np.ndarray, np.ndarray]] = {}
_MOST_KEPT = 12  # two modalities of a few folds; some 50 MB each
_FLAT = 1e-3  # of the largest deviation: features that hardly vary are not blown up


@dataclass(frozen=True)
class CCA:
    """Start at the directions in which the features of two modalities correlate most.

    Features are standardised; their covariances get ``strength`` times the identity; directions are weighted by the
    square root of their correlation, so that cosines in the common space follow the correlation.

    Source: Hotelling 1936, Relations between two sets of variates, Biometrika 28 (sec. 3); with the ridge of Vinod
    1976, Canonical ridge and econometrics of joint production, J. Econometrics 4 (sec. 3).

    Args:
        strength: of the ridge, in variances of a feature; few pairs need more.
        lr: learning rate of the projections that begin here.

    Raises:
        ValueError: strength or lr is not above 0.
    """

    strength: float = 3.0
    lr: float = 1e-4

    def __post_init__(self) -> None:
        if self.strength <= 0 or self.lr <= 0:
            raise ValueError(f"strength and lr must be above 0, got {self.strength} and {self.lr}")

    def __call__(
        self,
        pairs: Mapping[str, np.ndarray],
        dim: int,
        weight: np.ndarray | None = None,
        plan: Any = None,  # noqa: ANN401 - an array or a sparse one
    ) -> dict[str, Affine]:
        """Return one map per modality into a common space.

        Args:
            pairs: two modalities, (N, D) float32 each.
            dim: K, size of the common space.
            weight: (N,) float, how much each pair counts in means, deviations and covariances; only ratios matter.
            plan: (N, N) float, dense or sparse, how much row i of the first modality counts with row j of the second in
                the covariance between both, instead of i with i. What a modality is by itself is taken from all rows,
                as in the semi-supervised CCA of Kimura et al. 2010, SemiCCA, ICPR (sec. 3). Not with a weight.

        Raises:
            ValueError: there are not two modalities of equally many rows, K exceeds the narrower one's D, or the
                weights or the plan do not fit the rows.
        """
        if len(pairs) != 2:
            raise ValueError(f"start=cca needs two modalities, got {', '.join(pairs)}; use start=none")
        (first, x), (second, y) = pairs.items()
        if len(x) != len(y) or len(x) < 2 or not 1 <= dim <= min(x.shape[1], y.shape[1]):
            raise ValueError(
                f"start=cca needs as many rows of both, at least 2, and encoder.projection.dim of at most "
                f"{min(x.shape[1], y.shape[1])}, the narrower encoder's width; got {x.shape}, {y.shape} and {dim}"
            )
        share = share_of(weight, len(x))
        x, x_mean, x_scale = standardised(x, share)
        y, y_mean, y_scale = standardised(y, share)
        if plan is not None:
            if weight is not None:
                raise ValueError("a start takes weights or a plan, not both")
            left, right, correlations = self._planned(x, y, plan, dim)
        elif share is None:
            x_white, y_white = _whitening(x, self.strength), _whitening(y, self.strength)
            u, correlations, v = np.linalg.svd(x_white @ (x.T @ y / len(x)) @ y_white, full_matrices=False)
            left, right, correlations = x_white @ u[:, :dim], y_white @ v[:dim].T, correlations[:dim]
        else:
            left, right, correlations = directions(x, y, self.strength, dim)
        weighted = np.sqrt(correlations)
        return {
            first: affine(x_mean, x_scale, (left * weighted).T),
            second: affine(y_mean, y_scale, (right * weighted).T),
        }

    def _planned(
        self,
        x: np.ndarray,
        y: np.ndarray,
        plan: Any,  # noqa: ANN401
        dim: int,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return canonical directions (Dx, K), (Dy, K) and correlations (K,) of rows that belong together by a plan."""
        total = float(plan.sum())
        if plan.shape != (len(x), len(x)) or not total > 0:
            raise ValueError(f"plan must be of shape {(len(x), len(x))} and not all 0, got {plan.shape}, sum {total:g}")
        rows, columns = (np.asarray(plan.sum(axis=axis)).ravel() / total for axis in (1, 0))
        between = x.T @ (plan @ y) / total - np.outer(rows @ x, columns @ y)
        inner = _whitened(x, self.strength, _whitened(y, self.strength, between.T).T)
        u, correlations, v = np.linalg.svd(inner, full_matrices=False)
        left, right = (_whitened(*side) for side in ((x, self.strength, u[:, :dim]), (y, self.strength, v[:dim].T)))
        return left, right, correlations[:dim]


def share_of(weight: np.ndarray | None, rows: int) -> np.ndarray | None:
    """Return weights (N,) float64 of mean 1; None where all count the same.

    Raises:
        ValueError: there is not one per row, one is negative or not finite, or all are zero.
    """
    if weight is None:
        return None
    share = np.asarray(weight, np.float64)
    if share.shape != (rows,) or not np.isfinite(share).all() or share.min() < 0 or share.max() == 0:
        raise ValueError(f"weight must hold {rows} finite numbers of at least 0, not all 0, got {share.shape}")
    return share * (rows / float(share.sum()))


def standardised(features: np.ndarray, share: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (N, D) float64 of mean 0 and deviation about 1, with the mean and the factor that made them so.

    With shares (N,), both are weighted and rows are multiplied by the root of their share, so that products of what is
    returned are weighted too.
    """
    wide = features.astype(np.float64)
    mean = wide.mean(axis=0) if share is None else share @ wide / len(wide)
    deviation = wide.std(axis=0) if share is None else np.sqrt(share @ (wide - mean) ** 2 / len(wide))
    scale = 1 / (deviation + _FLAT * max(float(deviation.max()), 1e-12))
    level = (wide - mean) * scale
    return level if share is None else level * np.sqrt(share)[:, None], mean, scale


def _whitening(features: np.ndarray, strength: float) -> np.ndarray:
    """Return the symmetric inverse root of the ridged covariance, (D, D)."""
    values, basis = _decomposed(features)
    root: np.ndarray = (basis / np.sqrt(np.maximum(values, 0) + strength)) @ basis.T
    return root


def _whitened(features: np.ndarray, strength: float, vectors: np.ndarray) -> np.ndarray:
    """Return the symmetric inverse root of the ridged covariance times vectors, (D, B)."""
    values, basis = _decomposed(features)
    product: np.ndarray = basis @ ((basis.T @ vectors) / np.sqrt(np.maximum(values, 0) + strength)[:, None])
    return product


def _decomposed(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return eigenvalues (D,) and eigenvectors (D, D) of the covariance.

    They are kept: the trials of a sweep begin at the same features, and would wait longer for this than for training.
    """
    key = hashlib.sha256(features.tobytes()).hexdigest()
    if key not in _KEPT:
        while len(_KEPT) >= _MOST_KEPT:
            _KEPT.pop(next(iter(_KEPT)))
        values, basis = np.linalg.eigh(features.T @ features / len(features))
        _KEPT[key] = values, basis
    return _KEPT[key]


def affine(mean: np.ndarray, scale: np.ndarray, weight: np.ndarray) -> Affine:
    """Return a map without an offset of standardised features, in float32."""
    bias = np.zeros(len(weight))
    return Affine(*(part.astype(np.float32) for part in (mean, scale, weight, bias)))
