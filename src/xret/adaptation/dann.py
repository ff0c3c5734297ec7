"""Domain-adversarial training: vectors from which a classifier cannot tell the domain."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from xret.adaptation import Adapted
from xret.adaptation._adversary import Adversary, ramp
from xret.adaptation._settings import check_modalities, check_weight


class DANN(nn.Module):
    """A domain classifier behind a gradient reversal; one for each modality.

    The classifier minimises its cross-entropy; on the way back into the encoder the gradient is turned round and
    multiplied by

        lambda = strength (2 / (1 + exp(-gamma p)) - 1),    p = share of all training steps that are done

    The reversal is the only sign that turns: ``weight`` is above 0 and acts on both, ``strength`` on the encoder alone.
    Domains weigh alike whatever their sizes. In good health ``domain_accuracy`` falls to 0.5.

    Source: Ganin et al. 2016, Domain-adversarial training of neural networks, JMLR 17 (sec. 4.2; schedule sec. 5.2.2).

    Args:
        in_dim: D, width of the vectors.
        weight: of the loss, above 0.
        modalities: whose vectors are adapted; their losses are averaged.
        hidden: width of the classifier's hidden layer.
        gamma: how fast lambda rises.
        strength: what lambda rises to, in (0, 1].

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    def __init__(
        self,
        in_dim: int | None = None,
        weight: float = 1.0,
        modalities: Sequence[str] = ("image",),
        hidden: int = 256,
        gamma: float = 10.0,
        strength: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight, self.modalities = check_weight(weight), check_modalities(modalities)
        if not gamma > 0 or not 0 < strength <= 1:
            raise ValueError(f"need gamma > 0 and 0 < strength <= 1, got {gamma} and {strength}")
        self.gamma, self.strength = gamma, strength
        self.adversaries = nn.ModuleDict({m: Adversary(in_dim, 2, hidden) for m in self.modalities})

    def forward(self, source: Mapping[str, Tensor], target: Mapping[str, Tensor], progress: float) -> Adapted:
        """Return the classifiers' cross-entropy in nats; health gets ``domain_accuracy`` and ``domain_lambda``."""
        strength = self.strength * ramp(progress, self.gamma)
        parts = [self.adversaries[m]([source[m], target[m]], strength) for m in self.modalities]
        loss, accuracy = (torch.stack(column).mean() for column in zip(*parts, strict=True))
        return Adapted(loss, {"domain_accuracy": accuracy, "domain_lambda": accuracy.new_tensor(strength)})
