"""What ``chunk`` saves and what it costs: memory and time of a training step on a large batch.

Run as ``python experiments/bench_chunk.py``. Prints a table and exits with 1 when a bar is missed.

A ViT-tiny on 64-pixel pictures and a convolution over bytes, both trained, InfoNCE with all others of the batch as
negatives, batch 256, through the trainer and the module of ``xret train``. ``chunk=32`` is an eighth of the batch.

- gradients of all parameters: largest relative difference of a tensor to the step in one piece, at most 1e-5 (float32)
- memory: peak of a process of its own above its level before its first step, at most 0.30 of that in one piece
- time of a step, one thread, the median over rounds in which both take turns: at most 1.4 times that in one piece
"""

import logging
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytorch_lightning as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from xret.data.batch import PairDataset
from xret.data.providers import Provider, TextProvider
from xret.data.sampler import Batches
from xret.encoder.image.timm import Timm
from xret.encoder.projection.linear import Linear
from xret.encoder.text.scratch import Scratch
from xret.loss.infonce import InfoNCE
from xret.miner.inbatch import InBatch
from xret.model.chunks import Chunks
from xret.model.dual_encoder import DualEncoder
from xret.model.module import RetrievalModule
from xret.model.retrieval import Retrieval
from xret.model.schedule import constant

BATCH = 256
CHUNK = BATCH // 8
ROUNDS = 7


class Watch(pl.Callback):
    """Measures the steps of a training: seconds, peak memory of the first, gradients of the last."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.peak_mb = 0.0
        self.gradients: dict[str, Tensor] = {}

    def on_train_batch_start(self, *_: object) -> None:
        """Start the clock and the high-water mark."""
        Path("/proc/self/clear_refs").write_text("5")
        self.before, self.start = status_kb("VmRSS"), time.process_time()

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, *_: object) -> None:
        """Keep the gradients."""
        self.gradients = {n: p.grad.clone() for n, p in module.named_parameters() if p.grad is not None}

    def on_train_batch_end(self, *_: object) -> None:
        """Read clock and high-water mark."""
        self.seconds.append(time.process_time() - self.start)
        self.peak_mb = self.peak_mb or (status_kb("VmHWM") - self.before) / 1024


def status_kb(key: str) -> int:
    """Return one entry of this process's status, in kB."""
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if key in line)


def train(chunk: int | None, steps: int = 1) -> Watch:
    """Train some steps as ``xret train`` does and return what was measured."""
    torch.manual_seed(0)
    image = Timm("vit_tiny_patch16_224", weights=None, image_px=64, train="all")
    text = Scratch(width=128)
    heads = {"text": Linear(text.width, 256), "image": Linear(image.width, 256)}
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (BATCH, 3, 64, 64), np.uint8)
    words = TextProvider([f"a thing that has the number {i}" for i in range(BATCH)], text.collate)
    given: dict[str, Provider] = {"text": words, "image": lambda where: image.collate(list(pictures[where]))}
    places = {m: np.arange(BATCH) for m in given}
    pairs = PairDataset(given, places, np.arange(BATCH), np.ones(BATCH, np.float32), np.zeros(BATCH, np.int64))
    module = RetrievalModule(
        DualEncoder({"text": text, "image": image}, heads),
        {"retrieval": Retrieval(InfoNCE(), InBatch())},
        torch.optim.SGD,
        constant,
        lr=1e-3,
        objective_lr=1e-3,
        weight_decay=0.0,
        validate=lambda _: {},
        items={},
        seed=0,
        chunks=None if chunk is None else Chunks(chunk),
    )
    watch = Watch()
    trainer = pl.Trainer(
        max_epochs=steps,
        accelerator="cpu",
        logger=False,
        callbacks=[watch],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    trainer.fit(module, DataLoader(pairs, batch_size=None, sampler=Batches(np.arange(BATCH), BATCH, seed=0)))
    return watch


def peak_mb(chunk: int | None) -> float:
    """Return the peak memory of the first step above the level before it, in MB, in a process of its own."""
    command = [sys.executable, __file__, str(chunk)]
    found = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(found.stdout.splitlines()[-1])


def difference(one: dict[str, Tensor], other: dict[str, Tensor]) -> float:
    """Return the largest norm of a difference, relative to the norm of the tensor in ``one``."""
    if one.keys() != other.keys():
        raise ValueError("both must have the same parameters")
    return max(float((one[n] - other[n]).norm() / one[n].norm().clamp(min=1e-12)) for n in one)


def main() -> int:
    """Measure, print the table and return the exit code."""
    quiet()
    memory = {c: peak_mb(c) for c in (None, CHUNK)}
    seconds: dict[int | None, list[float]] = {None: [], CHUNK: []}
    gradients = {}
    for number in range(ROUNDS + 1):
        for chunk in (None, CHUNK) if number % 2 else (CHUNK, None):
            watch = train(chunk)
            gradients[chunk] = watch.gradients
            if number:  # the first round warms up
                seconds[chunk] += watch.seconds
    one, parts = (statistics.median(seconds[c]) for c in (None, CHUNK))
    rows = [
        ("gradients, largest relative difference", "", "", difference(gradients[None], gradients[CHUNK]), 1e-5),
        ("peak memory", f"{memory[None]:.0f} MB", f"{memory[CHUNK]:.0f} MB", memory[CHUNK] / memory[None], 0.30),
        ("CPU time", f"{one:.2f} s", f"{parts:.2f} s", parts / one, 1.4),
    ]
    print(f"ViT-tiny, 64 px, batch {BATCH}, one step\n\n| what | one piece | chunk={CHUNK} | ratio | bar | |")
    print("|---|---:|---:|---:|---:|---|")
    for what, whole, chunked, ratio, bar in rows:
        verdict = "met" if ratio <= bar else "MISSED"
        print(f"| {what} | {whole} | {chunked} | {ratio:.2g} | <= {bar:g} | {verdict} |")
    return 0 if all(row[3] <= row[4] for row in rows) else 1


def quiet() -> None:
    """Use one thread, and say nothing but the figures."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        quiet()
        print(train(None if sys.argv[1] == "None" else int(sys.argv[1])).peak_mb)
    else:
        sys.exit(main())
