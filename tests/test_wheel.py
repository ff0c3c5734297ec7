"""The wheel holds configs and experiments, and runs where there is no checkout."""

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_wheel_shows_its_config_in_a_clean_environment(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=TOP, check=True, capture_output=True)
    wheel = next(tmp_path.glob("*.whl"))
    venv.create(tmp_path / "clean", with_pip=False)
    python = tmp_path / "clean/bin/python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    # dependencies come from here; a path in a .pth file does not bring this checkout's own .pth along
    Path(site, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    command = [python, "-m", "xret", "train", "experiment=openmoji_random_start", "--cfg", "job"]
    shown = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert "xret.encoder.projection.mlp.MLP" in shown
    where = [python, "-c", "import xret; print(xret.__file__)"]
    assert site in subprocess.run(where, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
