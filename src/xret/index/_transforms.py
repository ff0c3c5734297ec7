"""Vectors made shorter or rounder before they are indexed."""

from typing import Any

import faiss
import numpy as np

TRANSFORMS = (None, "pca", "whiten", "opq")


def fitted(kind: str, dim: int, sample: np.ndarray, blocks: int) -> list[Any]:
    """Return what turns vectors (N, D) into (N, dim), fitted on a sample; scores are inner products of the results.

    ``pca`` keeps the directions that hold most of the sample's squared length. Nothing is subtracted: about the mean,
    as PCA is defined, inner products would change, and those of another modality most. The results are made unit
    vectors again, so scores stay cosines, of what was kept. ``whiten`` subtracts the mean and evens out the spread of
    all directions kept; its scores are cosines too, but of other vectors, so they order the answers otherwise. ``opq``
    turns the vectors so that product quantisation loses least (Ge et al. 2013,
    https://doi.org/10.1109/TPAMI.2013.240); with ``dim`` below D it shortens them too.

    Args:
        kind: pca, whiten or opq.
        dim: length of the results.
        sample: (S, D) float32.
        blocks: pieces that a product quantiser cuts the results into; for opq.
    """
    if kind == "opq":
        rounder: Any = faiss.OPQMatrix(sample.shape[1], blocks, dim)
        quantiser = faiss.ProductQuantizer(dim, blocks, 4)
        quantiser.cp.min_points_per_centroid = 1
        rounder.niter, rounder.niter_pq, rounder.verbose, rounder.pq = 10, 4, False, quantiser
        rounder.train(np.ascontiguousarray(sample[:20_000]))
        rounder.pq = None
        return [rounder]
    mean = sample.mean(axis=0, dtype=np.float64) if kind == "whiten" else np.zeros(sample.shape[1])
    moment = np.zeros((sample.shape[1], sample.shape[1]))
    for begin in range(0, len(sample), 8192):
        piece = sample[begin : begin + 8192].astype(np.float64) - mean
        moment += piece.T @ piece / len(sample)
    spread, directions = np.linalg.eigh(moment)
    matrix = directions[:, ::-1][:, :dim].T
    if kind == "whiten":
        matrix = matrix / np.sqrt(np.maximum(spread[::-1][:dim], 1e-4 * spread[-1]))[:, None]
    turn: Any = faiss.LinearTransform(sample.shape[1], dim, True)
    faiss.copy_array_to_vector(np.ascontiguousarray(matrix, np.float32).ravel(), turn.A)
    faiss.copy_array_to_vector(np.ascontiguousarray(-matrix @ mean, np.float32), turn.b)
    turn.set_is_orthonormal()
    turn.is_trained = True
    return [turn, faiss.NormalizationTransform(dim, 2.0)]
