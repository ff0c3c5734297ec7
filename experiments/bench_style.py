"""Does a second measure, Euclidean distance on visual features, take answers of the wrong style away?

Run as ``python experiments/bench_style.py RUN`` with a run on OpenMoji (some minutes). The gallery holds every drawing
twice, in colour and as line art; queries are the colour drawings of a split, and line art of the same split. An answer
is of the wrong style when it is drawn in the other one. Right answers are other drawings of the group, the same thing
in the other style among them, so an order by style alone loses recall.
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from xret.commands._trained import open_run
from xret.data.cache import FeatureCache
from xret.data.encoding import features
from xret.data.manifest import Manifest
from xret.data.openmoji import OpenMoji
from xret.model.dual_encoder import DualEncoder

SHOWN = 10
DEPTHS = (20, 50, 100, 200)


def gallery(model: DualEncoder, style: str) -> tuple[Manifest, np.ndarray, np.ndarray]:
    """Return the drawings of a style, their unit vectors (N, D), and what the encoder gave before (N, F)."""
    manifest = OpenMoji(style=style, extra_captions=()).load()
    items, of_row = manifest.items("image")
    found = features(model.encoders["image"], items, manifest.root, FeatureCache()).array
    with torch.inference_mode():
        vectors = model.encode("image", {"vector": torch.from_numpy(np.array(found))}).vector.numpy()
    rows = [manifest.rows[int(np.flatnonzero(of_row == i)[0])] for i in range(len(items))]
    return replace(manifest, rows=tuple(rows)), vectors, found


def main(run: str) -> int:
    """Print the table."""
    torch.set_num_threads(2)
    model = open_run(Path(run), ()).model
    parts = {style: gallery(model, style) for style in ("color", "line")}
    vectors, looks = (np.concatenate([part[i] for part in parts.values()]) for i in (1, 2))
    rows = [row for manifest, _, _ in parts.values() for row in manifest.rows]
    styles = np.repeat(list(parts), [len(part[1]) for part in parts.values()])
    groups = np.unique([row.group for row in rows], return_inverse=True)[1]
    splits = np.array([row.split for row in rows])

    def measured(split: str, depth: int | None) -> tuple[float, float]:
        wrong, found = [], []
        for query in np.flatnonzero(splits == split):
            scores = vectors @ vectors[query]
            scores[query] = -np.inf
            first = np.argsort(-scores, kind="stable")[: max(SHOWN, depth or 0)]
            if depth is not None:
                first = first[np.argsort(np.linalg.norm(looks[first] - looks[query], axis=1), kind="stable")]
            shown = first[:SHOWN]
            wrong.append((styles[shown] != styles[query]).mean())
            found.append((groups[shown] == groups[query]).any())
        return 100 * float(np.mean(wrong)), 100 * float(np.mean(found))

    print("| measure | val: wrong style among ten | R@10 | test: wrong style | R@10 |\n|---|---:|---:|---:|---:|")
    for depth in (None, *DEPTHS):
        name = "cosine alone" if depth is None else f"then Euclid on the first {depth}"
        cells = [
            f"{wrong:.1f} % | {found:.1f}" for wrong, found in (measured(split, depth) for split in ("val", "test"))
        ]
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
