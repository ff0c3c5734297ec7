"""What the training loop costs: ours against a bare PyTorch loop on the same batches, and the feature cache.

Three questions, each answered side by side in one process, interleaved. The ratio of a round is that of the median
steps, as a neighbour on the machine can double a step; the table holds the median over rounds, and beside it that of
whole epochs (30 or 40 steps with what an epoch costs once).

- a small CNN and a text network trained from tensors: overhead of the loop, at most 5 %
- two heads on stored features: overhead of the loop, at most 10 %
- an epoch on stored features against one that reads and encodes picture files: at least 100 times faster

Run ``python experiments/bench_loop.py``; it exits with 1 where a bar is missed.
"""

import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader

from xret.data.batch import PairDataset
from xret.data.providers import ImageProvider, Provider, Stored, TextProvider
from xret.data.sampler import Batches
from xret.encoder import Encoded
from xret.encoder.image.scratch import Scratch as ImageScratch
from xret.encoder.image.timm import Timm
from xret.encoder.projection.linear import Linear
from xret.encoder.projection.mlp import MLP
from xret.encoder.text.scratch import Scratch as TextScratch
from xret.loss.infonce import InfoNCE
from xret.miner.inbatch import InBatch
from xret.model.dual_encoder import DualEncoder
from xret.model.module import RetrievalModule
from xret.model.retrieval import Retrieval
from xret.model.schedule import constant
from xret.model.step import Step

ROUNDS = 21


class Frozen(nn.Module):
    """An encoder whose vectors are stored."""

    lr = 0.0

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, inputs: dict[str, torch.Tensor]) -> Encoded:
        """Return the stored vector."""
        return Encoded(inputs["vector"])


def dataset(given: dict[str, Provider], rows: int) -> PairDataset:
    """Return pairs (i, i) of items, each of a group of its own."""
    return PairDataset(
        given, {m: np.arange(rows) for m in given}, np.arange(rows), np.ones(rows, np.float32), np.zeros(rows, np.int64)
    )


def bare(model: DualEncoder, objective: Retrieval, pairs: PairDataset, batches: Batches) -> np.ndarray:
    """Train one epoch in a plain loop; return the seconds of each step, fetching its batch included."""
    optimizer = torch.optim.AdamW([*model.parameters(), *objective.parameters()], lr=1e-4)
    model.train()
    chosen = list(batches)
    clock = [time.perf_counter()]
    for rows in chosen:
        batch = pairs[rows]
        step = Step(model, batch, {m: model.encode(m, x) for m, x in batch.inputs.items()})
        loss = objective(step)["retrieval"]
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        clock.append(time.perf_counter())
    return np.diff(clock)


class Clock(pl.Callback):
    """Reads the time at the start of an epoch, behind each step, and again behind the last one."""

    def on_train_epoch_start(self, *_: object) -> None:
        """Start."""
        self.times = [time.perf_counter()]

    def on_train_batch_end(self, *_: object) -> None:
        """Read the time."""
        self.times.append(time.perf_counter())

    def on_train_epoch_end(self, *_: object) -> None:
        """Count what the end of an epoch costs to its last step."""
        self.times[-1] = time.perf_counter()


def ours(model: DualEncoder, objective: Retrieval, pairs: PairDataset, batches: Batches) -> np.ndarray:
    """Train one epoch as `xret train` does; return the seconds of each step, fetching its batch included."""
    module = RetrievalModule(
        model, {"retrieval": objective}, torch.optim.AdamW, constant, 1e-4, 1e-4, 0.0, lambda _: {"mrr": 0.0}, {}, 0
    )
    clock = Clock()
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        callbacks=[clock],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(module, DataLoader(pairs, batch_size=None, sampler=batches))
    return np.diff(clock.times)


def compare(name: str, make: Callable[[], DualEncoder], pairs: PairDataset, rows: int, size: int, bar: float) -> bool:
    """Interleave both loops, print a line, return whether the bar is met."""
    batches = Batches(np.arange(rows), size, seed=0)
    by_step, by_epoch = [], []
    for number in range(ROUNDS + 1):
        times = {}
        for loop in (bare, ours) if number % 2 else (ours, bare):
            torch.manual_seed(0)
            times[loop] = loop(make(), Retrieval(InfoNCE(), InBatch()), pairs, batches)
        if number:  # the first round warms up
            by_step.append(np.median(times[ours]) / np.median(times[bare]))
            by_epoch.append(times[ours].sum() / times[bare].sum())
    ratio = float(np.median(by_step))
    met = ratio <= 1 + bar
    spread = " to ".join(f"{x:.3f}" for x in np.quantile(by_step, (0.25, 0.75)))
    print(
        f"| {name} | {np.median(times[bare]) * 1000:.1f} ms | {ratio:.3f} ({spread}) | {np.median(by_epoch):.3f} |"
        f" <= {1 + bar:.2f} | {'met' if met else 'MISSED'} |"
    )
    return met


def small_cnn() -> DualEncoder:
    """Return a CNN for pictures and a convolution over bytes for texts, both trained."""
    encoders = {"text": TextScratch(width=64), "image": ImageScratch(width=128)}
    return DualEncoder(encoders, {"text": Linear(64, 128), "image": Linear(128, 128)})


def heads() -> DualEncoder:
    """Return two heads as wide as the ones that were measured first: 1024 to 512, on stored features."""
    return DualEncoder({"text": Frozen(384), "image": Frozen(1280)}, {"text": MLP(384), "image": MLP(1280)})


def cached_epoch_against_files(folder: Path) -> float:
    """Return how many times faster an epoch of linear heads on stored features is than one from picture files.

    From files, each epoch reads, resizes and encodes every picture with a frozen EfficientNet-Lite0 before the head.
    """
    rng = np.random.default_rng(0)
    count, refs = 128, []
    for i in range(count):
        Image.fromarray(rng.integers(0, 255, (240, 320, 3), np.uint8)).save(folder / f"{i}.jpg")
        refs.append(f"{i}.jpg")
    encoder = Timm("tf_efficientnet_lite0", weights=None)
    texts = Stored("vector", rng.normal(size=(count, 384)).astype(np.float32))
    stored = Stored("vector", rng.normal(size=(count, encoder.width)).astype(np.float32))
    files = ImageProvider(folder, refs, encoder.image_px, encoder.fit, encoder.collate)
    batches = Batches(np.arange(count), 64, seed=0)
    ratios = []
    for _ in range(3):
        seconds = []
        for given, tower in ((files, encoder), (stored, Frozen(encoder.width))):
            model = DualEncoder(
                {"text": Frozen(384), "image": tower}, {"text": Linear(384, 384), "image": Linear(encoder.width, 384)}
            )
            pairs = dataset({"text": texts, "image": given}, count)
            seconds.append(bare(model, Retrieval(InfoNCE(), InBatch()), pairs, batches).sum())
        ratios.append(seconds[0] / seconds[1])
    return float(np.median(ratios))


def main() -> int:
    """Print the table; return 1 where a bar is missed."""
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore")
    rng = np.random.default_rng(0)
    print("| what | bare step | ours / bare, steps (quartiles) | whole epochs | bar | |")
    print("|---|---:|---:|---:|---:|---|")
    rows = 32 * 30
    text, image = TextScratch(width=64), ImageScratch(width=128)
    pictures = torch.from_numpy(rng.integers(0, 255, (rows, 3, 64, 64), np.uint8))
    words = TextProvider([f"a thing of number {i}" for i in range(rows)], text.collate)
    given: dict[str, Provider] = {"text": words, "image": lambda where: image.collate(list(pictures[where].numpy()))}
    met = [compare("small CNN, batch 32", small_cnn, dataset(given, rows), rows, 32, 0.05)]
    rows = 128 * 40
    given = {
        "text": Stored("vector", rng.normal(size=(rows, 384)).astype(np.float32)),
        "image": Stored("vector", rng.normal(size=(rows, 1280)).astype(np.float32)),
    }
    met.append(compare("two heads on stored features, batch 128", heads, dataset(given, rows), rows, 128, 0.10))
    with tempfile.TemporaryDirectory() as folder:
        ratio = cached_epoch_against_files(Path(folder))
    met.append(ratio >= 100)
    print(
        f"| epoch from files / epoch on stored features | | {ratio:.0f} | | >= 100 | {'met' if met[-1] else 'MISSED'} |"
    )
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
