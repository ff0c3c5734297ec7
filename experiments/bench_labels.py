"""How good are labels by words and by neighbours, against the true folders of Tux Paint, and what do they replace?

`python experiments/bench_labels.py RUN`, with RUN the folder of `python -m xret train data=tuxpaint`. It prints how
many rows each source labels, how many of these rightly, and how far the two agree; then, with hand labels for 40 % of
the training groups only, how well the rows of test are told by their neighbours: by all hand labels, by those 40 %, and
by those 40 % with what the sources add. The last is the claim that weak labels keep 80 % of the effect of hand labels
at 40 % of the cost. It ends with 1 where it is missed.
"""

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import mean

import numpy as np
from hydra import compose, initialize_config_dir

from xret.commands._labelled import choose
from xret.commands._labelling import rows_of
from xret.commands._launch import shipped
from xret.data.manifest import Row
from xret.data.tuxpaint import TuxPaint
from xret.label import Label, Rows
from xret.label.agreement import agreement
from xret.label.lexicon import SHIPPED, Lexicon
from xret.label.neighbours import Neighbours

NAME = "category"
SEEDS = range(10)
HAND = 0.4  # of the training groups have a label by hand
WANTED = 0.8  # of the effect of hand labels
FOLDERS = {"buildings": "town", "music": "hobbies", "weather": "naturalforces", "holidays": "seasonal"}


def main(run: str) -> int:
    """Return the exit code."""
    with initialize_config_dir(str(shipped("conf")), version_base="1.3"):
        cfg = compose("label", ["data=tuxpaint", f"run={run}"])
    manifest = TuxPaint().load()
    rows = rows_of(cfg, manifest)
    truth = list(rows.known[NAME])
    with tempfile.TemporaryDirectory() as folder:
        lexicon = Lexicon({NAME: str(_list(Path(folder)))})
    said = {"lexicon": lexicon(rows, {NAME: sorted(set(truth))})[NAME]}
    said["neighbours"] = Neighbours()(rows, {NAME: None})[NAME]  # of the training rows, without the group of each
    for source, labels in said.items():
        print(f"{source:<11} {_worth(labels, truth)}")
    both = agreement(*([label.value for label in labels] for labels in said.values()))
    print(f"both label {both.rows} rows: {both.equal:.1%} equal, kappa {both.kappa:.2f}")
    kept = [_kept(rows, manifest.rows, truth, said["lexicon"], seed) for seed in SEEDS]
    for number, name in enumerate(("most frequent label", "all hand labels", f"{HAND:.0%} of them", "with weak ones")):
        print(f"{name:<20} {mean(one[number] for one in kept):.1%} of test told rightly, {len(SEEDS)} seeds")
    share = [mean(one[number] for one in kept) for number in range(4)]
    effect = (share[3] - share[0]) / (share[1] - share[0])
    alone = (share[2] - share[0]) / (share[1] - share[0])
    print(f"share of the effect: {effect:.0%} with weak labels, {alone:.0%} without; wanted {WANTED:.0%}")
    print(f"weak labels of training rows that are right: {mean(one[4] for one in kept):.1%}")
    return int(effect < WANTED)


def _list(folder: Path) -> Path:
    """Return the shipped list under the names of Tux Paint's folders."""
    lines = (SHIPPED / f"{NAME}.txt").read_text().splitlines()
    path = folder / f"{NAME}.txt"
    named = [line.partition(":") for line in lines if not line.startswith("#")]
    path.write_text("\n".join(f"{FOLDERS.get(label, label)}:{words}" for label, _, words in named))
    return path


def _worth(labels: Sequence[Label], truth: Sequence[str]) -> str:
    pairs = [(label, true) for label, true in zip(labels, truth, strict=True) if label.value]
    right = mean(label.value == true for label, true in pairs)
    sure = [label.value == true for label, true in pairs if label.confidence >= 0.8]
    return (
        f"labels {len(pairs)} of {len(truth)} ({len(pairs) / len(truth):.1%}), {right:.1%} rightly; "
        f"confidence of 0.8 or more: {len(sure)}, {mean(sure):.1%} rightly"
    )


def _kept(
    rows: Rows, manifest: Sequence[Row], truth: Sequence[str], words: Sequence[Label], seed: int
) -> tuple[float, ...]:
    """Return the shares told rightly: test by the most frequent label, all, some, some and weak ones; weak ones."""
    rng = np.random.default_rng(seed)
    training = sorted({row.group for row in manifest if row.split == "train"})
    hand = set(rng.permutation(training)[: round(HAND * len(training))].tolist())
    everything = [true if row.split == "train" else "" for row, true in zip(manifest, truth, strict=True)]
    some = [true if row.group in hand else "" for row, true in zip(manifest, everything, strict=True)]
    bare = [replace(row, attributes={NAME: label}) for row, label in zip(manifest, some, strict=True)]
    near = Neighbours()(replace(rows, known={NAME: some}), {NAME: None})[NAME]
    given = choose(bare, {"lexicon": {NAME: words}, "neighbours": {NAME: near}}, 0.0, False)[NAME]
    weak = [one.label if one and row.split == "train" else "" for one, row in zip(given, manifest, strict=True)]
    right = mean(label == true for label, true in zip(weak, truth, strict=True) if label)
    most = Counter(label for label in everything if label).most_common(1)[0][0]
    added = [a or b for a, b in zip(some, weak, strict=True)]
    told = [_told(rows, manifest, truth, known) for known in (everything, some, added)]
    return (mean(t == most for row, t in zip(manifest, truth, strict=True) if row.split == "test"), *told, right)


def _told(rows: Rows, manifest: Sequence[Row], truth: Sequence[str], known: Sequence[str]) -> float:
    """Return the share of test rows that their neighbours among the training rows with a label tell rightly."""
    found = Neighbours()(replace(rows, known={NAME: known}), {NAME: None})[NAME]
    test = [i for i, row in enumerate(manifest) if row.split == "test"]
    return mean(found[i].value == truth[i] for i in test)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
