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
    tokens = [m for m in cfg.encoder if m != "projection"] if "_target_" in cfg.fusion else []
    return Needs(tokens=frozenset(str(m) for m in tokens))
