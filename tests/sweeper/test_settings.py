"""The keys of the sweeper, and what Optuna makes of them."""

import dataclasses
from pathlib import Path

import optuna
import pytest

from hydra_plugins.xret_sweeper import OptunaConf
from hydra_plugins.xret_sweeper._settings import settings_of, without_password
from hydra_plugins.xret_sweeper._study import make_pruner, make_sampler, open_study
from xret._errors import UserError


def settings(**keys):
    return settings_of({**dataclasses.asdict(OptunaConf()), **keys}, Path("/here"))


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (None, "sqlite:////here/optuna.db"),
        ("sqlite:///deep/er.db", "sqlite:////here/deep/er.db"),
        ("sqlite:////abs.db", "sqlite:////abs.db"),
        ("a.journal", "journal:////here/a.journal"),
        ("journal:///a.log", "journal:////here/a.log"),
        ("/abs/a.log", "journal:////abs/a.log"),
        ("postgresql://u:p@h/d", "postgresql+psycopg://u:p@h/d"),
        ("mysql+pymysql://h/d", "mysql+pymysql://h/d"),
    ],
)
def test_a_storage_means_the_same_in_every_folder(given, url):
    assert settings(storage=given).storage == url
    assert settings_of({**dataclasses.asdict(OptunaConf()), "storage": url}, Path("/else")).storage == url


@pytest.mark.parametrize(
    ("keys", "complaint"),
    [
        ({"n_trials": 0}, "n_trials must be at least 1, got 0"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"max_failure_rate": 1.1}, "max_failure_rate"),
        ({"grace_s": 0}, "grace_s"),
        ({"direction": "up"}, "direction is maximize, minimize"),
        ({"direction": []}, "direction"),
        ({"sampler": "tpee"}, "sampler is one of tpe"),
        ({"pruner": {"n_warmup_steps": 1}}, "pruner is one of median"),
        ({"direction": ["maximize", "minimize"], "pruner": "median"}, "one objective"),
        ({"storage": "optuna.txt"}, "ends in .journal"),
        ({"storage": "sqlite://"}, "name a file"),
        ({"storage": "sqlite:///:memory:"}, "name a file"),
    ],
)
def test_a_value_that_cannot_be_is_refused(keys, complaint):
    with pytest.raises(UserError, match=complaint):
        settings(**keys)


def test_a_password_is_not_printed():
    assert without_password("postgresql://u:secret@h:1/d") == "postgresql://u:***@h:1/d"
    assert without_password("sqlite:////a/b.db") == "sqlite:////a/b.db"


@pytest.mark.parametrize(
    ("sampler", "kind"),
    [
        ("tpe", "TPESampler"),
        ("random", "RandomSampler"),
        ("qmc", "QMCSampler"),
        ("nsga2", "NSGAIISampler"),
        ({"name": "tpe", "multivariate": True, "n_startup_trials": 3}, "TPESampler"),
    ],
)
def test_a_sampler_is_found_by_name_and_takes_its_options(sampler, kind):
    assert type(make_sampler(settings(sampler=sampler), 1)).__name__ == kind
    with pytest.raises(UserError, match="does not take"):
        make_sampler(settings(sampler={"name": "tpe", "nonsense": 1}), 1)


@pytest.mark.parametrize(
    ("pruner", "kind"),
    [
        (None, "NopPruner"),
        ("median", "MedianPruner"),
        ({"name": "successive_halving", "min_resource": 2}, "SuccessiveHalvingPruner"),
        ("hyperband", "HyperbandPruner"),
    ],
)
def test_a_pruner_is_found_by_name(pruner, kind):
    assert type(make_pruner(settings(pruner=pruner).pruner)).__name__ == kind


@pytest.mark.parametrize("url", ["sqlite:///{}/o.db", "journal:///{}/o.journal"])
def test_a_study_is_opened_again_and_only_with_its_directions(url, tmp_path):
    given = settings(storage=url.format(tmp_path), direction=["maximize", "minimize"]).named("s")
    open_study(given).add_trial(optuna.create_trial(values=[1.0, 2.0]))
    assert [t.values for t in open_study(given).trials] == [[1.0, 2.0]]
    with pytest.raises(UserError, match="direction=maximize, minimize, got maximize"):
        open_study(dataclasses.replace(given, directions=("maximize",)))


@pytest.mark.parametrize("url", ["postgresql://u:secret@127.0.0.1:1/d", "sqlite:////no/such/folder/o.db", "odd://h/d"])
def test_a_storage_out_of_reach_is_one_line_without_its_password(url):
    with pytest.raises(UserError, match=r"hydra\.sweeper\.storage") as raised:
        open_study(settings(storage=url).named("s"))
    assert "secret" not in str(raised.value)
    assert "\n" not in str(raised.value)
