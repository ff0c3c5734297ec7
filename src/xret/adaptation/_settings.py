"""Checks of the settings that all adaptations share."""

from collections.abc import Sequence


def check_weight(weight: float) -> float:
    """Return the weight of a loss.

    Raises:
        ValueError: it is not above 0. The gradient is reversed inside; a negative weight would reverse it again.
    """
    if not weight > 0:
        raise ValueError(f"weight must be above 0, got {weight}; adaptation=none switches adaptation off")
    return weight


def check_modalities(modalities: Sequence[str]) -> tuple[str, ...]:
    """Return the modalities whose vectors are adapted.

    Raises:
        ValueError: there is none, one is named twice, or it is a string and no list.
    """
    names = tuple(modalities)
    if isinstance(modalities, str) or not names or len(set(names)) < len(names):
        raise ValueError(f"modalities must be a list of different modalities, [image] for one, got {modalities!r}")
    return names
