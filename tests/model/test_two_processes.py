"""What two processes learn from a batch is what one learns from it."""

import os
import subprocess
import sys
from importlib import util
from pathlib import Path

import pytest
import torch

SCRIPT = Path(__file__).with_name("gradients.py")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Lightning warns of much that is meant here


def script():
    spec = util.spec_from_file_location("gradients", SCRIPT)
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


alone = script()


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """Name of a case -> gradients and bank of two processes."""
    file = tmp_path_factory.mktemp("gradients") / "two.pt"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, SCRIPT, file], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("name", alone.CASES)
def test_gradients_of_two_processes_are_those_of_one(together, name):
    steps, bank, loss = together[name]
    expected, held, logged = alone.gradients(1, **alone.CASES[name])
    assert len(steps) == len(expected) == alone.ROWS // alone.SIZE
    for one, other in zip(expected, steps, strict=True):
        assert one.keys() == other.keys()
        assert any(gradient.norm() > 0 for gradient in one.values())
        for parameter, gradient in one.items():
            rounding = 1e-6 if gradient.ndim == 0 else 1e-9  # a bias sums terms near 1 that cancel
            assert (gradient - other[parameter]).norm() <= 1e-5 * gradient.norm() + rounding, parameter
    assert loss == pytest.approx(logged, rel=1e-5)
    assert held.keys() == bank.keys()
    for key, value in held.items():
        torch.testing.assert_close(bank[key], value, rtol=0, atol=1e-6)


def test_the_cases_differ_where_they_should(together):
    def first(name):
        return together[name][0][-1]["model.projections.text.linear.weight"]

    different = ["plain", "infonce, inbatch, bank", "apart", "infonce, hard, bank", "triplet, inbatch, bank"]
    for i, name in enumerate(different):
        for other in different[i + 1 :]:
            assert not torch.allclose(first(name), first(other), rtol=1e-3), (name, other)
    torch.testing.assert_close(first("chunk"), first("plain"), rtol=1e-4, atol=1e-7)
