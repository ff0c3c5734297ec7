"""Hydra's sweep syntax as a space, and keys that exist only beside some options."""

import itertools

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from hydra_plugins.xret_sweeper._space import Space, parameter
from xret._errors import UserError

GROUPS = {"miner": ["inbatch", "semihard"], "encoder": ["one", "two"], "encoder/image": ["small", "large"]}


def read(text):
    (override,) = OverridesParser.create().parse_overrides([text])
    return parameter(override, GROUPS.get(override.key_or_group, []))


def compose(chosen):
    """What the options make: a margin beside semihard, images beside the encoder two."""
    options = dict(choice.split("=") for choice in chosen)
    made = {"x": 1, "miner": {"kind": "m"}, "loss": {"temperature": None}}
    if options.get("miner") == "semihard":
        made["miner"] = {"margin": 0.1}
    if "encoder/image" in options and options.get("encoder") == "one":
        raise ConfigCompositionException("no encoder/image")
    return made


def space(*texts):
    return Space([read(t) for t in texts], compose)


@pytest.mark.parametrize(
    ("text", "distribution"),
    [
        ("x=1,2,3", CategoricalDistribution([1, 2, 3])),
        ("x=a,true,null,0.5", CategoricalDistribution(["a", True, None, 0.5])),
        ("x=choice([1,2],[3])", CategoricalDistribution(["[1,2]", "[3]"])),
        ("x=range(1,8,3)", IntDistribution(1, 7, step=3)),
        ("x=range(8,1,-3)", IntDistribution(2, 8, step=3)),
        ("x=range(0,1,0.25)", FloatDistribution(0, 0.75, step=0.25)),
        ("x=interval(0.1,2)", FloatDistribution(0.1, 2)),
        ("x=int(interval(1,9))", IntDistribution(1, 9)),
        ("x=tag(log,interval(1e-4,1))", FloatDistribution(1e-4, 1, log=True)),
        ("x=tag(log,int(interval(1,64)))", IntDistribution(1, 64, log=True)),
    ],
)
def test_a_sweep_is_read_as_the_distribution_it_says(text, distribution):
    assert read(text).distribution == distribution


@pytest.mark.parametrize("value", [0.1, 1e-05, 7, True, None, "plain", "[1,2]", "'two words'", "{a:1}"])
def test_a_drawn_value_is_read_back_by_hydra_as_itself(value):
    text = {None: "null", True: "true"}.get(value, str(value))
    swept = read(f"x={text},other")
    drawn = swept.values()[0]
    ((one,), (two,)) = (OverridesParser.create().parse_overrides([t]) for t in (swept.override(drawn), f"x={text}"))
    assert one.value() == two.value()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x=interval(2,1)", "x=interval"),
        ("x=tag(log,interval(0,1))", "x="),
        ("x=tag(square,interval(0,1))", "tag"),
        ("x=range(3,3)", "empty range"),
        ("miner=inbatch,semihart", "did you mean semihard"),
        ("miner=interval(0,1)", "choose among its options"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_by_name(text, complaint):
    with pytest.raises(UserError, match=complaint):
        read(text)


def test_a_key_is_drawn_only_beside_the_option_that_has_it():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    swept = space("miner.margin=interval(0.1,0.2)", "miner=inbatch,semihard", "x=1,2")
    drawn = [swept.sample(study.ask()) for _ in range(20)]
    assert {("miner=semihard" in d, any("margin" in o for o in d)) for d in drawn} == {(True, True), (False, False)}
    assert all(d[0].startswith("miner=") for d in drawn)


def test_a_group_is_drawn_only_beside_the_option_that_has_a_place_for_it():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    swept = space("encoder/image=small,large", "encoder=one,two")
    drawn = {tuple(swept.sample(study.ask())) for _ in range(30)}
    assert drawn == {
        ("encoder=one",),
        ("encoder=two", "encoder/image=small"),
        ("encoder=two", "encoder/image=large"),
    }


def test_each_combination_is_composed_once():
    calls = []
    texts = ("miner=inbatch,semihard", "miner.margin=interval(0,1)")
    swept = Space([read(t) for t in texts], lambda chosen: calls.append(chosen) or compose(chosen))
    swept.check()
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(0))
    for _ in range(20):
        swept.sample(study.ask())
    assert sorted(calls) == [("miner=inbatch",), ("miner=semihard",)]


def test_a_key_of_no_combination_is_refused_with_what_is_near():
    space("loss.temperature=interval(0,1)", "+new.key=1,2", "miner=inbatch,semihard", "miner.margin=1,2").check()
    with pytest.raises(UserError, match=r"did you mean miner\.margin"):
        space("miner.margn=1,2", "miner=inbatch,semihard").check()
    with pytest.raises(UserError, match=r"no key 'miner.margin'"):
        space("miner.margin=1,2", "x=1,2").check()
    with pytest.raises(UserError, match="nothing to sweep"):
        space()


def test_the_grid_has_every_cell_once_and_no_key_that_is_not_there():
    cells = list(space("miner=inbatch,semihard", "miner.margin=range(0,1,0.5)", "x=int(interval(1,3))").cells())
    wanted = [{"miner": "inbatch", "x": x} for x in (1, 2, 3)]
    wanted += [{"miner": "semihard", "miner.margin": m, "x": x} for m, x in itertools.product((0.0, 0.5), (1, 2, 3))]
    assert len(cells) == len(wanted)
    assert all(cell in wanted for cell in cells)
    with pytest.raises(UserError, match="needs steps"):
        list(space("x=interval(0,1)").cells())
