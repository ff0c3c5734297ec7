"""What follows the index in answering a query: hubs are lowered, and a second measure orders the first answers anew."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xret._errors import UserError
from xret.commands._rerank import Mix
from xret.commands._trained import Trained
from xret.data.reading import BrokenMedia, read_image
from xret.hubness import Bias
from xret.model.dual_encoder import Side
from xret.model.pairs import joined, pair_logits, read
from xret.rerank import Candidates, Query

_HUBS_DEPTH = 200  # candidates whose scores are corrected, at least
_KEPT = 4096  # pictures whose features stay in memory


Value = str | np.ndarray
"""A text, or a picture (3, H, W) uint8 as the run's encoder wants it."""


class Second:
    """Orders candidates anew.

    Args:
        trained: the run.
        target: modality of what is found.
        item: position -> what is known of it, see `xret.run.vectors.COLUMNS`, with ``attributes`` read.
        bias: of the vectors of the index, from a bank of texts; None: scores as they are.
        reranker: as `xret.rerank` describes it, with the candidates it wants as ``depth``; None: none.

    Raises:
        UserError: the reranker looks at pictures, and the index holds none.
    """

    def __init__(
        self,
        trained: Trained,
        target: str,
        item: Callable[[int], Mapping[str, Any]],
        bias: Bias | None = None,
        reranker: Any = None,  # noqa: ANN401 - as the package describes it
    ) -> None:
        self.trained, self.target, self.item = trained, target, item
        self.bias, self.reranker = bias, reranker
        self.taken = None if bias is None else bias.values - bias.values.mean()  # scores stay near cosines
        self.features = Kept(self._features)
        self.sides = Kept(self._sides)
        if reranker is not None and reranker.sees_pictures and target != "image":
            raise UserError(f"this rerank looks at pictures, and the index holds {target}s; take rerank=none")

    def depth(self, k: int) -> int:
        """Return how many candidates are wanted for k answers."""
        return max(k, _HUBS_DEPTH if self.bias else 0, self.reranker.depth if self.reranker else 0)

    def __call__(self, value: Value, positions: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return candidates in their final order with the scores that made it.

        Those behind the reranker's depth keep their places behind it, and their scores.

        Args:
            value: what is asked for.
            positions: (K,) int64, best first.
            scores: (K,) float32.
        """
        if self.bias is not None and self.taken is not None and len(positions) and isinstance(value, str):
            if self.bias.applies(positions[:1])[0]:
                scores = scores - self.taken[positions]
            order = np.argsort(-scores, kind="stable")
            positions, scores = positions[order], scores[order]
        if self.reranker is None or len(positions) < 2:
            return positions, scores
        first = positions[: self.reranker.depth]
        again = self.reranker(self._query(value), self._candidates(value, first, scores[: len(first)]))
        order = np.argsort(-again, kind="stable")
        head = np.asarray(again, np.float32)[order]
        return np.concatenate([first[order], positions[len(first) :]]), np.concatenate([head, scores[len(first) :]])

    def _query(self, value: Value) -> Query:
        if isinstance(value, str):
            return Query(value)
        return Query(features=lambda: self._of_pictures([value])[0])

    def _candidates(self, value: Value, positions: np.ndarray, scores: np.ndarray) -> Candidates:
        attributes = [self.item(p)["attributes"] for p in positions.tolist()]
        logits = None
        if self.trained.model.matcher is not None and self.target == "image":
            logits = lambda: self._mixed(value, positions, scores)  # noqa: E731
        return Candidates(scores, attributes, lambda: np.stack(self.features(positions.tolist())), logits)

    def _features(self, positions: Sequence[int]) -> list[np.ndarray]:
        return list(self._of_pictures([self._picture(p) for p in positions]))

    @torch.inference_mode()
    def _of_pictures(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """Return (K, F) float32: what the picture encoder gives before projection and normalisation."""
        encoder: Any = self.trained.model.encoders["image"]
        found: np.ndarray = encoder(self._collated(encoder, pictures)).vector.float().cpu().numpy()
        return found

    @torch.inference_mode()
    def _sides(self, positions: Sequence[int]) -> list[Side]:
        model = self.trained.model
        inputs = self._collated(model.encoders["image"], [self._picture(p) for p in positions])
        side = read(model, "image", inputs)
        return [side.at(torch.tensor([i], device=side.vector.device)) for i in range(len(positions))]

    @torch.inference_mode()
    def _mixed(self, value: Value, positions: np.ndarray, scores: np.ndarray) -> np.ndarray:
        """Return (K,) the matcher's logits mixed with cosines as the run was measured."""
        model = self.trained.model
        kind = "text" if isinstance(value, str) else "image"
        if kind == self.target:
            raise UserError("rerank=fusion compares a text with pictures; ask with a text, or take rerank=none")
        query = read(model, kind, self._collated(model.encoders[kind], [value]))
        targets = joined(iter(self.sides(positions.tolist())))
        logits = pair_logits(model, kind, query, self.target, targets, np.arange(len(positions))[None])
        mixed: np.ndarray = Mix.load(self.trained.record)(scores[None], logits)[0]
        return mixed

    def _collated(self, encoder: Any, values: Sequence[Any]) -> dict[str, torch.Tensor]:  # noqa: ANN401
        device = next(self.trained.model.parameters()).device
        return {name: tensor.to(device) for name, tensor in encoder.collate(list(values)).items()}

    def _picture(self, position: int) -> np.ndarray:
        """Return the picture of an item as the encoder wants it; grey where it cannot be read any more."""
        encoder: Any = self.trained.model.encoders["image"]
        path, _, layer = str(self.item(position)["path"]).partition("#")
        try:
            return read_image(Path(path), layer, encoder.image_px, encoder.fit)
        except BrokenMedia:
            return np.full((3, encoder.image_px, encoder.image_px), 128, np.uint8)


class Kept:
    """What was made of the last items that were asked for; the others are made.

    Args:
        make: positions -> what is made of each.
        most: how many are kept.
    """

    def __init__(self, make: Callable[[Sequence[int]], Sequence[Any]], most: int = _KEPT) -> None:
        self.make, self.most = make, most
        self.held: OrderedDict[int, Any] = OrderedDict()

    def __call__(self, positions: Sequence[int]) -> list[Any]:
        """Return what is made of each item."""
        missing = [p for p in dict.fromkeys(positions) if p not in self.held]
        fresh = dict(zip(missing, self.make(missing), strict=True)) if missing else {}
        found = [fresh[p] if p in fresh else self.held[p] for p in positions]
        for position, one in zip(positions, found, strict=True):
            self.held[position] = one
            self.held.move_to_end(position)
        while len(self.held) > self.most:
            self.held.popitem(last=False)
        return found
