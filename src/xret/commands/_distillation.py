"""The teacher of a distillation: another run, opened once, its vectors of all items precomputed."""

import csv
import logging
import weakref
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import get_class
from omegaconf import DictConfig, OmegaConf
from torch import Tensor, nn

from xret._errors import UserError
from xret.commands._assembly import build
from xret.commands._sources import can_be_stored, reader
from xret.commands._trained import Trained, open_run
from xret.data.batch import Draw
from xret.data.cache import FeatureCache
from xret.data.encoding import encode_items, features, reading_facts
from xret.data.features import Piece
from xret.data.manifest import Items, Manifest
from xret.data.providers import Stored
from xret.encoder import Encoded
from xret.encoder.weights import fingerprint
from xret.metric import Tasks
from xret.metric.evaluate import evaluate
from xret.model.distilling import Distilling
from xret.model.dual_encoder import DualEncoder
from xret.run.cost import cost

log = logging.getLogger(__name__)

_OURS = ("teacher", "weight")  # keys of the option that are no arguments of the method
_SHOWN = ("recall_at_1", "recall_at_5", "recall_at_10", "mrr")
_BATCH = 256
_last: tuple["weakref.ref[Any]", str, "Teacher"] | None = None


@dataclass(frozen=True)
class Teacher:
    """A trained run and what it gives for the items of a data set.

    Attributes:
        model: in eval mode.
        vectors: modality -> (N, E) unit vectors of all items.
        fingerprint: of the weights behind them.
        raw: modality -> what reads its items, at the teacher's own size.
    """

    model: DualEncoder
    vectors: dict[str, Stored]
    fingerprint: str
    raw: dict[str, Any]

    @property
    def dim(self) -> int:
        """E."""
        return int(next(iter(self.vectors.values())).array.shape[1])

    def figures(self, tasks: Tasks, places: Mapping[str, np.ndarray], student: Mapping[str, float]) -> dict[str, float]:
        """Return the teacher's figures of a split, and the share of them that the student keeps.

        Args:
            tasks: of the split.
            places: modality -> where the split's items stand among all items.
            student: its figures, "text_to_image/recall_at_10" and so on.

        Returns:
            "text_to_image/teacher_recall_at_10", "text_to_image/kept_recall_at_10" and so on.
        """
        values = evaluate(tasks, {m: v.array[places[m]] for m, v in self.vectors.items()}, resamples=0).values
        found: dict[str, float] = {}
        for name, value in values.items():
            direction, _, figure = name.rpartition("/")
            if figure in _SHOWN and name.count("/") == 1:
                found[f"{direction}/teacher_{figure}"] = value
                if value > 0:
                    found[f"{direction}/kept_{figure}"] = student[name] / value
        return found

    def cost(self, usable: Mapping[str, np.ndarray], places: Mapping[str, np.ndarray], timed: bool) -> dict[str, Any]:
        """Return what the teacher costs in use, measured as the student's cost is, see `xret.run.cost`."""
        galleries = {m: np.array(v.array[places[m]]) for m, v in self.vectors.items()}
        whole = cost(self.model, self.raw, usable, galleries, train_s=0.0, timed=timed)
        del whole["train_s"]
        return whole


@dataclass(frozen=True)
class Rows:
    """Gives the teacher's vectors of rows, as `Batch.extra` wants them."""

    vectors: Mapping[str, Stored]
    of_row: Mapping[str, np.ndarray]

    def __call__(self, rows: np.ndarray, draw: Draw) -> dict[str, dict[str, Tensor]]:
        """Return modality -> {"vector": (B, E)}; nothing is drawn."""
        return {m: stored(self.of_row[m][rows]) for m, stored in self.vectors.items()}


def distils(cfg: DictConfig) -> bool:
    """Tell whether the switch is on."""
    return "_target_" in cfg.distillation


def distilling(cfg: DictConfig, model: DualEncoder, prepared: Any) -> Distilling:  # noqa: ANN401 - a Prepared
    """Return the objective.

    Raises:
        UserError: the teacher cannot teach these data, or an argument is out of range.
    """
    taught = teacher(cfg, prepared)
    settings = OmegaConf.to_container(cfg.distillation)
    assert isinstance(settings, dict)
    arguments = {str(key): value for key, value in settings.items() if key not in _OURS}
    if getattr(get_class(cfg.distillation._target_), "sized", False):
        student = next(iter(model.projections.values()))
        arguments |= {"student_dim": student.dim, "teacher_dim": taught.dim}
    try:
        return Distilling(build(arguments, "distillation"), cfg.distillation.weight, taught.fingerprint)
    except ValueError as error:
        raise UserError(str(error)) from error


def rows(cfg: DictConfig, prepared: Any) -> Rows:  # noqa: ANN401 - a Prepared
    """Return what puts the teacher's vectors into each batch."""
    return Rows(teacher(cfg, prepared).vectors, prepared.of_row)


def teacher(cfg: DictConfig, prepared: Any) -> Teacher:  # noqa: ANN401 - a Prepared
    """Return the teacher of a run, ready for its data; asked again for the same data, the same one.

    Raises:
        UserError: it is no finished run, its data are others, it has learnt what is validated here, or it lacks a
            modality.
    """
    global _last
    folder = str(cfg.distillation.teacher)
    if _last is None or _last[0]() is not prepared or _last[1] != folder:
        _last = (weakref.ref(prepared), folder, _opened(cfg, prepared, Path(folder)))
    return _last[2]


def _opened(cfg: DictConfig, prepared: Any, folder: Path) -> Teacher:  # noqa: ANN401 - a Prepared
    trained = open_run(folder, cfg.trust)
    check_pupil(trained, prepared.manifest, cfg.folds is not None)
    missing = [m for m in prepared.items if m not in trained.model.encoders]
    if missing:
        raise UserError(f"distillation.teacher={folder} must encode what the student does; it has no {missing[0]}")
    cache = FeatureCache(Path(cfg.cache.dir) if cfg.cache.dir else None, cfg.cache.max_gb)
    vectors, prints = {}, []
    for modality, items in prepared.items.items():
        whole = _Whole(trained.model, modality)
        stored = _vectors(whole, items, prepared.manifest.root, cache, cfg.batch.workers)
        used = np.unique(prepared.of_row[modality])
        lost = [fault for fault in stored.broken if fault.position in used]
        if lost:
            raise UserError(
                f"the teacher cannot read {items.refs[lost[0].position]}: {lost[0].reason}, {lost[0].detail}"
            )
        vectors[modality] = Stored("vector", stored.array)
        prints.append(whole.fingerprint())
    raw = {m: reader(trained.model.encoders[m], items, prepared.manifest.root) for m, items in prepared.items.items()}
    log.info("teacher: %s, vectors of %d components", folder, next(iter(vectors.values())).array.shape[1])
    return Teacher(trained.model, vectors, fingerprint({"teacher": prints}), raw)


def check_pupil(trained: Trained, manifest: Manifest, folds: bool) -> None:
    """Raise unless a teacher knows every row of a student's data, and trained on none that is measured here.

    Args:
        trained: the teacher.
        manifest: the student's rows.
        folds: whether the student is one of several folds.

    Raises:
        UserError: naming a row.
    """
    folder = trained.record.path
    if not trained.record.metrics.exists():
        raise UserError(f"distillation.teacher={folder} has not finished; train resume={folder} goes on with it")
    facts = trained.record.read_json("provenance.json")
    if facts["data_hash"] == manifest.digest():
        return
    with open(folder / "split.csv", newline="") as file:
        split_of = {row["id"]: row["split"] for row in csv.DictReader(file)}
    for row in manifest.rows:
        if row.id not in split_of or facts["data"] != manifest.name:
            raise UserError(
                f"a teacher must know the student's data, {manifest.name}; {folder} learnt on {facts['data']}, without "
                f"the row {row.id}"
            )
        if row.split != "train" and split_of[row.id] == "train":
            why = (
                "folds validate what a teacher of all folds has learnt: use folds=null" if folds else "split them alike"
            )
            raise UserError(f"row {row.id} is in {row.split} here, and {folder} trained on it; {why}")


class _Whole(nn.Module):
    """Encoder and projection of one modality as one encoder: unit vectors out."""

    stores = "vector"

    def __init__(self, model: DualEncoder, modality: str) -> None:
        super().__init__()
        self.model, self.modality = model, modality
        self.encoder: Any = model.encoders[modality]
        self.collate = self.encoder.collate
        if modality == "image":
            self.image_px, self.fit = self.encoder.image_px, self.encoder.fit

    def forward(self, inputs: dict[str, Tensor]) -> Encoded:
        """Return the unit vectors of items, raw or stored."""
        return Encoded(self.model.encode(self.modality, inputs).vector)

    def fingerprint(self) -> str:
        """Return a hash of settings and all weights."""
        facts = {"class": "teacher", "encoder": self.encoder.fingerprint()}
        return fingerprint(facts, self.encoder, self.model.projections[self.modality])


def _vectors(whole: _Whole, items: Items, root: Path, cache: FeatureCache, workers: int) -> Any:  # noqa: ANN401 - stored features
    """Return the unit vectors of all items, from the cache, or from what a frozen encoder has stored there."""

    def make() -> Iterator[Piece]:
        if not can_be_stored(whole.encoder):
            yield from encode_items(items, root, whole, workers=workers)
            return
        base = features(whole.encoder, items, root, cache, workers=workers)
        provider = Stored(base.name, base.array, base.mask)
        for begin in range(0, len(items), _BATCH):
            where = np.arange(begin, min(begin + _BATCH, len(items)))
            with torch.inference_mode():
                vector = whole(provider(where)).vector.numpy()
            yield Piece(where, {"vector": vector}, tuple(b for b in base.broken if b.position in where))

    return cache.get("|".join([whole.fingerprint(), *reading_facts(whole, items)]), items, root, make)
