"""What an index loses against exact search, how fast it is and how large, as figures and as a table."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from xret.commands._shards import Shards, checked
from xret.index.parity import answers, recall, speed, truth
from xret.index.sampling import draw
from xret.run.vectors import VectorFolder

FILE = "parity.json"


@dataclass(frozen=True)
class Asked:
    """Queries of one kind, in two lots: an index that chooses by measuring sees the first only.

    Attributes:
        kind: modality of the queries, or of the targets where they ask for each other.
        examples: (Q, D) float32; None where targets ask.
        queries: (Q, D) float32; they measure parity.
        own: (Q,) int64, positions of queries that are targets; None: none is.
    """

    kind: str
    examples: np.ndarray | None
    queries: np.ndarray
    own: np.ndarray | None

    @classmethod
    def of(cls, folder: VectorFolder, target: str, count: int) -> "Asked":
        """Take queries from another modality, texts before others; from the targets where there is none."""
        facts = folder.facts()
        others = sorted((m for m in facts.items if m != target and facts.items[m] >= 4), key=lambda m: m != "text")
        if not others:
            queries, own = draw(Shards(folder, target), count, seed=3)
            return cls(target, None, queries, own)
        shards = checked(folder, others[0], facts.dim, facts.items[others[0]])
        drawn, _ = draw(shards, 2 * count, seed=3)
        drawn = drawn[np.random.default_rng(3).permutation(len(drawn))]
        return cls(others[0], drawn[: len(drawn) // 2], drawn[len(drawn) // 2 :], None)

    @property
    def told(self) -> str:
        """Say whose vectors ask."""
        whose = "targets, each without itself" if self.own is not None else f"{self.kind} vectors"
        return f"{len(self.queries)} {whose}"


def measured(
    index: Any,  # noqa: ANN401 - see `xret.index`
    shards: Shards,
    asked: Asked,
    how: DictConfig,
    build_s: float,
    folder: Path,
) -> dict[str, Any]:
    """Measure an index that is saved in a folder, and write the figures beside it.

    Args:
        index: see `xret.index`.
        shards: its vectors.
        asked: the queries.
        how: ks, batch and seconds.
        build_s: seconds that building took.
        folder: of its files.
    """
    ks = sorted(set(how.ks))
    known = truth(shards, asked.queries, max(ks), asked.own)
    kept = recall(answers(index, known), known, shards, ks)
    fast = speed(index, asked.queries, max(ks), how.batch, how.seconds)
    held = sum(path.stat().st_size for path in folder.iterdir())
    count = sum(len(shard) for shard in shards)
    figures: dict[str, Any] = {
        "queries": asked.told,
        "recall": {str(k): kept[k] for k in ks},
        **asdict(fast),
        "exact_per_s": len(asked.queries) / known.seconds,
        "bytes_per_vector": held / count,
        "build_s": build_s,
        "added": 0,
        "removed": 0,
    }
    if hasattr(index, "kind"):  # of an index that chose
        figures["chosen"] = {"index": index.kind, **index.settings}
        figures["tried"] = index.tried
    (folder / FILE).write_text(json.dumps(figures, indent=1) + "\n")
    return figures


def table(figures: Mapping[str, Any]) -> str:
    """Return the figures in Markdown."""
    rows = [(f"recall@{k} against exact search", f"{value:.4f}") for k, value in figures["recall"].items()]
    rows += [(f"single query, {p}", f"{figures[f'{p}_ms']:.2f} ms") for p in ("p50", "p95", "p99")]
    rows += [
        (f"batches of {figures['batch']}", f"{figures['per_s']:,.0f} queries/s"),
        (f"exact search, all {figures['queries'].split()[0]} at once", f"{figures['exact_per_s']:,.0f} queries/s"),
        ("on disk", f"{figures['bytes_per_vector']:,.0f} bytes/vector"),
        ("build", f"{figures['build_s']:.1f} s"),
    ]
    if "chosen" in figures:
        rows.insert(0, ("chosen", ", ".join(f"{key}={value}" for key, value in figures["chosen"].items())))
    rows.insert(0, ("queries", figures["queries"]))
    width = max(len(name) for name, _ in rows)
    lines = [f"| {name:<{width}} | {value} |" for name, value in rows]
    return "\n".join([f"| {'parity':<{width}} | |", f"|{'-' * (width + 2)}|---|", *lines])
