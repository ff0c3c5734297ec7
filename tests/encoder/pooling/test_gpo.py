"""The generalised pooling operator against a slow version that sees one sequence at a time, without padding."""

import math

import pytest
import torch

from xret.encoder.pooling.gpo import GPO


def by_hand(pooling, tokens):
    """Map (L, C) to (C,): positions, GRU in both directions, softmax over ranks, sorted values; all in loops."""
    length, width = len(tokens), pooling.gru.input_size
    positions = torch.zeros(1, length, width)
    for rank in range(length):
        for i in range(width):
            angle = rank / 10_000 ** (2 * (i // 2) / width)
            positions[0, rank, i] = math.sin(angle) if i % 2 == 0 else math.cos(angle)
    states = pooling.gru(positions)[0][0]  # (L, 2 * hidden)
    hidden = states.shape[1] // 2
    scores = [pooling.score((s[:hidden] + s[hidden:]) / 2).item() / pooling.temperature for s in states]
    total = sum(math.exp(s) for s in scores)
    vector = []
    for column in tokens.T:
        ordered = sorted(column.tolist(), reverse=True)
        vector.append(sum(math.exp(s) / total * x for s, x in zip(scores, ordered, strict=True)))
    return torch.tensor(vector)


@pytest.fixture
def pooling():
    made = GPO(position_width=8, hidden=6)
    torch.nn.init.normal_(made.score.weight)  # larger than the default, so that the weights are far from equal
    return made


@pytest.mark.parametrize("side", ["left", "right", "scattered"])
def test_each_sequence_is_pooled_as_if_it_were_alone(pooling, side):
    lengths = [5, 1, 3, 5]
    tokens = torch.randn(4, 6, 7)
    mask = torch.zeros(4, 6, dtype=torch.bool)
    for row, length in enumerate(lengths):
        places = {
            "right": torch.arange(length),
            "left": torch.arange(6 - length, 6),
            "scattered": torch.randperm(6)[:length],
        }
        mask[row, places[side]] = True
    expected = torch.stack([by_hand(pooling, t[m]) for t, m in zip(tokens, mask, strict=True)])
    torch.testing.assert_close(pooling(tokens, mask), expected)


def test_without_a_mask_every_token_counts(pooling):
    tokens = torch.randn(3, 4, 5)
    torch.testing.assert_close(pooling(tokens), torch.stack([by_hand(pooling, t) for t in tokens]))


def test_weights_sum_to_one_within_the_length_and_differ_between_ranks(pooling):
    weights = pooling.weights(torch.tensor([4, 2]), 6)
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    assert (weights[0, 4:] == 0).all()
    assert (weights[1, 2:] == 0).all()
    assert weights[0, :4].std() > 0.01


def test_with_equal_scores_it_is_the_mean_and_with_a_cold_softmax_one_rank(pooling):
    tokens = torch.randn(2, 5, 3)
    torch.nn.init.zeros_(pooling.score.weight)
    torch.testing.assert_close(pooling(tokens), tokens.mean(1))
    torch.nn.init.normal_(pooling.score.weight)
    pooling.temperature = 1e-6
    rank = pooling.weights(torch.tensor([5]), 5).argmax()
    torch.testing.assert_close(pooling(tokens), tokens.sort(1, descending=True).values[:, rank])


def test_the_order_of_tokens_does_not_matter(pooling):
    tokens = torch.randn(2, 5, 3)
    torch.testing.assert_close(pooling(tokens[:, torch.randperm(5)]), pooling(tokens))


def test_an_empty_row_is_zero_and_gradients_are_finite_and_stay_within_the_mask(pooling):
    tokens = torch.randn(2, 4, 3, requires_grad=True)
    mask = torch.tensor([[False] * 4, [True, True, False, True]])
    vector = pooling(tokens, mask)
    assert (vector[0] == 0).all()
    vector.pow(2).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in pooling.parameters())
    assert torch.equal(tokens.grad.abs().sum(-1) > 0, mask)


def test_pools_half_precision(pooling):
    tokens = torch.randn(2, 4, 3)
    torch.testing.assert_close(pooling(tokens.bfloat16()).float(), pooling(tokens), atol=0.05, rtol=0.05)


@pytest.mark.parametrize(
    "arguments", [{"position_width": 7}, {"position_width": 0}, {"hidden": 0}, {"temperature": 0.0}]
)
def test_rejects_sizes_that_make_no_sense(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        GPO(**arguments)
