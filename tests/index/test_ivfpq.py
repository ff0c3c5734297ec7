"""Cells of short codes."""

import pytest

from xret.index.ivfpq import IVFPQ


def test_holds_the_contract(holds_the_contract):
    holds_the_contract(lambda: IVFPQ(cells=20, probes=8, refine=20), recall=0.95)


@pytest.mark.parametrize("options", [{"width": 0}, {"cells": 0}, {"probes": 0}])
def test_refuses_what_is_out_of_range(options):
    with pytest.raises(ValueError, match="at least 1"):
        IVFPQ(**options)
