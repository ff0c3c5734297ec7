"""Any two switches work together: a few runs of one step in which every pair of options meets."""

import itertools
import json
import logging
from pathlib import Path

import pytest
from PIL import Image

from xret.commands._launch import launch, shipped
from xret.commands._needs import APART

pytestmark = pytest.mark.slow

GROUPS = (
    "fusion",
    "hubness",
    "items",
    "adversarial",
    "adaptation",
    "augmentation",
    "distillation",
    "noise",
    "robust",
    "loss",
    "miner",
)
KEYS = {"bank.size": ("0", "24"), "chunk": ("null", "4"), "start": ("cca", "none")}
WORDNET = Path("/usr/share/wordnet")
SMALL = (
    "data=table",
    "encoder=scratch",
    "encoder.projection.dim=32",
    "tracker=none",
    "details=false",
    "batch.size=16",
    "batch.workers=0",
    "trainer.max_steps=1",
    "trainer.accelerator=cpu",
)
FROZEN = ("encoder.text.train=head", "encoder.image.train=head")  # stored features, which start=cca needs


def options():
    found = {group: tuple(sorted(p.stem for p in (shipped("conf") / group).glob("*.yaml"))) for group in GROUPS}
    return found | KEYS


def go_together(a, x, b, y):
    """Tell whether two options may meet."""
    apart = a in APART.get(b, {}) or b in APART.get(a, {})
    return not apart or "none" in (x, y)


def pairs(run):
    return set(itertools.combinations(sorted(run.items()), 2))


def covering(switches):
    """Return runs, option by switch, such that any two options of two switches meet in one; greedily, few of them."""
    names = sorted(switches, key=lambda name: -len(switches[name]))
    wanted = {
        frozenset([(a, x), (b, y)])
        for a, b in itertools.combinations(names, 2)
        for x in switches[a]
        for y in switches[b]
        if go_together(a, x, b, y)
    }
    runs = []
    while wanted:
        run = dict(sorted(min(wanted, key=sorted)))  # begin with a pair that is missing, then add what covers most
        for name in names:
            if name not in run:
                able = [x for x in switches[name] if all(go_together(name, x, b, y) for b, y in run.items())]
                gain = {x: sum(frozenset([(name, x), other]) in wanted for other in run.items()) for x in able}
                run[name] = max(able, key=lambda x: gain[x])
        wanted -= {frozenset(pair) for pair in itertools.combinations(run.items(), 2)}
        runs.append(run)
    return runs


RUNS = covering(options())


def test_the_runs_cover_every_pair_of_options():
    met = set().union(*map(pairs, RUNS))
    switches = sorted(options().items())
    for (a, xs), (b, ys) in itertools.combinations(switches, 2):
        assert {((a, x), (b, y)) for x in xs for y in ys if go_together(a, x, b, y)} <= met
    assert min(len(options()[group]) for group in GROUPS) >= 2
    assert len(RUNS) < 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with two tables of the same things in two domains, and a finished run on the first."""
    top = tmp_path_factory.mktemp("switches")
    levels = list(itertools.product((0, 80, 160, 240), repeat=3))
    for name, mode in (("source", "RGB"), ("target", "L")):
        lines = ["id,image,text,split,name"]
        for i, colour in enumerate(levels):
            Image.new("RGB", (32, 32), colour).convert(mode).save(top / f"{name}{i}.png")
            split = "val" if i % 6 == 0 else "test" if i % 6 == 1 else "train"
            text = f"red {colour[0]} green {colour[1]} blue {colour[2]}"
            lines.append(f"{i},{name}{i}.png,{text},{split},{'' if i % 5 == 0 else f'sum {sum(colour)}'}")
        (top / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return top


@pytest.fixture(autouse=True)
def elsewhere(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XRET_CACHE", str(folder / "cache"))
    root = logging.getLogger()
    handlers = list(root.handlers)
    yield
    for handler in [h for h in root.handlers if h not in handlers]:
        handler.close()
    root.handlers = handlers


def train(arguments, capfd):
    try:
        code = launch("train", list(arguments))
    except SystemExit as stop:
        code = stop.code
    assert code in {0, None}, capfd.readouterr().err


@pytest.mark.parametrize("run", RUNS, ids=lambda run: "-".join(v for v in run.values() if v not in {"none", "null"}))
def test_a_step_with(run, folder, capfd):
    if run["augmentation"] != "none" and not WORDNET.is_dir():
        pytest.skip("apt-get install wordnet-base brings the synonyms")
    data = [f"data.path={folder}/source.csv"]
    titled = run["items"] != "none"
    if run["distillation"] != "none" and not (folder / "teacher/metrics.json").is_file():
        whole = ["trainer.max_steps=-1", "trainer.max_epochs=1"]
        train([*SMALL, *whole, *data, "hydra.run.dir=teacher"], capfd)
    chosen = [f"{name}={value}" for name, value in run.items()]
    chosen += FROZEN if run["start"] == "cca" else ()
    chosen += [f"distillation.teacher={folder}/teacher"] if run["distillation"] != "none" else []
    chosen += [f"data.target={folder}/target.csv"] if run["adaptation"] not in {"none", "modality_dann"} else []
    chosen += ["data.title=name"] if titled else []
    place = f"run{RUNS.index(run)}"
    train([*SMALL, *data, *chosen, f"hydra.run.dir={place}"], capfd)
    figures = json.loads((folder / place / "metrics.json").read_text())
    assert 0 < figures[f"test/text_to_{'item' if titled else 'image'}/mrr"] <= 1
    for switch, figure in (("fusion", "reranked"), ("distillation", "teacher")):
        assert any(figure in name or (figure == "reranked" and "rerank" in name) for name in figures) == (
            run[switch] != "none"
        )
