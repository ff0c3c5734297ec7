"""What all methods check, and the mean they take."""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

Vectors = Mapping[str, Tensor]


def paired(student: Vectors, teacher: Vectors) -> dict[str, tuple[Tensor, Tensor]]:
    """Return modality -> student and teacher vectors in float32; the teacher's without gradient.

    Raises:
        ValueError: they differ in modalities or in rows.
    """
    if student.keys() != teacher.keys():
        raise ValueError(f"student and teacher must have the same modalities, got {[*student]} and {[*teacher]}")
    for modality in student:
        if len(student[modality]) != len(teacher[modality]):
            raise ValueError(
                f"student and teacher must hold the same pairs, got {len(student[modality])} and "
                f"{len(teacher[modality])} {modality} vectors"
            )
    return {m: (student[m].float(), teacher[m].detach().float()) for m in student}


def modality_pairs(modalities: Mapping[str, object], which: str) -> Iterator[tuple[str, str]]:
    """Yield ordered pairs of modalities: "within" each one, "across" two of them, or "both"."""
    for one in modalities:
        for other in modalities:
            if which == "both" or (one == other) == (which == "within"):
                yield one, other


def weighted_mean(terms: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of terms by their weights, both of one shape; zero where no term has weight."""
    total = weight.sum()
    return (terms * weight).sum() / torch.where(total > 0, total, 1)


def weights(weight: Tensor | None, like: Tensor) -> Tensor:
    """Return (B,) float32 weights: those given, or ones."""
    return torch.ones(len(like), device=like.device) if weight is None else weight.float()
