"""What exact evaluation costs, beside finding ten neighbours, a list of 100, and sorting all.

Run as ``python experiments/bench_evaluation.py``.

10,000 queries with 5 right answers each, 100,000 targets, 512 dimensions, float32, on two threads. Recall, MRR and
complete mAP of `xret.metric.evaluate` (every figure, chance level and 1,000 bootstrap samples included) against
`faiss.knn(k=10)`, which only finds ten neighbours. The calculator of pytorch-metric-learning (top 100) and sorting
every row of the score matrix are too slow for all queries: they run on the first 500, and the table holds 20 times
their seconds, as their cost is linear in queries.

Contestants take turns, round by round; the table holds medians. Ratios of processor time stand beside those of the
clock, and say more on a busy machine; the bars are for the clock. Exits with 1 when a bar is missed.
"""

import subprocess
import sys
import time
from collections.abc import Callable

import faiss
import numpy as np
import torch
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator

from xret.metric.evaluate import evaluate
from xret.protocol import Task
from xret.protocol._relevance import by_group

QUERIES, SUBSET, TARGETS, DIM, POSITIVES = 10_000, 500, 100_000, 512, 5
ROUNDS, THREADS = 5, 2
BAR_FAISS, BAR_PML, BAR_ARGSORT, BAR_MB = 1.3, 2.0, 5.0, 128


def make_data() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return (Q, D) and (T, D) unit vectors, and the group of each query and target."""
    rng = np.random.default_rng(0)
    queries = rng.standard_normal((QUERIES, DIM), dtype=np.float32)
    targets = rng.standard_normal((TARGETS, DIM), dtype=np.float32)
    target_groups = rng.permutation(np.concatenate((np.repeat(np.arange(QUERIES), POSITIVES), np.arange(-50_000, 0))))
    relevant = np.flatnonzero(target_groups >= 0)
    targets[relevant] += 0.12 * queries[target_groups[relevant]]
    for rows in (queries, targets):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return queries, targets, np.arange(QUERIES), target_groups


def make_task(query_groups: np.ndarray, target_groups: np.ndarray) -> Task:
    """Return the task of finding targets of the same group."""
    asked, ranked = np.arange(len(query_groups)), np.arange(len(target_groups))
    return Task("text", "image", asked, ranked, query_groups, by_group(query_groups, target_groups))


def run_ours(queries: np.ndarray, targets: np.ndarray, task: Task) -> float:
    """Return the complete mAP."""
    return evaluate([task], {"text": queries, "image": targets}).values["text_to_image/map"]


def run_pml(queries: np.ndarray, targets: np.ndarray, query_groups: np.ndarray, target_groups: np.ndarray) -> float:
    """Return the mAP of the best 100."""
    include = ("precision_at_1", "mean_reciprocal_rank", "mean_average_precision")
    calculator = AccuracyCalculator(include=include, k=100, device=torch.device("cpu"))
    labels = torch.from_numpy(query_groups), torch.from_numpy(target_groups)
    vectors = torch.from_numpy(queries), torch.from_numpy(targets)
    return float(calculator.get_accuracy(vectors[0], labels[0], vectors[1], labels[1])["mean_average_precision"])


def run_argsort(queries: np.ndarray, targets: np.ndarray, query_groups: np.ndarray, target_groups: np.ndarray) -> float:
    """Return the complete mAP, from sorting every row of the score matrix."""
    total = 0.0
    for row, group in zip(queries @ targets.T, query_groups, strict=True):
        hits = np.flatnonzero(target_groups[np.argsort(-row)] == group) + 1
        total += float(np.mean(np.arange(1, len(hits) + 1) / hits))
    return total / len(queries)


def interleave(contestants: dict[str, Callable[[], object]]) -> dict[str, np.ndarray]:
    """Return the median seconds of each contestant, by the clock and of the processor, all taking turns in rounds."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    for number in range(-1, ROUNDS):  # the first round warms up
        for name, run in contestants.items():
            clock, processor = time.perf_counter(), time.process_time()
            run()
            if number >= 0:
                seconds[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return {name: np.median(times, axis=0) for name, times in seconds.items()}


def level_mb(name: str) -> float:
    """Return a memory figure of this process from /proc: VmRSS (now) or VmHWM (highest so far)."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(name))


def print_extra_mb() -> None:
    """Evaluate once, and print the peak above the level at which data and compiled loops were ready."""
    queries, targets, query_groups, target_groups = make_data()
    task = make_task(query_groups, target_groups)
    few = np.arange(100)
    run_ours(queries[few], targets[few], make_task(few, few))  # compiles, and loads what is imported late
    with open("/proc/self/clear_refs", "w") as clear:
        clear.write("5")  # forget the peak of making the data
    before = level_mb("VmRSS")
    run_ours(queries, targets, task)
    print(level_mb("VmHWM") - before)


def main() -> int:
    """Print the table; return 1 if a bar is missed."""
    faiss.omp_set_num_threads(THREADS)
    torch.set_num_threads(THREADS)
    measured = subprocess.run([sys.executable, __file__, "memory"], check=True, capture_output=True, text=True)
    extra_mb = float(measured.stdout)
    queries, targets, query_groups, target_groups = make_data()
    task = make_task(query_groups, target_groups)
    some, some_groups = queries[:SUBSET], query_groups[:SUBSET]
    some_task = make_task(some_groups, target_groups)
    exact = run_argsort(some, targets, some_groups, target_groups)
    ours = run_ours(some, targets, some_task)
    print(f"mAP of {SUBSET} queries: sorted {exact:.6f}, evaluate {ours:.6f}\n")
    if abs(exact - ours) > 1e-5:
        return 1
    seconds = interleave(
        {
            "evaluate": lambda: run_ours(queries, targets, task),
            "faiss": lambda: faiss.knn(queries, targets, 10, metric=faiss.METRIC_INNER_PRODUCT),
            "pml": lambda: run_pml(some, targets, some_groups, target_groups),
            "argsort": lambda: run_argsort(some, targets, some_groups, target_groups),
        }
    )
    mine, scale = seconds["evaluate"], QUERIES / SUBSET
    rows = [
        ("evaluate over `faiss.knn(k=10)` alone", mine, seconds["faiss"], "<=", BAR_FAISS),
        ("pytorch-metric-learning, k=100 (scaled), over evaluate", scale * seconds["pml"], mine, ">=", BAR_PML),
        ("full argsort (scaled) over evaluate", scale * seconds["argsort"], mine, ">=", BAR_ARGSORT),
    ]
    print(f"evaluate: {mine[0]:.2f} s for recall, MRR and complete mAP, exact\n")
    print("| seconds | ratio | of processor time | bar | |\n|---|---:|---:|---:|---|")
    met = []
    for title, above, below, sign, bar in rows:
        clock, processor = above / below
        met.append(bool(clock <= bar if sign == "<=" else clock >= bar))
        print(f"| {title} | {clock:.2f} | {processor:.2f} | {sign} {bar} | {'met' if met[-1] else 'missed'} |")
    met.append(extra_mb <= BAR_MB)
    print(
        f"| MB at the peak above vectors and task | {extra_mb:.0f} | | <= {BAR_MB} | {'met' if met[-1] else 'missed'} |"
    )
    return 0 if all(met) else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["memory"]:
        print_extra_mb()
    else:
        sys.exit(main())
