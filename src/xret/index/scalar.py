"""Every vector is compared, in 16 or 8 bits a number."""

from xret.index._engine import Engine, storage


class Scalar(Engine):
    """`Flat` in a half or a quarter of the memory. One query takes less time, a batch more: there is no BLAS for it.

    Args:
        storage: float16 or int8 (each dimension cut evenly between its least and greatest value in the sample).
        transform: null, pca or whiten.
        transform_dim: length of the vectors after it; null: as before.
        refine: candidates, per answer wanted, compared again by better vectors; 0: none.
        refine_storage: those vectors: float32, float16 or int8.
        train_size: vectors that it is fitted on, at most.

    Raises:
        ValueError: one of them is outside its range.
    """

    def __init__(
        self,
        storage: str = "int8",
        transform: str | None = None,
        transform_dim: int | None = None,
        refine: float = 0,
        refine_storage: str = "float32",
        train_size: int = 100_000,
    ) -> None:
        code = _code(storage)
        super().__init__(lambda count, dim: code, 1, transform, transform_dim, refine, refine_storage, train_size)


def _code(stored: str) -> str:
    return storage("storage", stored)
