"""``xret data``: what a data set holds, or the same data set in another form."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.data.manifest import Manifest

_UNFINISHED = ".unfinished"  # a file: the settings of a conversion, until it is done


def run(cfg: DictConfig) -> None:
    """Print the data card, or write the data set anew.

    Raises:
        UserError: the action is another one, or the data set cannot be read, or not be written in that form.
    """
    from xret.commands._assembly import build
    from xret.data.card import card, shown
    from xret.data.split import first_groups

    if cfg.action not in {"card", "convert"}:
        raise UserError(f"action must be card or convert, got {cfg.action}")
    folder = _claimed(cfg) if cfg.action == "convert" else None
    manifest: Manifest = build(cfg.data, "data").load()
    manifest = manifest if cfg.limit is None else first_groups(manifest, cfg.limit)
    if folder is None:
        print(shown(card(manifest)))
        return
    _convert(cfg, manifest, folder)


def _claimed(cfg: DictConfig) -> Path:
    """Return the folder to write to."""
    from xret.commands._converted import FORMS

    if cfg.to not in FORMS:
        raise UserError(f"to must be one of {', '.join(FORMS)}, got {cfg.to}")
    if cfg.shard_mb < 1:
        raise UserError(f"shard_mb must be at least 1, got {cfg.shard_mb}")
    folder = Path(HydraConfig.get().runtime.output_dir)
    if folder.resolve() == Path.cwd().resolve():
        raise UserError("convert writes a folder: name a new one with hydra.run.dir=OUT")
    if (folder / "data_card.json").exists():
        raise UserError(f"{folder} holds a data set already; choose another folder with hydra.run.dir=OUT")
    _begin(folder / _UNFINISHED, OmegaConf.to_yaml(cfg, resolve=True))
    return folder


def _begin(mark: Path, settings: str) -> None:
    """Mark a new folder as unfinished, or go on with one in which the same conversion was killed."""
    if mark.exists() and mark.read_text() == settings:
        return
    if mark.parent.exists() and any(path != mark for path in mark.parent.iterdir()):
        raise UserError(f"hydra.run.dir must be a new or empty folder, got {mark.parent}")
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(settings)


def _convert(cfg: DictConfig, manifest: "Manifest", folder: Path) -> None:
    from xret.commands._converted import convert
    from xret.data.card import card
    from xret.run.folder import write_whole

    path = convert(manifest, cfg.to, folder, int(cfg.shard_mb * 1e6))
    figures = json.dumps(card(manifest), indent=1, ensure_ascii=False) + "\n"
    write_whole(folder / "data_card.json", lambda file: file.write(figures.encode()))
    (folder / _UNFINISHED).unlink()
    print(f"{len(manifest.rows)} pairs written, {len(manifest.rejected)} rejected ones left out")
    title = " data.title=title" if "title" in manifest.modalities else ""
    licence = f" 'data.licence=\"{manifest.licence}\"'" if manifest.licence and cfg.to != "table" else ""
    print(f"next: python -m xret train data={cfg.to} data.path={path}{title}{licence}")
