"""Checkpoints that survive a kill at any moment."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.io import TorchCheckpointIO

from xret._errors import UserError
from xret.model.dual_encoder import DualEncoder
from xret.model.module import RetrievalModule
from xret.run.folder import RunFolder, write_whole


class AtomicIO(TorchCheckpointIO):
    """Writes a checkpoint beside its place and renames it; reads tensors and plain values only."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ANN401
        """Write the whole file or nothing."""
        write_whole(Path(path), lambda file: torch.save(checkpoint, file))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: bool | None = True) -> dict[str, Any]:  # noqa: ANN401
        """Read a checkpoint without running code from it.

        Raises:
            UserError: the file is missing, broken, or holds more than tensors and plain values.
        """
        return load(Path(path), map_location)


def load(path: Path, map_location: Any = "cpu") -> dict[str, Any]:  # noqa: ANN401 - torch's own type is as wide
    """Read a checkpoint without running code from it.

    Raises:
        UserError: the file is missing, broken, or holds more than tensors and plain values.
    """
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location=map_location, weights_only=True)
    except FileNotFoundError:
        raise UserError(f"no checkpoint {path}; the run was stopped before its first epoch ended") from None
    except Exception as error:
        raise UserError(f"cannot read the checkpoint {path}: {str(error).splitlines()[0]}") from error
    return checkpoint


def load_model(model: DualEncoder, checkpoint: Mapping[str, Any]) -> None:
    """Put the weights of a checkpoint into a model whose frozen encoders are loaded.

    Raises:
        UserError: they are those of another model.
    """
    weights = checkpoint["state_dict"].items()
    model.load_trained_state({k.removeprefix("model."): v for k, v in weights if k.startswith("model.")})


def save_weights(run: RunFolder, module: RetrievalModule, epoch: int, partial: bool = False) -> None:
    """Write the trained weights as those of the best epoch.

    Args:
        run: whose `best.ckpt` it becomes.
        module: being trained.
        epoch: it stands in.
        partial: whether that epoch was not finished.
    """
    state = {"state_dict": module.trained_state(), "epoch": epoch, "partial": partial}
    write_whole(run.best, lambda file: torch.save(state, file))


class Checkpoints(pl.Callback):
    """Keeps the state of the last epoch and the weights of the best one.

    `last.ckpt` is written after everything else of an epoch, so it never runs ahead of `best.ckpt`: an epoch that is
    repeated after a kill writes the same best weights again.

    Args:
        run: whose folder they go to.
        monitor: the metric to maximise.
        patience: validations without improvement before training stops; None never stops.
        keep: "best" or "last": whose weights `best.ckpt` holds.

    Raises:
        UserError: ``keep`` is something else.
    """

    def __init__(self, run: RunFolder, monitor: str, patience: int | None, keep: str = "best") -> None:
        if keep not in ("best", "last"):
            raise UserError(f"keep must be best or last, got {keep}")
        self.keep = keep
        self.run, self.monitor, self.patience = run, monitor, patience
        self.best, self.best_epoch, self.waited = -math.inf, -1, 0
        self.history: list[dict[str, float]] = []
        self._validated = False

    def state_dict(self) -> dict[str, Any]:
        """Return what must survive."""
        return {"best": self.best, "best_epoch": self.best_epoch, "waited": self.waited, "history": self.history}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.best, self.best_epoch = state_dict["best"], state_dict["best_epoch"]
        self.waited, self.history = state_dict["waited"], list(state_dict["history"])

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Remember that there is something to compare."""
        self._validated = True

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: RetrievalModule) -> None:  # type: ignore[override]
        """Compare, write the best weights, write the state."""
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        if self._validated and self.monitor not in metrics:
            raise UserError(f"monitor={self.monitor} is not measured; there are {', '.join(sorted(metrics))}")
        if self._validated:
            self._compare(trainer, pl_module, metrics[self.monitor])
        if self.keep == "last":
            self._save(trainer, pl_module)
        self._validated = False
        self.history.append({"epoch": trainer.current_epoch, **metrics})
        trainer.save_checkpoint(self.run.last, weights_only=False)

    def _save(self, trainer: pl.Trainer, pl_module: RetrievalModule) -> None:
        self.best_epoch = trainer.current_epoch
        if trainer.is_global_zero:
            save_weights(self.run, pl_module, trainer.current_epoch)

    def _compare(self, trainer: pl.Trainer, pl_module: RetrievalModule, value: float) -> None:
        if math.isnan(value):
            raise UserError(f"{self.monitor} is not a number in epoch {trainer.current_epoch}; lower optimizer.lr")
        if value > self.best:
            self.best, self.waited = value, 0
            if self.keep == "best":
                self._save(trainer, pl_module)
            return
        self.waited += 1
        if self.patience is not None and self.waited >= self.patience:
            trainer.should_stop = True
