"""Negatives at scale as `train` runs them: a bank that is resumed, and a batch that is encoded in chunks."""

from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow


def state(run):
    return torch.load(Path(run, "checkpoints/last.ckpt"), weights_only=True)


def curve(run):
    return state(run)["callbacks"]["Checkpoints"]["history"]


def test_a_run_with_a_bank_that_was_killed_ends_like_one_that_was_not(killed_and_whole, small):
    small = [*small, "trainer.max_epochs=6", "bank.size=41", "bank.warmup_steps=2", "miner=random", "loss=triplet"]
    killed_and_whole(*small)
    assert curve("killed") == curve("whole")
    one, other = (state(run)["state_dict"] for run in ("killed", "whole"))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[k], other[k]) for k in one)
    bank = {k.rpartition(".")[2]: v for k, v in one.items() if ".bank." in k}
    batches = bank["offered"].item()
    assert bank["taken"] == 16 * (batches - 2)
    assert len(set(bank["row"].tolist())) > 16
    rows = curve("whole")
    assert rows[0]["train/bank_fill"] < rows[-1]["train/bank_fill"] == 1
    assert -1 <= rows[-1]["train/bank_drift"] < 1


def test_a_bank_changes_what_is_learnt_once_its_warm_up_is_over(xret, small):
    for name, more in {
        "none": [],
        "late": ["bank.size=32", "bank.warmup_steps=1000"],
        "bank": ["bank.size=32"],
    }.items():
        code, _, err = xret("train", *small, *more, f"hydra.run.dir={name}")
        assert code == 0, err
    losses = {name: [row["train/loss"] for row in curve(name)] for name in ("none", "late", "bank")}
    assert losses["none"] == losses["late"]
    assert losses["bank"][-1] > losses["none"][-1]  # more rivals


def test_chunks_follow_the_same_curve(xret, small):
    for name, more in {"whole": [], "parts": ["chunk=4"]}.items():
        code, _, err = xret("train", *small, *more, f"hydra.run.dir={name}")
        assert code == 0, err
    whole, parts = ([row["train/loss"] for row in curve(name)] for name in ("whole", "parts"))
    assert whole == pytest.approx(parts, rel=1e-4)
    assert whole[0] != whole[1]


def test_accumulation_is_not_taken_for_a_large_batch(xret, small):
    assert xret("train", *small, "trainer.accumulate_grad_batches=2", "hydra.run.dir=run")[0] == 0
    assert "accumulate_grad_batches=2 makes no larger batch of negatives" in Path("run/train.log").read_text()


@pytest.mark.parametrize(
    ("setting", "message"),
    [("bank.size=-1", "bank: need size"), ("chunk=0", "chunk must be null or at least 1"), ("bank.siz=3", "bank.siz")],
)
def test_settings_out_of_range_are_refused(xret, small, setting, message):
    code, _, err = xret("train", *small, setting, "hydra.run.dir=run")
    assert code == 2
    assert message in err
