"""The one LightningModule: encodes a batch, adds up the objectives, measures an epoch."""

import logging
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor, nn

from xret._errors import UserError
from xret.data.batch import Batch
from xret.model.belief import Belief
from xret.model.chunks import Chunks, refuse_batch_statistics
from xret.model.dual_encoder import DualEncoder
from xret.model.retrieval import Retrieval
from xret.model.step import Remembers, Step

log = logging.getLogger(__name__)

_ALARM_EPOCHS = 3

Vectors = dict[str, np.ndarray]


class RetrievalModule(pl.LightningModule):
    """Trains a `DualEncoder` on objectives and measures it on validation items.

    Everything random in epoch e is drawn from generators seeded with (seed, e), so a run that is resumed at the end of
    an epoch is the run that was interrupted.

    Args:
        model: the encoders and projections.
        objectives: name -> objective; their scalars are added up.
        optimizer: parameter groups -> optimizer.
        scheduler: (optimizer, total steps) -> scheduler stepped once per batch.
        lr: learning rate of the projections.
        objective_lr: learning rate of what objectives train, a temperature for one.
        weight_decay: of matrices.
        validate: vectors of all validation items -> metrics; called once per epoch on the first process.
        items: modality -> number of validation items.
        seed: of everything random in training.
        gather: with several processes, the pairs of all are set against each other; see `Step`.
        chunks: how training encodes in little memory; None: a batch in one piece.
        belief: weighs the pairs of a step, for all objectives alike; None: as the data says.
    """

    def __init__(
        self,
        model: DualEncoder,
        objectives: Mapping[str, nn.Module],
        optimizer: Callable[..., torch.optim.Optimizer],
        scheduler: Callable[..., torch.optim.lr_scheduler.LRScheduler],
        lr: float,
        objective_lr: float,
        weight_decay: float,
        validate: Callable[[Vectors], dict[str, float]],
        items: Mapping[str, int],
        seed: int,
        gather: bool = True,
        chunks: Chunks | None = None,
        belief: Belief | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.model.chunks = chunks
        self.objectives = nn.ModuleDict(objectives)
        self.belief = belief
        self._optimizer, self._scheduler = optimizer, scheduler
        self._rates, self._weight_decay = (lr, objective_lr), weight_decay
        self._validate = validate
        self._items = dict(items)
        self._seed = seed
        self._gather = gather
        self._step: Step | None = None
        self._vectors: dict[str, Tensor] = {}
        self._epochs_collapsed = 0
        self._sums: dict[str, Tensor | float] = {}
        self._steps = self._total_steps = 0
        self.strict_loading = False  # a checkpoint leaves out frozen encoders
        banks = [name for name, _ in self.named_buffers() if ".bank." in name]
        self._ddp_params_and_buffers_to_ignore = banks  # equal in all processes by construction: not sent every step

    def __setattr__(self, name: str, value: Any) -> None:  # noqa: ANN401 - any attribute
        """Set an attribute; Lightning names each hook it calls, and what `nn.Module` checks would cost more than it."""
        if name == "_current_fx_name":
            self.__dict__[name] = value
        else:
            super().__setattr__(name, value)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:  # noqa: ANN401
        """Return the batch on a device; on the processor it is there already."""
        if device.type == "cpu":
            return batch
        return super().transfer_batch_to_device(batch, device, dataloader_idx)

    def configure_optimizers(self) -> Any:  # noqa: ANN401 - Lightning's own type is a union of dicts
        """Build the optimizer, and the scheduler over all steps of the training."""
        groups = self.model.parameter_groups(self.objectives.values(), *self._rates, self._weight_decay)
        optimizer = self._optimizer(groups)
        self._total_steps = int(self.trainer.estimated_stepping_batches)
        scheduler = self._scheduler(optimizer, total_steps=self._total_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep what is trained; frozen encoders would be most of the file."""
        checkpoint["state_dict"] = self.trained_state()

    def trained_state(self) -> dict[str, Tensor]:
        """Return the state of everything but frozen encoders."""
        kept = self.model.trained_state()
        return {k: v for k, v in self.state_dict().items() if not k.startswith("model.") or k[len("model.") :] in kept}

    def on_train_epoch_start(self) -> None:
        """Make what follows a function of (seed, epoch, process)."""
        self._sums, self._steps = {}, 0
        seed = int(np.random.SeedSequence([self._seed, self.current_epoch, self.global_rank]).generate_state(1)[0])
        torch.manual_seed(seed)
        np.random.seed(seed)
        random.seed(seed)

    def on_train_start(self) -> None:
        """Refuse or mention what would not do what it seems to."""
        if self.model.chunks is not None:
            refuse_batch_statistics(self.model)
        if self.trainer.accumulate_grad_batches > 1:
            log.info(
                "accumulate_grad_batches=%d makes no larger batch of negatives: a pair meets those of its own batch "
                "only; a larger batch.size with chunk=N does, in as little memory",
                self.trainer.accumulate_grad_batches,
            )

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the sum of all objectives of one batch."""
        encoded = {m: self.model.encode(m, x) for m, x in batch.inputs.items()}
        progress = self.global_step / max(1, self._total_steps)
        health = {**batch.health, **self.model.report()}
        step = Step(self.model, batch, encoded, progress, self.current_epoch, health, gather=self._gather)
        if self.trainer.world_size > 1:
            step.gathered = self._gathered
        if self.belief is not None:  # of the pairs of all processes, in the order of `Step.shared`
            own = self.belief(step)[self.global_rank :: self.trainer.world_size]
            step = replace(step, batch=replace(batch, weight=batch.weight * own))
        parts = {name: value for objective in self.objectives.values() for name, value in objective(step).items()}
        total = torch.stack(list(parts.values())).sum()
        self._remember({"loss": total, **(parts if len(parts) > 1 else {}), **step.health})
        if batch_idx == 0:
            self._watch(step)
        self._step = step
        return total

    def on_train_batch_end(self, outputs: object, batch: Batch, batch_idx: int) -> None:
        """Let objectives keep what they want of the step, now that its gradient is taken."""
        step = self._step  # it goes when the next one is there: memory that is all given back must be cleared anew
        for objective in self.objectives.values():
            if step is not None and isinstance(objective, Remembers):
                objective.remember(step)

    def _gathered(self, tensor: Tensor) -> Tensor:
        """Return a tensor (B, ...) of every process as one (B * world, ...), with its gradient.

        The gradient of a row is summed over the processes and that of a parameter averaged, so both are what one
        process would have found. Rows stand in the order of the whole batch, of which `Batches` gives each process
        every world-th.
        """
        everywhere = self.all_gather(tensor, sync_grads=tensor.requires_grad)
        assert isinstance(everywhere, Tensor)
        return everywhere.transpose(0, 1).flatten(0, 1)

    def _remember(self, figures: Mapping[str, Tensor]) -> None:
        """Add to the sums of the epoch; with its last batch, log their means. A log per step costs too much."""
        for name, value in figures.items():
            self._sums[name] = self._sums.get(name, 0) + value.detach()
        self._steps += 1
        if self.trainer.is_last_batch:
            means = torch.stack([torch.as_tensor(value) for value in self._sums.values()]) / self._steps
            if self.trainer.world_size > 1:  # each has the figures of its own pairs; reduced here, where all pass by
                means = self.trainer.strategy.reduce(means, reduce_op="mean")
            named = {f"train/{name}": mean for name, mean in zip(self._sums, means, strict=True)}
            self.log_dict(named, on_epoch=True, on_step=False, prog_bar=True, batch_size=1)

    def _watch(self, step: Step) -> None:
        """Warn when the scores have carried nothing for some epochs."""
        verdicts = [o.collapsed(step) for o in self.objectives.values() if isinstance(o, Retrieval)]
        self._epochs_collapsed = self._epochs_collapsed + 1 if any(bool(v) for v in verdicts) else 0
        if self._epochs_collapsed == _ALARM_EPOCHS:
            log.warning(
                "collapsed: for %d epochs the loss has rested at the value it takes when all scores are equal; "
                "try miner=semihard or miner=inbatch, a lower learning rate, or a warm-up",
                _ALARM_EPOCHS,
            )

    def on_validation_epoch_start(self) -> None:
        """Forget the vectors of the epoch before."""
        self._vectors = {}

    def validation_step(
        self, batch: tuple[str, Tensor, dict[str, Tensor]], batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Keep the vectors of a batch of items: (modality, positions (B,), inputs)."""
        modality, positions, inputs = batch
        vectors = self.model.encode(modality, inputs).vector
        table = self._vectors.setdefault(modality, vectors.new_zeros(self._items[modality], vectors.shape[1]))
        table[positions] = vectors

    def on_validation_epoch_end(self) -> None:
        """Measure all items at once. Each process encoded its share; their sum is the whole."""
        if self.trainer.world_size > 1:
            for modality, count in sorted(self._items.items()):
                table = self._vectors[modality] if modality in self._vectors else self._empty(count)
                self._vectors[modality] = self.trainer.strategy.reduce(table, reduce_op="sum")
        if self.trainer.sanity_checking:
            return
        if not all(bool(table.isfinite().all()) for table in self._vectors.values()):
            raise UserError(f"vectors are not finite after epoch {self.current_epoch + 1}; lower optimizer.lr")
        metrics = self._validate({m: table.float().cpu().numpy() for m, table in self._vectors.items()})
        for name, value in metrics.items():
            self.log(f"val/{name}", float(value), prog_bar=name == "mrr")

    def _empty(self, count: int) -> Tensor:
        """Return the table of a process that had no item of a modality to encode."""
        width = next(iter(self._vectors.values())).shape[1]
        return torch.zeros(count, width, device=self.device)
