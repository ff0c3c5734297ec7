"""Settings of runs: which runs differ in the seed alone, and what to call those that differ in more."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from xret.run.runs import Run

_NO_SETTINGS = {
    *("seed", "variant", "resume", "existing", "trial", "parent_run", "tracker", "cache", "trust", "test"),
    *(
        "targets",
        "objective",
        "details",
        "batch.workers",
        "batch.keep_pictures",
        "trainer.enable_progress_bar",
        "trainer.log_every_n_steps",
    ),
}
_TARGET = "._target_"
_ABSENT = object()
_Key = tuple[str | None, str]  # label and settings


@dataclass(frozen=True)
class Setting:
    """Runs that differ in their seed alone.

    Attributes:
        name: in the words of the command line.
        runs: one per seed, by seed.
    """

    name: str
    runs: list[Run]

    @property
    def seeds(self) -> list[int]:
        """The seeds of the runs."""
        return [run.seed for run in self.runs]


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Return the settings of a config as dotted keys, without what does not change a result."""
    found: dict[str, object] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if name in _NO_SETTINGS:
            continue
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}.")
        else:
            found[name] = value
    return found


def group(runs: Sequence[Run]) -> tuple[list[Setting], list[str]]:
    """Group runs that differ in the seed alone, or in paths that name it, and name each group by what sets it apart.

    Args:
        runs: in any order.

    Returns:
        The settings in the order of their first runs, and a line on each run that is left out because a newer one has
        the same setting and seed.
    """
    groups: dict[_Key, dict[int, Run]] = {}
    notes = []
    for run in runs:
        label = run.config.get("variant")
        seeds = groups.setdefault((label, json.dumps(flat(run.config), sort_keys=True, default=str)), {})
        if run.seed in seeds:
            older, newer = sorted((seeds[run.seed], run), key=lambda r: r.finished)
            notes.append(f"{older.path} is left out: {newer.path} is newer, of the same setting and seed")
            run = newer
        seeds[run.seed] = run
    groups = _merged(groups)
    members = [[seeds[seed] for seed in sorted(seeds)] for seeds in groups.values()]
    names = name_all([flat(m[0].config) for m in members], [label for label, _ in groups])
    return [Setting(name, found) for name, found in zip(names, members, strict=True)], notes


def _merged(groups: dict[_Key, dict[int, Run]]) -> dict[_Key, dict[int, Run]]:
    """Put groups together that differ in paths that name the seed alone, as a teacher for each seed has."""
    merged: dict[_Key, dict[int, Run]] = {}
    for (label, settings), seeds in groups.items():
        following = {json.dumps(_following(run), sort_keys=True, default=str) for run in seeds.values()}
        into = merged.setdefault((label, following.pop() if len(following) == 1 else settings), {})
        if into.keys() & seeds.keys():  # two runs of one seed are two settings
            into = merged.setdefault((label, settings), {})
        into |= seeds
    return merged


def _following(run: Run) -> dict[str, object]:
    """Return the settings of a run with ``${seed}`` in place of its seed, where a path has it: ``teacher,seed=3``."""
    told = re.compile(rf"(?<=seed=){run.seed}(?!\d)")
    settings = flat(run.config).items()
    return {key: told.sub("${seed}", value) if isinstance(value, str) else value for key, value in settings}


def name_all(settings: Sequence[Mapping[str, object]], labels: Sequence[str | None]) -> list[str]:
    """Return a name for each of some flat settings: its label, else what differs, as one would type it.

    Args:
        settings: dotted key -> value, see `flat`; no two with equal labels are equal.
        labels: what a study calls them. Where several have the same, what differs stands behind it.
    """
    names = []
    for one, label in zip(settings, labels, strict=True):
        rivals = [other for other, theirs in zip(settings, labels, strict=True) if label is None or theirs == label]
        words = _differing(one, rivals)
        if label is None:
            names.append(words or "all runs")
        else:
            names.append(f"{label} ({words})" if words else label)
    return names


def _differing(one: Mapping[str, object], every: Sequence[Mapping[str, object]]) -> str:
    """Return ``loss=triplet loss.margin=0.3``: options that differ, then the keys that options do not tell."""
    keys = dict.fromkeys(key for settings in every for key in settings)
    components = [key.removesuffix(_TARGET) for key in keys if key.endswith(_TARGET)]
    options, values = [], []
    for key in keys:
        place = key.removesuffix(_TARGET)
        if place in components and place != key:
            if _varies(key, every):
                options.append(f"{place.replace('.', '/')}={_option(one.get(key))}")
        elif key in one and key not in components:
            inside = max((c for c in components if key.startswith(f"{c}.")), key=len, default=None)
            alike = [o for o in every if inside is None or o.get(inside + _TARGET) == one.get(inside + _TARGET)]
            if _varies(key, alike):
                values.append(f"{key}={_typed(one[key])}")
    return " ".join([*options, *values])


def _varies(key: str, settings: Sequence[Mapping[str, object]]) -> bool:
    first = settings[0].get(key, _ABSENT)
    return any(other.get(key, _ABSENT) != first for other in settings[1:])


def _option(target: object) -> str:
    """Return "triplet" for "xret.loss.triplet.Triplet", "adamw" for "torch.optim.AdamW", "none" for None."""
    if target is None:
        return "none"
    module, _, name = str(target).rpartition(".")
    return module.rpartition(".")[2] if module.startswith("xret.") else name.lower()


def _typed(value: object) -> str:
    if isinstance(value, bool | None):
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, float):
        return f"{value:.12g}"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)
