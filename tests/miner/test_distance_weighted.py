"""Distance-weighted sampling against the geometry of the sphere it is made for."""

import math

import pytest
import torch
import torch.nn.functional as F

from xret.miner.distance_weighted import DistanceWeighted


def cosine(distance):
    return 1 - torch.as_tensor(distance) ** 2 / 2


@pytest.mark.parametrize("dim", [3, 8, 128])
def test_weight_is_the_inverse_of_the_density_on_the_sphere(dim):
    distances = [0.6, 0.9, 1.2, 1.4]
    weight = DistanceWeighted(dim=dim).log_weight(cosine(torch.tensor(distances, dtype=torch.float64)))
    density = [d ** (dim - 2) * (1 - d * d / 4) ** ((dim - 3) / 2) for d in distances]
    expected = [math.log(density[0] / q) for q in density]
    assert (weight - weight[0]).tolist() == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_weight_undoes_how_common_a_distance_is_between_random_points():
    torch.manual_seed(0)
    points = F.normalize(torch.randn(200_000, 6), dim=1)
    scores = points[:, 0]  # against the pole
    d = (2 - 2 * scores).sqrt()
    weight = DistanceWeighted(dim=6, cutoff=0.3).log_weight(scores).exp()
    mass = torch.stack([weight[(d >= low) & (d < low + 0.1)].sum() for low in (0.6, 0.8, 1.0, 1.2)])
    torch.testing.assert_close(mass / mass.mean(), torch.ones(4), atol=0.06, rtol=0)


def test_weight_stops_growing_below_the_cutoff():
    weight = DistanceWeighted(dim=64, cutoff=0.5).log_weight(cosine([0.0, 0.3, 0.5, 0.6]))
    assert weight[0] == pytest.approx(weight[2].item(), rel=1e-6)
    assert weight[1] == pytest.approx(weight[2].item(), rel=1e-6)
    assert weight[3] < weight[2]


def test_targets_beyond_a_right_angle_weigh_as_little_as_one_at_it():
    weight = DistanceWeighted(dim=64).log_weight(torch.tensor([0.0, -0.5, -1.0, 0.1]))
    assert weight[0] == weight[1] == weight[2] < weight[3]


def test_weight_stays_finite_in_many_dimensions():
    scores = torch.tensor([-1.0, -1.001, 0.0, 1.0, 1.001], dtype=torch.float16)
    assert DistanceWeighted(dim=4096, cutoff=0.01).log_weight(scores).isfinite().all()


def test_negatives_are_drawn_as_often_as_their_weight_says():
    torch.manual_seed(0)
    miner = DistanceWeighted(dim=5, cutoff=0.5)
    scores = torch.tensor([0.9, 0.5, 0.2, 0.1, -0.3])
    positives = torch.zeros(20_000, 5, dtype=torch.bool)
    positives[:, 3] = True
    share = miner(scores.expand(20_000, 5), positives).float().mean(dim=0)
    d = (2 - 2 * scores.clamp(min=0)).sqrt().clamp(min=0.5)
    weight = 1 / (d**3 * (1 - d**2 / 4))
    weight[3] = 0
    torch.testing.assert_close(share, weight / weight.sum(), atol=0.015, rtol=0)


def test_draws_k_different_negatives_per_row_and_all_where_there_are_fewer():
    positives = torch.zeros(2, 6, dtype=torch.bool)
    positives[0, 0] = True
    positives[1, :4] = True
    assert DistanceWeighted(dim=16, k=3)(torch.rand(2, 6), positives).sum(dim=1).tolist() == [3, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dim": 2}, "dim must be at least 3"),
        ({"k": 0}, "k must be at least 1"),
        ({"cutoff": 0.0}, r"cutoff must be in \(0, sqrt\(2\)\)"),
        ({"cutoff": 1.5}, r"cutoff must be in \(0, sqrt\(2\)\)"),
    ],
)
def test_refuses_arguments_that_make_no_distribution(arguments, message):
    with pytest.raises(ValueError, match=message):
        DistanceWeighted(**arguments)
