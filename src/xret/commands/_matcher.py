"""The matcher of a model: its scorer from the config, the widths it reads, and where it begins."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from xret._errors import UserError
from xret.data.providers import Stored

log = logging.getLogger(__name__)

USE = ("weight", "negatives", "temperature", "pairs", "lr", "rerank_k", "share", "report")
"""Keys of a fusion option that say how its scorer is trained and used; the others build it."""


def is_on(cfg: DictConfig) -> bool:
    """Tell whether there is a second stage."""
    return "_target_" in cfg.fusion


def scorer(cfg: DictConfig) -> dict[str, Any]:
    """Return the part of ``fusion`` that builds the scorer.

    Raises:
        UserError: ``rerank_k``, ``share``, ``report`` or ``lr`` is outside what it may be.
    """
    if cfg.fusion.rerank_k < 2:
        raise UserError(f"fusion.rerank_k must be at least 2, one has no order, got {cfg.fusion.rerank_k}")
    if cfg.fusion.share is not None and not 0 <= cfg.fusion.share <= 1:
        raise UserError(f"fusion.share must be in [0, 1], or null to choose it on val, got {cfg.fusion.share}")
    if cfg.fusion.report not in ("first", "reranked"):
        raise UserError(f"fusion.report must be first or reranked, got {cfg.fusion.report}")
    if not cfg.fusion.lr > 0:
        raise UserError(f"fusion.lr must be positive, got {cfg.fusion.lr}")
    return {name: value for name, value in cfg.fusion.items() if name not in USE}


@torch.no_grad()
def token_width(encoder: Any) -> int:  # noqa: ANN401 - an encoder
    """Return the width of an encoder's tokens, found with one empty text or black picture.

    Raises:
        UserError: it gives none.
    """
    px = getattr(encoder, "image_px", 0)
    empty = [""] if encoder.modality == "text" else [np.zeros((3, px, px), np.uint8)]
    training = encoder.training
    encoder.eval()
    tokens = encoder(encoder.collate(empty)).tokens
    encoder.train(training)
    if tokens is None:
        raise UserError(f"fusion needs tokens, and the {encoder.modality} encoder gives none; choose another")
    return int(tokens.shape[-1])


def begin_readers(start: Any, matcher: Any, sequences: Mapping[str, object], rows: Mapping[str, np.ndarray]) -> bool:  # noqa: ANN401
    """Let a matcher read tokens as the closed form maps their means, so that a word and its region lie together.

    Where tokens are not stored, or the closed form does not exist for this width, it begins at random, the log says so,
    and False is returned.

    Args:
        start: of `xret.start`.
        matcher: of `xret.fusion`.
        sequences: modality -> what gives its tokens.
        rows: modality -> (R,) the item of each training row.
    """
    found = {m: p for m, p in sequences.items() if isinstance(p, Stored) and m in matcher.readers}
    if set(found) != set(matcher.readers):
        log.info("start: the matcher begins at random; tokens of encoders that train are not stored")
        return False
    pairs = {m: mean_tokens(p)[rows[m]] for m, p in found.items()}
    width = next(iter(matcher.readers.values())).linear.out_features
    try:
        maps = start(pairs, width)
    except ValueError as error:
        log.info("start: the matcher begins at random: %s", error)
        return False
    for modality, affine in maps.items():
        matcher.readers[modality].begin(*(torch.from_numpy(part) for part in affine))
    return True


def mean_tokens(stored: Stored, step: int = 128) -> np.ndarray:
    """Return the mean of the tokens that count of all items, (N, C) float32."""
    tokens = stored.array if stored.tokens is None else stored.tokens
    means = np.zeros((len(tokens), tokens.shape[2]), np.float32)
    for begin in range(0, len(tokens), step):
        part = np.asarray(tokens[begin : begin + step], np.float32)
        mask = np.ones(part.shape[:2], bool) if stored.mask is None else stored.mask[begin : begin + step]
        means[begin : begin + step] = (part * mask[..., None]).sum(1) / mask.sum(1, keepdims=True).clip(1)
    return means
