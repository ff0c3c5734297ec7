"""An index and its run, opened to answer queries: what `search` and `serve` have in common."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import OmegaConf

from xret._errors import UserError
from xret.commands._assembly import build, refuse_strangers, trusted
from xret.commands._embedding import model_hash
from xret.commands._trained import Trained, open_run
from xret.data.reading import BrokenMedia, read_image
from xret.run.index_folder import ITEMS, IndexFacts, IndexFolder


@dataclass(frozen=True)
class Answer:
    """One of the nearest items, and how near it is."""

    id: str
    score: float
    text: str
    path: str


@dataclass(frozen=True)
class Found:
    """The answers to some queries, best first, and the milliseconds it took to get them."""

    answers: list[list[Answer]]
    ms: Mapping[str, float]


class Answering:
    """Answers queries: encodes them as the run does, and asks the index.

    Args:
        folder: of the index.
        run: of the model; None: where it was when the index was built.
        trust: packages whose classes run and index may name, beside our own.

    Raises:
        UserError: there is no such index or run, or the run's model is not the one the vectors are of.
    """

    def __init__(self, folder: Path, run: Path | None = None, trust: Sequence[str] = ()) -> None:
        import pyarrow.parquet as pq

        version = IndexFolder.open(folder).current()
        self.facts: IndexFacts = IndexFolder.facts(version)
        refuse_strangers(self.facts.index, trusted(trust))
        self.trained: Trained = open_run(run or Path(self.facts.run), trust)
        weights = model_hash(self.trained)
        if weights != self.facts.weights:
            raise UserError(
                f"{folder} holds vectors of the model {self.facts.weights}, and {self.trained.record.path} is the model"
                f" {weights}; name the run that made them with run=DIR, or embed and build again"
            )
        self.index: Any = build(OmegaConf.create(self.facts.index), "index")
        self.index.load(version)
        self.items = pq.read_table(version / ITEMS).to_pylist()

    def __call__(self, queries: Sequence[str | np.ndarray], k: int) -> Found:
        """Return the k nearest items to each query: a text, or a picture (3, H, W) uint8 as the encoder wants it."""
        began = time.perf_counter()
        vectors = self.encode(queries)
        encoded = time.perf_counter()
        positions, scores = self.index.search(vectors, min(k, self.facts.items))
        searched = time.perf_counter()
        answers = [
            [self._answer(p, s) for p, s in zip(*row, strict=True) if p >= 0]
            for row in zip(positions, scores, strict=True)
        ]
        times = {"encode": encoded - began, "search": searched - encoded, "rerank": 0.0, "total": searched - began}
        return Found(answers, {name: 1000 * seconds for name, seconds in times.items()})

    @torch.inference_mode()
    def encode(self, queries: Sequence[str | np.ndarray]) -> np.ndarray:
        """Return the unit vectors (Q, D) float32 of texts or pictures, all of one kind."""
        modality = "text" if isinstance(queries[0], str) else "image"
        model = self.trained.model
        device = next(model.parameters()).device
        inputs = {n: t.to(device) for n, t in model.encoders[modality].collate(list(queries)).items()}
        vectors: np.ndarray = model.encode(modality, inputs).vector.float().cpu().numpy()
        return vectors

    def picture(self, path: Path) -> np.ndarray:
        """Read a picture as the run's encoder wants it.

        Raises:
            UserError: it cannot be read.
        """
        encoder: Any = self.trained.model.encoders["image"]
        try:
            return read_image(path, "", encoder.image_px, encoder.fit)
        except BrokenMedia as error:
            raise UserError(f"cannot read {path}: {error.reason}, {error.detail}") from error

    def _answer(self, position: int, score: float) -> Answer:
        item = self.items[position]
        return Answer(item["id"], float(score), item["text"], item["path"])


def as_json(query: str, answers: Sequence[Answer], ms: Mapping[str, float]) -> str:
    """Return what ``format=json`` prints."""
    results = [{"id": a.id, "score": a.score, "text": a.text, "path": a.path} for a in answers]
    return json.dumps({"query": query, "results": results, "ms": dict(ms)}, ensure_ascii=False)
