"""Labels by a text model: what it answers when it is asked about a caption."""

import hashlib
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from xret._errors import UserError
from xret.label import NONE, Attributes, Label, Rows
from xret.label._options import options

_FIELDS = ("{caption}", "{attribute}", "{options}")
_UNKNOWN = ("unknown", "none", "n/a", "not mentioned", "not specified")


class _Answer(NamedTuple):
    text: str
    confidence: float


class Model:
    """Asks a model of `transformers`, seq2seq or causal, one question per caption and attribute.

    It answers greedily, so the same question has the same answer. The answer is read as the one label that stands first
    in it, as a whole word; "unknown" means no label; anything else is a parse failure, which is counted and gives no
    label. The confidence is the probability of the answer's tokens, as their geometric mean. Answers are kept in files,
    by model, its files' sizes and times, and question: what was asked once is not asked again, after a kill neither.

    Args:
        model: hub name, local folder, or ``pkg://package/path``.
        prompt: the question, with ``{caption}`` in it, and ``{attribute}`` and ``{options}`` where wanted.
        batch_size: questions at a time, at least 1.
        max_tokens: longer answers are cut, at least 1.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    def __init__(self, model: str, prompt: str, batch_size: int = 16, max_tokens: int = 12) -> None:
        if "{caption}" not in prompt:
            raise ValueError(f"prompt must hold {{caption}}, got {prompt!r}")
        if batch_size < 1 or max_tokens < 1:
            raise ValueError(f"batch_size and max_tokens must be at least 1, got {batch_size} and {max_tokens}")
        self.model, self.prompt = model, prompt
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
        asked = {
            name: {text: self._question(text, name, chosen[name]) for text in set(rows.captions)} for name in chosen
        }
        questions = sorted({q for name in asked for text, q in asked[name].items() if text.strip()})
        answers = self._answers(rows, questions)
        self._counts = dict.fromkeys(("questions", "asked", "unknown", "parse_failures"), 0) | self._counts
        self._counts["questions"] = len(questions)
        found = {}
        for name, labels in chosen.items():
            read = {text: self._read(answers[q], labels) for text, q in asked[name].items() if q in answers}
            found[name] = [read.get(text, NONE) for text in rows.captions]
        return found

    def report(self) -> dict[str, int]:
        """Return the different questions, how many of them were asked now, and answers of no use."""
        return dict(self._counts)

    def _question(self, caption: str, attribute: str, labels: Sequence[str]) -> str:
        filled = dict(zip(_FIELDS, (caption, attribute, ", ".join(labels)), strict=True))
        return re.sub("|".join(map(re.escape, _FIELDS)), lambda match: filled[match.group()], self.prompt)

    def _read(self, answer: _Answer, labels: Sequence[str]) -> Label:
        """Return the label that stands first in an answer, of those that begin at one place the longest."""
        hits = [(match.start(), -len(label), label) for label in labels if (match := _whole(label).search(answer.text))]
        if hits:
            return Label(min(hits)[2], answer.confidence)
        told = any(_whole(word).search(answer.text) for word in _UNKNOWN)
        self._counts["unknown" if told else "parse_failures"] += 1
        return NONE

    def _answers(self, rows: Rows, questions: Sequence[str]) -> dict[str, _Answer]:
        """Return the answers that are kept, and those to all other questions."""
        self._counts = dict.fromkeys(("questions", "asked", "unknown", "parse_failures"), 0)
        path = None if rows.kept is None else rows.kept / f"{self._key()}.jsonl"
        known = _kept(path)
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
            _keep(path, fresh)
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
def _ask(network: Any, tokenizer: Any, questions: Sequence[str], max_tokens: int) -> list[_Answer]:  # noqa: ANN401
    """Return the greedy answers to B questions."""
    seq2seq = network.config.is_encoder_decoder
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    limit = min(tokenizer.model_max_length, _positions(network)) - (0 if seq2seq else max_tokens)
    asked = tokenizer(
        list(questions),
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
    counts = _lengths(written, tokenizer)
    texts = tokenizer.batch_decode(written, skip_special_tokens=True)
    sure = [float(row[:count].double().mean().exp()) for row, count in zip(scores, counts, strict=True)]
    return [_Answer(" ".join(text.split()), round(min(1.0, s), 6)) for text, s in zip(texts, sure, strict=True)]


def _lengths(written: torch.Tensor, tokenizer: Any) -> list[int]:  # noqa: ANN401 - a tokeniser
    """Return how many tokens of (B, L) were written, the end included; the rest is padding."""
    ends = {tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.sep_token_id} - {None}
    rows = written.tolist()
    return [next((i + 1 for i, token in enumerate(row) if token in ends), len(row)) for row in rows]


def _positions(network: Any) -> int:  # noqa: ANN401 - a model
    found = getattr(network.config, "max_position_embeddings", None) or getattr(network.config, "n_positions", None)
    return int(found or 1_000_000)


def _whole(label: str) -> re.Pattern[str]:
    """Return the pattern of a label that neither begins nor ends within a word."""
    before = r"(?<!\w)" if label[:1].isascii() else ""
    after = r"(?!\w)" if label[-1:].isascii() else ""
    return re.compile(before + re.escape(label) + after, re.IGNORECASE)


def _kept(path: Path | None) -> dict[str, _Answer]:
    """Return the answers in a file; a last line that a kill cut off is left out."""
    if path is None or not path.is_file():
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            question, text, confidence = json.loads(line)
        except ValueError:
            continue
        found[question] = _Answer(text, confidence)
    return found


def _keep(path: Path | None, answers: dict[str, _Answer]) -> None:
    """Append answers to a file, in one piece."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = "".join(f"\n{json.dumps([question, *answer])}" for question, answer in answers.items())
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, lines.encode())  # the line break stands first: a line that was cut off spoils no other
    finally:
        os.close(handle)
