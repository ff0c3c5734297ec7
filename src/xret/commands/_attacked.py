"""Figures of a trained run under attack, beside those on clean inputs."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._adversarial import SPACES, check_modalities
from xret.commands._assembly import Prepared, build
from xret.data.providers import Stored
from xret.metric.evaluate import Evaluation
from xret.metric.retrieval import MEANS
from xret.model.dual_encoder import DualEncoder
from xret.model.robust import attacked_vectors

_BATCH = 32


class Robust:
    """What an attack leaves of a split's figures.

    Each item of an ``attacked`` modality is moved by itself, within the attack's bound, so that it ranks its right
    answers low among the clean vectors of all items of the other modalities in the split; right answers are those of
    its group. Then all is measured again with the vectors of the moved items. So image → text asks with attacked
    pictures among clean texts; text → image asks with clean texts among a gallery in which every picture was attacked.
    The gallery an item is moved against is fixed, hence no figure depends on a batch size. Of several ``attacked``
    modalities each is moved against where those before it went, in the order in which they are listed: moved against
    clean vectors and then put together, two attacks would in part undo each other.

    Args:
        cfg: of evaluate, with ``attack`` switched on.
        model: trained.
        prepared: the data.

    Raises:
        UserError: a modality or the space is not known.
    """

    def __init__(self, cfg: DictConfig, model: DualEncoder, prepared: Prepared) -> None:
        check_modalities("attacked", cfg.attacked, model)
        if cfg.attack_space not in SPACES:
            raise UserError(f"attack_space must be one of {', '.join(SPACES)}, got {cfg.attack_space}")
        self.attack: Any = build(cfg.attack, "attack")
        self.split, self.modalities = cfg.split, tuple(cfg.attacked)
        self.model, self.prepared = model, prepared
        self.given = prepared.given if cfg.attack_space == "auto" else prepared.raw

    @property
    def title(self) -> str:
        """What the table calls the line: "under FGSM 0.03"."""
        bounds = {m: self._bound(m) for m in self.modalities}
        if self.modalities == ("image",) and not isinstance(self.given["image"], Stored):
            return f"under {self.attack.name} {bounds['image']}"
        return f"under {self.attack.name}: " + ", ".join(f"{m} {bound}" for m, bound in bounds.items())

    def _bound(self, modality: str) -> str:
        if isinstance(self.given[modality], Stored):
            return f"features {self.attack.epsilon_relative:g} of their length"
        if modality == "text":
            return f"embeddings {self.attack.epsilon_relative:g} of their length"
        return f"{self.attack.epsilon:g}"

    def vectors(self, clean: Mapping[str, np.ndarray], seed: int = 0, batch: int = _BATCH) -> dict[str, np.ndarray]:
        """Return modality -> (N, D) vectors of the split's items, attacked where they are.

        Args:
            clean: modality -> (N, D), without an attack.
            seed: of random starts; that of an attack, not of the run, so that all runs meet the same.
            batch: items at once; it changes no figure.
        """
        items, places = self.prepared.split(self.split)
        found = dict(clean)
        for modality in self.modalities:
            where, give = places[modality], self.given[modality]
            positions = [np.arange(i, min(i + batch, len(where))) for i in range(0, len(where), batch)]
            batches = [(part, partial(give, where[part])) for part in positions]
            gallery = {m: (found[m], items[m].groups) for m in items if m != modality}
            found[modality] = attacked_vectors(
                self.model, modality, batches, items[modality].groups, gallery, self.attack, seed
            )
        return found

    def figures(self, result: Evaluation) -> dict[str, float]:
        """Return "test/image_to_text/robust_recall_at_10" and so on."""
        kept = {}
        for name, value in result.values.items():
            where, _, figure = name.rpartition("/")
            if not figure.startswith("chance_") and figure not in ("queries", "targets", "left_out"):
                kept["/".join(part for part in (self.split, where, f"robust_{figure}") if part)] = value
        return kept

    def arrays(self, result: Evaluation) -> dict[str, np.ndarray]:
        """Return the per-query figures: "test/image_to_text/robust_mrr" -> (Q,), in the order of the clean ones."""
        return {
            f"{self.split}/{direction}/robust_{name}": table[name]
            for direction, table in result.per_query.items()
            for name in MEANS
        }
