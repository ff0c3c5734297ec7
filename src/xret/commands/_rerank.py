"""The second stage: the first answers of the dual encoder, ordered anew by its matcher."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from xret.commands._assembly import Prepared
from xret.metric import TaskLike, Tasks
from xret.metric.evaluate import Vectors
from xret.metric.ranks import ranks_from_vectors
from xret.metric.rerank import reranked
from xret.metric.retrieval import per_query
from xret.metric.top_k import top_k
from xret.model.dual_encoder import DualEncoder, Side
from xret.model.pairs import joined, pair_logits, read
from xret.run.folder import RunFolder

_BATCH = 256
_SHARES = np.linspace(0, 1, 21)
_QUERIES, _WARM_UP = 30, 3
FILE = "rerank.json"


@dataclass(frozen=True)
class Mix:
    """How candidates are scored in the end: ``(1 - share) * cosine / cosine_unit + share * logit / logit_unit``.

    The two scores have nothing in common, so each is measured in units of its spread among the candidates of a query,
    on the validation split. The share is the one that did best there, unless ``fusion.share`` states one.

    Attributes:
        k: candidates per query.
        share: of the matching logit, in [0, 1]; 0 is the first stage alone.
        cosine_unit: spread of the first stage's cosines among the candidates of a query.
        logit_unit: that of the matching logits.
    """

    k: int
    share: float
    cosine_unit: float
    logit_unit: float

    def __call__(self, cosines: np.ndarray, logits: np.ndarray) -> np.ndarray:
        """Return the scores (Q, K) float64 of candidates, from their cosines and logits."""
        first, second = cosines.astype(np.float64) / self.cosine_unit, logits.astype(np.float64) / self.logit_unit
        mixed: np.ndarray = (1 - self.share) * first + self.share * second
        return mixed

    def figures(self) -> dict[str, float]:
        """Return what a reader of the figures must know."""
        return {"rerank_k": float(self.k), "rerank_share": self.share}

    @classmethod
    def load(cls, run: RunFolder) -> "Mix":
        """Read what `save` wrote."""
        return cls(**run.read_json(FILE))

    def save(self, run: RunFolder) -> None:
        """Write it into the folder of a run, for the commands that use the run later."""
        run.write_json(FILE, asdict(self))


@dataclass(frozen=True)
class Candidates:
    """The first K answers to each query of a task.

    Attributes:
        task: which was asked.
        found: (Q, K) int64, positions among the task's targets.
        cosines: (Q, K) float32, scores of the first stage.
        logits: (Q, K) float32, of the matcher.
    """

    task: TaskLike
    found: np.ndarray
    cosines: np.ndarray
    logits: np.ndarray


class SecondStage:
    """The candidates of all tasks of a split, scored by the matcher; called, it changes ranks as `Mix` says.

    Args:
        model: with a matcher, in its final state.
        prepared: the data, with tokens.
        split: "val" or "test".
        tasks: of that split.
        vectors: what the first stage compares: modality -> (N, D) of its items, or a task -> its own.
        k: candidates per query.
    """

    def __init__(
        self,
        model: DualEncoder,
        prepared: Prepared,
        split: str,
        tasks: Tasks,
        vectors: Vectors | Callable[[TaskLike], Vectors],
        k: int,
    ) -> None:
        sides = read_split(model, prepared, split)
        self.k, self.sides, self.vectors = k, sides, vectors
        self.candidates = [self._candidates(model, task) for task in tasks]
        self.mix: Mix | None = None

    def _of(self, task: TaskLike) -> Vectors:
        return self.vectors(task) if callable(self.vectors) else self.vectors

    def _candidates(self, model: DualEncoder, task: TaskLike) -> Candidates:
        vectors = self._of(task)
        found, cosines = top_k(vectors[task.query][task.queries], vectors[task.target][task.targets], self.k)
        queries, targets = (
            self.sides[m].at(torch.from_numpy(rows).to(self.sides[m].vector.device))
            for m, rows in ((task.query, task.queries), (task.target, task.targets))
        )
        logits = pair_logits(model, task.query, queries, task.target, targets, found)
        return Candidates(task, found, cosines, logits)

    def choose(self, share: float | None = None) -> Mix:
        """Return the mix that does best on these tasks by the mean of their MRR; of equal ones the smallest share.

        Args:
            share: is taken instead where it is stated.
        """
        units = [_spread([getattr(c, name) for c in self.candidates]) for name in ("cosines", "logits")]
        if share is not None:
            self.mix = Mix(self.k, share, *units)
            return self.mix
        firsts = [self._first_ranks(c.task) for c in self.candidates]
        mixes = [Mix(self.k, float(share), *units) for share in _SHARES]
        self.mix = max(mixes, key=lambda mix: self._mean_mrr(mix, firsts))
        return self.mix

    def _first_ranks(self, task: TaskLike) -> np.ndarray:
        vectors = self._of(task)
        return ranks_from_vectors(vectors[task.query], vectors[task.target], task.relevance, task.queries, task.targets)

    def _mean_mrr(self, mix: Mix, firsts: list[np.ndarray]) -> float:
        found = []
        for c, ranks in zip(self.candidates, firsts, strict=True):
            new = reranked(ranks, c.found, mix(c.cosines, c.logits), c.task.relevance)
            found.append(per_query(new, c.task.relevance)["mrr"].mean(dtype=np.float64))
        return float(np.mean(found))

    def __call__(self, task: TaskLike, ranks: np.ndarray) -> np.ndarray:
        """Return the ranks of a task's relevant targets after the second stage."""
        assert self.mix is not None
        c = next(c for c in self.candidates if c.task is task)
        return reranked(ranks, c.found, self.mix(c.cosines, c.logits), task.relevance)


def _spread(scores: list[np.ndarray]) -> float:
    """Return the root mean square of what (Q, K) scores differ from the mean of their query; 1 where none does."""
    apart = np.concatenate([(s - s.mean(axis=1, keepdims=True)).ravel() for s in scores]).astype(np.float64)
    return float(np.sqrt(np.mean(apart**2))) or 1.0


@torch.inference_mode()
def read_split(model: DualEncoder, prepared: Prepared, split: str) -> dict[str, Side]:
    """Return modality -> all items of a split as the matcher reads them."""
    training = model.training
    model.eval()
    sides = {}
    for modality, where in prepared.split(split)[1].items():
        batches = [where[begin : begin + _BATCH] for begin in range(0, len(where), _BATCH)]
        sides[modality] = joined(read(model, modality, prepared.sequences[modality](batch)) for batch in batches)
    model.train(training)
    return sides


@torch.inference_mode()
def latency_ms(model: DualEncoder, second: SecondStage) -> dict[str, dict[str, float]]:
    """Time what the second stage adds to one query: its candidates scored, mixed and sorted. Targets are read before.

    Returns:
        Direction -> p50, p95 and p99 in milliseconds.
    """
    assert second.mix is not None
    times: dict[str, dict[str, float]] = {}
    for c in second.candidates:
        targets = second.sides[c.task.target].at(_rows(c.task.targets, second.sides[c.task.target]))
        spent = []
        for i in np.arange(_QUERIES + _WARM_UP) % len(c.found):
            query = second.sides[c.task.query].at(_rows(c.task.queries[i : i + 1], targets))
            begin = time.perf_counter()
            logits = pair_logits(model, c.task.query, query, c.task.target, targets, c.found[i : i + 1])
            np.argsort(-second.mix(c.cosines[i : i + 1], logits)[0])
            spent.append((time.perf_counter() - begin) * 1000)
        p50, p95, p99 = np.percentile(spent[_WARM_UP:], [50, 95, 99])
        times[c.task.name] = {"p50": float(p50), "p95": float(p95), "p99": float(p99)}
    return times


def _rows(positions: np.ndarray, side: Side) -> Tensor:
    return torch.from_numpy(positions).to(side.vector.device)
