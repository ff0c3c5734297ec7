"""The pictures and facts of the report of ``xret clean``."""

import io
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from xret.clean import report
from xret.clean.audit import Change
from xret.data.manifest import Manifest, media_path
from xret.data.reading import BrokenMedia, read_whole

_SHOWN_PX = 160


def page(folder: Path, manifest: Manifest, trail: Sequence[Change], counts: dict[str, int], cfg: DictConfig) -> str:
    """Return the report, HTML, of a cleaning into a folder."""
    facts = {"data": manifest.name, "originals": manifest.root.resolve(), **counts}
    facts |= {"steps taken back": ", ".join(cfg.undo)} if cfg.undo else {}

    def picture(ref: str) -> bytes | None:
        _, _, layer = ref.partition("#")
        made = ref.startswith(("images/", "proposals/")) and (folder / ref).is_file()
        try:
            shown = read_whole(media_path(folder if made else manifest.root, ref), layer, _SHOWN_PX)
        except BrokenMedia:
            return None
        shown.thumbnail((_SHOWN_PX, _SHOWN_PX))
        out = io.BytesIO()
        shown.save(out, "PNG" if shown.mode == "RGBA" else "JPEG")
        return out.getvalue()

    hint = f"xret clean run={folder} accept=accepted.jsonl hydra.run.dir=NEW"
    return report.page(f"Cleaning of {manifest.name}", facts, trail, picture, hint)
