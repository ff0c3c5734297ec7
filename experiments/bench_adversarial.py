"""What a training step costs with an attack in it: against the same step without, side by side.

A small CNN trained end to end from pixels in memory, beside stored vectors of a frozen text encoder, or beside a text
network that trains too. Steps with and without take turns, on one thread, and what counts is the processor time of a
step: a neighbour on the machine can double its time by the clock. The ratio is that of the median steps. FGSM may cost
2.2 times the step without, PGD of k steps 1 + 1.2 k times, as the options come: with half of a batch under attack.

Run ``python experiments/bench_adversarial.py``; it exits with 1 where a bar is missed.
"""

import math
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import nn

from xret.attack.fgsm import FGSM
from xret.attack.pgd import PGD
from xret.data.batch import Batch
from xret.encoder import Encoded
from xret.encoder.image.scratch import Scratch as ImageScratch
from xret.encoder.projection.linear import Linear
from xret.encoder.text.scratch import Scratch as TextScratch
from xret.loss.infonce import InfoNCE
from xret.miner.inbatch import InBatch
from xret.model.adversarial import Adversarial
from xret.model.dual_encoder import DualEncoder
from xret.model.retrieval import Retrieval
from xret.model.step import Step

ROUNDS, SIZE = 9, 64


class Frozen(nn.Module):
    """An encoder whose vectors are stored."""

    lr = 0.0
    width = 384
    frozen = True

    def forward(self, inputs: dict[str, torch.Tensor]) -> Encoded:
        """Return the stored vector."""
        return Encoded(inputs["vector"])


def stepper(text: str, attack: FGSM | PGD | None, share: float) -> Callable[[], None]:
    """Return a function that takes one training step, of a model of its own."""
    torch.manual_seed(0)
    reader = TextScratch() if text == "scratch" else Frozen()
    encoders = {"text": reader, "image": ImageScratch()}
    model = DualEncoder(encoders, {m: Linear(e.width, 128, dropout=0.3) for m, e in encoders.items()})
    retrieval = Retrieval(InfoNCE(), InBatch())
    objectives: list[nn.Module] = [retrieval]
    if attack is not None:
        objectives.append(Adversarial(retrieval.criterion, attack, ["image"], share=share))
    optimizer = torch.optim.AdamW([*model.parameters(), *retrieval.parameters()], lr=1e-3)
    pixels = torch.randint(0, 256, (SIZE, 3, 64, 64), dtype=torch.uint8)
    words = {"vector": torch.randn(SIZE, 384)}
    if isinstance(reader, TextScratch):
        words = reader.collate([f"the picture with the number {i}" for i in range(SIZE)])
    row = torch.arange(SIZE)
    batch = Batch({"text": words, "image": {"pixels": pixels}}, row, torch.ones(SIZE), torch.zeros_like(row), row)

    def step() -> None:
        encoded = {m: model.encode(m, x) for m, x in batch.inputs.items()}
        now = Step(model, batch, encoded)
        parts = [value for objective in objectives for value in objective(now).values()]
        optimizer.zero_grad()
        torch.autograd.backward(torch.stack(parts).sum())
        optimizer.step()

    return step


def main() -> int:
    """Print the table; return 1 where a bar is missed."""
    attacks: dict[str, tuple[FGSM | PGD | None, float, float]] = {
        "without": (None, 0.5, 1.0),
        "fgsm": (FGSM(), 0.5, 2.2),
        "fgsm share=1": (FGSM(), 1.0, math.inf),
        "pgd steps=3": (PGD(steps=3), 0.5, 1 + 1.2 * 3),
        "pgd steps=7": (PGD(steps=7), 0.5, 1 + 1.2 * 7),
    }
    torch.set_num_threads(1)
    missed = False
    print("| text encoder | step | ms | times without | bar |\n|---|---|---:|---:|---:|")
    for text in ("stored", "scratch"):
        steps = {name: stepper(text, attack, share) for name, (attack, share, _) in attacks.items()}
        seconds: dict[str, list[float]] = {name: [] for name in steps}
        for turn in range(ROUNDS + 1):
            for name, step in steps.items():
                begin = time.process_time()
                step()
                if turn:
                    seconds[name].append(time.process_time() - begin)
        plain = seconds.pop("without")
        print(f"| {text} | without | {1000 * statistics.median(plain):.0f} | 1 | |", flush=True)
        for name, spent in seconds.items():
            ratio, bar = statistics.median(spent) / statistics.median(plain), attacks[name][2]
            missed |= ratio > bar
            shown = "" if math.isinf(bar) else f"{bar:.1f}"
            print(f"| {text} | {name} | {1000 * statistics.median(spent):.0f} | {ratio:.2f} | {shown} |", flush=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
