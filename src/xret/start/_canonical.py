"""Canonical directions by triangular factors: for fits made once, where eigenvalues would cost ten times more."""

import numpy as np
import torch
from torch import Tensor

NOTHING = 1e-6  # correlations below are rounding


def directions(
    x: np.ndarray, y: np.ndarray, strength: float, dim: int, partner: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return canonical directions of two sets of features and their correlations, the largest first.

    With C the covariances, ridged by ``strength``, a direction b of y solves

        Cyx Cxx^-1 Cxy b = r^2 Cyy b,    and that of x is a = Cxx^-1 Cxy b / r;    a' Cxx a = b' Cyy b = 1

    The narrower side is y, unless it has partners. Where x has more columns than rows, Cxx^-1 X' = X' (X X' / N +
    strength)^-1 is used.

    Args:
        x: (N, Dx) float64, of mean zero; rows of unequal weight are multiplied by its root.
        y: (N, Dy) float64, the same.
        strength: of the ridge, above 0.
        dim: K, at most the smaller of Dx and Dy.
        partner: (N, Dy) float64 of mean zero, what the rows of x belong with in place of the rows of y.

    Returns:
        (Dx, K), (Dy, K) and (K,) float64.
    """
    if x.shape[1] < y.shape[1] and partner is None:
        right, left, correlations = directions(y, x, strength, dim)
        return left, right, correlations
    wide, narrow = torch.from_numpy(x), torch.from_numpy(y)
    beside = narrow if partner is None else torch.from_numpy(partner)
    pulled = ridge(wide, beside, strength)  # (Dx, Dy): Cxx^-1 Cxy
    factor = torch.linalg.cholesky(_ridged(narrow.T @ narrow / len(narrow), strength))
    inner = torch.linalg.solve_triangular(factor, beside.T @ (wide @ pulled) / len(narrow), upper=False)
    inner = torch.linalg.solve_triangular(factor, inner.T, upper=False)
    squares, basis = torch.linalg.eigh((inner + inner.T) / 2)
    found = squares.flip(0)[:dim].clamp(min=0).sqrt()
    b = torch.linalg.solve_triangular(factor.T, basis.flip(1)[:, :dim], upper=True)
    a = torch.where(found > NOTHING, pulled @ b / found.clamp(min=NOTHING), 0)
    return a.numpy(), b.numpy(), found.numpy()


def ridge(x: Tensor, y: Tensor, strength: float) -> Tensor:
    """Return the (Dx, Dy) coefficients of a ridge regression of y on x, in whichever form has the smaller matrix."""
    rows, columns = x.shape
    if columns <= rows:
        return torch.cholesky_solve(x.T @ y / rows, torch.linalg.cholesky(_ridged(x.T @ x / rows, strength)))
    return x.T @ torch.cholesky_solve(y / rows, torch.linalg.cholesky(_ridged(x @ x.T / rows, strength)))


def _ridged(matrix: Tensor, strength: float) -> Tensor:
    matrix.diagonal().add_(strength)
    return matrix
