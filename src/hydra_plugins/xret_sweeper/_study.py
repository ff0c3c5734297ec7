"""From settings to Optuna's objects: storage, sampler, pruner, study."""

import atexit
import fcntl
import functools
import random
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import optuna
import sqlalchemy
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend

from hydra_plugins.xret_sweeper._settings import Choice, Settings, without_password
from xret._errors import UserError

_SAMPLERS = {
    "tpe": "TPESampler",
    "random": "RandomSampler",
    "grid": "RandomSampler",  # the cells are enqueued, nothing is left to draw
    "cmaes": "CmaEsSampler",
    "qmc": "QMCSampler",
    "nsga2": "NSGAIISampler",
}
_PRUNERS = {"median": "MedianPruner", "successive_halving": "SuccessiveHalvingPruner", "hyperband": "HyperbandPruner"}
T = TypeVar("T")
_BUSY_S = 60  # how long a writer waits for another process
LOCK = 0x78726574  # "xret": PostgreSQL's advisory lock that one who creates tables holds


def open_study(settings: Settings, create: bool = True) -> optuna.Study:
    """Open the study, or create it.

    Args:
        settings: with a study name.
        create: False raises KeyError for a study that is not there.

    Returns:
        The study with its sampler and its pruner.

    Raises:
        UserError: the storage cannot be reached, or holds a study of that name with other directions.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    parts: dict[str, Any] = {
        "study_name": settings.study_name,
        "storage": _storage(settings.storage),
        "sampler": make_sampler(settings, settings.seed),
        "pruner": make_pruner(settings.pruner),
    }
    if not create:
        return optuna.load_study(**parts)
    directions = cast("list[Literal['minimize', 'maximize']]", list(settings.directions))
    study = _patiently(lambda: optuna.create_study(**parts, directions=directions, load_if_exists=True))
    stored = tuple(d.name.lower() for d in study.directions)
    if stored != settings.directions:
        raise UserError(
            f"study {settings.study_name} has direction={', '.join(stored)}, got {', '.join(settings.directions)}; "
            "use that, or another hydra.sweeper.study_name"
        )
    return study


def make_sampler(settings: Settings, seed: int) -> BaseSampler:
    """Return the sampler with a seed of its own.

    Raises:
        UserError: it does not take the options.
    """
    name, options = settings.sampler.name, dict(settings.sampler.options)
    defaults: dict[str, Any] = {"seed": seed}
    if name == "tpe":
        defaults["constant_liar"] = True  # keeps workers apart
    if name == "qmc":
        defaults = {"seed": settings.seed, "warn_independent_sampling": False}  # one sequence for all workers
    if name == "cmaes":
        defaults["warn_independent_sampling"] = False
    sampler: BaseSampler = _make(getattr(optuna.samplers, _SAMPLERS[name]), name, {**defaults, **options})
    return sampler


def make_pruner(choice: Choice | None) -> BasePruner:
    """Return the pruner; without a choice one that never prunes.

    Raises:
        UserError: it does not take the options.
    """
    if choice is None:
        return optuna.pruners.NopPruner()
    pruner: BasePruner = _make(getattr(optuna.pruners, _PRUNERS[choice.name]), choice.name, dict(choice.options))
    return pruner


def _make(kind: Any, name: str, options: dict[str, Any]) -> Any:  # noqa: ANN401 - a class of Optuna
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return kind(**options)
    except (TypeError, ValueError) as error:
        raise UserError(f"hydra.sweeper: {name} does not take {options}: {error}") from None
    except ImportError as error:
        raise UserError(f"hydra.sweeper: {name} needs a package that is not there: {error}") from None


@functools.cache
def _storage(url: str) -> BaseStorage:
    """Open a storage, once per process; the tables of a new one are created by one process at a time."""
    kind, _, path = url.partition(":///")
    try:
        _require_folder(kind, path)
        if kind == "journal":
            return JournalStorage(JournalFileBackend(path))
        with _alone(url, kind, path):
            storage = _patiently(lambda: RDBStorage(url, engine_kwargs=_engine(url)))
        atexit.register(storage.engine.dispose)
        return storage
    except UserError:
        raise
    except Exception as error:  # drivers raise what they like
        reason = str(getattr(error, "orig", None) or error).splitlines()
        raise UserError(
            f"hydra.sweeper.storage={without_password(url)} cannot be opened: "
            f"{reason[0] if reason else type(error).__name__}"
        ) from error


def _engine(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": _BUSY_S}}
    if url.startswith("postgresql"):
        return {"connect_args": {"connect_timeout": 10}, "pool_pre_ping": True}
    return {"pool_pre_ping": True}


def _require_folder(kind: str, path: str) -> None:
    if kind in {"sqlite", "journal"} and not Path(path).parent.is_dir():
        raise UserError(f"hydra.sweeper.storage: there is no folder {Path(path).parent}; create it")


@contextmanager
def _alone(url: str, kind: str, path: str) -> Iterator[None]:
    """Keep other processes, and on a server those of other machines, from creating the same tables meanwhile."""
    if kind == "sqlite":
        with open(f"{path}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    elif url.startswith("postgresql"):
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, **_engine(url))
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"select pg_advisory_xact_lock({LOCK})"))
            yield  # the lock ends with the transaction, and that with the connection
    else:
        yield


def _patiently(make: Callable[[], T]) -> T:
    """Call again where two processes created the same rows at once."""
    for attempt in range(4):
        try:
            return make()
        except Exception as error:
            if attempt == 3 or "Integrity" not in f"{type(error).__name__} {error}":
                raise
            time.sleep(random.uniform(0.1, 0.5))
    raise AssertionError("not reached")
