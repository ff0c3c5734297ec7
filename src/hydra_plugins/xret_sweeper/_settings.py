"""The keys of ``hydra.sweeper``, checked, with every path absolute."""

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from xret._errors import UserError

SAMPLERS = ("tpe", "random", "grid", "cmaes", "qmc", "nsga2")
PRUNERS = ("median", "successive_halving", "hyperband")


@dataclass(frozen=True)
class Choice:
    """A sampler or a pruner: its name and its options."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class Settings:
    """What `OptunaConf` says, in the form the rest of the package uses.

    Args:
        storage: a SQLAlchemy URL, or ``journal:///`` and an absolute path.
        directions: one per objective.
    """

    params: Mapping[str, Any]
    n_trials: int
    n_jobs: int
    directions: tuple[str, ...]
    study_name: str | None
    storage: str
    sampler: Choice
    pruner: Choice | None
    seed: int
    max_failure_rate: float
    winner: bool
    grace_s: float

    def named(self, study_name: str) -> "Settings":
        """Return these settings with a name for the study."""
        return dataclasses.replace(self, study_name=study_name)


def settings_of(node: Any, cwd: Path) -> Settings:  # noqa: ANN401 - a DictConfig or a plain mapping
    """Read the keys of ``hydra.sweeper``.

    Args:
        node: the keys of `OptunaConf`.
        cwd: the folder relative paths of a storage start in.

    Returns:
        The same whether the process plans the sweep or runs one of its jobs.

    Raises:
        UserError: a value is not among those the keys allow.
    """
    keys = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else dict(node)
    assert isinstance(keys, dict)
    keys.pop("_target_", None)
    directions = _directions(keys.pop("direction"))
    pruner = keys.pop("pruner")
    settings = Settings(
        **{
            **keys,
            "directions": directions,
            "params": keys["params"] or {},
            "storage": _storage(keys["storage"], cwd),
            "sampler": _choice(keys["sampler"], "sampler", SAMPLERS),
            "pruner": None if pruner is None else _choice(pruner, "pruner", PRUNERS),
        }
    )
    _check(settings)
    return settings


def _check(settings: Settings) -> None:
    for name in ("n_trials", "n_jobs"):
        if getattr(settings, name) < 1:
            raise UserError(f"hydra.sweeper.{name} must be at least 1, got {getattr(settings, name)}")
    if not 0 <= settings.max_failure_rate <= 1:
        raise UserError(f"hydra.sweeper.max_failure_rate must be in [0, 1], got {settings.max_failure_rate}")
    if not settings.grace_s > 0:
        raise UserError(f"hydra.sweeper.grace_s must be a positive number of seconds, got {settings.grace_s}")
    if settings.pruner is not None and len(settings.directions) > 1:
        raise UserError(
            f"hydra.sweeper.pruner={settings.pruner.name} works with one objective, "
            f"direction lists {len(settings.directions)}; set pruner=null"
        )


def _directions(given: object) -> tuple[str, ...]:
    directions = tuple(given) if isinstance(given, list | tuple) else (given,)
    if not directions or any(d not in {"maximize", "minimize"} for d in directions):
        raise UserError(f"hydra.sweeper.direction is maximize, minimize or a list of them, got {given}")
    return tuple(str(d) for d in directions)


def _choice(given: object, what: str, names: tuple[str, ...]) -> Choice:
    options = dict(given) if isinstance(given, Mapping) else {"name": given}
    name = options.pop("name", None)
    if name not in names:
        raise UserError(f"hydra.sweeper.{what} is one of {', '.join(names)}, got {name}")
    return Choice(str(name), options)


def _storage(given: str | None, cwd: Path) -> str:
    """Return the URL of a storage whose paths do not depend on the working folder."""
    url = given or "sqlite:///optuna.db"
    if "://" not in url:
        if not url.endswith((".journal", ".log")):
            raise UserError(f"hydra.sweeper.storage is a URL or a path that ends in .journal or .log, got {url}")
        url = f"journal:///{url}"
    kind, _, path = url.partition("://")
    if kind in {"journal", "sqlite"} and len(path) > 1 and not path.startswith(("/:memory:", "/file:")):
        return f"{kind}:///{(cwd / path.removeprefix('/')).resolve()}"
    if kind in {"journal", "sqlite"}:
        raise UserError(f"hydra.sweeper.storage={url} is gone when the process ends; name a file: sqlite:///optuna.db")
    # psycopg 3, whatever name people write
    return re.sub(r"^postgres(ql)?://", "postgresql+psycopg://", url)


def without_password(url: str) -> str:
    """Return a storage URL that can be printed."""
    return re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)
