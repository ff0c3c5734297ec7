"""A data set that fits in a test: coloured shapes and what they are called."""

import itertools
import logging
import multiprocessing
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from xret.commands._launch import launch

FORKED = Path(__file__).with_name("forked.py")
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
    "details=false",
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
def two_processes(start):
    """Run a command on two devices; returns what it printed."""

    def run(*arguments):
        process = start(*arguments, "trainer.devices=2", "trainer.strategy=ddp")
        out, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        return out

    return run


class Forked:
    """A process that runs a command in a fork of one that has imported already what takes seconds."""

    def __init__(self, server, arguments, folder):
        self.out, self.err = folder / "out", folder / "err"
        for file in (self.out, self.err):
            file.touch()
        about = {
            "ARGUMENTS": arguments,
            "FOLDER": os.getcwd(),
            "OUT": self.out,
            "ERR": self.err,
            "ENV": dict(os.environ),
        }
        self.process = server.Process(target=runpy.run_path, args=(str(FORKED), about, "__main__"))
        self.process.start()

    @property
    def returncode(self):
        return self.process.exitcode

    def poll(self):
        self.process.join(0)
        return self.process.exitcode

    def send_signal(self, number):
        os.kill(self.process.pid, number)

    def wait(self, timeout=None):
        self.process.join(timeout)
        assert self.process.exitcode is not None, f"still running after {timeout} s"
        return self.process.exitcode

    def communicate(self, timeout=None):
        self.wait(timeout)
        return self.out.read_text(), self.err.read_text()

    def kill(self):
        self.process.kill()
        self.process.join()


@pytest.fixture(scope="session")
def server():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["xret.commands.train", "xret.commands._fit", "xret.commands._result"])
    return context


@pytest.fixture
def fork(server, tmp_path_factory):
    """Do what `start` does, without the seconds that a new interpreter takes to import everything."""
    running = []

    def run(*arguments):
        running.append(Forked(server, arguments, tmp_path_factory.mktemp("forked")))
        return running[-1]

    yield run
    for process in running:
        process.kill()


@pytest.fixture
def wait_for():
    """Wait until a file is there; the process that writes it must not end before."""

    def wait(path, process, seconds=240):
        end = time.monotonic() + seconds
        while not path.exists():
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < end, f"{path} did not appear"
            time.sleep(0.02)

    return wait


@pytest.fixture
def killed_and_whole(fork, wait_for):
    """Train twice, once with a kill as soon as a file of the run appears and a resume; into folders of these names."""

    def run(*arguments, moment="checkpoints/last.ckpt"):
        killed = fork("train", *arguments, "hydra.run.dir=killed")
        wait_for(Path("killed", moment), killed)
        killed.kill()
        assert not Path("killed/metrics.json").exists(), "nothing is left to resume"
        for more in (["resume=killed"], [*arguments, "hydra.run.dir=whole"]):
            process = fork("train", *more)
            _, err = process.communicate(timeout=300)
            assert process.returncode == 0, err

    return run


@pytest.fixture
def small(shapes):
    """Arguments of a training that takes a moment."""
    return [*SMALL, f"data.path={shapes}"]


@pytest.fixture(scope="session")
def index(shapes, tmp_path_factory):
    """The folder of an index of the shapes, whose attributes are colour and shape; made once by a small run."""
    top = tmp_path_factory.mktemp("index")
    header, *rows = shapes.read_text().splitlines()
    described = [f"{row},{','.join(row.split('-')[:2])}" for row in rows]
    table = shapes.with_name("described.csv")
    table.write_text("\n".join([f"{header},colour,shape", *described]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(top)
        patch.setenv("XRET_CACHE", str(top / "cache"))
        for command, *arguments in (
            ["train", *SMALL, f"data.path={table}", "hydra.run.dir=run"],
            ["embed", "run=run", "workers=0", "hydra.run.dir=vectors"],
            ["build", "vectors=vectors", "hydra.run.dir=index"],
        ):
            assert launch(command, arguments) == 0
    return top / "index"
