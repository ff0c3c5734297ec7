"""A data set that fits in a test: coloured shapes and what they are called."""

import itertools
import logging
import os
import subprocess
import sys

import pytest
from PIL import Image, ImageDraw

from xret.commands._launch import launch

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "black", "grey", "pink", "brown")
SHAPES = ("circle", "square", "bar", "ring")
GROUNDS = ("white", "beige")
SMALL = (
    "data=table",
    "encoder=scratch",
    "tracker=none",
    "batch.size=16",
    "batch.workers=0",
    "trainer.max_epochs=2",
    "trainer.accelerator=cpu",
)


def draw(shape, colour, ground):
    picture = Image.new("RGB", (48, 48), ground)
    pen = ImageDraw.Draw(picture)
    if shape == "circle":
        pen.ellipse((8, 8, 40, 40), fill=colour)
    elif shape == "square":
        pen.rectangle((10, 10, 38, 38), fill=colour)
    elif shape == "bar":
        pen.rectangle((4, 20, 44, 28), fill=colour)
    else:
        pen.ellipse((8, 8, 40, 40), outline=colour, width=6)
    return picture


@pytest.fixture(scope="session")
def shapes(tmp_path_factory):
    """The path of a table of 80 pairs with their pictures beside it."""
    folder = tmp_path_factory.mktemp("shapes")
    lines = ["id,image,text"]
    for shape, colour, ground in itertools.product(SHAPES, COLOURS, GROUNDS):
        name = f"{colour}-{shape}-{ground}"
        draw(shape, colour, ground).save(folder / f"{name}.png")
        lines.append(f"{name},{name}.png,a {colour} {shape} on {ground}")
    (folder / "pairs.csv").write_text("\n".join(lines) + "\n")
    return folder / "pairs.csv"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every test works in a folder of its own, with a feature cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XRET_CACHE", str(tmp_path / "cache"))
    root = logging.getLogger()
    handlers = list(root.handlers)
    yield
    for handler in [h for h in root.handlers if h not in handlers]:
        handler.close()
    root.handlers = handlers


@pytest.fixture
def xret(capfd):
    """Run a command in this process; returns (exit code, what it printed, what it complained about)."""

    def run(command, *arguments):
        try:
            code = launch(command, list(arguments))
        except SystemExit as stop:
            code = stop.code
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return run


@pytest.fixture
def start():
    """Start a command as a process of its own; whatever still runs in the end is killed."""
    running = []

    def run(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "xret", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def small(shapes):
    """Arguments of a training that takes a moment."""
    return [*SMALL, f"data.path={shapes}"]
