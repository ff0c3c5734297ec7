"""What the indices of faiss have in common: files, and the parameters of a search."""

import os
import shutil
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from xret._errors import UserError

FILE = "index.faiss"

faiss.cvar.distance_compute_blas_threshold = 1  # else small batches skip BLAS: 7 to 10 times slower (faiss 1.15)


def parts(index: Any) -> list[Any]:  # noqa: ANN401 - any index of faiss
    """Return an index and those inside it, from the outermost in."""
    chain = [faiss.downcast_index(index)]
    while True:
        last = chain[-1]
        if isinstance(last, faiss.IndexRefine):
            chain.append(faiss.downcast_index(last.base_index))
        elif isinstance(last, faiss.IndexPreTransform):
            chain.append(faiss.downcast_index(last.index))
        else:
            return chain


def limit(index: Any) -> int:  # noqa: ANN401 - any index of faiss
    """Return the most effort a search can make: cells of an inverted file, candidates of a graph; 0: it has no such."""
    inner = parts(index)[-1]
    if isinstance(inner, faiss.IndexIVF):
        return int(inner.nlist)
    return int(inner.ntotal) if isinstance(inner, faiss.IndexHNSW) else 0


def chooses(index: Any) -> bool:  # noqa: ANN401 - any index of faiss
    """Tell whether an index can search among some of its vectors; flat product quantisers cannot (faiss 1.15)."""
    able = (faiss.IndexIVF, faiss.IndexHNSW, faiss.IndexFlat, faiss.IndexScalarQuantizer)
    return isinstance(parts(index)[-1], able)


def parameters(index: Any, effort: int, k_factor: float, mask: np.ndarray | None) -> Any:  # noqa: ANN401
    """Return how to search.

    Args:
        index: any of faiss.
        effort: see `limit`.
        k_factor: candidates that are compared again, per answer wanted.
        mask: (M,) bool, the vectors that may be found; None: all.
    """
    found: Any = None
    made: Any = faiss  # whose stubs know neither keywords nor arrays
    selector = None if mask is None else made.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
    for part in reversed(parts(index)):
        if isinstance(part, faiss.IndexIVF):
            found = made.SearchParametersIVF(sel=selector, nprobe=max(1, min(effort, part.nlist)))
        elif isinstance(part, faiss.IndexHNSW):
            found = made.SearchParametersHNSW(sel=selector, efSearch=max(1, min(effort, part.ntotal)))
        elif isinstance(part, faiss.IndexRefine):
            found = made.IndexRefineSearchParameters(k_factor=k_factor, base_index_params=found)
        elif isinstance(part, faiss.IndexPreTransform):
            found = None if found is None else made.SearchParametersPreTransform(index_params=found)
        elif selector is not None:
            found = made.SearchParameters(sel=selector)
    return found


def write(index: Any, folder: Path) -> None:  # noqa: ANN401 - any index of faiss
    """Write an index into a folder."""
    try:
        faiss.write_index(index, str(folder / FILE))
    except RuntimeError as error:
        raise UserError(f"cannot write {folder / FILE}: {str(error).splitlines()[-1]}") from error


def read(folder: Path) -> Any:  # noqa: ANN401 - any index of faiss
    """Read the index of a folder.

    Raises:
        UserError: the file is missing or broken.
    """
    try:
        return faiss.read_index(str(folder / FILE))
    except (RuntimeError, MemoryError) as error:
        reason = (str(error).splitlines() or ["it asks for too much memory"])[-1]
        raise UserError(f"cannot read {folder / FILE}: {reason}; build it again") from error


def link(file: Path, path: Path) -> None:
    """Let a file have a second name; a copy where the file system knows no links."""
    try:
        os.link(file, path)
    except OSError:
        shutil.copyfile(file, path)
