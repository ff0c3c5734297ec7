"""Every experiment of this project runs: one step of each variant, on its own data."""

from pathlib import Path

import pytest
import yaml

from xret.commands._launch import launch, shipped

pytestmark = pytest.mark.slow

TUXPAINT = Path("/usr/share/tuxpaint/stamps")
FILES = sorted(shipped("experiments").glob("*.yaml"))


def cases():
    for path in FILES:
        study = yaml.safe_load(path.read_text()).get("hydra", {}).get("sweeper", {})
        for name, overrides in (study.get("variants") or {"": []}).items():
            yield pytest.param(path, overrides, id=f"{path.stem}-{name}".rstrip("-"))


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
def test_an_experiment_has_its_report(path):
    report = path.with_suffix(".md").read_text()
    assert f"experiment={path.stem}" in report
