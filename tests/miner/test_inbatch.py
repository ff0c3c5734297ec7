"""In-batch negatives on a case small enough to write out."""

import torch

from xret.miner.inbatch import InBatch


def test_keeps_all_that_is_no_positive():
    positives = torch.tensor([[True, False, True], [False, True, False]])
    assert InBatch()(torch.zeros(2, 3), positives).tolist() == [[False, True, False], [True, False, True]]


def test_scores_do_not_matter():
    positives = torch.eye(5, dtype=torch.bool)
    assert torch.equal(InBatch()(torch.rand(5, 5), positives), InBatch()(-torch.rand(5, 5), positives))
