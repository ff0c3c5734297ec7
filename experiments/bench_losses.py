"""How fast and how lean losses and miners are, beside other libraries.

Run as ``python experiments/bench_losses.py``. Prints a table and exits with 1 when a bar is missed.

Time is CPU time on one thread, forward and backward from unit vectors, the median over five or more rounds in which the
contestants take turns; the table shows ratios, for machines differ. Memory is the peak of a process of its own above
its level once the vectors are made (Linux only).
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from open_clip import ClipLoss
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import TripletMarginMiner
from torch import Tensor

from xret.loss.infonce import InfoNCE
from xret.loss.triplet import Triplet
from xret.miner.hard import Hard
from xret.miner.inbatch import InBatch
from xret.miner.semihard import SemiHard

DIM = 512
PER_CLASS = 4
ROUNDS = 5
MARGIN = 0.2
INFONCE = InfoNCE()

Contestant = Callable[[Tensor, Tensor, Tensor], Tensor]


def both_ways(scores: Tensor, positives: Tensor) -> Tensor:
    """Return our InfoNCE with all other targets as negatives, averaged over both directions."""
    miner = InBatch()
    there: Tensor = INFONCE(scores, positives, miner(scores, positives))
    back: Tensor = INFONCE(scores.T, positives.T, miner(scores.T, positives.T))
    return (there + back) / 2


def infonce(queries: Tensor, targets: Tensor, group: Tensor) -> Tensor:
    """Ours, both directions, one positive per row."""
    return both_ways(queries @ targets.T, torch.eye(len(group), dtype=torch.bool))


def infonce_by_group(queries: Tensor, targets: Tensor, group: Tensor) -> Tensor:
    """Ours, both directions, all rows of a group positive."""
    return both_ways(queries @ targets.T, group[:, None] == group[None, :])


def clip(queries: Tensor, targets: Tensor, group: Tensor) -> Tensor:
    """The loss of open_clip, both directions, one positive per row."""
    loss: Tensor = ClipLoss()(queries, targets, INFONCE.log_scale.exp())
    return loss


def semihard(queries: Tensor, targets: Tensor, group: Tensor) -> Tensor:
    """Ours, semi-hard negatives and triplet loss, one direction."""
    scores, positives = queries @ targets.T, group[:, None] == group[None, :]
    loss: Tensor = Triplet(MARGIN)(scores, positives, SemiHard(MARGIN)(scores, positives))
    return loss


def semihard_pml(queries: Tensor, targets: Tensor, group: Tensor) -> Tensor:
    """All semi-hard triplets of pytorch-metric-learning and their loss, one direction."""
    references = group.clone()  # the same object would mean: a batch against itself
    mined = TripletMarginMiner(MARGIN, "semihard", distance=CosineSimilarity())(queries, group, targets, references)
    loss: Tensor = TripletMarginLoss(MARGIN, distance=CosineSimilarity())(queries, group, mined, targets, references)
    return loss


def batch_hard(queries: Tensor, targets: Tensor, group: Tensor) -> Tensor:
    """Ours, hardest negative and weakest positive of each row, one direction."""
    scores, positives = queries @ targets.T, group[:, None] == group[None, :]
    loss: Tensor = Triplet(MARGIN, "all", positives=1)(scores, positives, Hard()(scores, positives))
    return loss


def batch_hard_loop(queries: Tensor, targets: Tensor, group: Tensor) -> Tensor:
    """The same by a loop over the rows of the scores."""
    scores, losses = queries @ targets.T, []
    for i, label in enumerate(group):
        own = group == label
        losses.append(F.relu(MARGIN - scores[i][own].min() + scores[i][~own].max()))
    return torch.stack(losses).mean()


def data(n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return unit vectors of n queries and n targets, some signal in them, and their groups."""
    generator = torch.Generator().manual_seed(0)
    group = torch.arange(n) // PER_CLASS
    centres = torch.randn(n, DIM, generator=generator)[group]
    noisy = (centres + 1.5 * torch.randn(n, DIM, generator=generator) for _ in range(2))
    queries, targets = (F.normalize(x, dim=1).requires_grad_() for x in noisy)
    return queries, targets, group


def cpu_s(contestants: list[Contestant], n: int) -> list[float]:
    """Return the median CPU seconds of each, forward and backward, taking turns."""
    vectors = data(n)
    times: dict[Contestant, list[float]] = {c: [] for c in contestants}
    for turn in range(1 + max(ROUNDS, min(40, 8192 // n))):
        for contestant in contestants:
            start = time.process_time()
            contestant(*vectors).backward()  # type: ignore[no-untyped-call]
            if turn:  # the first is a warm-up
                times[contestant].append(time.process_time() - start)
    return [statistics.median(times[c]) for c in contestants]


def peak_mb(contestant: Contestant, n: int) -> float:
    """Return the peak memory of a contestant above the vectors, in MB, measured in a process of its own."""
    command = [sys.executable, __file__, contestant.__name__, str(n)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_memory(name: str, n: int) -> None:
    """Print the peak of one contestant above the vectors, in MB; the whole of the child process of `peak_mb`."""
    contestant: Contestant = globals()[name]
    contestant(*data(64)).backward()  # type: ignore[no-untyped-call]
    vectors = data(n)
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts again from here
    before = status_kb("VmRSS")
    contestant(*vectors).backward()  # type: ignore[no-untyped-call]
    print((status_kb("VmHWM") - before) / 1024)


def status_kb(key: str) -> int:
    """Return one entry of this process's status, in kB."""
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if key in line)


def check_values(n: int = 256) -> None:
    """Fail unless those that are compared compute the same, where they are meant to."""
    for ours, theirs in ((infonce, clip), (batch_hard, batch_hard_loop)):
        torch.testing.assert_close(ours(*data(n)), theirs(*data(n)), rtol=1e-5, atol=1e-5)


def main() -> int:
    """Measure, print the table and return the exit code."""
    torch.set_num_threads(1)
    check_values()
    rows: list[tuple[str, str, float, float, bool]] = []  # what, figure, value, bar, whether at least the bar is wanted
    for n in (256, 1024, 4096):
        ours, theirs = cpu_s([infonce, clip], n)
        rows.append((f"InfoNCE, both directions, {n}", "time / open_clip ClipLoss", ours / theirs, 1.0, False))
    ours, theirs = cpu_s([semihard, semihard_pml], 1024)
    rows.append(("semi-hard + triplet, 1024", "pytorch-metric-learning time / ours", theirs / ours, 10.0, True))
    memory = peak_mb(semihard, 1024) / peak_mb(semihard_pml, 1024)
    rows.append(("semi-hard + triplet, 1024", "memory / pytorch-metric-learning", memory, 0.2, False))
    ours, theirs = cpu_s([batch_hard, batch_hard_loop], 1024)
    rows.append(("batch-hard, 1024", "time of a Python loop over the rows / ours", theirs / ours, 30.0, True))
    for contestant in (infonce, infonce_by_group, semihard, batch_hard):
        rows.append((f"{contestant.__name__}, 4096", "extra MB", peak_mb(contestant, 4096), 512.0, False))
    print(f"{DIM} dimensions, {PER_CLASS} per class, CPU time of one thread, medians of interleaved rounds\n")
    print("| what, batch | figure | measured | bar | |\n|---|---|---|---|---|")
    missed = 0
    for what, figure, value, bar, at_least in rows:
        met = value >= bar if at_least else value <= bar
        missed += not met
        print(
            f"| {what} | {figure} | {value:.3g} | {'>=' if at_least else '<='} {bar:g} | {'met' if met else 'MISSED'} |"
        )
    return 1 if missed else 0


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure_memory(sys.argv[1], int(sys.argv[2]))
    else:
        sys.exit(main())
