"""Checks that operations share."""


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless a value is in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}")


def check_fill(value: int) -> None:
    """Raise ValueError unless a brightness is in 0..255."""
    if not 0 <= value <= 255:
        raise ValueError(f"fill must be in 0..255, got {value}")
