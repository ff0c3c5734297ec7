"""Labels by a joint encoder: which description lies nearest to the picture."""

from collections.abc import Sequence

import numpy as np

from xret._errors import UserError
from xret.label import NONE, Attributes, Label, Rows
from xret.label._options import options


class ZeroShot:
    """Compares a picture with a description of each label.

    A label is the mean of its filled templates, brought to length 1. The confidence is the softmax over the labels of
    cosine / temperature.

    Source: Radford et al. 2021, https://arxiv.org/abs/2103.00020 (sec. 3.1).

    Args:
        templates: descriptions with ``{label}`` in them, and ``{attribute}`` where wanted.
        temperature: of the softmax, more than 0. 0.01 is that of CLIP; an encoder trained otherwise has its own.

    Raises:
        ValueError: there is no template, one lacks ``{label}``, or temperature is not positive.
    """

    def __init__(self, templates: Sequence[str] = ("a photo of a {label}",), temperature: float = 0.01) -> None:
        if isinstance(templates, str) or not templates:
            raise ValueError(f"templates must be a list of descriptions, got {templates!r}")
        for template in templates:
            if "{label}" not in template:
                raise ValueError(f"a template must hold {{label}}, got {template!r}")
        if not temperature > 0:
            raise ValueError(f"temperature must be more than 0, got {temperature}")
        self.templates, self.temperature = tuple(templates), temperature

    def __call__(self, rows: Rows, attributes: Attributes) -> dict[str, list[Label]]:
        """Label R rows; those without a picture get no label.

        Args:
            rows: with vectors of pictures, and what encodes texts.
            attributes: name -> labels to choose from; None: those of training rows, else the shipped ones.

        Raises:
            UserError: there are no vectors, those of pictures and texts differ in length, or an attribute has less
                than two labels.
        """
        if rows.vectors is None or rows.encode is None:
            raise UserError("zeroshot compares pictures with texts: name what encodes both, encoder=clip or run=DIR")
        chosen = options(rows, attributes)
        pictures = rows.vectors("image")
        return {name: self._label(pictures, rows, name, labels) for name, labels in chosen.items()}

    def report(self) -> dict[str, int]:
        """Return nothing: there is nothing to count."""
        return {}

    def _label(self, pictures: np.ndarray, rows: Rows, name: str, labels: Sequence[str]) -> list[Label]:
        assert rows.encode is not None
        texts = [_filled(template, name, label) for label in labels for template in self.templates]
        vectors = rows.encode(texts).reshape(len(labels), len(self.templates), -1).mean(axis=1)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-12)
        if vectors.shape[1] != pictures.shape[1]:
            raise UserError(
                f"zeroshot needs pictures and texts in one space, and they have {pictures.shape[1]} and "
                f"{vectors.shape[1]} numbers; take encoder=clip or run=DIR"
            )
        logits = (pictures @ vectors.T).astype(np.float64) / self.temperature  # (R, labels)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        best = shares.argmax(axis=1)
        found = [Label(labels[j], float(shares[i, j])) for i, j in enumerate(best)]
        return [label if picture.any() else NONE for label, picture in zip(found, pictures, strict=True)]


def _filled(template: str, attribute: str, label: str) -> str:
    return template.replace("{label}", label).replace("{attribute}", attribute)
