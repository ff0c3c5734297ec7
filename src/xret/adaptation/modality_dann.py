"""Modality-adversarial training: vectors from which a classifier cannot tell whether they were picture or text."""

from collections.abc import Mapping

from torch import Tensor, nn

from xret.adaptation import Adapted
from xret.adaptation._adversary import Adversary, ramp
from xret.adaptation._settings import check_weight


class ModalityDANN(nn.Module):
    """A modality classifier behind a gradient reversal, on the vectors of the batch itself.

    As `xret.adaptation.dann`, with modalities in the place of domains, so it needs no data of a target domain. It pulls
    the regions together in which the modalities lie. In good health ``modality_accuracy`` falls to 1 / modalities.

    Source: Wang et al. 2017, Adversarial cross-modal retrieval, https://doi.org/10.1145/3123266.3123326 (sec. 3.3),
    here with the gradient reversal and schedule of Ganin et al. 2016, JMLR 17 (sec. 4.2, 5.2.2).

    Args:
        in_dim: D, width of the vectors.
        weight: of the loss, above 0.
        among: the modalities that are told apart, two or more.
        hidden: width of the classifier's hidden layer.
        gamma: how fast lambda rises.
        strength: what lambda rises to, in (0, 1].

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    modalities = ()

    def __init__(
        self,
        in_dim: int | None = None,
        weight: float = 1.0,
        among: tuple[str, ...] = ("image", "text"),
        hidden: int = 256,
        gamma: float = 10.0,
        strength: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight, self.among = check_weight(weight), tuple(among)
        if isinstance(among, str) or len(set(self.among)) != len(self.among) or len(self.among) < 2:
            raise ValueError(f"among must list two or more different modalities, got {among!r}")
        if not gamma > 0 or not 0 < strength <= 1:
            raise ValueError(f"need gamma > 0 and 0 < strength <= 1, got {gamma} and {strength}")
        self.gamma, self.strength = gamma, strength
        self.adversary = Adversary(in_dim, len(self.among), hidden)

    def forward(self, source: Mapping[str, Tensor], target: Mapping[str, Tensor], progress: float) -> Adapted:
        """Return the classifier's cross-entropy in nats; health gets ``modality_accuracy`` and ``modality_lambda``.

        ``target`` is not looked at.
        """
        strength = self.strength * ramp(progress, self.gamma)
        loss, accuracy = self.adversary([source[m] for m in self.among], strength)
        return Adapted(loss, {"modality_accuracy": accuracy, "modality_lambda": accuracy.new_tensor(strength)})
