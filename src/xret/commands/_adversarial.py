"""Adversarial training as a config states it: what is attacked, and where."""

import logging

from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._assembly import Prepared, build
from xret.data.providers import Stored
from xret.model.adversarial import Adversarial
from xret.model.dual_encoder import DualEncoder
from xret.model.retrieval import Retrieval

log = logging.getLogger(__name__)

SPACES = ("auto", "input")


def adversarial(cfg: DictConfig, model: DualEncoder, prepared: Prepared, retrieval: Retrieval) -> Adversarial:
    """Return the objective, and say in the log what is attacked.

    Args:
        cfg: of the run, with ``adversarial`` switched on.
        model: whose inputs are attacked.
        prepared: the data.
        retrieval: whose loss the attack raises.

    Raises:
        UserError: a modality is not one of the model's, or an argument is out of its range.
    """
    settings = cfg.adversarial
    if settings.space not in SPACES:
        raise UserError(f"adversarial.space must be one of {', '.join(SPACES)}, got {settings.space}")
    check_modalities("adversarial.modalities", settings.modalities, model)
    attack = build(settings.attack, "adversarial.attack")
    objective = Adversarial(retrieval.criterion, attack, tuple(settings.modalities), settings.weight, settings.share)
    for modality in settings.modalities:
        log.info("adversarial: %s attacks %s", attack.name, _place(modality, prepared, attack))
    return objective


def check_modalities(key: str, modalities: object, model: DualEncoder) -> None:
    """Raise UserError unless ``modalities`` is a list of the model's."""
    known = list(model.encoders)
    if isinstance(modalities, str) or not modalities or set(modalities) - set(known):  # type: ignore[call-overload]
        raise UserError(f"{key} must be a list out of [{', '.join(known)}], got {modalities}")


def _place(modality: str, prepared: Prepared, attack: object) -> str:
    """Return what an attack moves, and how far."""
    relative = f"by {attack.epsilon_relative:g} of their length"  # type: ignore[attr-defined]
    if isinstance(prepared.training[modality], Stored):
        return (
            f"the stored vectors of the frozen {modality} encoder, {relative}; adversarial.space=input attacks what it "
            "reads, without its cache"
        )
    if modality == "image":
        return f"pixels of image, by {attack.epsilon:g}"  # type: ignore[attr-defined]
    return f"word embeddings of {modality}, {relative}"
