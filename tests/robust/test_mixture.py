"""Two normal distributions on a line, against scikit-learn and against what they were drawn from."""

import pytest
import torch

from xret.robust._mixture import lower_component


def drawn(low=300, high=200, seed=0):
    generator = torch.Generator().manual_seed(seed)
    lower = 0.5 + 0.3 * torch.randn(low, generator=generator)
    upper = 3.0 + 0.8 * torch.randn(high, generator=generator)
    return torch.cat([lower, upper])


@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_scikit_learn(seed):
    mixture = pytest.importorskip("sklearn.mixture")
    values = drawn(seed=seed)
    scaled = (values - values.min()) / (values.max() - values.min())
    fitted = mixture.GaussianMixture(2, reg_covar=5e-4, tol=1e-8, max_iter=1000, random_state=0)
    fitted.fit(scaled[:, None].double().numpy())
    low, high = sorted(fitted.means_.ravel())
    inside = scaled.double().clamp(low, high)[:, None].numpy()
    expected = torch.from_numpy(fitted.predict_proba(inside)[:, fitted.means_.argmin()]).float()
    torch.testing.assert_close(lower_component(values), expected, atol=2e-3, rtol=0)


def test_finds_which_component_a_value_was_drawn_from_and_how_many():
    posterior = lower_component(drawn())
    assert ((posterior > 0.5) == (torch.arange(500) < 300)).float().mean() > 0.97
    assert abs(float(posterior.mean()) - 0.6) < 0.03


def test_never_rises_with_the_value():
    values = drawn().sort().values
    posterior = lower_component(values)
    assert (posterior.diff() <= 1e-6).all()
    assert posterior[0] > 0.9


def test_unit_and_order_of_the_values_do_not_matter():
    values, order = drawn(), torch.randperm(500, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(
        lower_component(1000 * values - 7)[order], lower_component(values[order]), atol=1e-3, rtol=0
    )


@pytest.mark.parametrize("values", [[0.3], [2.0, 2.0, 2.0], []])
def test_believes_all_where_there_is_nothing_to_tell_apart(values):
    assert lower_component(torch.tensor(values)).tolist() == [1.0] * len(values)
