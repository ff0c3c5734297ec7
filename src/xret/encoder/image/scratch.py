"""A small image encoder that needs no weights."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Self

from torch import Tensor, nn

from xret.encoder import Encoded, stored
from xret.encoder.freezing import check_lr, hold_still, is_frozen, thaw
from xret.encoder.image._pixels import Normalise, Stack, check_fit
from xret.encoder.pooling.choice import make_pooling
from xret.encoder.weights import fingerprint

GROUPS = 8


class Scratch(nn.Module):
    """Four convolutions of stride 2 with GroupNorm, with random weights from torch's global generator.

    GroupNorm (Wu and He 2018, https://arxiv.org/abs/1803.08494, sec. 3) sees one picture at a time, so a vector does
    not depend on its batch. For tests, and for data with many pairs.

    Args:
        width: D, channels of the last convolution and size of the vector; each before it has half as many. A
            multiple of 64.
        image_px: height and width of the pictures, a multiple of 16.
        fit: how the reader brings a picture to that size: crop, pad or squash.
        pooling: avg, max, gem or gpo, over (image_px / 16)^2 regions.
        train: head (nothing), last_N (the last N convolutions) or all.
        lr: learning rate of the encoder.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    modality = "image"

    def __init__(
        self,
        width: int = 128,
        image_px: int = 64,
        fit: str = "crop",
        pooling: str = "avg",
        train: str = "all",
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        if width < 64 or width % 64 or image_px < 16 or image_px % 16:
            raise ValueError(f"need width a multiple of 64 and image_px of 16, got {width} and {image_px}")
        self.lr = check_lr(lr)
        self.fit = check_fit(fit)
        self.width, self.image_px = width, image_px
        self.collate = Stack(image_px)
        self.normalise = Normalise((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
        sizes = [3, width // 8, width // 4, width // 2, width]
        self.network = nn.Sequential(*(_block(*pair) for pair in pairwise(sizes)))
        self.pooling = make_pooling(pooling, ("avg", "max", "gem", "gpo"))
        self.trained = thaw(self.network, list(self.network), train)
        self.train()

    @property
    def frozen(self) -> bool:
        """Whether no parameter trains."""
        return is_frozen(self)

    @property
    def stores(self) -> str:
        """What to store: "tokens" where only the pooling trains, else "vector"."""
        return "tokens" if is_frozen(self.network) and not is_frozen(self.pooling) else "vector"

    def train(self, mode: bool = True) -> Self:
        """Set train mode where something trains; frozen parts stay in eval mode."""
        super().train(mode)
        hold_still(self.network, self.trained if mode else ())
        return self

    def forward(self, inputs: Mapping[str, Tensor]) -> Encoded:
        """Encode B pictures.

        Args:
            inputs: "pixels" (B, 3, H, W), uint8 or float in [0, 1]; or a stored "vector" (B, D); or stored "tokens"
                (B, L, D).
        """
        if "vector" in inputs:
            return stored(inputs)
        if "tokens" in inputs:
            tokens = inputs["tokens"]
        else:
            tokens = self.network(self.normalise(inputs["pixels"])).flatten(2).mT
        return Encoded(self.pooling(tokens, inputs.get("mask")), tokens)

    def fingerprint(self) -> str:
        """Return a hash of settings and weights."""
        config = {"class": "image/scratch", "image_px": self.image_px, "fit": self.fit, "stores": self.stores}
        if self.stores == "tokens":
            return fingerprint(config, self.network)
        return fingerprint(config | {"pooling": type(self.pooling).__name__}, self.network, self.pooling)


def _block(inside: int, outside: int) -> nn.Module:
    convolution = nn.Conv2d(inside, outside, kernel_size=3, stride=2, padding=1, bias=False)
    return nn.Sequential(convolution, nn.GroupNorm(GROUPS, outside), nn.GELU())
