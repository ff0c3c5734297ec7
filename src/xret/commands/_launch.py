"""From a command line to a running command: Hydra's set-up, and errors in one line."""

import difflib
import importlib
import logging
import os
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from hydra.plugins.config_source import ConfigResult
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

import xret
from xret._errors import UserError
from xret.cli import COMMAND

_QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "HYDRA_FULL_ERROR": "1",  # lets errors through to `launch`, which prints them in one line
}


def shipped(folder: str) -> Path:
    """Return ``conf`` or ``experiments``: inside the installed package, or at the top of a checkout."""
    package = Path(xret.__file__).parent
    top = package.parents[1]
    return top / folder if (top / "pyproject.toml").is_file() else package / folder


class ExperimentSource(FileConfigSource):
    """A flat folder of ``NAME.yaml`` seen by Hydra as the options of the group ``experiment``."""

    @staticmethod
    def scheme() -> str:
        """Return the prefix of search paths read by this class."""
        return "experiments"

    @staticmethod
    def _inside(config_path: str) -> str | None:
        """Return the path below the folder, or None for another group."""
        group, _, name = config_path.partition("/")
        return name if group == "experiment" else None

    def load_config(self, config_path: str) -> ConfigResult:
        """Load ``experiment/NAME`` from ``NAME.yaml``."""
        return super().load_config(self._inside(config_path) or config_path)

    def is_group(self, config_path: str) -> bool:
        """Tell whether the path is the root or the group ``experiment`` itself."""
        return config_path in {"", "experiment"} and Path(self.path).is_dir()

    def is_config(self, config_path: str) -> bool:
        """Tell whether ``experiment/NAME`` has a file."""
        name = self._inside(config_path)
        return bool(name) and super().is_config(str(name))

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        """List the group at the root, and the experiments inside it."""
        if config_path in {"", "."}:
            return [] if results_filter is ObjectType.CONFIG else ["experiment"]
        if self._inside(f"{config_path}/") is None or results_filter is ObjectType.GROUP:
            return []
        return sorted(path.stem for path in Path(self.path).glob("*.yaml"))


class UserFolders(SearchPathPlugin):
    """Lets ``./conf`` and ``./experiments`` of the working folder, then the shipped ones, add options."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the folders that exist, each once."""
        known = {shipped("conf").resolve()}
        if (conf := Path.cwd() / "conf").is_dir() and conf.resolve() not in known:
            search_path.append("user", f"file://{conf}")
        if os.environ.get(COMMAND) == "compare":
            return  # experiment=NAME is a value there: the study whose runs are compared
        for folder in dict.fromkeys([Path.cwd() / "experiments", shipped("experiments")]):
            if folder.is_dir():
                search_path.append("experiments", f"experiments://{folder}")


def launch(command: str, arguments: list[str]) -> int:
    """Run a command under Hydra and return its exit code.

    Args:
        command: the name of a module in `xret.commands` and of a file in ``conf``.
        arguments: what stands behind the command's name.

    Returns:
        0 done, 2 the user's mistake, 1 anything else, 130 Ctrl-C.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    for plugin in (ExperimentSource, UserFolders):
        Plugins.instance().register(plugin)
    os.environ[COMMAND] = command
    logging.getLogger("faiss.loader").setLevel(logging.WARNING)  # it tells which of its builds it loads
    task = _task(command, program=sys.argv[0])
    sys.argv = [f"xret {command}", *_many_first([_as_meant(a) for a in _run_folder_of_resume(arguments)])]
    try:
        hydra.main(version_base="1.3", config_path=str(shipped("conf")), config_name=command)(task)()
    except KeyboardInterrupt as stop:
        print(f"xret {command}: {stop if stop.args else 'stopped by Ctrl-C'}", file=sys.stderr)
        return 130
    except Exception as error:
        return _report(error, command)
    return 0


def _run_folder_of_resume(arguments: list[str]) -> list[str]:
    """Let ``resume=DIR``, or ``into=DIR`` of an index, mean that DIR is the run folder too."""
    folders = [a.partition("=")[2] for a in arguments if a.startswith(("resume=", "into="))]
    if folders and folders[-1] not in {"", "null"} and not any(a.startswith("hydra.run.dir=") for a in arguments):
        return [*arguments, f"hydra.run.dir={folders[-1]}"]
    return arguments


def _as_meant(argument: str) -> str:
    """Let ``index=DIR`` name a folder where an index is used, and ``query=...`` be any text, quoted or not."""
    key, _, value = argument.partition("=")
    if key == "index" and os.environ[COMMAND] in {"search", "serve"}:  # else Hydra looks in the group of that name
        return f"index.path={value}"
    if key == "query" and value and not (value[0] == value[-1] and value[0] in "'\""):
        plain = re.sub(r"(\\*)(?='|$)", r"\1\1", value).replace("'", "\\'").replace("${", "\\${")
        return f"query='{plain}'"
    return argument


def _many_first(arguments: list[str]) -> list[str]:
    """Put ``-m`` before the overrides: Hydra's parser refuses it between them."""
    flags = [a for a in arguments if a in {"-m", "--multirun"}]
    return [*flags, *(a for a in arguments if a not in flags)]


def _task(command: str, program: str) -> Any:  # noqa: ANN401 - the type of a Hydra task is private
    """Return the function Hydra calls with the composed config.

    Args:
        command: whose module runs.
        program: what Python was started with; Lightning starts it again for every further device.
    """

    def task(cfg: DictConfig) -> Any:  # noqa: ANN401 - a sweeper decides what the value is
        sys.argv[0] = program
        try:
            return importlib.import_module(f"xret.commands.{command}").run(cfg)
        except Exception as error:
            if HydraConfig.get().mode is RunMode.MULTIRUN:
                raise
            # SystemExit passes Hydra, which would print a line of its own above ours
            sys.exit(_report(error, command))

    return task


def _report(error: BaseException, command: str) -> int:
    """Print one line about an error and return the exit code."""
    if os.environ.get("XRET_DEBUG") == "1":
        traceback.print_exception(error)
    code, message = _explain(error, command)
    logging.getLogger("xret").debug("failed", exc_info=error)
    print(f"xret {command}: {' '.join(message.split())}", file=sys.stderr)
    return code


def _explain(error: BaseException, command: str) -> tuple[int, str]:
    """Return the exit code and the line for an error."""
    if isinstance(error, UserError):
        return 2, str(error)
    if isinstance(error, MissingConfigException):
        wanted = (error.missing_cfg_file or "").partition("/")
        *_, name = (error.missing_cfg_file or "").split("/")
        group = (error.missing_cfg_file or "")[: -len(name) - 1]
        options = list(error.options or [])
        return 2, f"no option {name!r} in group {group or wanted[0]!r}; {_nearest(name, options)}"
    if isinstance(error, OverrideParseException):
        return (
            2,
            f"cannot read {error.override!r}: it must be key=value; quote it if it holds brackets, spaces or commas",
        )
    if isinstance(error, ConfigCompositionException) and "already at" in str(error):
        return 2, "a key behind + is in the config already; leave the + out: " + str(error).splitlines()[0]
    if isinstance(error, ConfigCompositionException):
        key = str(error).partition("'")[2].partition("'")[0]
        return 2, f"no key {key!r} in the config of {command}; {_nearest(key, _keys(command))}" if key else str(error)
    if isinstance(error, OmegaConfBaseException | HydraException):
        return 2, str(error).splitlines()[0]
    return 1, f"{type(error).__name__}: {error} (XRET_DEBUG=1 shows the traceback)"


def _nearest(word: str, names: list[str]) -> str:
    """Return a hint with the names nearest to a word."""
    near = difflib.get_close_matches(word, names, n=3, cutoff=0.6)
    if not near:  # the last part may be right and stand elsewhere
        near = [n for n in names if n.rpartition(".")[2] == word.rpartition(".")[2]][:3]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(names)}" if len(names) <= 30 else f"xret {os.environ[COMMAND]} --help lists them"


def _keys(command: str) -> list[str]:
    """Return every group and key of a command's config with the options that the command line chooses, dotted."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(shipped("conf")), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        groups = loader.list_groups("")
        chosen = [a for a in sys.argv[1:] if loader.get_group_options(a.partition("=")[0])]
        try:
            composed = hydra.compose(command, chosen)
        except HydraException:  # one of them is wrong too
            composed = hydra.compose(command)
        cfg = OmegaConf.to_container(composed, resolve=False)
    keys: list[str] = []

    def walk(node: object, prefix: str) -> None:
        if isinstance(node, dict):
            for name, child in node.items():
                keys.append(f"{prefix}{name}")
                walk(child, f"{prefix}{name}.")

    walk(cfg, "")
    return sorted({*keys, *groups, "hydra.run.dir", "hydra.sweeper"})
