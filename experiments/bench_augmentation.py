"""What augmentation adds to a training step of frozen encoders: stored versions against stored vectors.

``OMP_NUM_THREADS=1 python experiments/bench_augmentation.py``: the median time of a step (batch, projections, InfoNCE,
backward, AdamW) at the sizes of OpenMoji and the default encoders; time of the processor, so that neighbours on the
machine disturb little.
"""

import time
from statistics import median
from typing import Any

import numpy as np
import torch

from xret.augmentation.pairs.mixgen import MixGen
from xret.augmentation.policy import Policy
from xret.augmentation.text.swap import Swap
from xret.data.augmented import Augmented, Partners, Views
from xret.data.batch import PairDataset, Stored
from xret.encoder.projection.linear import Linear
from xret.loss.infonce import InfoNCE
from xret.miner.inbatch import InBatch
from xret.model.dual_encoder import DualEncoder
from xret.model.retrieval import Retrieval
from xret.model.step import Step

ITEMS, WIDTHS, BATCH, VIEWS, STEPS = 1140, {"text": 384, "image": 2848}, 128, 4, 100


class Frozen(torch.nn.Module):
    """Hands stored vectors on."""

    frozen, lr = True, 1e-3

    def forward(self, inputs: dict[str, torch.Tensor]) -> Any:  # noqa: ANN401 - Encoded
        """Return the vectors."""
        from xret.encoder import Encoded

        return Encoded(inputs["vector"])


def stored(rng: np.random.Generator, width: int) -> Stored:
    """Return random vectors of all items."""
    return Stored("vector", rng.standard_normal((ITEMS, width)).astype(np.float32))


def main() -> None:
    """Print the median step of both, in ms, and their ratio."""
    rng, rows = np.random.default_rng(0), np.arange(ITEMS)
    policies = {"none": None, "stored versions": Policy(text={"swap": Swap()}, views=VIEWS)}
    policies["with mixed pairs"] = Policy(text={"swap": Swap()}, pairs={"mixgen": MixGen()}, views=VIEWS)
    data: dict[str, PairDataset] = {}
    for name, policy in policies.items():
        plain = {m: stored(rng, width) for m, width in WIDTHS.items()}
        augment = None
        if policy is not None:
            amounts = np.ones((VIEWS, ITEMS), np.float32)
            views = {
                m: Views(
                    plain[m],
                    [stored(rng, w) for _ in range(VIEWS)],
                    rows,
                    amounts,
                    [[stored(rng, w) for _ in range(VIEWS)] for _ in policy.pairs],
                    rows,
                    rows,
                )
                for m, w in WIDTHS.items()
            }
            augment = Augmented(policy, views, dict.fromkeys(WIDTHS, rows), rows, Partners(rows, rows, 0), VIEWS)
        ones = np.ones(ITEMS, np.float32)
        data[name] = PairDataset(plain, dict.fromkeys(WIDTHS, rows), rows, ones, rows, augment=augment)
    model = DualEncoder(
        {m: Frozen() for m in WIDTHS}, {m: Linear(in_dim=w, dim=384, dropout=0.75) for m, w in WIDTHS.items()}
    )
    objective = Retrieval(InfoNCE(), InBatch())
    optimizer = torch.optim.AdamW([*model.parameters(), *objective.parameters()], lr=1e-4)
    times: dict[str, list[float]] = {name: [] for name in data}
    for i in range(STEPS):
        chosen = rng.permutation(ITEMS)[:BATCH]
        for name, pairs in data.items():
            begin = time.process_time()
            batch = pairs.batch(chosen, epoch=i)
            encoded = {m: model.encode(m, x) for m, x in batch.inputs.items()}
            objective(Step(model, batch, encoded))["retrieval"].backward()
            optimizer.step()
            optimizer.zero_grad()
            times[name].append(time.process_time() - begin)
    base = median(times["none"])
    for name, taken in times.items():
        print(f"{name:<18} {1000 * median(taken):6.2f} ms  {median(taken) / base:4.2f} x")


if __name__ == "__main__":
    main()
