"""A small text encoder that needs no weights and no vocabulary: it reads bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret.encoder import Encoded, stored
from xret.encoder.freezing import check_lr, hold_still, is_frozen, thaw
from xret.encoder.pooling.choice import make_pooling
from xret.encoder.weights import fingerprint

PAD, START = 256, 257


@dataclass(frozen=True)
class Bytes:
    """Cut texts into the bytes of their UTF-8, behind one start token; so an empty text has a token too.

    Args:
        max_tokens: texts are cut here, start token included; at least 2.

    Raises:
        ValueError: max_tokens is below 2.
    """

    max_tokens: int

    def __post_init__(self) -> None:
        if self.max_tokens < 2:
            raise ValueError(f"max_tokens must be at least 2, a start token and a byte, got {self.max_tokens}")

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Return input_ids (B, L) int64 and attention_mask (B, L) int64."""
        cut = [torch.tensor([START, *text.encode()][: self.max_tokens]) for text in texts]
        numbers = nn.utils.rnn.pad_sequence(cut, batch_first=True, padding_value=PAD)
        return {"input_ids": numbers, "attention_mask": (numbers != PAD).long()}


class Block(nn.Module):
    """Normalise, look at the neighbours, bend, add to what came in."""

    def __init__(self, width: int, reach: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.convolution = nn.Conv1d(width, width, kernel_size=2 * reach + 1, padding=reach)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Map (B, L, C) to (B, L, C); masked positions are zero to their neighbours, like the space past the end."""
        seen = self.norm(tokens) * mask[..., None]
        return tokens + F.gelu(self.convolution(seen.mT).mT)


class Scratch(nn.Module):
    """A stack of 1-d convolutions over bytes, with random weights from torch's global generator.

    For tests, and for data with many pairs; a pretrained encoder knows far more words.

    Args:
        width: D, channels of every layer and size of the vector.
        blocks: number of convolutions; each adds two times `reach` bytes to what a token sees.
        reach: neighbours to each side that a convolution sees.
        pooling: mean, max or gpo.
        max_tokens: texts are cut to this many bytes, one start token included.
        train: head (nothing), last_N (the last N convolutions) or all.
        lr: learning rate of the encoder.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    modality = "text"

    def __init__(
        self,
        width: int = 128,
        blocks: int = 3,
        reach: int = 3,
        pooling: str = "mean",
        max_tokens: int = 128,
        train: str = "all",
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        if min(width, blocks, reach) < 1:
            raise ValueError(f"width, blocks and reach must be positive, got {width}, {blocks} and {reach}")
        self.lr = check_lr(lr)
        self.width = width
        self.collate = Bytes(max_tokens)
        layers = [Block(width, reach) for _ in range(blocks)]
        self.network = nn.ModuleList([nn.Embedding(START + 1, width), *layers])
        self.pooling = make_pooling(pooling, ("mean", "max", "gpo"))
        self.trained = thaw(self.network, layers, train)
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

    def embed(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the byte embeddings (B, L, D) of collated texts; `forward` takes them as ``inputs_embeds``."""
        vectors: Tensor = self.network[0](inputs["input_ids"])
        return vectors

    def words(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, L) bool: which tokens are bytes of the text, being neither padding nor the start token."""
        return inputs["input_ids"] < PAD

    def forward(self, inputs: Mapping[str, Tensor]) -> Encoded:
        """Encode B texts.

        Args:
            inputs: what `collate` gave, with or without ``inputs_embeds`` (B, L, D); or a stored "vector" (B, D); or
                stored "tokens" (B, L, D) with their "mask" (B, L) bool.
        """
        if "vector" in inputs:
            return stored(inputs)
        if "tokens" in inputs:
            tokens, mask = inputs["tokens"], inputs.get("mask")
        else:
            mask = inputs["attention_mask"].bool()
            tokens = inputs["inputs_embeds"] if "inputs_embeds" in inputs else self.embed(inputs)
            for block in list(self.network)[1:]:
                tokens = block(tokens, mask)
        return Encoded(self.pooling(tokens, mask), tokens, mask)

    def fingerprint(self) -> str:
        """Return a hash of settings and weights."""
        config = {"class": "text/scratch", "max_tokens": self.collate.max_tokens, "stores": self.stores}
        if self.stores == "tokens":
            return fingerprint(config, self.network)
        return fingerprint(config | {"pooling": type(self.pooling).__name__}, self.network, self.pooling)
