"""Applying steps to one value, and what they changed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Edit(Generic[T]):
    """One change of one value, made or proposed.

    Attributes:
        step: name of the step.
        before: the value as the step met it.
        after: the value it makes of it; None: to be left out.
        reason: what was found.
        applied: whether the change was made.
        evidence: share of certainty in [0, 1].
    """

    step: str
    before: T
    after: T | None
    reason: str
    applied: bool
    evidence: float


def apply(
    steps: Mapping[str, Any], value: T, accepted: Collection[tuple[str, T, T | None]] = ()
) -> tuple[T | None, list[Edit[T]]]:
    """Return a value behind all steps, None where it is to be left out, and every change.

    A step that fails on a value is named in a proposal without effect, and the others go on.

    Args:
        steps: name -> step, in their order; see `xret.clean`.
        value: a caption, a picture or a label.
        accepted: proposals that are confirmed: (step, before, after).
    """
    edits: list[Edit[T]] = []
    for name, step in steps.items():
        try:
            found = step(value)
        except Exception as error:  # one odd value must not end the cleaning of all others
            edits.append(Edit(name, value, value, f"failed: {type(error).__name__}: {error}", False, 0.0))
            continue
        if not found.reason:
            continue
        applied = found.applied or (bool(accepted) and (name, value, found.value) in accepted)
        edits.append(Edit(name, value, found.value, found.reason, applied, found.evidence))
        if applied and found.value is None:
            return None, edits
        value = found.value if applied else value
    return value, edits
