"""The end of a sweep: files, pictures, the winner, and a table on the screen."""

import csv
import json
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import optuna
from hydra.core.utils import JobReturn
from omegaconf import OmegaConf
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hydra_plugins.xret_sweeper._plots import draw
from hydra_plugins.xret_sweeper._record import Record
from hydra_plugins.xret_sweeper._trials import Trials, place, standing
from xret._errors import UserError

if TYPE_CHECKING:
    from hydra_plugins.xret_sweeper._sweep import Sweep

_TOP = 5
_SETTLE_S = 0.3  # two workers that claim the end at once see within this time who was second


def finish(sweep: "Sweep", trials: Trials, record: Record) -> None:
    """Write down what came out and run the winner, unless another worker is at it.

    Raises:
        UserError: no trial was completed.
    """
    study = trials.study
    ranked = _ranked(study)
    if not ranked:
        errors = [str(t.user_attrs["error"]) for t in study.get_trials(deepcopy=False) if "error" in t.user_attrs]
        raise UserError(f"no trial of {study.study_name} was completed{'; ' + errors[-1] if errors else ''}")
    folder = Path(str(sweep.config.hydra.sweep.dir))
    if not _claim(trials):
        print(f"{study.study_name}: another worker finishes the sweep in {folder}")
        return
    folder.mkdir(parents=True, exist_ok=True)
    files = [*_tables(study, ranked, folder, sweep), *draw(study, folder)]
    print(_summary(trials, ranked))
    winner = _winner(sweep, trials, ranked[0], record)
    record.finish(study, trials.counts(), files, winner)
    trials.heart.release("end")
    study.set_user_attr("end", {})
    print(f"{folder}: {', '.join(path.name for path in files)}")
    best = ranked[0]
    command = f"{_program(sweep)} {shlex.join([*sweep.fixed, *best.user_attrs.get('overrides', [])])}"
    print(f"trial {best.number} again:\n  {command}", flush=True)


def _program(sweep: "Sweep") -> str:
    """Return what stands before the overrides on the command line of one run."""
    script = Path(sys.argv[0].split()[0])
    ours = script.name == "xret" or script.parent.name == "xret"
    return f"python -m xret {sweep.config.hydra.job.name}" if ours else f"python {script}"


def _ranked(study: optuna.Study) -> list[FrozenTrial]:
    """Return the completed trials, best first; with several objectives the Pareto front, by the first of them."""
    if len(study.directions) > 1:
        trials = study.best_trials
    else:
        trials = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    sign = -1 if study.directions[0] is StudyDirection.MAXIMIZE else 1
    return sorted(trials, key=lambda t: (sign * t.values[0], t.number))


def _claim(trials: Trials) -> bool:
    """Become the one worker that ends the sweep; False if a living one is at it."""
    study, me = trials.study, {"host": place(), "pid": os.getpid()}
    owner = study.user_attrs.get("end") or {}
    if owner and {k: owner.get(k) for k in me} != me:
        first = owner.get("beat")
        while not trials.watch.dead("end", owner.get("host"), owner.get("pid"), owner.get("beat")):
            trials.wait()
            owner = study.user_attrs.get("end") or {}
            if owner.get("beat") != first:
                return False  # it lives, or is done
    trials.heart.hold("end", lambda: study.set_user_attr("end", {**me, "beat": time.time()}))
    time.sleep(_SETTLE_S)
    now = study.user_attrs.get("end") or {}
    if {k: now.get(k) for k in me} == me:
        return True
    trials.heart.release("end")
    return False


def _tables(study: optuna.Study, ranked: Sequence[FrozenTrial], folder: Path, sweep: "Sweep") -> list[Path]:
    best = ranked[0]
    content = {
        "study": study.study_name,
        "trial": best.number,
        "values": list(best.values),
        "overrides": [*sweep.fixed, *best.user_attrs.get("overrides", [])],
    }
    (folder / "best.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(content)))
    _write(folder / "trials.csv", study.get_trials(deepcopy=False), len(study.directions))
    if len(study.directions) == 1:
        return [folder / "best.yaml", folder / "trials.csv"]
    _write(folder / "pareto.csv", ranked, len(study.directions))
    return [folder / "best.yaml", folder / "trials.csv", folder / "pareto.csv"]


def _write(path: Path, trials: Sequence[FrozenTrial], objectives: int) -> None:
    params = list(dict.fromkeys(key for t in trials for key in t.params))
    values = ["value"] if objectives == 1 else [f"value_{i}" for i in range(objectives)]
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["number", "state", *values, "seconds", *params, "why"])
        for t in trials:
            why = next((t.user_attrs[k] for k in ("error", "lost", "surplus", "refused") if k in t.user_attrs), "")
            seconds = round(t.duration.total_seconds(), 2) if t.duration else ""
            row = [*(t.values or [""] * objectives), seconds, *(t.params.get(key, "") for key in params), why]
            writer.writerow([t.number, standing(t), *row])


def _summary(trials: Trials, ranked: Sequence[FrozenTrial]) -> str:
    """Return the best trials as a Markdown table, and how many ended in which way."""
    top = ranked[:_TOP]
    params = list(dict.fromkeys(key for t in top for key in t.params))
    head = ["trial", *(["value"] if len(top[0].values) == 1 else [f"value {i}" for i in range(len(top[0].values))])]
    rows = [head + params, ["---"] * (len(head) + len(params))]
    for t in top:
        cells = [t.params.get(key, "") for key in params]
        rows.append([str(t.number), *(f"{v:.4f}" for v in t.values), *(_short(c) for c in cells)])
    counts = trials.counts()
    ended = ", ".join(f"{counts[name]} {name}" for name in ("complete", "pruned", "failed", "lost"))
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"{trials.study.study_name}: {ended}\n{table}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _winner(sweep: "Sweep", trials: Trials, best: FrozenTrial, record: Record) -> dict[str, Any] | None:
    """Run the best setting once more, this time with the test split; once per best trial.

    Raises:
        Exception: what the run raised.
    """
    study = trials.study
    if not sweep.settings.winner or len(study.directions) > 1:
        return None
    stored: dict[str, Any] | None = study.user_attrs.get("winner")
    if stored and stored["trial"] == best.number:
        print(f"winner: trial {best.number}, {json.dumps(stored['value'])} in {stored['folder']}")
        return stored
    # a better trial of a longer sweep gets a folder beside that of the earlier winner
    name = "winner" if stored is None else f"winner-{best.number}"
    job = sweep.job(best.user_attrs["overrides"], name, record, test=True, existing="continue")
    job += ["folds=null"] if "folds" in sweep.config else []  # the test split is opened once, by one model
    print(f"winner: trial {best.number} once more, with the test split", flush=True)
    (result,) = sweep.launch([job], len(study.get_trials(deepcopy=False)))
    outcome = result._return_value if isinstance(result, JobReturn) else result
    if isinstance(outcome, Exception):
        raise outcome
    folder = str(Path(str(sweep.config.hydra.sweep.dir)) / name)
    winner = {"trial": best.number, "value": outcome, "folder": folder}
    study.set_user_attr("winner", winner)
    return winner
