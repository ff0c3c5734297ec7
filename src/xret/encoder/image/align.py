"""The image half of ALIGN, through the `transformers` library."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import Tensor, nn
from transformers import AlignModel

from xret.encoder import Encoded, stored
from xret.encoder.freezing import check_lr, hold_still, is_frozen, outermost_blocks, thaw
from xret.encoder.image._pixels import Normalise, Stack, check_fit
from xret.encoder.pretrained import config_of, load_model
from xret.encoder.weights import fingerprint


class ALIGN(nn.Module):
    """An EfficientNet whose pooled map lies in the space shared with texts.

    Source: Jia et al. 2021, https://arxiv.org/abs/2102.05918 (sec. 4.2). The published model squashes a picture to
    346 px and cuts the middle 289 px out; here the whole picture is squashed to the size of the network.

    Args:
        model: a hub name, a local folder, or ``pkg://package/path``.
        fit: how the reader brings a picture to the size the model was trained on: crop, pad or squash.
        mean: per channel, of pixels in [0, 1].
        std: per channel, of pixels in [0, 1].
        train: head (nothing of the network), last_N (its last N blocks and all behind them), lora_R
            (adapters of rank R, see `xret.encoder.lora`) or all.
        lr: learning rate of the encoder.

    Raises:
        ValueError: an argument is outside what is stated here, or the model has fewer than N blocks.
        UserError: the weights cannot be loaded.
    """

    modality = "image"
    stores = "vector"

    def __init__(
        self,
        model: str,
        fit: str = "squash",
        mean: Sequence[float] = (0.5, 0.5, 0.5),
        std: Sequence[float] = (0.5, 0.5, 0.5),
        train: str = "head",
        lr: float = 1e-5,
    ) -> None:
        super().__init__()
        self.lr = check_lr(lr)
        self.fit = check_fit(fit)
        self.normalise = Normalise(mean, std)
        both: Any = load_model(AlignModel, model)
        self.network = both.vision_model
        self.image_px: int = self.network.config.image_size
        self.collate = Stack(self.image_px)
        self.width: int = both.config.projection_dim
        self.trained = thaw(self.network, outermost_blocks(self.network), train)
        self.train()

    @property
    def frozen(self) -> bool:
        """Whether no parameter trains."""
        return is_frozen(self)

    def train(self, mode: bool = True) -> Self:
        """Set train mode where something trains; frozen parts and every BatchNorm stay in eval mode."""
        super().train(mode)
        hold_still(self.network, self.trained if mode else ())
        return self

    def forward(self, inputs: Mapping[str, Tensor]) -> Encoded:
        """Encode B pictures.

        Args:
            inputs: "pixels" (B, 3, H, W), uint8 or float in [0, 1]; or a stored "vector" (B, D).
        """
        if "vector" in inputs:
            return stored(inputs)
        output = self.network(pixel_values=self.normalise(inputs["pixels"]))
        return Encoded(output.pooler_output, output.last_hidden_state.flatten(2).mT)

    def fingerprint(self) -> str:
        """Return a hash of settings and weights."""
        config = {"class": "image/align", "fit": self.fit, "network": config_of(self.network)}
        return fingerprint(config, self.normalise, self.network)
