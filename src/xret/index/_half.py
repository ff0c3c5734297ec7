"""A copy of vectors in half precision, and what it cannot tell."""

from functools import cache

import faiss
import numpy as np
import torch

_ROUNDED = 2.0**-8  # relative error of a number in bfloat16
_SMALLEST = 2.0**-126  # a smaller number may count as 0
_PIECE = 131_072  # vectors copied, or compared, at once
_ROWS = 256  # queries compared at once


class Half:
    """Vectors in bfloat16: half as long to read, and no two far apart change places.

    Args:
        vectors: (N, D) float32.
    """

    def __init__(self, vectors: np.ndarray) -> None:
        count, dim = vectors.shape
        self._index = faiss.IndexScalarQuantizer(dim, faiss.ScalarQuantizer.QT_bf16, faiss.METRIC_INNER_PRODUCT)
        self._index.codes.resize(count * self._index.code_size)
        self._index.ntotal = count
        codes = faiss.rev_swig_ptr(self._index.codes.data(), count * self._index.code_size)
        self._copy = torch.from_numpy(codes).view(torch.bfloat16).view(count, dim)
        longest, off = (
            [np.float64(0)],
            [np.float64(0)],
        )  # lengths of the copies, and distances from what they are copies of
        for begin in range(0, count, _PIECE):
            piece = torch.from_numpy(np.array(vectors[begin : begin + _PIECE]))
            copied = self._copy[begin : begin + _PIECE].copy_(piece).float()
            longest.append(_lengths(copied).max())
            off.append(_lengths(copied - piece).max())
        self._longest, self._off = np.max(longest), np.max(off)  # NaN stays

    def nearest(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return positions whose copies score best, and what no other vector's score exceeds.

        What a product with a copy is off by has three parts: the distances of both factors from what they stand for
        (Cauchy and Schwarz), the rounding of the sums, and that of the result.

        Args:
            queries: (Q, D) float32.
            count: of positions, C.

        Returns:
            (Q, C) int64, in any order, and (Q,) float64; infinite or NaN where nothing can be said.
        """
        if count >= self._index.ntotal:
            every = np.broadcast_to(np.arange(self._index.ntotal), (len(queries), self._index.ntotal))
            return every, np.full(len(queries), -np.inf)
        given = torch.from_numpy(queries)
        length = _lengths(given)
        if len(queries) > 1 and multiplies():
            asked = given.bfloat16()
            away = _lengths(asked.float() - given)
            scores, places = self._product(asked, count)
            least = scores.min(axis=1).astype(np.float64)
            least += np.abs(least) * _ROUNDED / (1 - _ROUNDED)
        else:
            scores, places = self._index.search(queries, count)
            away, least = np.zeros_like(length), scores[:, -1]
        dim = queries.shape[1]
        sums = 2 * dim * 2.0**-24 * self._longest * (length + away)
        sums += _SMALLEST * (dim + np.sqrt(dim) * (self._longest + length + away))
        with np.errstate(invalid="ignore"):  # what is infinite in a copy
            return places, least + length * self._off + away * self._longest + sums

    def _product(self, queries: torch.Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
        found, where = [], []
        for first in range(0, len(queries), _ROWS):
            best, places = [], []
            for begin in range(0, len(self._copy), _PIECE):
                piece = self._copy[begin : begin + _PIECE]
                some, at = (queries[first : first + _ROWS] @ piece.T).topk(min(count, len(piece)), dim=1, sorted=False)
                best.append(some)
                places.append(at + begin)
            top, at = torch.cat(best, 1).topk(count, dim=1, sorted=False)
            found.append(top.float())
            where.append(torch.cat(places, 1).gather(1, at))
        return torch.cat(found).numpy(), torch.cat(where).numpy()


def _lengths(vectors: torch.Tensor) -> np.ndarray:
    found: np.ndarray = torch.linalg.vector_norm(vectors, dim=1, dtype=torch.float64).numpy()
    return found


@cache
def multiplies() -> bool:
    """Tell whether the processor multiplies matrices in bfloat16; where it does not, that takes longer than float32."""
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # which older ones do not have
    return any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
