"""Every experiment of this project runs: a step of its first and of its richest variant, on its own data."""

from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf

from xret.commands._launch import ExperimentSource, UserFolders, launch, shipped

pytestmark = pytest.mark.slow

TUXPAINT = Path("/usr/share/tuxpaint/stamps")
FILES = sorted(shipped("experiments").glob("*.yaml"))


def variants(path):
    study = yaml.safe_load(path.read_text()).get("hydra", {}).get("sweeper", {})
    return study.get("variants") or {"": []}


def cases():
    for path in FILES:
        named = variants(path)
        richest = max(named, key=lambda name: len(named[name]))
        for name in dict.fromkeys([next(iter(named)), richest]):
            yield pytest.param(path, named[name], id=f"{path.stem}-{name}".rstrip("-"))


def teachers(overrides):
    """The folder of the run that a student learns from, for the first seed; the study trains it before the student."""
    named = [o.partition("=")[2].strip("'") for o in overrides if o.startswith("distillation.teacher=")]
    return [folder.replace("${seed}", "0") for folder in named]


@pytest.fixture(scope="session")
def top(tmp_path_factory):
    """A folder that outlives the tests."""
    return tmp_path_factory.mktemp("teachers")


@pytest.mark.parametrize(("path", "overrides"), list(cases()))
def test_an_experiment_runs_a_step(path, overrides, top, tmp_path, monkeypatch, capfd):
    if "tuxpaint" in path.read_text() and not TUXPAINT.is_dir():
        pytest.skip("apt-get install tuxpaint-stamps-default brings the stamps")
    monkeypatch.chdir(tmp_path)
    small = ["limit=24", "batch.size=16", "trainer.max_steps=1", "details=false", "tracker=none"]
    for folder in teachers(overrides):
        learnt = top / folder  # once for all variants of a study
        if not learnt.is_dir():
            assert launch("train", [f"experiment={path.stem}", *small, f"hydra.run.dir='{learnt}'"]) in {0, None}
        (tmp_path / folder).parent.mkdir(parents=True)
        (tmp_path / folder).symlink_to(learnt)
    code = launch("train", [f"experiment={path.stem}", *overrides, *small, "hydra.run.dir=run"])
    assert code in {0, None}, capfd.readouterr().err
    assert (tmp_path / "run/metrics.json").is_file()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_variant_is_a_config_of_its_own(path):
    found = set()
    for plugin in (ExperimentSource, UserFolders):
        Plugins.instance().register(plugin)
    with initialize_config_dir(str(shipped("conf")), version_base="1.3"):
        for overrides in variants(path).values():
            found.add(OmegaConf.to_yaml(compose("train", [f"experiment={path.stem}", *overrides])))
    assert len(found) == len(variants(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_experiment_has_its_report(path):
    report = path.with_suffix(".md").read_text()
    assert f"experiment={path.stem}" in report
