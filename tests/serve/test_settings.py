"""Bounds that make no sense are refused."""

import pytest

from xret.serve.settings import Settings


@pytest.mark.parametrize(
    "wrong", [{"token": "short"}, {"token": "with a space"}, {"waiting": 0}, {"read_s": -1}, {"max_k": "9"}]
)
def test_refuses_a_bound_that_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**wrong)


def test_zero_is_no_bound_where_it_says_so():
    assert Settings(rate_per_s=0, window_ms=0, thumbnails_mb=0).max_upload == 10_000_000
