"""Adversarial training: the retrieval loss also on inputs that were moved to make it large."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import torch
from torch import Tensor, nn

from xret._errors import UserError
from xret.encoder import Encoded
from xret.model.movable import Movable, movable, moved, size, still
from xret.model.step import Step

Attack = Callable[..., dict[str, Tensor]]


class Adversarial(nn.Module):
    """The retrieval loss on attacked inputs, beside that on clean ones.

    Each step the attack moves the inputs of ``modalities``, all at once, so that the retrieval loss of the batch rises:
    the very loss that trains, against the true positives by group. While it does so the model is in eval mode
    and in float32, and gradients are taken for the inputs alone. Then the moved inputs are encoded as any other, and
    their loss is added, times ``weight``. Modalities that are not attacked keep their clean vectors.

    What is moved: pixels in [0, 1] (the encoder normalises them), embeddings of words, or, where the batch holds stored
    tensors of a frozen encoder, these. Only the first pairs of a batch take part, a ``share`` of it, and are each
    other's negatives: batches are in random order, and an attack on all pairs triples the cost of a step.
    Of several processes each attacks pairs of its own.

    Source: Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572 (sec. 6, a weighted sum of both losses); Madry et
    al. 2018, https://arxiv.org/abs/1706.06083 (sec. 2, without the clean loss: a clean weight of 0).

    Args:
        criterion: a batch -> () float, `Retrieval.criterion`.
        attack: see `xret.attack`.
        modalities: whose inputs are moved.
        weight: of the adversarial loss.
        share: of the pairs of a batch that are attacked, in (0, 1].

    Raises:
        UserError: weight or share is out of its range, or modalities are none or name one twice.
    """

    def __init__(
        self,
        criterion: Callable[[Step], Tensor],
        attack: Attack,
        modalities: Sequence[str],
        weight: float = 1.0,
        share: float = 1.0,
    ) -> None:
        super().__init__()
        if not 0 < share <= 1:
            raise UserError(f"adversarial.share must be in (0, 1], a share of a batch's pairs, got {share}")
        if not weight > 0:
            raise UserError(f"adversarial.weight must be positive (adversarial=none is without), got {weight}")
        if not modalities or len(set(modalities)) != len(modalities):
            raise UserError(f"adversarial.modalities must name some, each once, got {list(modalities)}")
        self.criterion, self.attack = criterion, attack  # a bound method: the loss is no module of this one
        self.modalities = tuple(modalities)
        self.weight = weight
        self.share = share

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return ``{"adversarial": ()}``.

        Health gets both losses without their weights, by how much the attack lowers the mean cosine of a pair, and how
        far it moved each modality (see `xret.model.movable.size`).
        """
        own = _first(step, self.share)
        found = {m: movable(own.model.encoders[m], own.batch.inputs[m]) for m in self.modalities}
        reached = self._attacked(own, found)
        encoded = dict(own.encoded)
        for modality, what in found.items():
            inputs = moved(own.model.encoders[modality], own.batch.inputs[modality], what, reached[modality])
            encoded[modality] = own.model.encode(modality, inputs)
        loss = self.criterion(replace(own, encoded=encoded, health={}))
        with torch.no_grad():
            step.health["clean_loss"] = self.criterion(replace(own, health={}))
            step.health["adversarial_loss"] = loss.detach()
            step.health["score_drop"] = _pair_score(own.encoded) - _pair_score(encoded)
            for modality, what in found.items():
                step.health[f"perturbation_{modality}"] = size(what, reached[modality])
        return {"adversarial": self.weight * loss}

    def _attacked(self, step: Step, found: Mapping[str, Movable]) -> dict[str, Tensor]:
        """Return modality -> where the attack moves its point."""
        model, inputs = step.model, step.batch.inputs
        device = step.batch.group.device.type
        with still(model), torch.autocast(device, enabled=False):
            with torch.no_grad():
                clean = {m: model.encode(m, inputs[m]) for m in step.encoded if m not in found}

            def loss(points: dict[str, Tensor]) -> Tensor:
                at = {m: model.encode(m, {**inputs[m], found[m].key: point}) for m, point in points.items()}
                encoded = {m: at[m] if m in at else clean[m] for m in step.encoded}
                return self.criterion(replace(step, encoded=encoded, health={}))

            points = {m: what.point for m, what in found.items()}
            rows = {m: what.rows for m, what in found.items() if what.rows is not None}
            return self.attack(loss, points, rows)


def _first(step: Step, share: float) -> Step:
    """Return a share of the pairs of this process, the first ones; the inputs of other processes are not at hand."""
    batch = step.batch
    some = slice(math.ceil(share * len(batch)))
    inputs = {m: {name: tensor[some] for name, tensor in part.items()} for m, part in batch.inputs.items()}
    own = replace(
        batch,
        inputs=inputs,
        group=batch.group[some],
        weight=batch.weight[some],
        domain=batch.domain[some],
        row=batch.row[some],
        others=None if batch.others is None else batch.others[some],
    )
    encoded = {m: e._replace(vector=e.vector[some]) for m, e in step.encoded.items()}
    return replace(step, batch=own, encoded=encoded, gather=False)


def _pair_score(encoded: Mapping[str, Encoded]) -> Tensor:
    """Return the mean cosine of the two sides of a pair, () float."""
    pairs = [(encoded[a].vector * encoded[b].vector).sum(dim=1).mean() for a, b in combinations(encoded, 2)]
    return torch.stack(pairs).mean()
