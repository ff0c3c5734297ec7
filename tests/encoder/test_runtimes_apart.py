"""What loads other runtimes is tested in a process of its own.

Twice a process that had run many tests, these among them, died when it started another one; alone they never did.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CASES = ("encoder/test_runtime.py", "commands/test_embed.py")
pytestmark = pytest.mark.slow


@pytest.mark.skipif(importlib.util.find_spec("onnx") is None, reason="other runtimes need the extra runtime")
def test_the_cases_of_other_runtimes_pass():
    command = [sys.executable, "-m", "pytest", "-n", "0", "-q", "-k", "test_runtime or of_one_runtime"]
    paths = [str(TESTS / case) for case in CASES]
    done = subprocess.run(
        [*command, *paths], capture_output=True, text=True, timeout=900, env={**os.environ, "XRET_RUNTIMES": "1"}
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
