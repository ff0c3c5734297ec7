"""What both schemes check of the arguments they have in common."""


def check_common(rows: int, temperature: float, momentum: float, start_rounds: int, start_folds: int) -> None:
    """Raise ValueError unless all of them are in their range."""
    if rows < 1:
        raise ValueError(f"rows must be at least 1, got {rows}")
    if not temperature > 0:
        raise ValueError(f"temperature must be above 0, got {temperature}")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum must be in [0, 1), the share of the old value that is kept, got {momentum}")
    if start_rounds < 0 or start_folds < 2:
        raise ValueError(f"need start_rounds >= 0 and start_folds >= 2, got {start_rounds} and {start_folds}")
