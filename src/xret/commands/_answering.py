"""An index and its run, opened to answer queries: what `search` and `serve` have in common."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from xret._errors import UserError
from xret.commands._assembly import build, refuse_strangers, trusted
from xret.commands._embedding import model_hash
from xret.commands._filtering import Filtering, Where
from xret.commands._hubs import load
from xret.commands._second import Second
from xret.commands._trained import Trained, open_run
from xret.data.reading import BrokenMedia, decode_image, read_image
from xret.run.index_folder import ITEMS, IndexFacts, IndexFolder


@dataclass(frozen=True)
class Query:
    """What is asked for.

    Attributes:
        value: a text, or a picture (3, H, W) uint8 as the run's encoder wants it.
        k: how many items are wanted.
        where: what they must have; see `Filtering`.
    """

    value: str | np.ndarray
    k: int = 10
    where: Where = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """One of the nearest items, and how near it is."""

    id: str
    score: float
    text: str
    path: str
    position: int


@dataclass(frozen=True)
class Found:
    """The answers to some queries, best first, and the milliseconds it took to get them all."""

    answers: list[list[Answer]]
    ms: Mapping[str, float]


class Answering:
    """Answers queries: encodes them as the run does, and asks the index.

    Args:
        folder: of the index.
        run: of the model; None: where it was when the index was built.
        trust: packages whose classes run and index may name, beside our own.
        reranker: orders the first answers anew, as `xret.rerank` describes it; None: they stay as they are.
        hubs: lower the scores of hubs where the index knows of them.

    Raises:
        UserError: there is no such index or run, or the run's model is not the one the vectors are of.
    """

    def __init__(
        self,
        folder: Path,
        run: Path | None = None,
        trust: Sequence[str] = (),
        reranker: Any = None,  # noqa: ANN401 - see `xret.rerank`
        hubs: bool = True,
    ) -> None:
        import pyarrow.parquet as pq

        self.version = IndexFolder(folder).held(self)  # stays on the disk for as long as this lives
        self.facts: IndexFacts = IndexFolder.facts(self.version)
        refuse_strangers(self.facts.index, trusted(trust))
        self.trained: Trained = open_run(run or Path(self.facts.run), trust)
        weights = model_hash(self.trained)
        if weights != self.facts.weights:
            raise UserError(
                f"{folder} holds vectors of the model {self.facts.weights}, and {self.trained.record.path} is the model"
                f" {weights}; name the run that made them with run=DIR, or embed and build again"
            )
        self.index: Any = build(OmegaConf.create(self.facts.index), "index")
        self.index.load(self.version)
        self.items = pq.read_table(self.version / ITEMS).combine_chunks()
        self.filtering = Filtering(self.items)
        bias = load(self.version) if hubs and self.facts.hubness else None
        self.second = Second(self.trained, self.facts.target, self._known, bias, reranker)

    def __call__(self, queries: Sequence[Query]) -> Found:
        """Return the nearest items to each query.

        Raises:
            UserError: the run has no encoder for a query, or a filter names what no item has.
        """
        began = time.perf_counter()
        vectors = self.encode([query.value for query in queries])
        encoded = time.perf_counter()
        found = self._nearest(queries, vectors)
        searched = time.perf_counter()
        for i, query in enumerate(queries):
            positions, scores = self.second(query.value, *found[i])
            found[i] = positions[: query.k], scores[: query.k]
        reranked = time.perf_counter()
        answers = [self._described(*one) for one in found]
        done = time.perf_counter()
        times = {"encode": encoded - began, "search": searched - encoded, "rerank": reranked - searched}
        times["total"] = done - began
        return Found(answers, {name: 1000 * seconds for name, seconds in times.items()})

    @torch.inference_mode()
    def encode(self, values: Sequence[str | np.ndarray]) -> np.ndarray:
        """Return the unit vectors (Q, D) float32 of texts and pictures; each kind is encoded at once.

        Raises:
            UserError: the run has no encoder for one of them.
        """
        model = self.trained.model
        device = next(model.parameters()).device
        kinds = ["text" if isinstance(value, str) else "image" for value in values]
        vectors = np.empty((len(values), self.facts.dim), np.float32)
        for modality in dict.fromkeys(kinds):
            self.check(modality)
            which = [i for i, kind in enumerate(kinds) if kind == modality]
            inputs = model.encoders[modality].collate([values[i] for i in which])  # type: ignore[operator]
            inputs = {name: tensor.to(device) for name, tensor in inputs.items()}
            vectors[which] = model.encode(modality, inputs).vector.float().cpu().numpy()
        return vectors

    def check(self, modality: str) -> None:
        """Raise unless queries of a modality can be encoded.

        Raises:
            UserError: they cannot.
        """
        known = self.modalities
        if modality not in known:
            raise UserError(f"a query must be one of {', '.join(known)}, which the run encodes, got a {modality}")

    @property
    def modalities(self) -> list[str]:
        """What a query may be: "text", "image" or both."""
        model = self.trained.model
        return [m for m in ("text", "image") if m in model.modalities and m in model.encoders]

    def picture(self, source: Path | bytes, max_pixels: int | None = None) -> np.ndarray:
        """Read a picture (3, H, W) uint8 as the run's encoder wants it: a file, or bytes from elsewhere.

        Raises:
            UserError: it cannot be read, or the run knows no pictures.
        """
        self.check("image")
        encoder: Any = self.trained.model.encoders["image"]
        try:
            if isinstance(source, bytes):
                return decode_image(source, encoder.image_px, encoder.fit, max_pixels)
            return read_image(source, "", encoder.image_px, encoder.fit)
        except BrokenMedia as error:
            name = "the picture" if isinstance(source, bytes) else source
            raise UserError(f"cannot read {name}: {error.reason}, {error.detail}") from error

    def item(self, position: int) -> dict[str, str]:
        """Return what is known of an item, by its place in the index: see `xret.run.vectors.COLUMNS`."""
        row: dict[str, str] = self.items.slice(position, 1).to_pylist()[0]
        return row

    def _known(self, position: int) -> dict[str, Any]:
        item = self.item(position)
        return {**item, "attributes": json.loads(item["attributes"])}

    def _nearest(self, queries: Sequence[Query], vectors: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the candidates of each query, positions (K,) and scores (K,); those with one filter are one search."""
        found: list[tuple[np.ndarray, np.ndarray]] = [(np.empty(0, np.int64), np.empty(0, np.float32))] * len(queries)
        alike: dict[object, list[int]] = {}
        for i, query in enumerate(queries):
            alike.setdefault(self.filtering.key(query.where), []).append(i)
        for which in alike.values():
            allowed = self.filtering.allowed(queries[which[0]].where)
            most = min(max(self.second.depth(queries[i].k) for i in which), self.facts.items)
            positions, scores = self.index.search(vectors[which], most, allowed)
            for i, places, nearness in zip(which, positions, scores, strict=True):
                there = places >= 0
                found[i] = (places[there], nearness[there])
        return found

    def _described(self, positions: np.ndarray, scores: np.ndarray) -> list[Answer]:
        places = positions.tolist()
        rows = self.items.select(["id", "text", "path"]).take(places).to_pylist() if places else []
        return [Answer(**row, score=s, position=p) for row, s, p in zip(rows, scores.tolist(), places, strict=True)]


def as_json(query: str, answers: Sequence[Answer], ms: Mapping[str, float]) -> str:
    """Return what ``format=json`` prints."""
    results = [{"id": a.id, "score": a.score, "text": a.text, "path": a.path} for a in answers]
    return json.dumps({"query": query, "results": results, "ms": dict(ms)}, ensure_ascii=False)
