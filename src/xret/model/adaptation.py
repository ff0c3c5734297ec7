"""The objective of domain adaptation: vectors of the source and of unlabelled target items become alike."""

from typing import Any, cast

from torch import Tensor, nn

from xret.model.step import Step


class Adaptation(nn.Module):
    """Encodes the target items of a batch as the model encodes everything, and hands both to an adaptation.

    The items are in ``step.batch.extra["target"]``, modality -> inputs of M items.

    Args:
        adaptation: ``adaptation(source, target, progress) -> (loss, health)``, see `xret.adaptation`.
    """

    def __init__(self, adaptation: nn.Module) -> None:
        super().__init__()
        self.adaptation = adaptation

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return ``{"adaptation": ()}``, weighted; health gets what the adaptation says of itself."""
        adaptation = cast(Any, self.adaptation)
        source = {modality: encoded.vector for modality, encoded in step.encoded.items()}
        items = step.batch.extra["target"] if adaptation.modalities else {}
        target = {m: step.model.encode(m, items[m]).vector for m in adaptation.modalities}
        loss, health = adaptation(source, target, step.progress)
        step.health.update(health)
        return {"adaptation": adaptation.weight * loss}
