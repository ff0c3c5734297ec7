"""What a command line asks for: the fixed overrides, the space, the study's name and the folder."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from hydra_plugins.xret_sweeper._settings import Settings
from hydra_plugins.xret_sweeper._space import Space, parameter


def read(
    loader: ConfigLoader, config: DictConfig, params: Mapping[str, Any], arguments: Sequence[str]
) -> tuple[list[str], Space]:
    """Split the overrides into fixed ones and the space.

    Args:
        loader: composes configs.
        config: of the sweep.
        params: key -> sweep or value.
        arguments: of the command line, which wins over ``params``.

    Returns:
        The fixed overrides, and the space of the others.

    Raises:
        UserError: a sweep cannot be, or there is none.
    """
    parser = OverridesParser.create(config_loader=loader)
    written = [f"{k}={'null' if v is None else v}" for k, v in params.items()]
    parsed = {o.get_key_element().lstrip("+~"): o for o in parser.parse_overrides([*written, *arguments])}
    fixed = [o.input_line or "" for o in parsed.values() if not o.is_sweep_override()]
    swept = [o for o in parsed.values() if o.is_sweep_override()]
    groups = {o.key_or_group: loader.get_group_options(o.key_or_group) for o in swept}

    def compose(chosen: tuple[str, ...]) -> Mapping[str, Any]:
        made = OmegaConf.to_container(loader.load_sweep_config(config, [*fixed, *chosen]), resolve=False)
        assert isinstance(made, dict)
        return {str(name): value for name, value in made.items() if name != "hydra"}

    return fixed, Space([parameter(o, groups[o.key_or_group]) for o in swept], compose)


def name_of(config: DictConfig, space: Space, fixed: Sequence[str], settings: Settings) -> str:
    """Return a name made of what is searched, so that the same command finds its study."""
    what = sorted([*(str(p) for p in space.parameters), *fixed, *settings.directions])
    return "xret-" + hashlib.sha256("\n".join([str(config.hydra.job.name), *what]).encode()).hexdigest()[:8]


def settle(config: DictConfig, settings: Settings) -> None:
    """Write into the config what its jobs must know: the folder, the study and the storage.

    Args:
        config: of the sweep; changed in place. A folder with the date in its name, unless the command line names it,
            becomes ``runs/sweep/STUDY``: a sweep that goes on tomorrow must find it.
        settings: with a study name.
    """
    hydra, asked = config.hydra, list(config.hydra.overrides.hydra)
    raw = OmegaConf.to_container(hydra.sweep, resolve=False)
    assert isinstance(raw, dict)
    named = any(o.lstrip("+").startswith("hydra.sweep.dir=") for o in asked)
    dated = "${now:" in str(raw["dir"])
    told = {
        "hydra.sweep.dir": f"runs/sweep/{settings.study_name}" if dated and not named else str(hydra.sweep.dir),
        "hydra.sweeper.study_name": settings.study_name,
        "hydra.sweeper.storage": settings.storage,
    }
    with read_write(config), open_dict(config):
        for key, value in told.items():
            OmegaConf.update(config, key, value)
            hydra.overrides.hydra.append(f"{key}={quoted(str(value))}")
        if "joblib" in str(hydra.launcher.get("_target_")):
            hydra.launcher.n_jobs = settings.n_jobs


def quoted(text: str) -> str:
    """Return a text as one value of Hydra's override syntax."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'") if "'" in text else text
    return f"'{escaped}'"
