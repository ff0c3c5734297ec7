"""``xret cache``: list or clear stored features, data that were dirtied or cleaned, and graphs for other runtimes."""

import shutil
import time
from pathlib import Path

from omegaconf import DictConfig

from xret._errors import UserError


def run(cfg: DictConfig) -> None:
    """Print one line per entry, or remove what no process is using.

    Raises:
        UserError: the action is another one.
    """
    from xret.data.cache import FeatureCache

    cache = FeatureCache(Path(cfg.dir) if cfg.dir else None)
    if cfg.action not in {"list", "clear"}:
        raise UserError(f"action must be list or clear, got {cfg.action}")
    entries = cache.clear() if cfg.action == "clear" else cache.list_entries()
    for entry in entries:
        shape = " x ".join(map(str, entry.shape))
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.used))
        print(f"{entry.key[:12]}  {entry.modality:<6} {shape:<18} {entry.bytes / 1e6:>9.1f} MB  used {used}")
    total = sum(entry.bytes for entry in entries)
    for folder in sorted(path for path in (cache.root / "data").glob("[0-9a-f]*") if path.is_dir()):
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(folder.stat().st_mtime))
        print(f"{folder.name[:12]}  data   {'dirtied or cleaned':<18} {size / 1e6:>9.1f} MB  used {used}")
        if cfg.action == "clear":
            shutil.rmtree(folder, ignore_errors=True)
    for graph in sorted((cache.root / "runtimes").glob("[0-9a-f]*.onnx")):
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(graph.stat().st_mtime))
        print(f"{graph.name[:12]}  graph  {'onnx, openvino':<18} {graph.stat().st_size / 1e6:>9.1f} MB  used {used}")
        if cfg.action == "clear":
            graph.unlink(missing_ok=True)
    done = "removed" if cfg.action == "clear" else "stored"
    print(f"{len(entries)} {done}, {total / 1e6:.1f} MB, in {cache.root}")
