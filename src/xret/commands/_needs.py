"""What the switches of a run need of its data beyond stored vectors."""

from dataclasses import dataclass

from omegaconf import DictConfig


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
    tokens = [str(m) for m in cfg.encoder if m != "projection"] if "_target_" in cfg.fusion else []
    return Needs(raw=frozenset(raw), tokens=frozenset(tokens))


def _augmented(cfg: DictConfig) -> set[str]:
    """Return the modalities that augmentation changes anew at each step."""
    node = cfg.augmentation
    if "_target_" not in node or node.views is not None:
        return set()
    return {modality for modality in ("text", "image") if node.get(modality) or node.get("pairs")}
