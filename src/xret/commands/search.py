"""``xret search``: ask an index, with a text or a picture."""

from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from xret._errors import UserError

if TYPE_CHECKING:
    import numpy as np

_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".avif", ".svg")


def run(cfg: DictConfig) -> None:
    """Print the nearest items."""
    if cfg.format not in {"table", "json"}:
        raise UserError(f"format must be table or json, got {cfg.format}")
    if cfg.k < 1:
        raise UserError(f"k must be at least 1, got {cfg.k}")
    from xret.run.index_folder import IndexFolder

    IndexFolder.open(Path(cfg.index.path))
    from xret.commands._answering import Answering, as_json

    answering = Answering(Path(cfg.index.path), None if cfg.run is None else Path(cfg.run), cfg.trust)
    words = str(cfg.query)
    query: str | np.ndarray = words
    if Path(words).suffix.lower() in _SUFFIXES:
        query = answering.picture(Path(words))
    found = answering([query], cfg.k)
    if cfg.format == "json":
        print(as_json(words, found.answers[0], found.ms))
        return
    for rank, answer in enumerate(found.answers[0], start=1):
        print(f"{rank:>3}  {answer.score:6.3f}  {answer.id:<24} {answer.text[:60]:<60} {answer.path}")
    print(", ".join(f"{name} {ms:.1f} ms" for name, ms in found.ms.items()))
