"""What labellers see of a manifest: captions, labels that are there, vectors and models, made when they are wanted."""

import logging
from collections.abc import Sequence
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError
from xret.commands._sources import feature_cache
from xret.data.manifest import Manifest
from xret.label import Rows
from xret.model.dual_encoder import DualEncoder

log = logging.getLogger(__name__)

_BATCH = 256


def rows_of(cfg: DictConfig, manifest: Manifest) -> Rows:
    """Return what labellers may see; vectors come from ``run``, else from ``encoder``, else there are none."""
    names = dict.fromkeys(name for row in manifest.rows for name in row.attributes)
    space = _Space(cfg, manifest) if cfg.run is not None or cfg.get("encoder") is not None else None
    return Rows(
        captions=[row.inputs.get("text", "") for row in manifest.rows],
        groups=[row.group for row in manifest.rows],
        training=np.array([row.split == "train" for row in manifest.rows], dtype=bool),
        known={name: [row.attributes.get(name, "") for row in manifest.rows] for name in names},
        vectors=None if space is None else space.vectors,
        encode=None if space is None else space.encode,
        load=lambda name: _writer(name, cfg.device),
        kept=feature_cache(cfg).root / "answers",
    )


def device_of(name: str) -> str:
    """Return the device that a name stands for."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


class _Space:
    """A dual encoder, and the vectors of a manifest's rows in its space."""

    def __init__(self, cfg: DictConfig, manifest: Manifest) -> None:
        self.cfg, self.manifest = cfg, manifest
        self.vectors = cache(self._vectors)

    @cached_property
    def model(self) -> DualEncoder:
        from xret.commands._assembly import build_model
        from xret.commands._trained import open_run

        if self.cfg.run is not None:
            model = open_run(Path(self.cfg.run), self.cfg.trust).model
        else:
            model = build_model(OmegaConf.create({"encoder": self.cfg.encoder, "fusion": {}})).eval()
            if any(True for _ in model.projections.parameters()):
                raise UserError(
                    "encoder has projections that nothing has trained: name a run instead, run=DIR, or take the "
                    "vectors as the encoders give them, encoder/projection=identity"
                )
        return model.to(device_of(self.cfg.device))

    def _vectors(self, modality: str) -> np.ndarray:
        """Return (R, D) float32 unit vectors, zero where a row has none."""
        from xret.commands._measure import encode_items
        from xret.commands._needs import NOTHING
        from xret.commands._sources import source

        encoder = self._encoder(modality)
        found = source(self.cfg, self.manifest, modality, encoder, NOTHING, False)
        of_row = found.of_row.copy()
        of_row[list(found.broken)] = -1
        if found.broken:
            log.warning("%d rows have no %s that can be read", len(found.broken), modality)
        there = np.unique(of_row[of_row >= 0])
        encoded = encode_items(self.model, modality, found.given, there)
        rows = np.zeros((len(of_row), encoded.shape[1]), np.float32)
        rows[of_row >= 0] = encoded[np.searchsorted(there, of_row[of_row >= 0])]
        return rows

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return (N, D) float32 unit vectors of texts."""
        collate = self._encoder("text").collate
        parts = []
        for begin in range(0, len(texts), _BATCH):
            inputs = collate(list(texts[begin : begin + _BATCH]))
            on_device = {name: tensor.to(device_of(self.cfg.device)) for name, tensor in inputs.items()}
            parts.append(self.model.encode("text", on_device).vector.float().cpu().numpy())
        return np.concatenate(parts)

    def _encoder(self, modality: str) -> Any:  # noqa: ANN401 - an encoder
        if modality not in self.model.modalities:
            where = self.cfg.run or "encoder"
            raise UserError(f"{where} must encode {modality}, it encodes {', '.join(self.model.modalities)}")
        return self.model.encoders[modality]


def _writer(name: str, device: str) -> tuple[Any, Any]:
    """Return a model that writes text, seq2seq or causal, and its tokeniser."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM

    from xret.encoder.pretrained import UNREADABLE, load_model, load_tokenizer
    from xret.encoder.weights import reach_hub, resolve, unavailable

    source: Any = resolve(name)
    if isinstance(source, str):
        reach_hub(source)
    try:
        config: Any = AutoConfig.from_pretrained(source)
    except UNREADABLE as error:
        raise unavailable(name, error) from error
    kind: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    network: Any = load_model(kind, name)
    return network.eval().to(device_of(device)), load_tokenizer(name)
