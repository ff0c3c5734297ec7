"""Configs of trials: composed once per choice of options, then changed value by value."""

import copy
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

_MOST_KEPT = 64


class Remembering:
    """A config loader that composes each choice of options once.

    Hydra reads and merges every file again for each job, which takes longer than all else a sweep does. It applies
    overrides of values to the finished composition, and so does this one: to a copy.

    Args:
        loader: Hydra's; everything but the configs of jobs is left to it.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        self.loader = loader
        self._made: dict[tuple[str, ...], DictConfig] = {}
        self._groups: dict[str, bool] = {}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever Hydra's loader has
        if name.startswith("__") or name == "loader":  # asked for by pickle, before there is a loader
            raise AttributeError(name)
        return getattr(self.loader, name)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs: the loader."""
        return {"loader": self.loader, "_made": {}, "_groups": {}}

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """Return the config of a job, as Hydra's loader does.

        Args:
            master_config: of the sweep.
            sweep_overrides: of the job, none of them a sweep.

        Raises:
            ConfigCompositionException: a key or an option does not exist.
        """
        parsed = OverridesParser.create().parse_overrides(overrides=sweep_overrides)
        values = [o for o in parsed if self._is_value(o)]
        chosen = [o.input_line or "" for o in parsed if o not in values]
        key = (*master_config.hydra.overrides.hydra, "", *chosen)
        if key not in self._made:
            if len(self._made) >= _MOST_KEPT:
                self._made.pop(next(iter(self._made)))
            self._made[key] = self.loader.load_sweep_config(master_config, chosen)
        config = copy.deepcopy(self._made[key])
        ConfigLoaderImpl._apply_overrides_to_config(values, config)
        _name(config, master_config, parsed)
        OmegaConf.copy_cache(from_config=master_config, to_config=config)
        return config

    def _is_value(self, override: Override) -> bool:
        """Tell whether an override sets a value in the composed config, and decides nothing about composing."""
        key = override.key_or_group
        if key not in self._groups:
            self._groups[key] = bool(self.loader.get_group_options(key))
        plain = override.package is None and not override.is_delete() and key != "hydra.searchpath"
        return plain and not self._groups[key]


def _name(config: DictConfig, master: DictConfig, parsed: list[Override]) -> None:
    """Write into a job's config which overrides made it."""
    lines = [o.input_line for o in parsed if o.is_hydra_override()]
    task = [o for o in parsed if not o.is_hydra_override()]
    config.hydra.overrides.hydra = [*master.hydra.overrides.hydra, *lines]
    config.hydra.overrides.task = [o.input_line for o in task]
    how = config.hydra.job.config.override_dirname
    config.hydra.job.override_dirname = get_overrides_dirname(
        overrides=task, kv_sep=how.kv_sep, item_sep=how.item_sep, exclude_keys=how.exclude_keys
    )
