"""Small pictures, and an encoder whose features can be computed by hand."""

import hashlib

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from xret.encoder import Encoded


class MeanColour(nn.Module):
    """Encodes a picture as 0.5 and the mean of its channels in [0, 1]; tokens are its rows."""

    modality = "image"
    image_px = 8
    fit = "squash"

    def __init__(self, stores="vector"):
        super().__init__()
        self.stores = stores
        self.scale = nn.Parameter(torch.ones(()))
        self.calls = 0

    def collate(self, pictures):
        """Stack (3, H, W) pictures."""
        return {"pixels": torch.from_numpy(np.stack(pictures))}

    def forward(self, inputs):
        """Return means and rows."""
        self.calls += 1
        assert not self.training
        assert not torch.is_grad_enabled()
        pixels = 0.5 + inputs["pixels"].float() / 255 * self.scale  # black is not zero
        return Encoded(pixels.mean(dim=(2, 3)), pixels.mean(dim=3).transpose(1, 2))

    def fingerprint(self):
        """Return what the features depend on."""
        return hashlib.sha256(str(self.scale.item()).encode()).hexdigest()


class Letters(nn.Module):
    """Encodes a text as the mean of its code points; tokens are code points, padded to the longest of the batch."""

    modality = "text"

    def __init__(self, stores="vector"):
        super().__init__()
        self.stores = stores
        self.lengths = []

    def collate(self, texts):
        """Pad code points with zeros."""
        length = max(map(len, texts))
        codes = [[ord(c) for c in text] + [0] * (length - len(text)) for text in texts]
        mask = [[True] * len(text) + [False] * (length - len(text)) for text in texts]
        return {"input_ids": torch.tensor(codes), "attention_mask": torch.tensor(mask)}

    def forward(self, inputs):
        """Return means and code points."""
        codes, mask = inputs["input_ids"].float(), inputs["attention_mask"]
        self.lengths.append(codes.shape[1])
        vector = (codes * mask).sum(1, keepdim=True) / mask.sum(1, keepdim=True)
        return Encoded(vector, torch.where(mask, codes, -1.0)[:, :, None], mask)  # -1: padding is not zero by itself

    def fingerprint(self):
        """Return what the features depend on."""
        return f"letters {self.stores}"


@pytest.fixture
def mean_colour():
    return MeanColour


@pytest.fixture
def letters():
    return Letters


@pytest.fixture
def colours(tmp_path):
    """Save N pictures of one colour each; return folder, file names and (N, 3) colours."""

    def save(count):
        folder = tmp_path / "colours"
        folder.mkdir(exist_ok=True)
        table = np.random.default_rng(0).integers(0, 256, (count, 3), dtype=np.uint8)
        for i, colour in enumerate(table):
            Image.fromarray(np.broadcast_to(colour, (5, 7, 3)).copy()).save(folder / f"{i}.png")
        return folder, tuple(f"{i}.png" for i in range(count)), table

    return save
