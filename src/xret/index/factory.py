"""Any index that faiss can make from a line of text."""

from xret.index._engine import Engine


class Factory(Engine):
    """An index by faiss's own name of it, such as ``OPQ64_256,IVF4096,PQ64x4fs,Refine(SQfp16)``.

    The names are listed at https://github.com/facebookresearch/faiss/wiki/The-index-factory. Inner product is the
    measure, so behind a transform that shortens vectors ``L2norm`` makes scores cosines again (``PCA256,L2norm,SQ8``).

    Args:
        name: what faiss calls it.
        effort: cells searched or candidates of a graph kept, per query.
        refine: candidates, per answer wanted, that a refinement in the name compares again.
        train_size: vectors that it is fitted on, at most.

    Raises:
        ValueError: effort, refine or train_size is below 1.
    """

    def __init__(self, name: str, effort: int = 16, refine: float = 10, train_size: int = 100_000) -> None:
        if refine < 1:
            raise ValueError(f"refine must be at least 1 candidate per answer, got {refine}")
        super().__init__(lambda count, dim: name, effort, train_size=train_size)
        self.k_factor = refine
