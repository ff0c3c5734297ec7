"""A trained run, opened again: its config and its model with the best weights."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig, OmegaConf
from pytorch_lightning import seed_everything
from pytorch_lightning.utilities.seed import isolate_rng

from xret._errors import UserError
from xret.commands._assembly import build_model, refuse_strangers, trusted
from xret.commands._wise import ALPHA, mix
from xret.model.dual_encoder import DualEncoder
from xret.run.checkpoint import load, load_model
from xret.run.folder import RunFolder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trained:
    """A run that was trained.

    Attributes:
        record: its folder.
        cfg: its resolved config.
        model: with the weights of its best epoch, in eval mode.
    """

    record: RunFolder
    cfg: DictConfig
    model: DualEncoder


def open_run(folder: Path, trust: Sequence[str], wise: float | None = None) -> Trained:
    """Return a trained run; the global random state is left alone.

    Args:
        folder: of the run; it may come from elsewhere.
        trust: packages that its config may name classes of, beside xret, torch and Lightning.
        wise: share of what was trained, the rest is how the run started; None: as the run itself was measured.

    Raises:
        UserError: it is no run folder, names a class of another package, has no weights, or its frozen encoders are
            not those it was trained with.
    """
    record = RunFolder.open(folder)
    cfg = OmegaConf.load(record.config)
    assert isinstance(cfg, DictConfig)
    refuse_strangers(OmegaConf.to_container(cfg), trusted(trust))
    with _seeded(cfg.seed):  # frozen encoders without weights are random
        model = build_model(cfg)
    weights = load(record.best)
    load_model(model, weights)
    same = record.read_json("provenance.json")["frozen"]
    for modality, fingerprint in model.frozen_fingerprints().items():
        if same.get(modality) != fingerprint:
            raise UserError(
                f"the frozen {modality} encoder is not the one {folder} was trained with: its files changed"
            )
    if weights.get("partial"):
        log.warning("%s was stopped within its first epoch", folder)
    own = record.read_json("metrics.json").get(ALPHA, 1.0) if record.metrics.exists() else 1.0
    mix(record, model, own if wise is None else wise)
    return Trained(record, cfg, model.eval())


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Draw from generators of a seed meanwhile, and from those that were there afterwards."""
    names = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS")
    before = {name: os.environ.get(name) for name in names}
    with isolate_rng():
        seed_everything(seed, workers=True, verbose=False)
        yield
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
