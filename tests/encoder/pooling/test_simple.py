"""Poolings without parameters, against plain Python."""

import pytest
import torch

from xret.encoder.pooling.simple import Cls, Max, Mean

TOKENS = torch.tensor([[[1.0, -8.0], [3.0, -2.0], [5.0, -5.0]], [[-1.0, 4.0], [-3.0, 2.0], [-6.0, 9.0]]])
RIGHT = torch.tensor([[True, True, False], [True, True, True]])  # padding on the right
LEFT = torch.tensor([[False, True, True], [True, True, True]])
NONE = torch.tensor([[False, False, False], [True, True, True]])


@pytest.mark.parametrize(
    ("pooling", "mask", "expected"),
    [
        (Mean(), None, [[3, -5], [-10 / 3, 5]]),
        (Mean(), RIGHT, [[2, -5], [-10 / 3, 5]]),
        (Mean(), LEFT, [[4, -3.5], [-10 / 3, 5]]),
        (Mean(), NONE, [[0, 0], [-10 / 3, 5]]),
        (Max(), None, [[5, -2], [-1, 9]]),
        (Max(), RIGHT, [[3, -2], [-1, 9]]),
        (Max(), LEFT, [[5, -2], [-1, 9]]),
        (Max(), NONE, [[0, 0], [-1, 9]]),
        (Cls(), None, [[1, -8], [-1, 4]]),
        (Cls(), RIGHT, [[1, -8], [-1, 4]]),
        (Cls(), LEFT, [[3, -2], [-1, 4]]),
        (Cls(), NONE, [[0, 0], [-1, 4]]),
        (Cls(last=True), None, [[5, -5], [-6, 9]]),
        (Cls(last=True), RIGHT, [[3, -2], [-6, 9]]),
        (Cls(last=True), LEFT, [[5, -5], [-6, 9]]),
    ],
)
def test_pools_what_the_mask_leaves(pooling, mask, expected):
    torch.testing.assert_close(pooling(TOKENS, mask), torch.tensor(expected, dtype=torch.float32))


@pytest.mark.parametrize("pooling", [Mean(), Max(), Cls(), Cls(last=True)])
def test_what_is_masked_has_no_influence_even_when_it_is_not_finite(pooling):
    poisoned = TOKENS.clone()
    poisoned[0, 2] = torch.nan
    torch.testing.assert_close(pooling(poisoned, RIGHT), pooling(TOKENS, RIGHT))
