"""Inverted file of short codes: a few cells are scanned, and the best compared again."""

from xret.index._engine import Engine, blocks_of, cells_for


class IVFPQ(Engine):
    """`IVF` whose cells hold the codes of `PQ`: for many vectors in little memory.

    Source: Jégou et al. 2011, https://doi.org/10.1109/TPAMI.2010.57 (sec. IV).

    Args:
        cells: how many; null: 4 times the root of the number of vectors.
        probes: cells searched per query.
        width: numbers that become 4 bits.
        transform: null, pca, whiten or opq.
        transform_dim: length of the vectors after it; null: as before.
        refine: candidates, per answer wanted, compared again by better vectors; 0: none, and none are kept.
        refine_storage: those vectors: float32, float16 or int8.
        train_size: vectors that it is fitted on, at most.

    Raises:
        ValueError: one of them is outside its range.
    """

    def __init__(
        self,
        cells: int | None = None,
        probes: int = 32,
        width: int = 4,
        transform: str | None = None,
        transform_dim: int | None = None,
        refine: float = 10,
        refine_storage: str = "float32",
        train_size: int = 100_000,
    ) -> None:
        if width < 1 or (cells is not None and cells < 1):
            raise ValueError(f"width and cells must be at least 1, got {width} and {cells}")
        super().__init__(
            lambda count, dim: f"IVF{cells_for(count, cells, train_size)},PQ{blocks_of(dim, width)}x4fs",
            probes,
            transform,
            transform_dim,
            refine,
            refine_storage,
            train_size,
            lambda dim: blocks_of(dim, width),
        )
