"""Inverted file: vectors in cells, of which the nearest few are searched."""

from xret.index._engine import Engine, cells_for, storage


class IVF(Engine):
    """Cells by k-means; a query is compared with the vectors of the ``probes`` cells whose centres are nearest.

    Fast where neighbours share a cell. Where they lie in many, recall needs so many probes that `Flat` is faster.

    Source: Sivic and Zisserman 2003, https://doi.org/10.1109/ICCV.2003.1238663; in faiss, Douze et al. 2024,
    https://arxiv.org/abs/2401.08281 (sec. 5.2).

    Args:
        cells: how many; null: 4 times the root of the number of vectors.
        probes: cells searched per query.
        storage: float32, float16 or int8.
        transform: null, pca, whiten or opq.
        transform_dim: length of the vectors after it; null: as before.
        refine: candidates, per answer wanted, compared again by better vectors; 0: none.
        refine_storage: those vectors: float32, float16 or int8.
        train_size: vectors that it is fitted on, at most.

    Raises:
        ValueError: one of them is outside its range.
    """

    def __init__(
        self,
        cells: int | None = None,
        probes: int = 16,
        storage: str = "float32",
        transform: str | None = None,
        transform_dim: int | None = None,
        refine: float = 0,
        refine_storage: str = "float32",
        train_size: int = 100_000,
    ) -> None:
        code = _code(cells, storage)
        super().__init__(
            lambda count, dim: f"IVF{cells_for(count, cells, train_size)},{code}",
            probes,
            transform,
            transform_dim,
            refine,
            refine_storage,
            train_size,
        )


def _code(cells: int | None, stored: str) -> str:
    if cells is not None and cells < 1:
        raise ValueError(f"cells must be at least 1 or null, got {cells}")
    return storage("storage", stored)
