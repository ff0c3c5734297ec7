"""Any text model of the `transformers` library: BERT, RoBERTa, XLNet, ALBERT, MiniLM, ..."""

import sys
from collections.abc import Mapping
from typing import Any, Self, cast

from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from xret._errors import UserError
from xret.encoder import Encoded, stored
from xret.encoder.freezing import check_lr, hold_still, is_frozen, outermost_blocks, thaw
from xret.encoder.pooling.choice import TEXT, make_pooling
from xret.encoder.pooling.simple import Cls
from xret.encoder.pretrained import config_of, load_model, load_tokenizer
from xret.encoder.text._lexicon import Lexicon
from xret.encoder.text._tokens import Tokens, cls_is_last, read
from xret.encoder.weights import fingerprint

UNUSED = ("mask_emb", "seg_embed", "r_s_bias")  # XLNet reads these in pretraining, or to tell two texts apart


class Transformer(nn.Module):
    """A pretrained text network and a pooling over its last layer.

    The mean counts every token that is not padding, special ones included, as sentence-transformers does (Reimers and
    Gurevych 2019, https://arxiv.org/abs/1908.10084, sec. 3). The class token is taken where the tokeniser puts it: last
    for XLNet (Yang et al. 2019, https://arxiv.org/abs/1906.08237), first for the others. Pretraining heads and poolers
    are dropped.

    Args:
        model: a hub name, a local folder, or ``pkg://package/path``.
        pooling: cls, mean, max or gpo. Only gpo has parameters; they always train.
        max_tokens: texts are cut to this many tokens, special ones included.
        train: head (nothing of the network), last_N (its last N blocks), lora_R (adapters of rank R beside its
            attention) or all.
        layers: keep only the first so many blocks: a smaller network, to be taught by the whole one; null: all of them.
        dropout: in the parts that train; null keeps what the checkpoint says.
        lr: learning rate of the encoder.
        weights: name of a word list (colour, style, material, promotion) -> how much its words count in the mean, where
            all others count 1; null: all the same. See `xret.encoder.text._lexicon`.
        lexicons: name -> file, word lists beside those that are shipped.

    Raises:
        ValueError: an argument is outside what is stated here, or the model has fewer than N blocks or max_tokens.
        UserError: the weights of the network or a word list cannot be loaded.
    """

    modality = "text"

    def __init__(
        self,
        model: str,
        pooling: str = "mean",
        max_tokens: int = 64,
        train: str = "head",
        layers: int | None = None,
        dropout: float | None = None,
        lr: float = 1e-5,
        weights: Mapping[str, float] | None = None,
        lexicons: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        lexicon = _lexicon(weights, lexicons, pooling)
        if dropout is not None and not 0 <= dropout < 1:
            raise ValueError(f"dropout must be in [0, 1) or null, got {dropout}")
        if layers is not None and layers < 1:
            raise ValueError(f"layers must be at least 1 or null, got {layers}")
        self.lr = check_lr(lr)
        self.pooling = make_pooling(pooling, TEXT)
        tokenizer = load_tokenizer(model)
        self.network: Any = cast(Any, load_model(AutoModel, model, layers))
        self.collate = Tokens(tokenizer, max_tokens, _positions(self.network), lexicon)
        if pooling == "cls":
            self.pooling = Cls(last=cls_is_last(tokenizer))
        if hasattr(self.network, "pooler"):
            self.network.pooler = None
        self.width: int = self.network.config.hidden_size
        blocks = outermost_blocks(self.network) if train.startswith("last") else []
        self.trained = thaw(self.network, blocks, train)
        for name, parameter in self.network.named_parameters():
            if name.endswith(UNUSED):
                parameter.requires_grad_(False)
        if dropout is not None:
            for module in self.network.modules():
                if isinstance(module, nn.Dropout):
                    module.p = dropout
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
        """Return the word embeddings (B, L, E) of collated texts; `forward` takes them as ``inputs_embeds``."""
        vectors: Tensor = self.network.get_input_embeddings()(inputs["input_ids"])
        return vectors

    def words(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, L) bool: which tokens stand for a piece of the text, being neither padding nor special."""
        return self.collate.words(inputs)

    def forward(self, inputs: Mapping[str, Tensor]) -> Encoded:
        """Encode B texts.

        Args:
            inputs: what `collate` gave, with or without ``inputs_embeds`` (B, L, E); or a stored "vector" (B, D); or
                stored "tokens" (B, L, C) with their "mask" (B, L) bool.

        Raises:
            UserError: words have weights, and these are not among the inputs.
        """
        if "vector" in inputs:
            return stored(inputs)
        if "tokens" in inputs:
            tokens, mask = inputs["tokens"], inputs.get("mask")
        else:
            tokens, mask = read(self.network, inputs)["last_hidden_state"], inputs["attention_mask"].bool()
        if self.collate.lexicon is None:
            return Encoded(self.pooling(tokens, mask), tokens, mask)
        if "token_weight" not in inputs:
            raise UserError("encoder.text.weights needs a token_weight beside stored tokens; set weights=null")
        return Encoded(self.pooling(tokens, mask, inputs["token_weight"]), tokens, mask)

    def fingerprint(self) -> str:
        """Return a hash of all that decides the stored tensor: tokeniser, network and, for vectors, the pooling."""
        config: dict[str, Any] = {"class": "transformer", "stores": self.stores, "tokens": self.collate.config()}
        config["network"] = config_of(self.network)
        if self.stores == "tokens":
            return fingerprint(config, self.network)
        return fingerprint(config | {"pooling": type(self.pooling).__name__}, self.network, self.pooling)


def _lexicon(weights: Mapping[str, float] | None, lexicons: Mapping[str, str] | None, pooling: str) -> Lexicon | None:
    """Return the weights of words, or None where there are none.

    Raises:
        ValueError: they cannot be had with this pooling, or a name or weight is wrong.
        UserError: a word list cannot be read.
    """
    if not weights:
        if lexicons:
            raise ValueError("lexicons need weights: how much the words of each list count")
        return None
    if pooling != "mean":
        raise ValueError(
            f"weights need pooling: mean, got {pooling}: cls is one token, and max and gpo go by the order of values, "
            "which a factor turns round where they are negative"
        )
    return Lexicon(dict(weights), None if lexicons is None else dict(lexicons))


def _positions(network: PreTrainedModel) -> int:
    """Return how many tokens a network has positions for; RoBERTa's table begins behind its padding."""
    table = getattr(getattr(network, "embeddings", None), "position_embeddings", None)
    if isinstance(table, nn.Embedding):
        return table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1)
    stated = getattr(network.config, "max_position_embeddings", -1)
    return stated if stated > 0 else sys.maxsize  # XLNet says -1: its positions are relative
