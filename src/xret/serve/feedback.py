"""What people say of answers, line by line, as pairs to train on."""

import fcntl
import json
import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["right", "wrong"]


class FeedbackFull(RuntimeError):  # noqa: N818 - nothing is broken
    """The file has reached its bound, or the disk is full."""


class Feedback:
    """Appends pairs to a table in JSON lines; several servers may write to one file.

    A wrong pair has weight 0: a training reads it and learns nothing from it as a pair; ``verdict`` tells it apart.

    Args:
        path: ends in .jsonl, so that it is read as a table; made with the first pair.
        max_mb: size at which no more is written.

    Raises:
        ValueError: the path has another ending, or the bound is not positive.
    """

    def __init__(self, path: Path, max_mb: float = 100) -> None:
        if path.suffix != ".jsonl":
            raise ValueError(f"feedback must be a file that ends in .jsonl, got {path}")
        if max_mb <= 0:
            raise ValueError(f"max_feedback_mb must be above 0, got {max_mb}")
        self.path = path
        self.max_bytes = int(max_mb * 1_000_000)

    def add(self, pair: Mapping[str, Any], verdict: Verdict) -> str:
        """Append a pair and return its id; it is on disk when this returns.

        Args:
            pair: columns and values beside id, weight, verdict and time.
            verdict: "right" or "wrong".

        Raises:
            FeedbackFull: there is no room.
        """
        name = f"feedback-{secrets.token_hex(8)}"
        facts = {"id": name, **pair, "weight": 1.0 if verdict == "right" else 0.0, "verdict": verdict}
        facts["time"] = datetime.now(UTC).isoformat(timespec="seconds")
        line = json.dumps(facts, ensure_ascii=False).encode() + b"\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                self._append(file, line)
            finally:
                os.close(file)
        except OSError as error:
            raise FeedbackFull(f"feedback cannot be written: {error.strerror}") from error
        return name

    def _append(self, file: int, line: bytes) -> None:
        size = os.fstat(file).st_size
        if size + len(line) + 1 > self.max_bytes:
            raise FeedbackFull(f"feedback is full: {self.max_bytes:,} bytes")
        if size and os.pread(file, 1, size - 1) != b"\n":  # a line that a crash cut off spoils no other
            line = b"\n" + line
        if os.write(file, line) != len(line):
            os.ftruncate(file, size)
            raise FeedbackFull("feedback cannot be written: the disk is full")
        os.fsync(file)
