"""The work of ``xret clean`` on captions, pictures and labels: in several processes, in parts that survive a kill."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from xret.clean import Outcome
from xret.clean.apply import apply
from xret.data.manifest import Row, media_path
from xret.data.reading import BrokenMedia, read_whole
from xret.data.watching import watched

Steps = Mapping[str, Any]

_CAPTIONS, _PICTURES = 2000, 32  # of one part


class Cleaned(NamedTuple):
    """What became of a caption, a label or the reference of a picture.

    Attributes:
        after: None where it is to be left out.
        edits: step, before, after, reason, applied and evidence of each change.
    """

    after: str | None
    edits: tuple[tuple[str, str, str | None, str, bool, float], ...]


Accepted = frozenset[tuple[str, str, str | None]]


@dataclass(frozen=True)
class Job:
    """What a process needs to clean a part.

    Attributes:
        steps: name -> step.
        accepted: proposals that are confirmed: step, before, after.
        root: folder of the pictures.
        folder: where changed pictures go.
        drawn_px: longer side at which an SVG is drawn.
    """

    steps: Steps
    accepted: Accepted = frozenset()
    root: Path = Path()
    folder: Path = Path()
    drawn_px: int = 512


def captions(job: Job, texts: Sequence[str], parts: Path, workers: int) -> dict[str, Cleaned]:
    """Return text -> what became of it."""
    return _in_parts(_clean_captions, job, texts, _CAPTIONS, parts / "text", workers, "captions")


def pictures(job: Job, refs: Sequence[str], parts: Path, workers: int) -> dict[str, Cleaned]:
    """Return reference -> what became of the picture; changed ones are files in the folder of the job."""
    return _in_parts(_clean_pictures, job, refs, _PICTURES, parts / "image", workers, "pictures")


def labels(steps: Steps, rows: Sequence[Row], attribute: str, accepted: Accepted) -> dict[str, Cleaned]:
    """Return value -> what became of it, for one attribute; the steps learn from the training rows."""
    own = deepcopy(dict(steps))
    seen = [row.attributes[attribute] for row in rows if row.split == "train" and row.attributes.get(attribute)]
    for name, step in own.items():
        if hasattr(step, "fit"):
            earlier = _before(own, name)
            made = {value: apply(earlier, value)[0] for value in dict.fromkeys(seen)}
            step.fit((attribute, after) for value in seen if (after := made[value]) is not None)
    values = dict.fromkeys(row.attributes[attribute] for row in rows if row.attributes.get(attribute))
    return {value: _cleaned(own, value, accepted) for value in values}


def learn_captions(steps: Steps, rows: Iterable[Row], source: str) -> None:
    """Let the steps on captions learn from training rows, each from what the steps before it leave."""
    if not any(hasattr(step, "fit") for step in steps.values()):
        return
    pairs = {(row.attributes.get(source, ""), row.inputs["text"]) for row in rows if "text" in row.inputs}
    values: list[tuple[str, str]] = sorted(pairs)
    for name, step in steps.items():
        if hasattr(step, "fit"):
            step.fit(values)
        cleaned = ((where, apply({name: step}, value)[0]) for where, value in values)
        values = [(where, value) for where, value in cleaned if value is not None]


def learn_pictures(steps: Steps, rows: Iterable[Row], source: str, most: int, job: Job) -> None:
    """Let the steps on pictures learn from training rows, from at most so many pictures of each source."""
    of_source: dict[str, dict[str, None]] = {}
    for row in rows:
        if "image" in row.inputs:
            of_source.setdefault(row.attributes.get(source, ""), {})[row.inputs["image"]] = None
    for name, step in steps.items():
        if hasattr(step, "fit"):
            earlier = _before(steps, name)
            step.fit(_some(of_source, most, earlier, job))


def _some(of_source: Mapping[str, Iterable[str]], most: int, steps: Steps, job: Job) -> Iterator[tuple[str, Any]]:
    """Yield (source, picture behind some steps); which ones does not depend on their order."""
    for where, refs in of_source.items():
        for ref in sorted(refs, key=lambda ref: hashlib.sha256(ref.encode()).digest())[:most]:
            try:
                picture, _ = apply(steps, _read(job, ref))
            except BrokenMedia:
                continue
            if picture is not None:
                yield where, picture


def _before(steps: Steps, name: str) -> dict[str, Any]:
    names = list(steps)
    return {n: steps[n] for n in names[: names.index(name)]}


def _cleaned(steps: Steps, value: str, accepted: Accepted) -> Cleaned:
    after, edits = apply(steps, value, accepted)
    return Cleaned(after, tuple((e.step, e.before, e.after, e.reason, e.applied, e.evidence) for e in edits))


def _in_parts(
    work: Callable[[Job, Sequence[str]], list[Cleaned]],
    job: Job,
    values: Sequence[str],
    size: int,
    parts: Path,
    workers: int,
    what: str,
) -> dict[str, Cleaned]:
    """Do the work in parts; a part that was done before a kill is read instead."""
    slices = [values[i : i + size] for i in range(0, len(values), size)]
    found: dict[str, Cleaned] = {}
    missing: list[int] = []
    for number, part in enumerate(slices):
        kept = _kept(parts / f"{number}.json")
        if kept is None:
            missing.append(number)
        else:
            found.update(zip(part, kept, strict=True))
    done = _done(work, job, [slices[n] for n in missing], workers)
    for number, cleaned in watched(done, len(values) - len(found), what, lambda part: len(part[1])):
        _keep(parts / f"{missing[number]}.json", cleaned)
        found.update(zip(slices[missing[number]], cleaned, strict=True))
    return {value: found[value] for value in values}


def _done(
    work: Callable[[Job, Sequence[str]], list[Cleaned]], job: Job, slices: Sequence[Sequence[str]], workers: int
) -> Iterator[tuple[int, list[Cleaned]]]:
    if not workers or len(slices) < 2:
        yield from ((number, work(job, part)) for number, part in enumerate(slices))
        return
    context = get_context("spawn")  # threads of OpenCV and others do not survive a fork
    with ProcessPoolExecutor(min(workers, len(slices)), context, _begin, (work, job)) as pool:
        try:
            yield from enumerate(pool.map(_one, slices))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


_task: tuple[Callable[[Job, Sequence[str]], list[Cleaned]], Job]  # of this process, which does nothing else


def _begin(work: Callable[[Job, Sequence[str]], list[Cleaned]], job: Job) -> None:
    import signal

    global _task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all processes; the first one tells the others
    _task = work, job


def _one(part: Sequence[str]) -> list[Cleaned]:
    work, job = _task
    return work(job, part)


def _clean_captions(job: Job, texts: Sequence[str]) -> list[Cleaned]:
    return [_cleaned(job.steps, text, job.accepted) for text in texts]


def _clean_pictures(job: Job, refs: Sequence[str]) -> list[Cleaned]:
    return [_clean_picture(job, ref) for ref in refs]


def _clean_picture(job: Job, ref: str) -> Cleaned:
    try:
        picture = _read(job, ref)
    except BrokenMedia as error:
        return Cleaned(None, (("read", ref, None, str(error), True, 1.0),))
    confirmed = {step for step, before, _ in job.accepted if before == ref}
    steps = {n: _applied(step) if n in confirmed else step for n, step in job.steps.items()}
    after, edits = apply(steps, picture)
    target: str | None = ref
    if after is None:
        target = None
    elif any(edit.applied for edit in edits):
        target = _save(after, job.folder, "images", ref)
    told = []
    for edit in edits:
        shown = target if edit.applied else None if edit.after is None else ref
        if not edit.applied and edit.after is not None and edit.after is not edit.before:
            shown = _save(edit.after, job.folder, "proposals", f"{ref}#{edit.step}")
        out = edit.applied and edit.after is None
        told.append((edit.step, ref, None if out else shown, edit.reason, edit.applied, edit.evidence))
    return Cleaned(target, tuple(told))


def _applied(step: Any) -> Callable[[Any], Outcome[Any]]:  # noqa: ANN401 - any step
    """Return a step whose proposals count."""
    return lambda picture: replace(step(picture), applied=True)


def _read(job: Job, ref: str) -> Image.Image:
    _, _, layer = ref.partition("#")
    return read_whole(media_path(job.root, ref), layer, job.drawn_px)


def _save(picture: Image.Image, folder: Path, below: str, ref: str) -> str:
    """Write a picture and return its reference; the name says what it was made from."""
    path = Path(ref.partition("#")[0])
    photograph = path.suffix.lower() in (".jpg", ".jpeg") and picture.mode == "RGB"
    stem = re.sub(r"[^\w.-]+", "_", path.stem)[:60]
    name = f"{stem}-{hashlib.sha256(ref.encode()).hexdigest()[:10]}{'.jpg' if photograph else '.png'}"
    target = folder / below / name
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{name}")
    if photograph:
        picture.save(part, "JPEG", quality=95, subsampling=0)
    else:
        picture.save(part, "PNG")
    part.replace(target)
    return f"{below}/{name}"


def _keep(path: Path, done: Sequence[Cleaned]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(done))
    part.replace(path)


def _kept(path: Path) -> list[Cleaned] | None:
    if not path.is_file():
        return None
    return [Cleaned(after, tuple(tuple(edit) for edit in edits)) for after, edits in json.loads(path.read_text())]
