"""Product quantisation: short codes of all vectors are scanned, and the best compared again."""

from xret.index._engine import Engine, blocks_of


class PQ(Engine):
    """Each piece of ``width`` numbers becomes 4 bits, which registers of the processor compare 32 at a time.

    It looks at every vector, so it needs no cells that neighbours share: it is fast, and keeps its recall, on data on
    which `IVF` and `HNSW` are slower than `Flat`. What the codes lose, the refinement gives back.

    Source: Jégou et al. 2011, https://doi.org/10.1109/TPAMI.2010.57; in registers, André et al. 2017,
    https://arxiv.org/abs/1704.07355.

    Args:
        width: numbers that become 4 bits; 4 numbers: a 32nd of the memory of float32.
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
        width: int = 4,
        transform: str | None = None,
        transform_dim: int | None = None,
        refine: float = 10,
        refine_storage: str = "float32",
        train_size: int = 50_000,
    ) -> None:
        if width < 1:
            raise ValueError(f"width must be at least 1, got {width}")
        super().__init__(
            lambda count, dim: f"PQ{blocks_of(dim, width)}x4fs",
            1,
            transform,
            transform_dim,
            refine,
            refine_storage,
            train_size,
            lambda dim: blocks_of(dim, width),
        )
