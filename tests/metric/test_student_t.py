"""Student's t against scipy's."""

import pytest
from scipy import stats

from xret.metric.student_t import t_quantile


@pytest.mark.parametrize("dof", [1, 1.4, 2, 3.7, 4, 30, 344, 10_000])
@pytest.mark.parametrize("alpha", [0.9, 0.5, 0.05, 0.01, 0.001])
def test_the_quantile_is_that_of_scipy(dof, alpha):
    assert t_quantile(dof, alpha) == pytest.approx(stats.t.ppf(1 - alpha / 2, dof), rel=1e-3)
