"""``xret serve``: a search page and a JSON API."""

import ipaddress
import logging
import os
import socket
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.serve.feedback import Feedback
    from xret.serve.settings import Settings

log = logging.getLogger(__name__)

_SWITCH_S = 0.001  # after which the thread that encodes lets the one that talks to clients go on; 0.005 is Python's


def run(cfg: DictConfig) -> None:
    """Open the indices, say where the page is, and answer until told to stop."""
    settings, feedback = _settings(cfg), _feedback(cfg)
    if not isinstance(cfg.threads, int) or cfg.threads < 1:
        raise UserError(f"threads must be a whole number, at least 1, got {cfg.threads}")
    from xret.run.index_folder import IndexFolder
    from xret.serve.listening import listen

    folders = [Path(path) for path in (cfg.index.path, cfg.other) if path is not None]
    runs = [None if path is None else Path(path) for path in (cfg.run, cfg.other_run)]
    for folder in folders:
        IndexFolder.open(folder)  # a mistake in its name is told before the seconds that torch takes
    _warn(cfg.host, settings.token)
    with _bound(cfg.host, cfg.port) as bound:
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ.setdefault(name, str(cfg.threads))  # read once, when the libraries below are imported
        import faiss
        import torch

        from xret.commands._serving import Serving, named
        from xret.serve.app import make_app

        sys.setswitchinterval(_SWITCH_S)
        torch.set_num_threads(cfg.threads)
        faiss.omp_set_num_threads(cfg.threads)
        engines = [
            Serving(name, folder, run, cfg.trust, _reranker(cfg), cfg.hubs)
            for name, folder, run in zip(named(folders), folders, runs[: len(folders)], strict=True)
        ]
        for engine in engines:
            engine.warm()
        app = make_app(engines, settings, feedback)
        port = bound.getsockname()[1]
        bound.listen(settings.connections)  # who reads the next line may come at once
        where = f"[{cfg.host}]" if ":" in cfg.host else cfg.host
        print(
            f"page: http://{where}:{port}/ ({', '.join(f'{e.about.items} items of {e.about.name}' for e in engines)})"
        )
        print("Ctrl-C stops it", flush=True)
        listen(app, bound, settings)


def _reranker(cfg: DictConfig) -> Any:  # noqa: ANN401 - see `xret.rerank`
    """Return what orders the first answers anew; each index has its own."""
    from xret.commands._assembly import build

    return build(cfg.rerank, "rerank") if "_target_" in cfg.rerank else None


def _settings(cfg: DictConfig) -> "Settings":
    """Return the bounds of a config.

    Raises:
        UserError: one makes no sense, or the server's package is not installed.
    """
    try:
        import fastapi  # noqa: F401
        import python_multipart  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise UserError(f"serve needs {error.name}: pip install 'xret[serve]'") from error
    from xret.serve.settings import Settings

    given = {field.name: cfg[field.name] for field in fields(Settings) if field.name != "hosts"}
    if given["token"] is not None:
        given["token"] = str(given["token"])  # one of digits is a number in YAML
    try:
        return Settings(**given, hosts=(str(cfg.host).lower(), *(str(host).lower() for host in cfg.hosts)))
    except ValueError as error:
        raise UserError(str(error)) from error


def _feedback(cfg: DictConfig) -> "Feedback | None":
    if cfg.feedback is None:
        return None
    from xret.serve.feedback import Feedback

    try:
        return Feedback(Path(cfg.feedback), cfg.max_feedback_mb)
    except ValueError as error:
        raise UserError(str(error)) from error


def _bound(host: str, port: int) -> socket.socket:
    """Return a socket with its address: taken before models are loaded.

    Raises:
        UserError: the address cannot be had.
    """
    from xret.serve.listening import bind

    if not isinstance(port, int) or not 0 <= port < 65_536:
        raise UserError(f"port must be a number from 0 to 65535, got {port}")
    try:
        bound = bind(host, port)
    except OSError as error:
        hint = "; choose another port=... (0: any that is free)" if error.errno == 98 else ""
        raise UserError(f"cannot listen on {host}, port {port}: {error.strerror}{hint}") from error
    return bound


def _warn(host: str, token: str | None) -> None:
    """Say so where others can reach a server that asks for no token."""
    try:
        inside = ipaddress.ip_address(host).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside and token is None:
        log.warning("everybody who reaches %s can search here; token=... asks for one", host)
