"""Why a picture and a text are close: one function for the command line and for the search page.

    from xret.commands._explaining import explain_pair, overlay
    found = explain_pair(trained.model, picture, "a red apple")     # picture: (3, H, W) uint8, as `read_image` gives it
    png = overlay(picture, found.heat)                              # PNG bytes, of the size of the picture

The picture has the size and the fit of the model's image encoder: ``encoder = model.encoders["image"]``, then
``read_image(path, layer, encoder.image_px, encoder.fit)``. To lay the heat over the picture in its own size, undo the
fit first: ``onto_original(found.heat, width, height, encoder.fit)`` of `xret.data.fitting`.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib import colormaps
from PIL import Image
from torch import Tensor

from xret._errors import UserError
from xret.data.parts import ITEM, part_of
from xret.data.providers import Inputs
from xret.explain import Score
from xret.explain.auto import Auto
from xret.explain.words import leave_one_out
from xret.model.dual_encoder import DualEncoder

Method = Callable[[Score, torch.nn.Module, Tensor], Tensor]

_OPAQUE = 0.75  # of the colour, where the heat is 1


@dataclass(frozen=True)
class Explanation:
    """Why a picture and a text are close.

    Attributes:
        score: the cosine of the two, or the difference of two cosines, in [-2, 2].
        heat: (H, W) float32 in [0, 1], on the square that the encoder reads; 1 at the hottest place, 0 where a place
            adds nothing or takes away.
        signed: (H, W) float32, the same before it was cut off and scaled.
        words: of the text in order, each with what the score loses without it; negative: the word is in the way.
            Where a text has more than `xret.explain.words.MAX_WORDS`, its first ones.
        spans: start and end of each word in the text, in characters.
    """

    score: float
    heat: np.ndarray
    signed: np.ndarray
    words: list[tuple[str, float]]
    spans: list[tuple[int, int]]


def explain_pair(
    model: DualEncoder,
    picture: np.ndarray,
    text: str,
    against: str | None = None,
    method: Method | None = None,
    beside: Inputs | None = None,
) -> Explanation:
    """Explain the cosine of a picture and a text, through projection and normalisation.

    A model with a second stage (``fusion``) is explained by its first one, the cosine. The model may be frozen, and may
    be called under `torch.inference_mode`; nothing of it is changed.

    Args:
        model: in eval mode.
        picture: (3, H, W) uint8, of the size of the image encoder.
        text: what it is compared with.
        against: another text: what is explained is the cosine with ``text`` less that with this one, "why the first
            and not the second"; None: the cosine itself.
        method: a method of `xret.explain`; None: `xret.explain.auto.Auto`.
        beside: where the model's targets are items: what `beside_picture` gave; None: the picture is alone.

    Raises:
        UserError: the model has no encoder of pictures or texts, or the method does not go with its encoder.
        ValueError: the picture has another size.
    """
    with torch.inference_mode(False):
        pair = Pair(model, picture, text, against, beside)
        try:
            heat = (method or Auto())(pair.score, model.encoders["image"], pair.pixels)
        except ValueError as error:
            raise UserError(f"explain: {error}") from error
        with torch.no_grad():
            vector = pair.encode(pair.pixels[None])
            score = float(vector @ pair.direction)
        signed = heat.float().cpu().numpy()
        places = leave_one_out(lambda texts: (_texts(model, texts) @ vector.T)[:, 0], text)
    words = [(text[w.start : w.end], w.weight) for w in places]
    return Explanation(score, scaled(signed), signed, words, [(w.start, w.end) for w in places])


class Pair:
    """A picture and a text, as methods of `xret.explain` take them.

    Args:
        model: see `explain_pair`.
        picture: see `explain_pair`.
        text: see `explain_pair`.
        against: see `explain_pair`.
        beside: see `explain_pair`.

    Attributes:
        pixels: (3, H, W) float in [0, 1].
        direction: (D,) float, the text's unit vector, less that of ``against``.
    """

    def __init__(
        self,
        model: DualEncoder,
        picture: np.ndarray,
        text: str,
        against: str | None = None,
        beside: Inputs | None = None,
    ) -> None:
        encoder = check_explainable(model)
        self.model = model
        self.beside = beside_picture(model) if beside is None and ITEM in model.modalities else beside
        device = next(model.parameters()).device
        self.pixels: Tensor = encoder.collate([picture])["pixels"][0].to(device).float() / 255
        with torch.no_grad():
            vectors = _texts(model, [text] if against is None else [text, against])
        self.direction = vectors[0] if against is None else vectors[0] - vectors[1]

    def encode(self, pixels: Tensor) -> Tensor:
        """Return the unit vectors (B, D) of pictures (B, 3, H, W), with what stands beside them unchanged."""
        if self.beside is None:
            return self.model.encode("image", {"pixels": pixels}).vector
        inputs = {name: t.expand(len(pixels), *t.shape[1:]) for name, t in self.beside.items()}
        there = torch.ones(len(pixels), dtype=torch.bool, device=pixels.device)
        return self.model.encode(ITEM, {**inputs, "image.pixels": pixels, "image.present": there}).vector

    def score(self, pixels: Tensor) -> Tensor:
        """Return the scores (B,) of pictures (B, 3, H, W)."""
        return self.encode(pixels) @ self.direction


def check_explainable(model: DualEncoder) -> Any:  # noqa: ANN401 - an encoder
    """Return the image encoder of a model that has texts too.

    Raises:
        UserError: the model has no encoder of pictures or of texts.
    """
    if ITEM in model.modalities and "image" not in model.parts:
        raise UserError(f"explain needs pictures, and the items of this run have only {', '.join(model.parts)}")
    for modality in ("image", "text"):
        if modality not in model.encoders:
            raise UserError(f"explain needs an encoder of {modality}; this run has {', '.join(model.encoders)}")
    return model.encoders["image"]


@torch.no_grad()
def beside_picture(model: DualEncoder, given: Mapping[str, Tensor] | None = None) -> Inputs:
    """Return what stands beside the picture of one item, encoded once: its title, or that it has none.

    Args:
        model: whose targets are items.
        given: the tensors of one item, see `xret.data.parts.Composite`; None: the picture is alone.
    """
    device = next(model.parameters()).device
    found: Inputs = {}
    for part, tower in model.parts.items():
        if part == "image":
            continue
        encoder: Any = model.encoders[tower]
        if given is None:
            inputs, present = encoder.collate([""]), torch.zeros(1, dtype=torch.bool)
        else:
            inputs, present = part_of(given, part)
        encoded = encoder({name: tensor.to(device) for name, tensor in inputs.items()})
        kept = {name: value for name, value in encoded._asdict().items() if value is not None}
        found |= {f"{part}.{name}": value for name, value in kept.items()}
        found[f"{part}.present"] = present.to(device)
    return found


def scaled(signed: np.ndarray) -> np.ndarray:
    """Return heat (H, W) float32 in [0, 1] of a signed map: what is above zero, over its maximum."""
    warm = np.nan_to_num(signed).clip(0).astype(np.float32)
    most = float(warm.max(initial=0))
    heat: np.ndarray = warm / np.float32(most) if most > 0 else warm
    return heat


def coloured(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 with its heat over it: grey where there is none, then yellow to red.

    Args:
        picture: (3, H, W) uint8.
        heat: (H, W) float in [0, 1].
    """
    grey = np.asarray(Image.fromarray(np.moveaxis(picture, 0, -1)).convert("L"), dtype=np.float32)[..., None]
    colour = colormaps["YlOrRd"](heat)[..., :3].astype(np.float32) * 255
    share = _OPAQUE * np.sqrt(heat.clip(0, 1))[..., None]
    pale = 90 + grey * (165 / 255)  # so that dark strokes let the colour through
    shown: np.ndarray = ((1 - share) * pale + share * colour).clip(0, 255).astype(np.uint8)
    return shown


def overlay(picture: np.ndarray, heat: np.ndarray) -> bytes:
    """Return a PNG of a picture with its heat over it.

    Args:
        picture: (3, H, W) uint8.
        heat: (H, W) float in [0, 1], for the same pixels.

    Raises:
        ValueError: they differ in size.
    """
    if picture.shape[1:] != heat.shape:
        raise ValueError(f"heat must be (H, W) of a picture {picture.shape}, got {heat.shape}")
    buffer = io.BytesIO()
    Image.fromarray(coloured(picture, heat)).save(buffer, "PNG")
    return buffer.getvalue()


def _texts(model: DualEncoder, texts: Sequence[str]) -> Tensor:
    """Return unit vectors (N, D) of texts."""
    encoder: Any = model.encoders["text"]
    device = next(model.parameters()).device
    inputs = encoder.collate(list(texts))
    return model.encode("text", {name: tensor.to(device) for name, tensor in inputs.items()}).vector
