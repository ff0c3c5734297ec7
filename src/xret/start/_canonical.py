"""Canonical directions by triangular factors: for fits made once, where eigenvalues would cost ten times more."""

import numpy as np
import scipy.linalg

_NOTHING = 1e-6  # correlations below are rounding


def directions(x: np.ndarray, y: np.ndarray, strength: float, dim: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return canonical directions of two sets of features and their correlations, the largest first.

    With C the covariances, ridged by ``strength``, a direction b of y solves

        Cyx Cxx^-1 Cxy b = r^2 Cyy b,    and that of x is a = Cxx^-1 Cxy b / r;    a' Cxx a = b' Cyy b = 1

    The narrower side is y. Where x has more columns than rows, Cxx^-1 X' = X' (X X' / N + strength)^-1 is used.

    Args:
        x: (N, Dx) float64, of mean zero; rows of unequal weight are multiplied by its root.
        y: (N, Dy) float64, the same.
        strength: of the ridge, above 0.
        dim: K, at most the smaller of Dx and Dy.

    Returns:
        (Dx, K), (Dy, K) and (K,) float64.
    """
    if x.shape[1] < y.shape[1]:
        right, left, correlations = directions(y, x, strength, dim)
        return left, right, correlations
    rows = len(x)
    pulled = _ridge(x, y, strength)  # (Dx, Dy): Cxx^-1 Cxy
    factor = scipy.linalg.cholesky(y.T @ y / rows + strength * np.eye(y.shape[1]), lower=True)
    inner = scipy.linalg.solve_triangular(factor, (y.T @ (x @ pulled)) / rows, lower=True)
    inner = scipy.linalg.solve_triangular(factor, inner.T, lower=True)
    squares, basis = np.linalg.eigh((inner + inner.T) / 2)
    correlations = np.sqrt(np.maximum(squares[::-1][:dim], 0))
    right = scipy.linalg.solve_triangular(factor, basis[:, ::-1][:, :dim], lower=True, trans="T")
    left = np.divide(pulled @ right, correlations, out=np.zeros((x.shape[1], dim)), where=correlations > _NOTHING)
    return left, right, correlations


def _ridge(x: np.ndarray, y: np.ndarray, strength: float) -> np.ndarray:
    """Return the (Dx, Dy) coefficients of a ridge regression of y on x, in whichever form has the smaller matrix."""
    rows, wide = x.shape
    if wide <= rows:
        return np.asarray(_solve(x.T @ x / rows, strength, x.T @ y / rows))
    return np.asarray(x.T @ _solve(x @ x.T / rows, strength, y / rows))


def _solve(matrix: np.ndarray, strength: float, right: np.ndarray) -> np.ndarray:
    matrix.flat[:: len(matrix) + 1] += strength
    solution: np.ndarray = scipy.linalg.cho_solve(scipy.linalg.cho_factor(matrix, overwrite_a=True), right)
    return solution
