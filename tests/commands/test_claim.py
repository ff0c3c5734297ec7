"""Which of several processes a training is."""

import pytest
from omegaconf import OmegaConf

from xret.commands._claim import process


@pytest.mark.parametrize(
    ("trainer", "environment", "number"),
    [
        ({"devices": 2}, {"LOCAL_RANK": "1"}, 1),
        ({"devices": 2}, {"RANK": "3", "LOCAL_RANK": "1"}, 3),
        ({"devices": 2}, {}, 0),
        ({"devices": 1, "num_nodes": 2}, {"SLURM_PROCID": "1"}, 1),
        ({"devices": 1}, {"SLURM_PROCID": "1"}, 0),  # one of several workers of a sweep
    ],
)
def test_a_process_is_numbered_only_where_several_train_one_model(trainer, environment, number, monkeypatch):
    for name in ("RANK", "LOCAL_RANK", "SLURM_PROCID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert process(OmegaConf.create({"trainer": trainer})) == number
