"""Gradients of some training steps, in one process or in two: ``python gradients.py FILE`` writes those of two.

Lightning starts this script once more as the second process.
"""

import itertools
import logging
import sys
import warnings

import numpy as np
import pytorch_lightning as pl
import torch
from torch import nn
from torch.utils.data import DataLoader

from xret.data.batch import PairDataset
from xret.data.providers import Stored
from xret.data.sampler import Batches
from xret.encoder.image.scratch import Scratch as ImageScratch
from xret.encoder.projection.linear import Linear
from xret.encoder.text.scratch import Scratch as TextScratch
from xret.loss.contrastive import Contrastive
from xret.loss.infonce import InfoNCE
from xret.loss.siglip import SigLIP
from xret.loss.triplet import Triplet
from xret.miner.distance_weighted import DistanceWeighted
from xret.miner.hard import Hard
from xret.miner.inbatch import InBatch
from xret.miner.random import Random
from xret.miner.semihard import SemiHard
from xret.model.bank import Bank
from xret.model.chunks import Chunks
from xret.model.dual_encoder import DualEncoder
from xret.model.module import RetrievalModule
from xret.model.retrieval import Retrieval
from xret.model.schedule import constant
from xret.model.step import Step

ROWS, SIZE, DIM, WORLD = 24, 8, 8, 2
LOSSES = {"infonce": InfoNCE, "contrastive": Contrastive, "triplet": Triplet, "siglip": SigLIP}
MINERS = {
    "inbatch": InBatch,
    "random": lambda: Random(2),
    "hard": Hard,
    "semihard": lambda: SemiHard(0.5, fallback="random"),
    "distance_weighted": lambda: DistanceWeighted(DIM),
}
CASES = {
    f"{loss}, {miner}, bank": {"loss": loss, "miner": miner, "bank": True}
    for loss, miner in itertools.product(LOSSES, MINERS)
}
CASES |= {
    "plain": {},
    "chunk": {"chunk": 3},
    "chunk, bank": {"chunk": 3, "bank": True, "miner": "hard"},
    "apart": {"gather": False},
    "apart, bank, chunk": {"gather": False, "bank": True, "chunk": 3, "miner": "hard"},
    "beside an objective of its own pairs": {"own": True},
}


class Same:
    """A miner that draws the same in every process."""

    def __init__(self, miner):
        self.miner = miner

    def __call__(self, scores, positives):
        torch.manual_seed(3)
        return self.miner(scores, positives)


class Shares(nn.Module):
    """An objective as WORLD processes see it that share nothing, averaged as their gradients are."""

    def __init__(self, objective):
        super().__init__()
        self.objective = objective

    def forward(self, step):
        found = []
        for rank in range(WORLD):
            batch = step.batch._map(lambda tensor, rank=rank: tensor[rank::WORLD])
            encoded = {m: e._replace(vector=e.vector[rank::WORLD]) for m, e in step.encoded.items()}
            found.append(self.objective(Step(step.model, batch, encoded))["retrieval"])
        return {"retrieval": torch.stack(found).mean()}

    def remember(self, step):
        self.objective.remember(step)


class Teacher(nn.Module):
    """Reads words and an extra of each pair, and sets them beside its vector: all of them must be of the same pairs."""

    def forward(self, step):
        own = step.encoded["text"]
        words = (own.tokens * own.mask[..., None]).sum(dim=(1, 2))
        told = step.batch.extra["teacher"]["text"]["vector"]
        return {"teacher": ((own.vector * told).sum(dim=1) * words.tanh() * step.batch.weight).mean()}


class Gradients(pl.Callback):
    """Keeps the gradients of every step."""

    def __init__(self):
        self.kept = []

    def on_before_optimizer_step(self, trainer, module, optimizer):
        named = ((n.replace(".objective.", "."), p.grad) for n, p in module.named_parameters())
        self.kept.append({n: grad.clone() for n, grad in named if grad is not None})


def gradients(devices, *, loss="infonce", miner="inbatch", bank=False, chunk=None, gather=True, own=False):
    """Train three steps; return the gradients of each, the final state of the bank, and the loss that is logged."""
    torch.manual_seed(0)
    text, image = TextScratch(width=16), ImageScratch(width=64, image_px=16)
    heads = {"text": Linear(text.width, DIM), "image": Linear(image.width, DIM)}
    memory = Bank(SIZE + 3, DIM, ["text", "image"]) if bank else None
    objective = Retrieval(LOSSES[loss](), Same(MINERS[miner]()), memory)
    objectives = {"retrieval": objective if gather or devices > 1 else Shares(objective)}
    if own:
        objectives["own"] = Teacher()
    rng = np.random.default_rng(0)
    pictures = torch.from_numpy(rng.integers(0, 256, (ROWS, 3, 16, 16), np.uint8))
    told = Stored("vector", rng.normal(size=(ROWS, DIM)).astype(np.float32))
    words = text.collate([f"thing {'x' * (i % 5)} number {i}" for i in range(ROWS)])
    given = {
        "text": lambda where: {name: tensor[where] for name, tensor in words.items()},
        "image": lambda where: {"pixels": pictures[where]},
    }
    groups, weights = np.arange(ROWS) // 2, rng.uniform(0.5, 2, ROWS).astype(np.float32)
    extras = {"teacher": lambda rows, draw: {"text": told(rows)}}
    places = {m: np.arange(ROWS) for m in given}
    pairs = PairDataset(given, places, groups, weights, np.zeros(ROWS, np.int64), extras)
    module = RetrievalModule(
        DualEncoder({"text": text, "image": image}, heads),
        objectives,
        torch.optim.SGD,
        constant,
        lr=1e-4,  # small: rounding must not grow from step to step
        objective_lr=1e-4,
        weight_decay=0.0,
        validate=lambda _: {},
        items={},
        seed=0,
        gather=gather,
        chunks=None if chunk is None else Chunks(chunk, frozenset({"text"})),
    )
    kept = Gradients()
    trainer = pl.Trainer(
        max_epochs=1,
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        logger=False,
        callbacks=[kept],
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    batches = Batches(groups, SIZE, 0, unique_groups=False, rank=trainer.global_rank, world=trainer.world_size)
    trainer.fit(module, DataLoader(pairs, batch_size=None, sampler=batches))
    return kept.kept, dict(memory.state_dict()) if bank else {}, float(trainer.callback_metrics["train/loss"])


if __name__ == "__main__":
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)
    found = {name: gradients(WORLD, **CASES[name]) for name in sys.argv[2:] or CASES}
    if torch.distributed.get_rank() == 0:
        torch.save(found, sys.argv[1])
