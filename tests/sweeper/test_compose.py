"""Configs of trials are those that Hydra itself would compose."""

import copy
import pickle

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.errors import ConfigCompositionException
from hydra.types import RunMode
from omegaconf import OmegaConf

from hydra_plugins.xret_sweeper._compose import Remembering
from xret.commands import _launch

FIXED = ["tracker=none", "encoder/text=scratch"]
JOBS = [
    ["loss=triplet", "miner=semihard", "miner.margin=0.3", "hydra.sweep.subdir=0"],
    ["loss=triplet", "miner=semihard", "miner.margin=0.1", "hydra.sweep.subdir=1"],
    ["loss=infonce", "loss.temperature=0.05", "+targets.x=1", "encoder.projection.dim=64", "hydra.sweep.subdir=2"],
    ["~trust", "data=table", "data.path=x.csv", "data.columns={image: photo}"],
    ["experiment=losses_miners", "seed=3"],
]


@pytest.fixture
def loader():
    for plugin in (_launch.ExperimentSource, _launch.UserFolders):
        Plugins.instance().register(plugin)
    with hydra.initialize_config_dir(str(_launch.shipped("conf")), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.fixture
def master(loader):
    return loader.load_configuration("train", [*FIXED, "hydra.sweep.dir=out"], RunMode.MULTIRUN)


def content(config):
    return OmegaConf.to_container(config, resolve=False), config._get_flag("struct")


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job[0])
def test_a_job_has_the_config_that_hydra_composes(loader, master, job):
    remembering = Remembering(loader)
    for _ in range(2):  # made, and remembered
        ours = remembering.load_sweep_config(master, [*FIXED, *job])
        assert content(ours) == content(loader.load_sweep_config(master, [*FIXED, *job]))


def test_what_a_job_does_to_its_config_stays_in_that_job(loader, master):
    remembering = Remembering(loader)
    first = remembering.load_sweep_config(master, ["loss=triplet"])
    kept = copy.deepcopy(first)
    first.loss.margin = 1.5
    assert content(remembering.load_sweep_config(master, ["loss=triplet"])) == content(kept)


def test_mistakes_are_refused_as_ever(loader, master):
    for wrong in ("loss=triplett", "loss.temprature=1"):
        with pytest.raises(ConfigCompositionException):
            Remembering(loader).load_sweep_config(master, [wrong])


def test_another_process_gets_the_loader_alone(loader, master):
    remembering = Remembering(loader)
    remembering.load_sweep_config(master, ["loss=triplet"])
    again = pickle.loads(pickle.dumps(remembering))
    assert again._made == {}
    assert content(again.load_sweep_config(master, ["seed=1"])) == content(loader.load_sweep_config(master, ["seed=1"]))
