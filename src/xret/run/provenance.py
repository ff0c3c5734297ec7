"""Where a run came from: code, versions, data, machine."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = (
    "xret",
    "torch",
    "torchvision",
    "pytorch-lightning",
    "transformers",
    "timm",
    "hydra-core",
    "omegaconf",
    "faiss-cpu",
    "mlflow",
    "numpy",
)


def provenance(**facts: object) -> dict[str, Any]:
    """Return what is needed to run the same experiment again.

    Args:
        facts: what only the caller knows: seed, hashes of data and split, the command line.

    Returns:
        A dict fit for JSON: ``facts``, then git state, versions, machine.
    """
    return {
        **facts,
        "git": git_state(Path(__file__).parent),
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in _PACKAGES},
        "machine": {
            "system": platform.platform(),
            "cores": os.cpu_count(),
            "threads": int(os.environ.get("OMP_NUM_THREADS", os.cpu_count() or 1)),
            "accelerator": _accelerator(),
        },
        "command": ["xret", os.environ.get("XRET_COMMAND", ""), *sys.argv[1:]],
    }


def git_state(folder: Path) -> dict[str, Any] | None:
    """Return commit and whether tracked files differ from it; None outside a checkout of this project."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, text=True, timeout=10, check=True
        )
        return done.stdout.strip()

    try:
        if not (Path(git("rev-parse", "--show-toplevel")) / "src/xret").is_dir():
            return None
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "-uno"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _accelerator() -> str:
    """Return the name of the first GPU, or "none"."""
    torch = sys.modules.get("torch")
    return str(torch.cuda.get_device_name(0)) if torch is not None and torch.cuda.is_available() else "none"
