"""How much would perfect knowledge of the mismatched pairs regain, and what does robust=rematch? Without training.

`python experiments/bench_noise_ceiling.py [DATA] [STRENGTH]` prints R@10 of val and test, mean of both directions in
percent, for the closed-form start fitted on clean pairs, on noisy ones, on the noisy ones that are true, and on the
plan of `xret.robust.rematch`, which does not know them; five draws of the noise.
"""

import sys
from typing import Any

import numpy as np
from hydra import compose, initialize_config_dir

from xret.commands._assembly import Prepared, build, build_model, prepare
from xret.commands._launch import shipped
from xret.commands._measure import require
from xret.commands._robust import believing, judged
from xret.metric.evaluate import evaluate
from xret.noise.swap import Swap
from xret.protocol.default import Default
from xret.start.cca import CCA


def recall(prepared: Prepared, pairs: dict[str, np.ndarray], known: dict[str, Any], start: CCA) -> list[float]:
    """Return R@10 of val and test of a start fitted on some pairs (N, D), given what is known of them."""
    maps = start(pairs, min(x.shape[1] for x in pairs.values()), **known)
    found = []
    for split in ("val", "test"):
        items, places = prepared.split(split)
        vectors = {m: maps[m].apply(prepared.features[m][where]) for m, where in places.items()}
        vectors = {m: v / np.linalg.norm(v, axis=1, keepdims=True) for m, v in vectors.items()}
        values = evaluate(require(Default(), items, split), vectors, resamples=0).values
        found.append(50 * sum(v for name, v in values.items() if name in DIRECTIONS))
    return found


DIRECTIONS = ("text_to_image/recall_at_10", "image_to_text/recall_at_10")


def main(data: str = "openmoji", strength: str = "3") -> None:
    """Print one line per fit."""
    with initialize_config_dir(str(shipped("conf")), version_base=None):
        cfg = compose("train", overrides=[f"data={data}", "robust=rematch"])
    prepared = prepare(cfg, build(cfg.data, "data").load(), build_model(cfg))
    rows = prepared.rows("train")
    clean = {m: x[prepared.of_row[m][rows]] for m, x in prepared.features.items()}
    start = CCA(float(strength))
    val, test = recall(prepared, clean, {}, start)
    print(f"clean            val {val:.1f} test {test:.1f}")
    for seed in range(5):
        cfg.seed = seed
        source = Swap(0.4, seed=seed)(prepared.manifest.group_ids()[rows])
        noisy = {**clean, "text": clean["text"][source]}
        plan = judged(cfg, start, believing(cfg, prepared), prepared, noisy)
        true = {"weight": (source == np.arange(len(rows))).astype(float)}
        for name, known in (("noisy", {}), ("true ones", true), ("rematched", plan)):
            val, test = recall(prepared, noisy, known, start)
            print(f"{name:9} seed {seed} val {val:.1f} test {test:.1f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
