"""A study from its file to the folders of its runs, over functions in place of trainings."""

import pytest

from xret._errors import UserError

STUDY = """# @package _global_
existing: ask
variant: null
hydra:
  sweep:
    dir: study
  sweeper:
    variants:
      plain: []
      wide: [encoder=one, "sleep=${trial}"]
    params:
      trial: range(2)
"""


@pytest.fixture
def ran(conf, real_sweep, tmp_path):
    (conf / "experiment").mkdir()
    (conf / "experiment/mine.yaml").write_text(STUDY)
    found = []

    def run(*arguments, task=lambda cfg: 0):
        def job(cfg):
            found.append((cfg.variant, cfg.trial, cfg.encoder.width, cfg.sleep, cfg.existing))
            return task(cfg)

        real_sweep(job, "+experiment=mine", *arguments, sweeper="study")
        return found

    run.found = found
    return run


def test_every_variant_runs_with_every_value_in_a_folder_named_after_both(ran, tmp_path):
    assert ran() == [
        ("plain", 0, 2, 0, "continue"),
        ("plain", 1, 2, 0, "continue"),
        ("wide", 0, 1, 0, "continue"),
        ("wide", 1, 1, 1, "continue"),  # what a variant takes from another key is the run's own
    ]
    folders = {path.name for path in (tmp_path / "study").iterdir() if path.is_dir()}
    assert folders == {f"{name},trial={trial}" for name in ("plain", "wide") for trial in (0, 1)}


def test_the_command_line_wins_over_the_file(ran, tmp_path):
    assert ran("trial=5") == [("plain", 5, 2, 0, "continue"), ("wide", 5, 1, 5, "continue")]
    assert (tmp_path / "study/wide,trial=5").is_dir()


def test_a_run_that_fails_does_not_stop_the_others(ran):
    def task(cfg):
        if cfg.variant == "plain" and cfg.trial == 0:
            raise ValueError("no such thing")

    with pytest.raises(UserError, match="1 of 4 runs failed; the same command runs them again"):
        ran(task=task)
    assert len(ran.found) == 4
