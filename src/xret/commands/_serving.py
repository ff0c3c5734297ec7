"""An index and its run as the server wants them: see `xret.serve.engine`."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from xret._errors import UserError
from xret.commands._answering import Answering, Query
from xret.commands._explaining import explain_pair, overlay
from xret.data.reading import BrokenMedia, read_image, read_small
from xret.serve.engine import About, Ask, Explained, Hit, Refused


class Serving:
    """Answers the server out of an `Answering`.

    Args:
        name: of the index, for people.
        folder: of the index.
        run: of the model; None: where it was when the index was built.
        trust: packages whose classes run and index may name, beside our own.
        reranker: see `Answering`.
        hubs: see `Answering`.

    Raises:
        UserError: see `Answering`.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        run: Path | None = None,
        trust: Sequence[str] = (),
        reranker: Any = None,  # noqa: ANN401 - see `xret.rerank`
        hubs: bool = True,
    ) -> None:
        self.answering = Answering(folder, run, trust, reranker, hubs)
        facts, known = self.answering.facts, self.answering.modalities
        if not known:
            raise UserError(f"{folder} cannot be asked: its run encodes neither texts nor pictures")
        explains = facts.target == "image" and known == ["text", "image"]
        version = f"{facts.weights} {self.answering.version}"
        filters = self.answering.filtering.offered()
        self.about = About(name, facts.items, facts.target, facts.data, known, filters, explains, version)

    def warm(self) -> None:
        """Answer once, so that the first client does not wait for what is done only once."""
        encoders: Any = self.answering.trained.model.encoders
        values: list[str | np.ndarray] = []
        if "text" in self.about.queries:
            values.append("warm")
        if "image" in self.about.queries:
            px = encoders["image"].image_px
            values.append(np.zeros((3, px, px), np.uint8))
        self.answering([Query(value, 1) for value in values])

    def check(self, where: Mapping[str, Sequence[str]]) -> None:
        """Raise `Refused` where no item has such an attribute or value."""
        try:
            self.answering.filtering.key(where)
        except UserError as error:
            raise Refused(str(error)) from error

    def answer(self, asks: Sequence[Ask]) -> tuple[list[list[Hit]], Mapping[str, float]]:
        """Return the answers to each query, best first, and milliseconds."""
        try:
            found = self.answering([Query(ask.value, ask.k, ask.where) for ask in asks])
        except UserError as error:  # a second measure that does not go with this kind of query
            raise Refused(str(error)) from error
        hits = [[Hit(a.id, a.score, a.text, a.position, self._shows(a.path)) for a in row] for row in found.answers]
        return hits, found.ms

    def read(self, data: bytes, max_pixels: int) -> np.ndarray:
        """Return a picture (3, H, W) uint8 that a client sent."""
        try:
            return self.answering.picture(data, max_pixels)
        except UserError as error:
            raise Refused(str(error)) from error

    def picture(self, position: int, longest_px: int) -> bytes:
        """Return the picture of an item as PNG."""
        path, layer = self._file(position)
        try:
            small = read_small(path, layer, longest_px)
        except BrokenMedia as error:
            raise Refused(f"the picture cannot be read: {error.reason}") from error
        return _png(small)

    def explain(self, text: str, position: int) -> Explained:
        """Explain an answer."""
        path, layer = self._file(position)
        model = self.answering.trained.model
        encoder: Any = model.encoders["image"]
        try:
            picture = read_image(path, layer, encoder.image_px, encoder.fit)
            found = explain_pair(model, picture, text)
        except BrokenMedia as error:
            raise Refused(f"the picture cannot be read: {error.reason}") from error
        except UserError as error:
            raise Refused(str(error)) from error
        return Explained(overlay(picture, found.heat), found.words, found.score)

    def pair(self, text: str, position: int) -> dict[str, Any] | None:
        """Return the columns of a pair; see `xret.data.table`."""
        item, target = self.answering.item(position), self.about.target
        if target not in {"image", "video", "audio"} or not item["path"]:
            return None
        run = str(self.answering.trained.record.path.resolve())
        facts = {"group": item["group"], "query": text, "item": item["id"], "index": self.about.name, "run": run}
        return {target: item["path"], "text": text, **facts}

    def _shows(self, path: str) -> bool:
        return bool(path) and self.about.target in {"image", "item"}

    def _file(self, position: int) -> tuple[Path, str]:
        path = self.answering.item(position)["path"]
        if not self._shows(path):
            raise Refused("the item has no picture")
        name, _, layer = path.partition("#")
        return Path(name), layer


def named(folders: Sequence[Path]) -> list[str]:
    """Return short names for folders of indices, which differ."""
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        names = ["/".join(folder.resolve().parts[-2:]) for folder in folders]
    if len(set(names)) < len(names):
        names = [f"{name} ({number})" for number, name in enumerate(names, start=1)]
    return names


def _png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=3)
    return out.getvalue()
