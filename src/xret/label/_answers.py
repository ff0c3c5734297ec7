"""Answers that are kept in a file, so that what was asked once is not asked again."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Answer(NamedTuple):
    """What a model wrote, and the geometric mean of the probabilities of its tokens."""

    text: str
    confidence: float


def kept(path: Path | None) -> dict[str, Answer]:
    """Return the answers in a file; a last line that a kill cut off is left out."""
    if path is None or not path.is_file():
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            question, text, confidence = json.loads(line)
        except ValueError:
            continue
        found[question] = Answer(text, confidence)
    return found


def keep(path: Path | None, answers: Mapping[str, Answer]) -> None:
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
