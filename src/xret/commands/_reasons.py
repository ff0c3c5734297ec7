"""One pair explained in full: heat, words, background, faithfulness, and the wrong answer beside the right one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._explaining import Explanation, Pair, check_explainable, coloured, explain_pair
from xret.commands._faithful import Settings, faithful
from xret.commands._ranked import Candidate, Standing, candidate, prepared_for, row_of, standing
from xret.commands._trained import Trained
from xret.data.faults import RowError, clean_text
from xret.data.manifest import media_path
from xret.data.reading import BrokenMedia, read_cover, read_image
from xret.explain.background import area_outside, by_border, share_outside
from xret.run.explanation import Line, Panel, draw

EVEN = 1.0
"""Heat as dense beside the subject as an even map would have it, or denser, is warned of.

On 40 validation drawings of OpenMoji the density is 0.54 in the median, 0.84 at the 95th percentile, 1.00 at most.
"""


@dataclass(frozen=True)
class Reasons:
    """What is written and printed.

    Attributes:
        facts: ``explanation.json``.
        picture: ``explanation.png``.
        summary: some lines.
    """

    facts: dict[str, Any]
    picture: bytes
    summary: str


def of_file(cfg: DictConfig, trained: Trained, method: Any) -> Reasons:  # noqa: ANN401 - a method
    """Explain a file and a query.

    Raises:
        UserError: the file is no picture that can be read, or the query no text.
    """
    encoder = check_explainable(trained.model)
    path = Path(cfg.image)
    try:
        text = clean_text(str(cfg.query))
        picture = read_image(path, "", encoder.image_px, encoder.fit)
    except BrokenMedia as error:
        raise UserError(f"cannot read {cfg.image}: {error}") from error
    except RowError as error:
        raise UserError(f"cannot use the query: {error}") from error
    found = explain_pair(trained.model, picture, text, method=method)
    background = _background(found, picture, path, "", encoder)
    facts = {"image": str(cfg.image), "query": text, **_facts(cfg, found, background)}
    facts |= _faithfulness(cfg, Pair(trained.model, picture, text), found, 0)
    panels = [_plain("picture", picture), _heated(f"cosine {found.score:.3f}", picture, found)]
    lines = [Line("what the score loses without the word", found.words)]
    return Reasons(facts, draw(text, panels, lines, _note(facts)), _summary(facts))


def of_row(cfg: DictConfig, trained: Trained, method: Any) -> Reasons:  # noqa: ANN401 - a method
    """Explain a row of the data, and why the best wrong answer is near, or before the right one.

    Raises:
        UserError: there is no such row.
    """
    model = trained.model
    encoder = check_explainable(model)
    prepared = prepared_for(cfg, trained)
    row = row_of(prepared, str(cfg.id))
    own, place = candidate(model, prepared, row), standing(model, prepared, row)
    found = explain_pair(model, own.picture, own.text, method=method, beside=own.beside)
    root = prepared.manifest.root
    background = _background(found, own.picture, media_path(root, own.ref), own.ref.partition("#")[2], encoder)
    facts: dict[str, Any] = {"id": own.id, "image": own.ref, "query": own.text, "split": place.split}
    facts |= {"rank": place.rank, "pictures": place.targets, **_facts(cfg, found, background)}
    facts |= _faithfulness(cfg, Pair(model, own.picture, own.text, beside=own.beside), found, row)
    panels = [_plain("picture", own.picture), _heated(f"right, cosine {found.score:.3f}", own.picture, found)]
    lines = [Line("what the score of the right picture loses without the word", found.words)]
    if place.rival is not None:
        rival = candidate(model, prepared, place.rival)
        contrast = _Contrast.of(model, own, found, rival, method)
        facts["rival"] = contrast.facts(place)
        panels += contrast.panels(place)
        lines.append(Line("what speaks for the wrong picture, less what speaks for the right one", contrast.pull()))
    title = f"{own.text}   (rank {place.rank} of {place.targets})"
    return Reasons(facts, draw(title, panels, lines, _note(facts)), _summary(facts))


@dataclass(frozen=True)
class _Contrast:
    """The right picture and the best wrong one, for the caption of the first."""

    own: Candidate
    found: Explanation
    rival: Candidate
    theirs: Explanation
    against: Explanation

    @classmethod
    def of(cls, model: Any, own: Candidate, found: Explanation, rival: Candidate, method: Any) -> "_Contrast":  # noqa: ANN401
        theirs = explain_pair(model, rival.picture, own.text, method=method, beside=rival.beside)
        against = explain_pair(model, own.picture, own.text, rival.text, method, own.beside)
        return cls(own, found, rival, theirs, against)

    def pull(self) -> list[tuple[str, float]]:
        """Return the words with their weight for the wrong picture less that for the right one."""
        return [(word, b - a) for (word, a), (_, b) in zip(self.found.words, self.theirs.words, strict=True)]

    def facts(self, place: Standing) -> dict[str, Any]:
        return {
            "id": self.rival.id,
            "image": self.rival.ref,
            "caption": self.rival.text,
            "score": self.theirs.score,
            "first": place.rank > 1,
            "lead": self.theirs.score - self.found.score,
            "words": _words(self.theirs.words),
            "pull": _words(self.pull()),
            "right_picture_prefers_its_caption_by": self.against.score,
        }

    def panels(self, place: Standing) -> list[Panel]:
        which = "ranked first" if place.rank > 1 else "best wrong answer"
        return [
            _heated(f"{which}, cosine {self.theirs.score:.3f}: {self.rival.text}", self.rival.picture, self.theirs),
            _heated(f"why this and not “{self.rival.text}”: {self.against.score:+.3f}", self.own.picture, self.against),
        ]


def _facts(cfg: DictConfig, found: Explanation, background: dict[str, Any] | None) -> dict[str, Any]:
    method = str(cfg.explain._target_).rpartition(".")[2]
    return {"method": method, "score": found.score, "words": _words(found.words), "background": background}


def _words(words: Sequence[tuple[str, float]]) -> list[dict[str, Any]]:
    return [{"word": word, "weight": weight} for word, weight in words]


def _faithfulness(cfg: DictConfig, pair: Pair, found: Explanation, seed: int) -> dict[str, Any]:
    settings = Settings("", 1, cfg.steps, cfg.randoms, cfg.away, cfg.seed)
    one = faithful(pair, torch.from_numpy(found.signed).to(pair.pixels.device), settings, seed)
    figures = {"deletion": one.deletion, "insertion": one.insertion, "chance": one.chance, "blank": one.blank}
    return {"faithfulness": {**figures, "better_than_random": one.deletion < one.chance}}


def _background(found: Explanation, picture: np.ndarray, path: Path, layer: str, encoder: Any) -> dict[str, Any] | None:  # noqa: ANN401
    """Return how much of the heat lies beside the subject, and what told the subject; None where nothing does."""
    try:
        cover = read_cover(path, layer, encoder.image_px, encoder.fit)
    except BrokenMedia:
        cover = None
    subject = by_border(torch.from_numpy(picture).float() / 255) if cover is None else torch.from_numpy(cover)
    if subject is None or not 0 < area_outside(subject) < 1:
        return None
    share, area = share_outside(torch.from_numpy(found.heat), subject), area_outside(subject)
    told = "border colour" if cover is None else "transparency"
    return {"share": share, "area": area, "told_by": told, "warning": share >= EVEN * area}


def _plain(title: str, picture: np.ndarray) -> Panel:
    return Panel(title, np.moveaxis(picture, 0, -1))


def _heated(title: str, picture: np.ndarray, found: Explanation) -> Panel:
    return Panel(title, coloured(picture, found.heat))


def _note(facts: dict[str, Any]) -> str:
    """Return the line on whether the map can be believed, and the warning of the background."""
    one = facts["faithfulness"]
    parts = [f"deletion {one['deletion']:.3f}, random maps {one['chance']:.3f}"]
    if not one["better_than_random"]:
        parts.append("this map is no better than a random one")
    if (background := facts["background"]) is not None:
        parts.append(f"{background['share']:.0%} of the heat on the background, which is {background['area']:.0%}")
        parts += ["the score leans on the background"] if background["warning"] else []
    return "; ".join(parts)


def _summary(facts: dict[str, Any]) -> str:
    """Return what is printed."""
    lines = [f"{facts['query']}: cosine {facts['score']:.3f}"]
    if "rank" in facts:
        lines[0] += f", rank {facts['rank']} of {facts['pictures']}"
    lines.append("words: " + ", ".join(f"{w['word']} {w['weight']:+.3f}" for w in facts["words"]))
    if (rival := facts.get("rival")) is not None:
        which = "ranked first" if rival["first"] else "best wrong answer"
        pulled = max(rival["pull"], key=lambda w: w["weight"], default=None)
        pull = "" if pulled is None else f"; most for it: {pulled['word']} {pulled['weight']:+.3f}"
        lines.append(f"{which}: {rival['id']} ({rival['caption']}), cosine {rival['score']:.3f}{pull}")
    lines.append(_note(facts))
    return "\n".join(lines)
