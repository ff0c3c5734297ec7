"""Time of a training step with each adaptation against one without: heads on stored features, as OpenMoji's default.

python experiments/bench_adaptation.py [--steps 60] [--rounds 5]
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from xret.adaptation.coral import CORAL
from xret.adaptation.dann import DANN
from xret.adaptation.mmd import MMD
from xret.adaptation.modality_dann import ModalityDANN
from xret.data.batch import Batch
from xret.encoder import Encoded
from xret.encoder.projection.linear import Linear
from xret.loss.infonce import InfoNCE
from xret.miner.inbatch import InBatch
from xret.model.adaptation import Adaptation
from xret.model.dual_encoder import DualEncoder
from xret.model.retrieval import Retrieval
from xret.model.step import Step

WIDTHS = {"text": 384, "image": 2848}
DIM, BATCH = 384, 128
CHOICES: dict[str, Callable[[], nn.Module | None]] = {
    "none": lambda: None,
    "mmd": MMD,
    "coral": CORAL,
    "dann": lambda: DANN(in_dim=DIM),
    "modality_dann": lambda: ModalityDANN(in_dim=DIM),
}


class Given(nn.Module):
    """An encoder of stored vectors."""

    def forward(self, inputs: dict[str, torch.Tensor]) -> Encoded:
        """Hand on."""
        return Encoded(inputs["vector"])


class Loop:
    """A training of heads, step by step."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(0)
        self.model = DualEncoder(
            {m: Given() for m in WIDTHS}, {m: Linear(w, DIM, dropout=0.75) for m, w in WIDTHS.items()}
        )
        adaptation = CHOICES[name]()
        self.objectives = nn.ModuleList([Retrieval(InfoNCE(), InBatch())])
        if adaptation is not None:
            self.objectives.append(Adaptation(adaptation))
        parameters = [*self.model.parameters(), *self.objectives.parameters()]
        self.optimizer = torch.optim.AdamW(parameters, lr=1e-3)
        inputs = {m: {"vector": torch.randn(BATCH, w)} for m, w in WIDTHS.items()}
        extra = {"target": {"image": {"vector": torch.randn(BATCH, WIDTHS["image"])}}}
        rows = torch.arange(BATCH)
        self.batch = Batch(inputs, rows, torch.ones(BATCH), torch.zeros(BATCH, dtype=torch.long), rows, extra)

    def step(self) -> None:
        """Do one step."""
        encoded = {m: self.model.encode(m, x) for m, x in self.batch.inputs.items()}
        step = Step(self.model, self.batch, encoded, progress=0.5)
        total = torch.stack([v for o in self.objectives for v in o(step).values()]).sum()
        self.optimizer.zero_grad()
        total.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()


def main() -> None:
    """Print a table of ratios: medians over rounds in which the loops take turns."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    loops = {name: Loop(name) for name in CHOICES}
    spent: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(asked.rounds * asked.steps):
        for name, loop in loops.items():
            begin = time.perf_counter()
            loop.step()
            spent[name].append(time.perf_counter() - begin)
    base = statistics.median(spent["none"])
    print("| adaptation | ms per step | ratio | wanted |\n|---|---:|---:|---:|")
    for name, times in spent.items():
        print(f"| {name} | {1000 * statistics.median(times):.1f} | {statistics.median(times) / base:.2f} | ≤ 2.2 |")


if __name__ == "__main__":
    main()
