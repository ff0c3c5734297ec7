"""Run folders as a training leaves them, with answers made up instead of a model."""

import json
import os
import signal

import numpy as np
import pytest
import yaml

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two processes run the tests; they start after this line and inherit it
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that starts this with & has its children ignore it
SETTINGS = {
    "seed": 0,
    "variant": None,
    "resume": None,
    "loss": {"_target_": "xret.loss.infonce.InfoNCE", "temperature": 0.07},
    "miner": {"_target_": "xret.miner.inbatch.InBatch"},
    "start": None,
    "protocol": {"_target_": "xret.protocol.default.Default"},
    "optimizer": {"_target_": "torch.optim.AdamW", "lr": 0.001},
    "batch": {"size": 128, "workers": 2},
    "tracker": {},
}
TRIPLET = {"_target_": "xret.loss.triplet.Triplet", "margin": 0.2}


def pytest_collection_modifyitems(items):
    """Put slow files first, so that in the end no process waits for another one's."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.fixture
def make_run(tmp_path):
    """Write a run folder; returns its path."""

    def make(
        name,
        seed=0,
        level=0.5,
        *,
        queries=60,
        splits=("val", "test"),
        finished=True,
        age_s=0,
        data_hash="d",
        split_hash="s",
        fit_s=2.0,
        **settings,
    ):
        path = tmp_path / name
        path.mkdir(parents=True)
        config = {**SETTINGS, "seed": seed, **settings}
        (path / "config.yaml").write_text(yaml.safe_dump(config))
        if not finished:
            return path
        rng = np.random.default_rng([seed, queries, int(1000 * level)])
        difficulty = np.random.default_rng(7).random(queries)
        arrays = {}
        for split in splits:
            for direction in ("text_to_image", "image_to_text"):
                found = (difficulty + 0.1 * rng.standard_normal(queries) < level).astype(np.float32)
                columns = {"mrr": 0.2 + 0.8 * found, "recall_at_1": found, "recall_at_10": found}
                columns |= {"mean_rank": 20 - 19 * found}
                columns |= {
                    "query": np.arange(queries),
                    "group": np.arange(queries) // 2,
                    "fold": np.zeros(queries, int),
                }
                arrays |= {f"{split}/{direction}/{key}": column for key, column in columns.items()}
        np.savez_compressed(path / "per_query.npz", **arrays)
        latency = {d: {"p50": 10.0, "p95": 12.0} for d in ("text_to_image", "image_to_text")}
        cost = {"seconds": {"fit": fit_s}, "parameters": {"trained": 1200000}, "vector_bytes": 1536}
        (path / "cost.json").write_text(json.dumps({**cost, "latency_ms": latency}))
        facts = {"seed": seed, "data_hash": data_hash, "split_hash": split_hash}
        (path / "provenance.json").write_text(json.dumps(facts))
        (path / "metrics.json").write_text("{}")
        os.utime(path / "metrics.json", (1_000_000 - age_s, 1_000_000 - age_s))
        return path

    return make


@pytest.fixture
def triplet():
    """The settings of another loss."""
    return TRIPLET
