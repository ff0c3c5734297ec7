"""The small-loss split: when it splits, on what, and what stays in between."""

import pytest
import torch

from xret.robust.split import Split

LOSSES = torch.cat([torch.linspace(0.1, 0.5, 30), torch.linspace(4.0, 5.0, 20)])
ROWS = torch.arange(50)
TRUE = ROWS < 30


def test_believes_all_until_the_warm_up_is_over_and_then_splits_once_per_epoch():
    split = Split(50, warmup_epochs=2)
    for epoch in range(3):
        split.renew(epoch)
        weight = split(ROWS, LOSSES)
        if epoch < 2:
            assert weight.tolist() == [1.0] * 50
            assert not split.known.any()
    assert torch.equal(weight > 0.5, TRUE)
    assert torch.equal(split.doubted(), ~TRUE)
    assert split.known.all()


def test_weights_of_an_epoch_are_those_of_the_losses_before_it():
    split = Split(50, warmup_epochs=0, momentum=0.0)
    split.renew(0)
    split(ROWS, LOSSES)
    split.renew(1)
    assert torch.equal(split(ROWS, LOSSES.flip(0)) > 0.5, TRUE)
    split.renew(2)
    assert torch.equal(split.weight() > 0.5, ROWS >= 20)


def test_rows_that_were_not_seen_keep_their_verdict():
    split = Split(52, warmup_epochs=0)
    split.judge(torch.tensor([50, 51, 0]), torch.tensor([0.0, 9.0, 0.0]))
    split(ROWS, LOSSES)
    split.renew(1)
    assert split.weight()[50] > 0.5 > split.weight()[51]
    before = split.weight()
    split.renew(2)  # nothing was seen in between
    assert torch.equal(split.weight(), before)


def test_losses_run_with_momentum():
    split = Split(2, momentum=0.75)
    split(torch.tensor([1]), torch.tensor([2.0]))
    split(torch.tensor([1]), torch.tensor([6.0]))
    assert split.loss.tolist() == [0.0, 3.0]


def test_a_threshold_makes_weights_whole():
    split = Split(50, threshold=0.9)
    split.judge(ROWS, LOSSES)
    assert torch.equal(split(ROWS, LOSSES), TRUE.float())
    assert torch.equal(split.doubted(), ~TRUE)


def test_a_training_that_goes_on_splits_alike():
    whole, other = Split(50, warmup_epochs=1), Split(50, warmup_epochs=1)
    whole(ROWS, LOSSES)
    other.load_state_dict(whole.state_dict())
    for split in (whole, other):
        split.renew(1)
    assert torch.equal(whole.weight(), other.weight())
    assert not torch.equal(whole.weight(), torch.ones(50))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"warmup_epochs": -1}, "warmup_epochs"),
        ({"threshold": 1.0}, "threshold"),
        ({"momentum": -0.1}, "momentum"),
        ({"temperature": 0.0}, "temperature"),
        ({"start_folds": 1}, "start_folds"),
    ],
)
def test_rejects_arguments_outside_their_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Split(**{"rows": 3, **arguments})
