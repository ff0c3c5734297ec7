"""Any two switches work together: a few runs of one step in which every pair of options meets."""

import itertools

import pytest

from xret.commands._launch import shipped

pytestmark = pytest.mark.slow

GROUPS = ("fusion", "adversarial", "adaptation", "augmentation", "distillation", "noise", "robust", "loss", "miner")
KEYS = {"bank.size": ("0", "24"), "chunk": ("null", "4"), "start": ("cca", "none"), "folds": ("null", "2")}


def options():
    found = {group: tuple(sorted(p.stem for p in (shipped("conf") / group).glob("*.yaml"))) for group in GROUPS}
    return found | KEYS


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
    }
    runs = []
    while wanted:
        run = dict(min(wanted, key=sorted))  # begin with a pair that is missing, then add what covers most
        for name in names:
            if name not in run:
                gain = {
                    x: sum(frozenset([(name, x), other]) in wanted for other in run.items()) for x in switches[name]
                }
                run[name] = max(switches[name], key=lambda x: gain[x])
        wanted -= {frozenset(pair) for pair in itertools.combinations(run.items(), 2)}
        runs.append(run)
    return runs


RUNS = covering(options())


def test_the_runs_cover_every_pair_of_options():
    met = set().union(*map(pairs, RUNS))
    switches = sorted(options().items())
    for (a, xs), (b, ys) in itertools.combinations(switches, 2):
        assert {((a, x), (b, y)) for x in xs for y in ys} <= met
    assert min(len(options()[group]) for group in GROUPS) >= 2
    assert len(RUNS) < 60
