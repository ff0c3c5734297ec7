"""Ctrl-C during training: finish the step, keep what was learnt, say so."""

import signal
from types import FrameType, TracebackType
from typing import Self

import pytorch_lightning as pl

from xret.model.module import RetrievalModule
from xret.run.checkpoint import save_weights
from xret.run.folder import RunFolder


class Interrupt(pl.Callback):
    """Turns the first Ctrl-C into a clean stop; a second one stops at once.

    The state of the last finished epoch stays what `resume` goes on from. If there is none yet, the weights of the
    unfinished epoch are kept as the best ones, marked as partial.

    Args:
        run: whose folder the weights go to.
    """

    def __init__(self, run: RunFolder) -> None:
        self.run = run
        self.asked = False
        self._before: signal.Handlers | None = None

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._ask)  # type: ignore[assignment]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def on_train_batch_end(self, trainer: pl.Trainer, pl_module: RetrievalModule, *_: object) -> None:  # type: ignore[override]
        """Leave the loop between two steps."""
        if self.asked:
            if trainer.is_global_zero and not self.run.best.exists():
                save_weights(self.run, pl_module, trainer.current_epoch, partial=True)
            raise Stopped


class Stopped(Exception):  # noqa: N818 - no error: the user asked for it
    """Raised between two steps when Ctrl-C was pressed."""
