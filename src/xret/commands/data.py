"""``xret data``: what a data set holds, or the same data set in another form."""

from omegaconf import DictConfig

from xret._errors import UserError


def run(cfg: DictConfig) -> None:
    """Print the data card, or write the data set anew.

    Raises:
        UserError: the action is another one, or the data set cannot be read.
    """
    from xret.commands._assembly import build
    from xret.data.card import card, shown
    from xret.data.manifest import Manifest
    from xret.data.split import first_groups

    if cfg.action not in {"card", "convert"}:
        raise UserError(f"action must be card or convert, got {cfg.action}")
    manifest: Manifest = build(cfg.data, "data").load()
    manifest = manifest if cfg.limit is None else first_groups(manifest, cfg.limit)
    print(shown(card(manifest)))
