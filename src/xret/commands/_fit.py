"""The training loop of one run: Lightning's Trainer around the module, its data and its checkpoints."""

import logging
import math
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf
from optuna import TrialPruned
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from xret._errors import UserError
from xret.commands._assembly import Prepared, build
from xret.commands._needs import needs
from xret.commands._objectives import extras, objectives
from xret.commands._sources import Provider
from xret.data.batch import Batch, PairDataset
from xret.data.manifest import Manifest
from xret.data.parts import Composite
from xret.data.providers import KeptPictures, Stored
from xret.data.sampler import Batches
from xret.model.belief import Belief
from xret.model.chunks import Chunks
from xret.model.dual_encoder import DualEncoder
from xret.model.module import RetrievalModule
from xret.run import tracking
from xret.run.checkpoint import AtomicIO, Checkpoints, load, load_model
from xret.run.folder import RunFolder
from xret.run.interrupt import Interrupt, Stopped
from xret.run.progress import progress
from xret.run.store import alone
from xret.run.trial import Pruning

log = logging.getLogger(__name__)

_ITEMS_PER_BATCH = 256

Validate = Callable[[dict[str, np.ndarray]], dict[str, float]]


def begin_tracking(cfg: DictConfig, record: RunFolder, manifest: Manifest, digest: str) -> Any:  # noqa: ANN401 - a Lightning logger or None
    """Start the MLflow run, named after trial or variant, else after its folder; None where there is no tracker."""
    if "_target_" not in cfg.tracker or record.silent:
        return None
    name = f"{cfg.variant}, seed {cfg.seed}" if cfg.variant else None
    name = name if cfg.trial is None else f"trial {cfg.trial}"
    params = tracking.params_of(OmegaConf.to_container(cfg, resolve=True))  # type: ignore[arg-type]
    with alone(str(cfg.tracker.tracking_uri)):
        logger = build(cfg.tracker, "tracker")
        tracking.start(logger, record, params, manifest, digest, name, cfg.parent_run)
    return logger


class Fit:
    """One training, from the first or the next epoch to the last.

    Args:
        cfg: the resolved config.
        record: the run folder.
        model: encoders and projections.
        prepared: the data, ready for that model.
        validate: vectors of the validation items -> metrics.
        digest: hash of the data.
        lr: learning rate of the projections.
        pruning: stops a trial of a sweep early; None outside of one.
        belief: how far each pair is believed; None: all of them.
    """

    def __init__(
        self,
        cfg: DictConfig,
        record: RunFolder,
        model: DualEncoder,
        prepared: Prepared,
        validate: Validate,
        digest: str,
        lr: float,
        pruning: Pruning | None = None,
        belief: Belief | None = None,
    ) -> None:
        _hush()
        self.cfg, self.record, self.prepared = cfg, record, prepared
        self.items, self.places = prepared.split("val")
        self.validate = validate
        self.module = RetrievalModule(
            model,
            objectives=objectives(cfg, model, prepared),
            optimizer=build(cfg.optimizer, "optimizer"),
            scheduler=build(cfg.scheduler, "scheduler"),
            lr=lr,
            objective_lr=cfg.optimizer.lr,
            weight_decay=cfg.optimizer.get("weight_decay", 0.0),
            validate=validate,
            items={m: len(i) for m, i in self.items.items()},
            seed=cfg.seed,
            gather=cfg.gather,
            chunks=None if cfg.chunk is None else Chunks(cfg.chunk, needs(cfg).tokens),
            belief=belief,
        )
        self.checkpoints = Checkpoints(record, cfg.monitor, cfg.patience, cfg.keep)
        self.interrupt = Interrupt(record)
        self.pruning = pruning
        self.logger = begin_tracking(cfg, record, prepared.manifest, digest)
        self.trainer: Any = build(
            cfg.trainer,
            "trainer",
            logger=self.logger or False,
            callbacks=[
                *([pruning] if pruning else []),
                self.checkpoints,
                self.interrupt,
                progress(cfg.trainer.enable_progress_bar),
            ],
            enable_progress_bar=cfg.trainer.enable_progress_bar and sys.stderr.isatty(),
            plugins=[AtomicIO()],
            default_root_dir=str(record.path),
            enable_checkpointing=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
        )

    def run(self) -> None:
        """Train; go on from `last.ckpt` where there is one.

        Raises:
            KeyboardInterrupt: after Ctrl-C, when what was learnt is saved.
            optuna.TrialPruned: the trial is not worth more epochs.
        """
        resume, begin = str(self.record.last) if self.record.last.exists() else None, time.perf_counter()
        try:
            with self.interrupt:
                self.trainer.fit(self.module, self._train_loader(), self._item_loaders(), ckpt_path=resume)
        except Stopped:
            self._close("KILLED")
            done = len(self.checkpoints.history)
            self.record.write_json("interrupted.json", {"epochs": done, "of": self.trainer.max_epochs})
            raise KeyboardInterrupt(
                f"stopped after {done} of {self.trainer.max_epochs} epochs; resume={self.record.path} goes on"
            ) from None
        except BaseException:
            self._close("FAILED")
            raise
        (self.record.path / "interrupted.json").unlink(missing_ok=True)
        if self.pruning is not None and self.pruning.pruned:
            self._close("KILLED")
            done = len(self.checkpoints.history)
            facts = {"epochs": done, "of": self.trainer.max_epochs, "seconds": time.perf_counter() - begin}
            self.record.write_json("pruned.json", facts)
            raise TrialPruned(f"stopped after {done} of {self.trainer.max_epochs} epochs")

    def best(self) -> RetrievalModule:
        """Return the module with the weights of the best epoch, in eval mode."""
        if self.record.best.exists():
            load_model(self.module.model, load(self.record.best))
        return self.module.eval()

    def _close(self, status: str) -> None:
        if self.logger is not None:
            tracking.finish(self.logger, self.record, {}, status)

    def _train_loader(self) -> DataLoader[Any]:
        dataset = self.prepared.dataset(extras(self.cfg, self.module.model, self.prepared), self.cfg.seed)
        rows = self.prepared.rows("train")
        if not len(rows):
            raise UserError(f"{self.prepared.manifest.name} has no rows in the split 'train'")
        world, rank = self.trainer.world_size, self.trainer.global_rank
        batches = Batches(
            self.prepared.manifest.group_ids()[rows],
            self.cfg.batch.size,
            self.cfg.seed,
            self.cfg.batch.unique_groups,
            rank=rank,
            world=world,
        )
        if batches.left_out:
            log.info("each epoch leaves out %d of %d pairs, not always the same", batches.left_out, len(rows))
        return DataLoader(
            _Rows(dataset, rows),
            batch_size=None,
            sampler=_Dated(batches),
            num_workers=self._workers(),
            generator=torch.Generator(),
        )

    def _item_loaders(self) -> list[DataLoader[Any]]:
        """Return one loader per modality; each process encodes its share of the validation items."""
        loaders = []
        for modality, places in self.places.items():
            world = self.trainer.world_size  # Lightning wants a batch for every process
            batches = np.array_split(np.arange(len(places)), max(world, math.ceil(len(places) / _ITEMS_PER_BATCH)))
            share = batches[self.trainer.global_rank :: world]
            items = _Items(modality, self.prepared.given[modality], places, share)
            loaders.append(DataLoader(items, batch_size=None, num_workers=self._workers(), generator=torch.Generator()))
        return loaders

    def _workers(self) -> int:
        """Return how many processes read; stored features and kept pictures need none."""
        providers = (*self.prepared.given.values(), *self.prepared.training.values())
        return 0 if all(_at_hand(p) for p in providers) else int(self.cfg.batch.workers)


def _at_hand(provider: object) -> bool:
    """Tell whether a provider gives what is in memory."""
    if isinstance(provider, Composite):
        return all(_at_hand(part) for part in provider.providers.values())
    return isinstance(provider, Stored | KeptPictures)


class _Rows(Dataset[Any]):
    """Some rows of a data set that takes lists of rows."""

    def __init__(self, dataset: PairDataset, rows: np.ndarray) -> None:
        self.dataset, self.rows = dataset, rows

    def __getitem__(self, index: tuple[int, list[int]]) -> Batch:
        epoch, chosen = index
        return self.dataset.batch(self.rows[chosen], epoch)


class _Dated(Sampler[tuple[int, list[int]]]):
    """Batches with the epoch they belong to; reading processes learn it in no other way."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def set_epoch(self, epoch: int) -> None:
        self.batches.set_epoch(epoch)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[int, list[int]]]:
        for chosen in self.batches:
            yield self.batches.epoch, chosen


class _Items(Dataset[Any]):
    """Batches of items of one modality: (modality, positions among the split's items, inputs)."""

    def __init__(self, modality: str, given: Provider, places: np.ndarray, batches: list[np.ndarray]) -> None:
        self.modality, self.given, self.places, self.batches = modality, given, places, batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> tuple[str, Tensor, dict[str, Tensor]]:
        positions = self.batches[number]
        return self.modality, torch.from_numpy(positions), self.given(self.places[positions])


def _hush() -> None:
    """Silence what Lightning says about choices that are made on purpose here."""
    for message in (
        ".*does not have many workers.*",
        ".*The number of training batches.*",  # fewer than log_every_n_steps
        r".*module\(s\) in eval mode.*",  # frozen encoders
        ".*isinstance.treespec, LeafSpec.*",
        ".*GPU available but not used.*",
        ".*sync_dist=True.*",  # all processes log the same figures
    ):
        warnings.filterwarnings("ignore", message)
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("timm").setLevel(logging.WARNING)
