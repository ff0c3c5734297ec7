"""How good are labels by words and by neighbours, against the true folders of Tux Paint, and what do they replace?

`python experiments/bench_labels.py RUN`, with RUN the folder of `python -m xret train data=tuxpaint`. It prints how
many rows each source labels, how many of these rightly in each split, and how far the two agree. A run has read the
captions of its training rows, so the split test says what neighbours are worth for new pictures.

Then: how well are pictures of test told by a ridge classifier on the vectors of an encoder that was not trained on
them, by all training labels, by those of some groups only, and by these with what words and neighbours add? The claim
is that weak labels keep 80 % of the effect of hand labels at 40 % of the cost. It ends with 1 where it is missed.
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
from xret.data.manifest import Manifest, Row
from xret.data.tuxpaint import TuxPaint
from xret.label import Label, Rows
from xret.label.agreement import agreement
from xret.label.lexicon import SHIPPED, Lexicon
from xret.label.neighbours import Neighbours

NAME = "category"
SEEDS = range(10)
LEAST = 0.5  # confidence below which a label is not taken: min_confidence of the command
HANDS = (0.0, 0.05, 0.1, 0.2, 0.4)  # share of the training groups that have a label by hand
WANTED = 0.8  # of the effect of hand labels, with 40 % of them
PENALTY = 0.1  # of the ridge; vectors have length 1
FOLDERS = {"buildings": "town", "music": "hobbies", "weather": "naturalforces", "holidays": "seasonal"}


def main(run: str) -> int:
    """Return the exit code."""
    manifest = TuxPaint().load()
    rows = _rows(manifest, f"run={run}")
    truth = list(rows.known[NAME])
    with tempfile.TemporaryDirectory() as folder:
        lexicon = Lexicon({NAME: str(_list(Path(folder)))})
    words = lexicon(rows, {NAME: sorted(set(truth))})[NAME]
    plain = _rows(manifest, "encoder=light", "encoder/projection=identity")
    said = {"words": words}
    for name, given in (("neighbours", rows), ("neighbours, untrained", plain)):
        said[name] = Neighbours()(given, {NAME: None})[NAME]  # of the training rows, without the group of each
    for source, labels in said.items():
        print(f"{source:<22} {_worth(manifest.rows, labels, truth)}")
    both = agreement(*([label.value for label in said[source]] for source in ("words", "neighbours")))
    print(f"words and neighbours: {both.equal:.1%} equal on {both.rows} rows, kappa {both.kappa:.2f}\n")
    return int(_effect(plain, manifest.rows, truth, words) < WANTED)


def _rows(manifest: Manifest, *overrides: str) -> Rows:
    with initialize_config_dir(str(shipped("conf")), version_base="1.3"):
        return rows_of(compose("label", ["data=tuxpaint", *overrides]), manifest)


def _effect(rows: Rows, manifest: Sequence[Row], truth: Sequence[str], words: Sequence[Label]) -> float:
    """Print what shares of hand labels are worth, alone and with weak ones; return the share of effect at 40 %."""
    everything = [true if row.split == "train" else "" for row, true in zip(manifest, truth, strict=True)]
    most = Counter(label for label in everything if label).most_common(1)[0][0]
    floor = mean(true == most for row, true in zip(manifest, truth, strict=True) if row.split == "test")
    whole = _told(rows, manifest, truth, everything)
    print(f"test told rightly by the most frequent label {floor:.1%}, by all hand labels {whole:.1%}")
    effect = 0.0
    for hand in HANDS:
        kept = [_kept(rows, manifest, truth, words, hand, seed) for seed in SEEDS]
        alone, added, right = (mean(one[number] for one in kept) for number in range(3))
        effect = (added - floor) / (whole - floor)
        print(
            f"hand labels {hand:>4.0%}: alone {alone:.1%} ({(alone - floor) / (whole - floor):.0%} of the effect), "
            f"with weak ones {added:.1%} ({effect:.0%}); {right:.1%} of the weak ones are right"
        )
    return effect


def _list(folder: Path) -> Path:
    """Return the shipped list under the names of Tux Paint's folders."""
    lines = (SHIPPED / f"{NAME}.txt").read_text().splitlines()
    path = folder / f"{NAME}.txt"
    named = [line.partition(":") for line in lines if not line.startswith("#")]
    path.write_text("\n".join(f"{FOLDERS.get(label, label)}:{words}" for label, _, words in named))
    return path


def _worth(manifest: Sequence[Row], labels: Sequence[Label], truth: Sequence[str]) -> str:
    told = []
    for split in ("train", "val", "test"):
        here = [i for i, row in enumerate(manifest) if row.split == split]
        right = [labels[i].value == truth[i] for i in here if labels[i].value]
        told.append(f"{split}: labels {len(right) / len(here):.1%}, {mean(right):.1%} rightly")
    sure = [label.value == true for label, true in zip(labels, truth, strict=True) if label.confidence >= 0.8]
    return f"{'; '.join(told)}; {mean(sure):.1%} of {len(sure)} with a confidence of 0.8 or more"


def _kept(
    rows: Rows, manifest: Sequence[Row], truth: Sequence[str], words: Sequence[Label], hand: float, seed: int
) -> tuple[float, float, float]:
    """Return the shares told rightly: test by some hand labels, test by these with weak ones, and of the weak ones."""
    training = sorted({row.group for row in manifest if row.split == "train"})
    chosen = set(np.random.default_rng(seed).permutation(training)[: round(hand * len(training))].tolist())
    some = [true if row.group in chosen else "" for row, true in zip(manifest, truth, strict=True)]
    bare = [replace(row, attributes={NAME: label}) for row, label in zip(manifest, some, strict=True)]
    found = {"words": {NAME: words}}
    if chosen:
        found["neighbours"] = {NAME: Neighbours()(replace(rows, known={NAME: some}), {NAME: None})[NAME]}
    given = choose(bare, found, LEAST, False)[NAME]
    weak = [one.label if one and row.split == "train" else "" for one, row in zip(given, manifest, strict=True)]
    right = mean(label == true for label, true in zip(weak, truth, strict=True) if label)
    added = [a or b for a, b in zip(some, weak, strict=True)]
    return _told(rows, manifest, truth, some), _told(rows, manifest, truth, added), right


def _told(rows: Rows, manifest: Sequence[Row], truth: Sequence[str], known: Sequence[str]) -> float:
    """Return the share of test rows that a ridge classifier of the labelled rows tells rightly."""
    assert rows.vectors is not None
    vectors = rows.vectors("image").astype(np.float64)
    there = [i for i, label in enumerate(known) if label and vectors[i].any()]
    test = [i for i, row in enumerate(manifest) if row.split == "test"]
    if not there:
        return mean(truth[i] == max(set(truth), key=truth.count) for i in test)
    names = sorted({known[i] for i in there})
    wanted = np.array([[known[i] == name for name in names] for i in there], dtype=np.float64)
    kernel = vectors[there] @ vectors[there].T + PENALTY * np.eye(len(there))
    scores = vectors[test] @ vectors[there].T @ np.linalg.solve(kernel, wanted)
    told = [names[best] == truth[i] for best, i in zip(scores.argmax(axis=1).tolist(), test, strict=True)]
    return float(mean(told))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
