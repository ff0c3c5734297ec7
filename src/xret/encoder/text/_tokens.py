"""From strings to token numbers, and what networks of `transformers` make of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from xret.encoder.text._lexicon import Lexicon

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


@dataclass(frozen=True)
class Tokens:
    """A tokeniser with its limit; small enough to be sent to a worker process.

    Args:
        tokenizer: of `transformers`; it decides on which side padding goes.
        max_tokens: texts are cut here, special tokens included.
        room: how many positions the model has.
        lexicon: weights of words; None: all the same.

    Raises:
        ValueError: the limit leaves no room for a word, or is beyond what the model can read; or there are weights, and
            a tokeniser that does not tell which characters a token stands for.
    """

    tokenizer: PreTrainedTokenizerBase
    max_tokens: int
    room: int
    lexicon: Lexicon | None = None

    def __post_init__(self) -> None:
        least = len(self.tokenizer("")["input_ids"]) + 1
        most = min(self.room, self.tokenizer.model_max_length)
        if not least <= self.max_tokens <= most:
            raise ValueError(f"max_tokens must lie between {least} and the {most} of the model, got {self.max_tokens}")
        if self.lexicon is not None and not self.tokenizer.is_fast:
            raise ValueError(f"weights need a fast tokeniser, and {type(self.tokenizer).__name__} is none; set null")

    def __call__(self, texts: Sequence[str]) -> dict[str, Tensor]:
        """Return input_ids and attention_mask, (B, L) int64 each, and token_type_ids where the model knows them.

        Where there is a lexicon, also token_weight, (B, L) float32: every piece of a word has the weight of the word.
        """
        encoded = self.tokenizer(
            list(texts),
            padding=True,
            truncation=True,
            max_length=self.max_tokens,
            return_tensors="pt",
            return_offsets_mapping=self.lexicon is not None,
        )
        inputs = {name: encoded[name] for name in INPUTS if name in encoded}
        if self.lexicon is not None:
            inputs["token_weight"] = self.lexicon.weigh(texts, encoded["offset_mapping"])
        return inputs

    def words(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return (B, L) bool: which tokens stand for a piece of the text, being neither padding nor special."""
        numbers, tokenizer = inputs["input_ids"], self.tokenizer
        own = inputs["attention_mask"].bool()
        names = ("cls", "sep", "bos", "eos", "pad", "mask")
        for special in {getattr(tokenizer, f"{name}_token_id") for name in names} - {None}:
            own = own & (numbers != special)
        return own

    def config(self) -> dict[str, object]:
        """Return all that decides how a text is cut into tokens, for a fingerprint."""
        rules = {"class": type(self.tokenizer).__name__, "vocab": self.tokenizer.get_vocab()}
        if isinstance(self.tokenizer, PreTrainedTokenizerFast):
            rules = json.loads(self.tokenizer.backend_tokenizer.to_str())
            del rules["padding"], rules["truncation"]  # left behind by the last call
        weights = {} if self.lexicon is None else {"weights": self.lexicon.weights}
        sizes = {"max_tokens": self.max_tokens, "padding_side": self.tokenizer.padding_side}
        return {**sizes, "tokenizer": rules, **weights}


def read(network: PreTrainedModel, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """Run a text network on what `Tokens` gave, or on ``inputs_embeds`` (B, L, E) in place of the token numbers."""
    first = "inputs_embeds" if "inputs_embeds" in inputs else "input_ids"
    names = (first, "attention_mask", "token_type_ids")
    output: Mapping[str, Tensor] = network(**{name: inputs[name] for name in names if name in inputs})
    return output


def cls_is_last(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Return whether the class token stands behind the text.

    Raises:
        ValueError: the tokeniser sets no class token.
    """
    numbers = tokenizer("a")["input_ids"]
    if tokenizer.cls_token_id not in numbers:
        raise ValueError(f"pooling: cls needs a class token, and {type(tokenizer).__name__} sets none; use mean")
    return bool(numbers.index(tokenizer.cls_token_id) > 0)
