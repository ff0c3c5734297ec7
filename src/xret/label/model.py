"""Labels by a text model: what it answers when it is asked about a caption."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from xret._errors import UserError
from xret.label import NONE, Attributes, Label, Rows
from xret.label._answers import Answer, keep, kept
from xret.label._options import options

_FIELDS = ("{caption}", "{attribute}", "{options}")
_UNKNOWN = ("unknown", "none", "n/a", "not mentioned", "not specified")


class Model:
    """Asks a model of `transformers`, seq2seq or causal, one question per caption and attribute.

    It answers greedily, so the same question has the same answer; a model with a chat template is asked in it. The
    answer is read as the one label that stands first in it, as a whole word; "unknown" means no label; anything else is
    a parse failure, which is counted and gives no label. The confidence is the probability of the answer's tokens, as
    their geometric mean. Answers are kept in files, by model (a folder: by its files' sizes and times, too) and
    question; what was asked once is not asked again, after a kill neither.

    Args:
        model: hub name, local folder, or ``pkg://package/path``.
        prompt: the question, with ``{caption}`` in it, and ``{attribute}`` and ``{options}`` where wanted.
        batch_size: questions at a time, at least 1.
        max_tokens: longer answers are cut, at least 1.
        max_characters: longer captions are cut before they are asked about, at least 1.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    def __init__(
        self, model: str, prompt: str, batch_size: int = 16, max_tokens: int = 12, max_characters: int = 500
    ) -> None:
        if "{caption}" not in prompt:
            raise ValueError(f"prompt must hold {{caption}}, got {prompt!r}")
        for name, value in (("batch_size", batch_size), ("max_tokens", max_tokens), ("max_characters", max_characters)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        self.model, self.prompt, self.max_characters = model, prompt, max_characters
        self.batch_size, self.max_tokens = batch_size, max_tokens
        self._counts: dict[str, int] = {}

    def __call__(self, rows: Rows, attributes: Attributes) -> dict[str, list[Label]]:
        """Label R captions; rows without one get no label.

        Args:
            rows: with captions, and what loads models.
            attributes: name -> labels to choose from; None: those of training rows, else the shipped ones.

        Raises:
            UserError: the model cannot be loaded, or an attribute has less than two labels.
        """
        chosen = options(rows, attributes)
        captions = [text for text in dict.fromkeys(rows.captions) if text.strip()]
        asked = {name: {c: self._question(c, name, labels) for c in captions} for name, labels in chosen.items()}
        questions = list(dict.fromkeys(question for of_caption in asked.values() for question in of_caption.values()))
        self._counts = {"questions": len(questions), "asked": 0, "unknown": 0, "parse_failures": 0}
        answers = self._answers(rows, questions)
        found = {}
        for name, labels in chosen.items():
            read = {caption: self._read(answers[question], labels) for caption, question in asked[name].items()}
            found[name] = [read.get(caption, NONE) for caption in rows.captions]
        return found

    def report(self) -> dict[str, int]:
        """Return the different questions, how many of them were asked now, and answers of no use."""
        return dict(self._counts)

    def _question(self, caption: str, attribute: str, labels: Sequence[str]) -> str:
        cut = caption[: self.max_characters]  # cut here: a question that is cut by the model ends without its end
        filled = dict(zip(_FIELDS, (cut, attribute, ", ".join(labels)), strict=True))
        return re.sub("|".join(map(re.escape, _FIELDS)), lambda match: filled[match.group()], self.prompt)

    def _read(self, answer: Answer, labels: Sequence[str]) -> Label:
        """Return the label that stands first in an answer, of those that begin at one place the longest."""
        hits = [(match.start(), -len(label), label) for label in labels if (match := _whole(label).search(answer.text))]
        if hits:
            return Label(min(hits)[2], answer.confidence)
        told = any(_whole(word).search(answer.text) for word in _UNKNOWN)
        self._counts["unknown" if told else "parse_failures"] += 1
        return NONE

    def _answers(self, rows: Rows, questions: Sequence[str]) -> dict[str, Answer]:
        """Return the answers that are kept, and those to all other questions."""
        path = None if rows.kept is None else rows.kept / f"{self._key()}.jsonl"
        known = kept(path)
        missing = [question for question in questions if question not in known]
        self._counts["asked"] = len(missing)
        if not missing:
            return {question: known[question] for question in questions}
        if rows.load is None:
            raise UserError("model needs what loads it")
        network, tokenizer = rows.load(self.model)
        missing.sort(key=len)  # little padding
        for begin in range(0, len(missing), self.batch_size):
            part = missing[begin : begin + self.batch_size]
            fresh = dict(zip(part, _ask(network, tokenizer, part, self.max_tokens), strict=True))
            keep(path, fresh)
            known |= fresh
        return {question: known[question] for question in questions}

    def _key(self) -> str:
        """Return the name of the file of answers."""
        facts: list[object] = [self.model, self.max_tokens]
        folder = Path(self.model).expanduser()
        if folder.is_dir():
            files = sorted(path for path in folder.iterdir() if path.is_file())
            facts = [str(folder.resolve()), self.max_tokens]
            facts += [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
        return hashlib.sha256(repr(facts).encode()).hexdigest()[:32]


@torch.inference_mode()
def _ask(network: Any, tokenizer: Any, questions: Sequence[str], max_tokens: int) -> list[Answer]:  # noqa: ANN401
    """Return the greedy answers to B questions."""
    seq2seq = network.config.is_encoder_decoder
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    chat = bool(getattr(tokenizer, "chat_template", None))
    limit = min(tokenizer.model_max_length, _positions(network)) - (0 if seq2seq else max_tokens)
    asked = tokenizer(
        [_in_chat(tokenizer, question) for question in questions] if chat else list(questions),
        add_special_tokens=not chat,  # the template holds them
        return_tensors="pt",
        padding=True,
        padding_side="right" if seq2seq else "left",  # what a causal model writes goes on behind the question
        truncation=True,
        max_length=max(1, limit),
    )
    inputs = {name: asked[name].to(network.device) for name in ("input_ids", "attention_mask")}
    out = network.generate(
        **inputs,
        max_new_tokens=max_tokens,
        do_sample=False,
        num_beams=1,
        pad_token_id=tokenizer.pad_token_id,
        output_scores=True,
        return_dict_in_generate=True,
    )
    scores = network.compute_transition_scores(out.sequences, out.scores, normalize_logits=True)  # (B, new)
    written = out.sequences[:, -scores.shape[1] :]
    counts = _lengths(written, network.generation_config.eos_token_id)
    texts = tokenizer.batch_decode(written, skip_special_tokens=True)
    sure = [float(row[:count].double().mean().exp()) for row, count in zip(scores, counts, strict=True)]
    return [Answer(" ".join(text.split()), round(min(1.0, s), 6)) for text, s in zip(texts, sure, strict=True)]


def _in_chat(tokenizer: Any, question: str) -> str:  # noqa: ANN401 - a tokeniser
    said = [{"role": "user", "content": question}]
    return str(tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True))


def _lengths(written: torch.Tensor, end: int | list[int] | None) -> list[int]:
    """Return how many tokens of (B, L) were written, the end included; what follows is padding."""
    ends = set(end) if isinstance(end, list) else {end}
    return [next((i + 1 for i, token in enumerate(row) if token in ends), len(row)) for row in written.tolist()]


def _positions(network: Any) -> int:  # noqa: ANN401 - a model
    found = getattr(network.config, "max_position_embeddings", None) or getattr(network.config, "n_positions", None)
    return int(found or 1_000_000)


def _whole(label: str) -> re.Pattern[str]:
    """Return the pattern of a label that neither begins nor ends within a word."""
    before = r"(?<!\w)" if label[:1].isascii() else ""
    after = r"(?!\w)" if label[-1:].isascii() else ""
    return re.compile(before + re.escape(label) + after, re.IGNORECASE)
