"""What the switches of a run need of its data beyond stored vectors."""

from dataclasses import dataclass

from hydra.utils import get_class
from omegaconf import DictConfig

from xret._errors import UserError

APART = {
    "items": {
        "fusion": "a second stage reads the tokens of one picture",
        "adversarial": "an attack moves the inputs of one picture or text",
        "adaptation": "a target domain has no items",
        "augmentation": "what is changed is a single picture or text",
        "distillation": "a teacher gives vectors of single pictures and texts",
        "retention": "the second data set has no items",
    },
}
"""Switch -> those that do not go with it, and why."""


@dataclass(frozen=True)
class Needs:
    """What training needs of each modality.

    Attributes:
        raw: modalities that training reads from files, though their encoder is frozen: pixels under attack, for one.
        tokens: modalities whose words or regions are needed beside the vector.
    """

    raw: frozenset[str] = frozenset()
    tokens: frozenset[str] = frozenset()


NOTHING = Needs()


def needs(cfg: DictConfig) -> Needs:
    """Return what the switches of a config need."""
    raw = _augmented(cfg)
    if "attack" in cfg.adversarial and cfg.adversarial.space == "input":
        raw |= set(cfg.adversarial.modalities)
    if has_items(cfg):
        return Needs(tokens=frozenset(cfg["items"].parts if needs_tokens(cfg) else ()))
    tokens = [str(m) for m in cfg.encoder if m != "projection"] if "_target_" in cfg.fusion else []
    return Needs(raw=frozenset(raw), tokens=frozenset(tokens))


def has_items(cfg: DictConfig) -> bool:
    """Tell whether targets are items of several parts; runs of before there were any have no such key."""
    return "_target_" in (cfg.get("items") or {})


def needs_tokens(cfg: DictConfig) -> bool:
    """Tell whether what puts items together reads words and regions, and not vectors alone."""
    return bool(get_class(cfg["items"]._target_).reads_tokens)  # type: ignore[attr-defined]


def check_together(cfg: DictConfig) -> None:
    """Raise UserError where two switches are on that do not go together."""
    for switch, others in APART.items():
        for name, why in others.items() if cfg.get(switch) else ():
            if cfg.get(name):
                raise UserError(
                    f"{switch} and {name} do not go together, {why}; take {name}={_off(name)}, or {switch}=none"
                )


def _off(name: str) -> str:
    return "null" if name == "retention" else "none"


def _augmented(cfg: DictConfig) -> set[str]:
    """Return the modalities that augmentation changes anew at each step."""
    node = cfg.augmentation
    if "_target_" not in node or node.views is not None:
        return set()
    return {modality for modality in ("text", "image") if node.get(modality) or node.get("pairs")}
