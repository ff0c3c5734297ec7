"""What do shorter vectors cost in recall, and how much faster is exact search with them?

Run as ``python experiments/bench_pca.py RUN [RUN ...]`` with runs of one setting on OpenMoji that differ in their seed,
and whose vectors have the 768 numbers of the claim (some minutes):
``python -m xret train -m experiment=openmoji_random_start encoder.projection.dim=768 seed=0,1,2``. The transform is
fitted on the pictures of the training split; texts and pictures of the test split are shortened by it, and measured
without correction of hubness. Speed is that of exact search among 100,000 vectors, in turns with the whole length.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from xret.commands._trained import open_run
from xret.data.cache import FeatureCache
from xret.data.encoding import features
from xret.data.openmoji import OpenMoji
from xret.index._transforms import fitted
from xret.index.flat import Flat
from xret.index.parity import times_as_fast

WHOLE, SHORTER, K, ROWS = 768, (512, 384, 256, 128), 10, 100_000
BATCHES = (1, 64, 400)


def encoded(run: str) -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return of each modality its vectors (N, D), and the group and the split of each."""
    model, manifest = open_run(Path(run), ()).model, OpenMoji().load()
    found = {}
    for modality in ("text", "image"):
        items, of_row = manifest.items(modality)
        first = [manifest.rows[int(np.flatnonzero(of_row == i)[0])] for i in range(len(items))]
        stored = features(model.encoders[modality], items, manifest.root, FeatureCache()).array
        with torch.inference_mode():
            vectors = model.encode(modality, {"vector": torch.from_numpy(np.array(stored))}).vector.numpy()
        found[modality] = (vectors, np.array([r.group for r in first]), np.array([r.split for r in first]))
    return found


def measured(found: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]], dim: int) -> tuple[float, float, float]:
    """Return R@10 of text -> image and of image -> text, and which share of the ten nearest stays, in percent."""
    pictures, _, splits = found["image"]
    steps = [] if dim == WHOLE else fitted("pca", dim, pictures[splits == "train"], 1)
    test = {}
    for modality, (vectors, groups, of) in found.items():
        whole = vectors[of == "test"]
        short = np.ascontiguousarray(whole)
        for step in steps:
            short = step.apply(short)
        test[modality] = whole, short, groups[of == "test"]

    def nearest(kind: int, asked: str, other: str) -> np.ndarray:
        order: np.ndarray = np.argsort(-(test[asked][kind] @ test[other][kind].T), axis=1, kind="stable")[:, :K]
        return order

    recalls = [
        100 * (test[other][2][nearest(1, asked, other)] == test[asked][2][:, None]).any(axis=1).mean()
        for asked, other in (("text", "image"), ("image", "text"))
    ]
    pairs = zip(nearest(0, "text", "image"), nearest(1, "text", "image"), strict=True)
    return recalls[0], recalls[1], 100 * float(np.mean([len(set(a) & set(b)) / K for a, b in pairs]))


def built(dim: int) -> tuple[Flat, np.ndarray]:
    """Return exact search among random unit vectors, and queries."""
    vectors = np.random.default_rng(0).standard_normal((ROWS + 2000, WHOLE), dtype=np.float32)[:, :dim]
    vectors = np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    index = Flat()
    index.build([vectors[:ROWS]])
    return index, vectors[ROWS:]


class Asked:
    """An index with queries of its own length, whatever it is asked: it takes turns with one of another length."""

    def __init__(self, dim: int) -> None:
        self.index, self.queries = built(dim)

    def search(self, queries: np.ndarray, k: int) -> object:
        """Search for as many queries."""
        return self.index.search(self.queries[: len(queries)], k)


def main(runs: Sequence[str]) -> int:
    """Print the table."""
    torch.set_num_threads(2)
    found = [encoded(run) for run in runs]
    whole = Asked(WHOLE)
    print(
        "| numbers | R@10 text → image | R@10 image → text | of the ten nearest | "
        + " | ".join(f"times as fast, {n} at once" for n in BATCHES)
        + " | by arithmetic |"
    )
    print("|---:" * (5 + len(BATCHES)) + "|")
    for dim in (WHOLE, *SHORTER):
        values = np.array([measured(one, dim) for one in found])
        cells = [f"{m:.1f} ± {s:.1f}" for m, s in zip(values.mean(axis=0), values.std(axis=0), strict=True)]
        short = Asked(dim)
        ratios = [times_as_fast(short, whole, whole.queries, K, n, 8.0) for n in BATCHES] if dim < WHOLE else []
        cells += [f"{r:.2f}" for r in ratios] or [""] * len(BATCHES)
        print(f"| {dim} | {' | '.join(cells)} | {WHOLE / dim:.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
