"""A second domain beside a source: the same source read otherwise, or another one."""

from dataclasses import replace
from typing import Any

from xret._errors import UserError


def check_target(target: Any) -> None:  # noqa: ANN401 - whatever the config holds
    """Raise unless a target is null, a string, or a source.

    Raises:
        ValueError: it is something else.
    """
    if target is not None and not isinstance(target, str) and not hasattr(target, "load"):
        raise ValueError(
            f"target must be null, a string or a data node with _target_, got {target!r}; "
            f"+data@data.target=table data.target.path=FILE names a node"
        )


def domain(source: Any, key: str | None, target: Any) -> Any:  # noqa: ANN401 - sources share no class
    """Return the source that ``target`` names.

    Args:
        source: a dataclass with a field ``target``.
        key: the field of it that a string stands for; None where a string means nothing.
        target: another source, a string, or None.

    Raises:
        UserError: a string where it means nothing.
    """
    if not isinstance(target, str):
        return target
    if key is None:
        raise UserError(f"data.target={target}: name a data node, as in +data@data.target=table data.target.path=FILE")
    return replace(source, **{key: target, "target": None})
