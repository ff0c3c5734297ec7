"""How far a training is: a bar on a terminal, else a line now and then."""

import logging
import sys
import time

import pytorch_lightning as pl
from pytorch_lightning.callbacks import TQDMProgressBar

log = logging.getLogger(__name__)

_REPORT_S = 10.0


class Lines(pl.Callback):
    """Says every few seconds which epoch has ended, how good it is and how long the rest will take."""

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._begin = self._said = time.monotonic()
        self._first = trainer.current_epoch

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Say how it stands, if it was not said a moment ago."""
        now, epoch, total = time.monotonic(), trainer.current_epoch + 1, trainer.max_epochs or -1
        if now - self._said < _REPORT_S and epoch != total:
            return
        self._said = now
        pace = (now - self._begin) / (epoch - self._first)
        figures = ", ".join(
            f"{name} {float(trainer.callback_metrics[name]):.3f}"
            for name in ("train/loss", "val/mrr")
            if name in trainer.callback_metrics
        )
        left = f", {pace * (total - epoch):.0f} s left" if total > 0 else ""
        log.info("epoch %d of %d: %s; %.2f s each%s", epoch, total, figures, pace, left)


def progress(wanted: bool) -> pl.Callback:
    """Return Lightning's bar where someone watches, else `Lines`.

    Args:
        wanted: false keeps quiet on a terminal.
    """
    return TQDMProgressBar(leave=False) if wanted and sys.stderr.isatty() else Lines()
