"""The folder a training may write to: a new one, one to resume, or one that is done already."""

import os
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError
from xret.commands._assembly import refuse_strangers, trusted
from xret.run.folder import RunFolder

_NO_SETTINGS = ("resume", "existing", "variant", "trial", "parent_run", "tracker", "cache", "trust", "targets")


def process(cfg: DictConfig) -> int:
    """Return the number of this process among those that train one model together: 0 the first, or the only one.

    A run on one device is alone whatever the environment says: a cluster numbers the workers of a sweep too.
    """
    if str(cfg.trainer.devices) == "1" and cfg.trainer.get("num_nodes", 1) == 1:
        return 0
    ranks = (os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"))
    return next((int(rank) for rank in ranks if rank is not None), 0)


def claim(cfg: DictConfig) -> tuple[DictConfig, RunFolder]:
    """Return the config a run goes on with, and its folder with that config in it.

    A second process of the same training gets the folder that the first one claimed, to read only.

    Raises:
        UserError: the folder belongs to another run, or ``resume`` names none, or what stands on the command line does
            not agree with the run that is resumed.
    """
    if cfg.existing not in {"refuse", "continue"}:
        raise UserError(f"existing must be refuse or continue, got {cfg.existing}")
    folder = Path(HydraConfig.get().runtime.output_dir)
    if cfg.resume is not None:
        record = RunFolder.open(Path(cfg.resume))
        cfg = _stored(cfg, record)
        return cfg, RunFolder(record.path, silent=process(cfg) > 0)
    if process(cfg) > 0:
        return cfg, RunFolder(folder, silent=True)
    if cfg.existing == "continue" and RunFolder(folder).config.exists():
        record = RunFolder.open(folder)
        _agree(cfg, OmegaConf.load(record.config), f"{folder} holds a run with")
        return cfg, record
    record = RunFolder.claim(folder)
    record.write_text("config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
    return cfg, record


def _stored(cfg: DictConfig, record: RunFolder) -> DictConfig:
    """Return the config a run was started with; what else stands on the command line must agree with it."""
    stored = OmegaConf.load(record.config)
    assert isinstance(stored, DictConfig)
    refuse_strangers(OmegaConf.to_container(stored), trusted(cfg.trust))
    if [o for o in HydraConfig.get().overrides.task if not o.startswith("resume=")]:
        _agree(cfg, stored, f"resume={cfg.resume} goes on with")
    return stored


def _agree(cfg: DictConfig, stored: object, what: str) -> None:
    """Raise UserError, naming the first key, unless both configs hold the same settings."""
    now, then = (OmegaConf.to_container(OmegaConf.create(OmegaConf.to_yaml(c, resolve=True))) for c in (cfg, stored))
    assert isinstance(now, dict)
    assert isinstance(then, dict)
    for key in [*now, *then]:
        if key not in _NO_SETTINGS and now.get(key) != then.get(key):
            raise UserError(f"{what} {key}={then.get(key)}, got {now.get(key)}; leave it out, or choose another folder")
