"""The image half of CLIP, through the `transformers` library."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

from torch import Tensor, nn
from transformers import CLIPModel

from xret.encoder import Encoded, stored
from xret.encoder.freezing import check_lr, hold_still, is_frozen, outermost_blocks, thaw
from xret.encoder.image._pixels import Normalise, Stack, check_fit
from xret.encoder.pretrained import config_of, load_model
from xret.encoder.weights import fingerprint

MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


class CLIP(nn.Module):
    """A ViT whose class token is projected into the space shared with texts.

    Source: Radford et al. 2021, https://arxiv.org/abs/2103.00020 (sec. 2.4). The projection is the checkpoint's own,
    so with ``encoder/projection=identity`` the vectors are those of the published model.

    Args:
        model: a hub name, a local folder, or ``pkg://package/path``.
        fit: how the reader brings a picture to the size the model was trained on: crop, pad or squash.
        mean: per channel, of pixels in [0, 1].
        std: per channel, of pixels in [0, 1].
        train: head (nothing of the network), last_N (its last N blocks, the norm and the projection),
            lora_R (adapters of rank R beside its attention) or all.
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
        fit: str = "crop",
        mean: Sequence[float] = MEAN,
        std: Sequence[float] = STD,
        train: str = "head",
        lr: float = 1e-5,
    ) -> None:
        super().__init__()
        self.lr = check_lr(lr)
        self.fit = check_fit(fit)
        self.normalise = Normalise(mean, std)
        both: Any = load_model(CLIPModel, model)
        self.network: Any = nn.ModuleDict({"vision_model": both.vision_model, "projection": both.visual_projection})
        self.image_px: int = both.config.vision_config.image_size
        self.collate = Stack(self.image_px)
        self.width: int = both.config.projection_dim
        self.trained = thaw(self.network, outermost_blocks(both.vision_model), train)
        self.train()

    @property
    def frozen(self) -> bool:
        """Whether no parameter trains."""
        return is_frozen(self)

    def train(self, mode: bool = True) -> Self:
        """Set train mode where something trains; frozen parts stay in eval mode."""
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
        output = self.network["vision_model"](pixel_values=self.normalise(inputs["pixels"]))
        return Encoded(self.network["projection"](output.pooler_output), output.last_hidden_state)

    def fingerprint(self) -> str:
        """Return a hash of settings and weights."""
        config = {"class": "image/clip", "fit": self.fit, "network": config_of(self.network["vision_model"])}
        return fingerprint(config, self.normalise, self.network)
