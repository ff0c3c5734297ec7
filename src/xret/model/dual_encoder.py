"""Encoders of several modalities that end in one space."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret._errors import UserError
from xret.data.parts import ITEM, part_of
from xret.encoder import Encoded
from xret.encoder.lora import base_fingerprint, is_adapted, is_adapter
from xret.model.chunks import Chunks

Side = Any
"""What a matcher has read of some items: a `xret.fusion.Side`."""


class DualEncoder(nn.Module):
    """One encoder and one projection per modality; unit vectors of one size come out.

    Where targets are items of several parts, these are one modality, "item": each part has an encoder, and what
    `xret.items` describes stands where the projection stands.

    Args:
        encoders: modality -> encoder, as `xret.encoder` describes it.
        projections: modality -> module (B, encoder.width) -> (B, D), the same D for all; "item" -> a fuser.
        matcher: scores pairs from their tokens, as `xret.fusion` describes it; None where there is no second stage.
        matcher_lr: its learning rate. ``reader_lr`` is that of the maps by which it reads tokens, and may be set apart.
        parts: of an item, -> the encoder that reads it: a title is read by that of texts; None where targets have none.
        parts_lr: learning rate of a fuser; the projections of its parts have that of projections.

    Attributes:
        chunks: how `encode` saves memory wherever a gradient is recorded; None: it does not.
    """

    chunks: Chunks | None = None

    def __init__(
        self,
        encoders: Mapping[str, nn.Module],
        projections: Mapping[str, nn.Module],
        matcher: nn.Module | None = None,
        matcher_lr: float = 1e-3,
        parts: Mapping[str, str] | None = None,
        parts_lr: float = 1e-3,
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.projections = nn.ModuleDict(projections)
        self.matcher: Any = matcher
        self.matcher_lr = self.reader_lr = matcher_lr
        self.parts, self.parts_lr = dict(parts or {}), parts_lr

    @property
    def modalities(self) -> tuple[str, ...]:
        """What can be encoded, and so asked for and found."""
        return tuple(self.projections)

    def encode(self, modality: str, inputs: dict[str, Tensor]) -> Encoded:
        """Encode B items of one modality.

        Args:
            modality: "text", "image", ...
            inputs: raw tensors of the encoder, or stored features under "vector" or "tokens"; of items those of each
                part, see `xret.data.parts.Composite`.

        Returns:
            `Encoded` whose vector is (B, D) float32 of length 1 (in float32 under autocast too).
        """
        if self.chunks is not None and torch.is_grad_enabled():
            return self.chunks(partial(self._encode, modality), modality, inputs)
        return self._encode(modality, inputs)

    def _encode(self, modality: str, inputs: dict[str, Tensor]) -> Encoded:
        if modality == ITEM:
            return Encoded(F.normalize(self._fused(inputs).float(), dim=-1))
        encoded: Encoded = self.encoders[modality](inputs)
        vector = self.projections[modality](encoded.vector)
        return encoded._replace(vector=F.normalize(vector.float(), dim=-1))

    def _fused(self, inputs: dict[str, Tensor]) -> Tensor:
        """Return what the fuser makes of the parts of B items, (B, D)."""
        given = {part: part_of(inputs, part) for part in self.parts}
        encoded: dict[str, Encoded] = {p: self.encoders[encoder](given[p][0]) for p, encoder in self.parts.items()}
        fuser: Any = self.projections[ITEM]
        tokens = {part: (e.tokens, e.mask) for part, e in encoded.items()} if fuser.reads_tokens else None
        vectors, present = {p: e.vector for p, e in encoded.items()}, {p: there for p, (_, there) in given.items()}
        return cast(Tensor, fuser(vectors, present, tokens))

    def report(self) -> dict[str, Tensor]:
        """Return numbers worth watching: "item_weight_image" and so on; none where there are no items of parts."""
        fuser: Any = self.projections[ITEM] if self.parts else None
        return {f"{ITEM}_{name}": value for name, value in fuser.report().items()} if self.parts else {}

    def read(self, modality: str, encoded: Encoded) -> Side:
        """Return what the matcher keeps of B items; vectors reach it without gradient, tokens carry theirs.

        Args:
            modality: "text", "image", ...
            encoded: what `encode` gave.

        Raises:
            UserError: the encoder gave no tokens.
        """
        if encoded.tokens is None:
            raise UserError(
                f"fusion needs tokens, and the {modality} encoder gives none; choose another, or fusion=none"
            )
        return self.matcher.read(modality, encoded.vector.detach(), encoded.tokens, encoded.mask)

    def trained_state(self) -> dict[str, Tensor]:
        """Return the state without what no training changes: frozen encoders, and the networks under adapters."""
        left_out = self._left_out()
        return {name: value for name, value in self.state_dict().items() if name not in left_out}

    def load_trained_state(self, state: Mapping[str, Tensor]) -> None:
        """Take in what `trained_state` gave.

        Raises:
            UserError: it is the state of another model.
        """
        missing, unexpected = self.load_state_dict(dict(state), strict=False)
        left_out = self._left_out()
        wrong = [name for name in missing if name not in left_out] + unexpected
        if wrong:
            raise UserError(f"the weights are those of another model: {len(wrong)} names differ, {wrong[0]} for one")

    def _left_out(self) -> set[str]:
        """Return the names of the weights that no training changes."""
        names: set[str] = set()
        for modality, encoder in self.encoders.items():
            prefix = f"encoders.{modality}."
            if encoder.frozen:
                names |= {f"{prefix}{name}" for name in encoder.state_dict()}
            elif is_adapted(encoder):
                state = cast(Any, encoder).network.state_dict()
                names |= {f"{prefix}network.{name}" for name in state if not is_adapter(name)}
        return names

    def frozen_fingerprints(self) -> dict[str, str]:
        """Return modality -> fingerprint of each frozen encoder, and of the network under each one's adapters."""
        found = {m: str(cast(Any, e).fingerprint()) for m, e in self.encoders.items() if e.frozen}
        return found | {m: base_fingerprint(e) for m, e in self.encoders.items() if not e.frozen and is_adapted(e)}

    def parameter_groups(
        self, others: Iterable[nn.Module], lr: float, others_lr: float, weight_decay: float
    ) -> list[dict[str, object]]:
        """Return optimizer groups: every encoder and the matcher at its own rate, projections and ``others`` at theirs.

        Vectors and scalars (biases, norms, temperatures) get no weight decay.

        Args:
            others: modules trained beside the model; losses with a temperature, for one.
            lr: learning rate of projections.
            others_lr: learning rate of others.
            weight_decay: for matrices.
        """
        parts: list[tuple[nn.Module, float]] = [(e, cast(float, e.lr)) for e in self.encoders.values()]
        fuser: Any = self.projections[ITEM] if self.parts else None
        parts += [(p, lr) for m, p in self.projections.items() if m != ITEM]
        parts += [(fuser.projections, lr), (fuser, self.parts_lr)] if self.parts else []
        parts += (
            [] if self.matcher is None else [(self.matcher.readers, self.reader_lr), (self.matcher, self.matcher_lr)]
        )
        parts += [(module, others_lr) for module in others]
        groups: dict[tuple[float, float], list[nn.Parameter]] = {}
        seen: set[int] = set()
        for module, rate in parts:
            for parameter in module.parameters():
                if parameter.requires_grad and id(parameter) not in seen:
                    seen.add(id(parameter))
                    decay = weight_decay if parameter.ndim > 1 else 0.0
                    groups.setdefault((rate, decay), []).append(parameter)
        return [{"params": ps, "lr": rate, "weight_decay": decay} for (rate, decay), ps in groups.items()]
