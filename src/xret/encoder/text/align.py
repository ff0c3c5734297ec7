"""The text half of ALIGN, through the `transformers` library."""

from collections.abc import Mapping
from typing import Any, Self

from torch import Tensor, nn
from transformers import AlignModel

from xret.encoder import Encoded, stored
from xret.encoder.freezing import check_lr, hold_still, is_frozen, outermost_blocks, thaw
from xret.encoder.pretrained import config_of, load_model, load_tokenizer
from xret.encoder.text._tokens import Tokens, read
from xret.encoder.weights import fingerprint


class ALIGN(nn.Module):
    """A BERT whose class token is projected into the space shared with images.

    Source: Jia et al. 2021, https://arxiv.org/abs/2102.05918 (sec. 4.2). The projection is the checkpoint's own, so
    with ``encoder/projection=identity`` the vectors are those of the published model.

    Args:
        model: a hub name, a local folder, or ``pkg://package/path``.
        max_tokens: texts are cut to this many tokens, special ones included.
        train: head (nothing of the network), last_N (its last N blocks and the projection),
            lora_R (adapters of rank R beside its attention) or all.
        lr: learning rate of the encoder.

    Raises:
        ValueError: an argument is outside what is stated here, or the model has fewer than N blocks or max_tokens.
        UserError: the weights cannot be loaded.
    """

    modality = "text"
    stores = "vector"

    def __init__(self, model: str, max_tokens: int = 64, train: str = "head", lr: float = 1e-5) -> None:
        super().__init__()
        self.lr = check_lr(lr)
        both: Any = load_model(AlignModel, model)
        both.text_model.pooler = None
        self.network: Any = nn.ModuleDict({"text_model": both.text_model, "projection": both.text_projection})
        settings = both.config.text_config
        self.collate = Tokens(load_tokenizer(model), max_tokens, settings.max_position_embeddings)
        self.width: int = both.config.projection_dim
        self.trained = thaw(self.network, outermost_blocks(both.text_model), train)
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

    def embed(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the word embeddings (B, L, E) of collated texts; `forward` takes them as ``inputs_embeds``."""
        table = self.network["text_model"].get_input_embeddings()
        vectors: Tensor = table(inputs["input_ids"])
        return vectors

    def words(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, L) bool: which tokens stand for a piece of the text, being neither padding nor special."""
        return self.collate.words(inputs)

    def forward(self, inputs: Mapping[str, Tensor]) -> Encoded:
        """Encode B texts.

        Args:
            inputs: what `collate` gave, with or without ``inputs_embeds`` (B, L, E); or a stored "vector" (B, D).
        """
        if "vector" in inputs:
            return stored(inputs)
        tokens = read(self.network["text_model"], inputs)["last_hidden_state"]
        return Encoded(self.network["projection"](tokens[:, 0]), tokens, inputs["attention_mask"].bool())

    def fingerprint(self) -> str:
        """Return a hash of tokeniser, settings and weights."""
        settings = config_of(self.network["text_model"])
        return fingerprint({"class": "text/align", "network": settings, "tokens": self.collate.config()}, self.network)
