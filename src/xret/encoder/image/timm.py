"""Any image model of the `timm` library: ResNet, EfficientNet, ViT, MobileNetV3, ..."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from xret.encoder import Encoded, stored
from xret.encoder.freezing import check_lr, hold_still, is_frozen, thaw
from xret.encoder.image._checkpoint import make_network
from xret.encoder.image._pixels import Normalise, Stack, check_fit
from xret.encoder.pooling.choice import IMAGE, make_pooling
from xret.encoder.runtime import Exported, check_runtime
from xret.encoder.weights import fingerprint


class Timm(nn.Module):
    """A pretrained image network without its classifier, and a pooling over its last map of regions.

    The map of a convolutional network is read as one token per place; a ViT gives its patches. The tokens before the
    patches (class, registers) are left out of every pooling but `cls`, which takes the first of them. What a network
    does between its own pooling and its classifier is done here too: MobileNetV3 widens the pooled vector from 960
    to 1280, ConvNeXt normalises it. Thus pooling avg (cls for a ViT) gives what timm calls ``pre_logits``.

    Args:
        model: timm's name, "resnet50" or with its training recipe "resnet50.a1_in1k".
        weights: hub (the recipe's own), a local file or folder, ``pkg://package/path``, or null for random ones.
        pooling: avg, max, gem, gpo or cls. gem and gpo have parameters; they always train.
        image_px: height and width of the pictures; null: what the model was trained on.
        fit: how the reader brings a picture to that size: crop, pad or squash.
        mean: per channel, of pixels in [0, 1]; null: what the model was trained on.
        std: per channel, of pixels in [0, 1]; null: what the model was trained on.
        train: head (nothing of the network), last_N (its last N blocks and all behind them), lora_R
            (adapters of rank R, see `xret.encoder.lora`) or all.
        drop_path: stochastic depth in the parts that train, in [0, 1).
        stages: last, or all: the vector also holds the mean and the spread over all places of what each earlier stage
            gives, the hypercolumns of Hariharan et al. 2015, https://arxiv.org/abs/1411.5752 (sec. 3), without their
            places. Colour and texture are there, which the last stage of a classifier forgets.
        lr: learning rate of the encoder.
        runtime: what runs the network where pixels need no gradient: torch, or onnx or openvino on the CPU, which are
            faster there and give the same to a cosine of 0.9999; see `xret.encoder.runtime`. For a frozen encoder.

    Raises:
        ValueError: an argument is outside what is stated here, or the model has no class token or fewer than N blocks.
        UserError: the model is unknown, the weights cannot be loaded, or the runtime is not installed.
    """

    modality = "image"

    def __init__(
        self,
        model: str,
        weights: str | None = "hub",
        pooling: str = "avg",
        image_px: int | None = None,
        fit: str = "crop",
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        train: str = "head",
        drop_path: float = 0.0,
        stages: str = "last",
        lr: float = 1e-5,
        runtime: str = "torch",
    ) -> None:
        super().__init__()
        if not 0 <= drop_path < 1:
            raise ValueError(f"drop_path must be in [0, 1), got {drop_path}")
        if stages not in ("last", "all"):
            raise ValueError(f"stages must be last or all, got {stages!r}")
        if stages == "all" and pooling in ("gem", "gpo"):
            raise ValueError(
                f"stages=all goes with pooling avg, max or cls, which have nothing to train, got {pooling}"
            )
        self.stages = stages
        self.lr = check_lr(lr)
        self.fit = check_fit(fit)
        self.pooling = make_pooling(pooling, IMAGE)
        self.network: Any = cast(Any, make_network(model, weights, image_px, drop_path))
        trained_on: dict[str, Any] = self.network.pretrained_cfg
        self.model, self.pooling_name = model, pooling
        self.image_px: int = image_px or trained_on["input_size"][-1]
        self.collate = Stack(self.image_px)
        self.normalise = Normalise(mean or trained_on["mean"], std or trained_on["std"])
        prefix = getattr(self.network, "num_prefix_tokens", 0)
        if pooling == "cls" and getattr(self.network, "cls_token", None) is None:
            raise ValueError(f"pooling: cls needs a class token, and {model} has none; use avg")
        self.skipped = 0 if pooling == "cls" else prefix
        self.trained = thaw(self.network, _blocks(self.network) if train.startswith("last") else [], train)
        self.train()
        self._exported: Exported | None = None
        self.axes, self.width = self._probe()
        self.run_in(runtime)

    @torch.no_grad()
    def _probe(self) -> tuple[str, int]:
        """Return how the network lays out its map, and the width of the vector, from one grey picture."""
        mode = self.training
        self.eval()
        grey = torch.zeros(1, 3, self.image_px, self.image_px)
        output = self.network.forward_features(grey)
        axes = "NLC" if output.ndim == 3 else "NCHW" if output.shape[1] == self.network.num_features else "NHWC"
        self.axes = axes
        width = self({"pixels": grey}).vector.shape[1]
        self.train(mode)
        return axes, width

    @property
    def runtime(self) -> str:
        """What runs the network where pixels need no gradient."""
        return "torch" if self._exported is None else self._exported.runtime

    def run_in(self, runtime: str) -> None:
        """Choose what runs the network from now on; see the argument ``runtime``.

        Raises:
            ValueError: it is none of these, or the encoder is not frozen.
            UserError: it is not installed.
        """
        if check_runtime(runtime) == "torch":
            self._exported = None
            return
        if not self.frozen:
            raise ValueError(f"runtime={runtime} runs frozen encoders, and this one trains; take train=head, or torch")
        self._exported = Exported(runtime, _Whole(self), self.fingerprint())

    @property
    def frozen(self) -> bool:
        """Whether no parameter trains."""
        return is_frozen(self)

    @property
    def stores(self) -> str:
        """What to store: "tokens" where only the pooling trains, else "vector"."""
        return "tokens" if is_frozen(self.network) and not is_frozen(self.pooling) else "vector"

    def train(self, mode: bool = True) -> Self:
        """Set train mode where something trains; frozen parts and every BatchNorm stay in eval mode."""
        super().train(mode)
        hold_still(self.network, self.trained if mode else ())
        return self

    def forward(self, inputs: Mapping[str, Tensor]) -> Encoded:
        """Encode B pictures.

        Args:
            inputs: "pixels" (B, 3, H, W), uint8 or float in [0, 1]; or a stored "vector" (B, D); or stored "tokens"
                (B, L, C).
        """
        if "vector" in inputs:
            return stored(inputs)
        pixels = inputs.get("pixels")
        if self._exported is not None and pixels is not None and not pixels.requires_grad:
            return Encoded(*self._exported(pixels))
        return self._in_torch(inputs)

    def _in_torch(self, inputs: Mapping[str, Tensor]) -> Encoded:
        earlier: list[Tensor] = []
        with self._listening(earlier):
            tokens = inputs["tokens"] if "tokens" in inputs else self.regions(inputs["pixels"])
        vector = self._behind(self.pooling(tokens, inputs.get("mask")))
        return Encoded(torch.cat([vector, *earlier], dim=1) if earlier else vector, tokens)

    @contextmanager
    def _listening(self, earlier: list[Tensor]) -> Iterator[None]:
        """Append mean and spread, (B, C) each, of what every stage gives meanwhile; for stages=last, nothing."""

        def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            places = (2, 3) if output.ndim == 4 and self.axes != "NHWC" else tuple(range(1, output.ndim - 1))
            spread, mean = torch.std_mean(output, dim=places, correction=0)
            earlier.extend([mean, spread])

        listened = _stages(self.network) if self.stages == "all" else []
        handles = [stage.register_forward_hook(keep) for stage in listened]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def regions(self, pixels: Tensor) -> Tensor:
        """Return the sequence that is pooled, (B, L, C), of pixels (B, 3, H, W)."""
        output: Tensor = self.network.forward_features(self.normalise(pixels))
        if self.axes == "NCHW":
            return output.flatten(2).transpose(1, 2)
        return output.flatten(1, -2)[:, self.skipped :]

    def _behind(self, pooled: Tensor) -> Tensor:
        """Apply what the network has between pooling and classifier to (B, C); it expects a map of one place."""
        prefix = pooled[:, None].expand(-1, 2 if hasattr(self.network, "dist_token") else 1, -1)  # DeiT reads two
        places = {"NLC": prefix, "NHWC": pooled[:, None, None], "NCHW": pooled[..., None, None]}
        vector: Tensor = self.network.forward_head(places[self.axes], pre_logits=True)
        return vector.flatten(1)

    def fingerprint(self) -> str:
        """Return a hash of all that decides the stored tensor: settings, network and, for vectors, the pooling."""
        config = {
            "class": "timm",
            "model": self.model,
            "image_px": self.image_px,
            "fit": self.fit,
            "skipped": self.skipped,
            "stages": self.stages,
            "stores": self.stores,
        }
        if self.stores == "tokens":
            return fingerprint(config, self.normalise, self.network)
        return fingerprint(config | {"pooling": self.pooling_name}, self.normalise, self.network, self.pooling)


class _Whole(nn.Module):
    """All that an encoder does to pixels, for a runtime that takes the whole of it."""

    def __init__(self, encoder: Timm) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Map pixels (B, 3, H, W) to vectors (B, D) and regions (B, L, C)."""
        encoded = self.encoder._in_torch({"pixels": pixels})
        assert encoded.tokens is not None
        return encoded.vector, encoded.tokens


def _stages(network: nn.Module) -> list[nn.Module]:
    """Return the stages of a network in order: the coarse groups of timm."""
    return _blocks(network, coarse=True)


def _blocks(network: nn.Module, coarse: bool = False) -> list[nn.Module]:
    """Return the blocks of a network in order, as timm itself groups them for layer-wise learning rates."""
    groups = cast(Any, network).group_matcher(coarse=coarse)["blocks"]
    patterns = [groups] if isinstance(groups, str) else [pattern for pattern, rank in groups if rank is None]
    names: dict[str, None] = {}
    for name, _ in network.named_parameters():
        names.update({found[0]: None for found in (re.match(p, name) for p in patterns) if found})
    return [network.get_submodule(name) for name in names]
