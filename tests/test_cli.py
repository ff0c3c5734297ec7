"""The command line: quick, and clear about what it does not understand."""

import subprocess
import sys

import pytest


def xret(*arguments, **options):
    return subprocess.run([sys.executable, "-m", "xret", *arguments], capture_output=True, text=True, **options)


def imported(*arguments):
    """The top-level packages that a command line imports."""
    code = "import sys, atexit; atexit.register(lambda: print('\\n@', *sorted(sys.modules)));"
    code += f"sys.argv[1:] = {list(arguments)!r}; import xret.cli; xret.cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return set(done.stdout.rpartition("@")[2].split())


def test_help_lists_the_commands_and_imports_nothing_heavy():
    done = xret("--help")
    assert done.returncode == 0
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert {"train", "evaluate", "label", "cache"} <= listed
    assert not {"torch", "hydra", "omegaconf", "numpy"} & imported("--help")


def test_the_config_is_shown_without_torch():
    modules = imported("train", "--cfg", "job")
    assert "hydra" in modules
    assert not {"torch", "mlflow", "pytorch_lightning", "transformers", "numpy"} & modules


def test_help_of_a_command_names_groups_and_options():
    done = xret("train", "--help")
    assert done.returncode == 0
    assert "semihard" in done.stdout
    assert "loss: contrastive, infonce, siglip, triplet" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["tran"], "did you mean train?"),
        (["train", "loss=infonse"], "did you mean infonce?"),
        (["train", "los=infonce"], "did you mean loss"),
        (["train", "trainer.max_epoch=3"], "did you mean trainer.max_epochs"),
        (["train", "loss.temprature=0.1"], "loss.temperature"),
        (["train", "experiment=no_such"], "no option 'no_such' in group 'experiment'"),
        (["train", "loss.temperature=[1"], "it must be key=value"),
        (["train", "data=table", "data.path=x.csv", "data.columns.imag=photo"], "did you mean data.columns.image"),
        (["train", "miner=semihard", "miner.margin=3", "data=table", "data.path=x.csv"], ""),
        (["evaluate"], "run"),
        (["evaluate", "run=/nowhere"], "is no run folder"),
        (["dirty", "dirt=caption"], "did you mean captions"),
        (["label", "label=neighbour"], "did you mean neighbours"),
        (["cache", "action=wipe"], "action must be list or clear"),
    ],
)
def test_a_mistake_is_one_line_with_a_hint_and_exit_code_2(arguments, hint, tmp_path):
    done = xret(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert hint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_an_experiment_wins_over_the_command_and_the_command_line_over_both(tmp_path):
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments/mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /loss: triplet\nseed: 7\nbatch: {size: 33}\n"
    )
    shown = xret("train", "experiment=mine", "batch.size=44", "--cfg", "job", cwd=tmp_path).stdout
    assert "xret.loss.triplet.Triplet" in shown
    assert "\nseed: 7\n" in shown
    assert "size: 44" in shown


def test_options_of_the_working_folder_are_found(tmp_path):
    (tmp_path / "conf/loss").mkdir(parents=True)
    (tmp_path / "conf/loss/mine.yaml").write_text("_target_: my.Loss\nsharpness: 3\n")
    assert "sharpness: 3" in xret("train", "loss=mine", "--cfg", "job", cwd=tmp_path).stdout
    (tmp_path / "more/loss").mkdir(parents=True)
    (tmp_path / "more/loss/other.yaml").write_text("_target_: my.Other\n")
    path = f"hydra.searchpath=[file://{tmp_path}/more]"
    assert "my.Other" in xret("train", path, "loss=other", "--cfg", "job", cwd=tmp_path).stdout


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("xret tr", "train"),
        ("xret train los", "loss="),
        ("xret train loss=tri", "loss=triplet"),
        ("xret train experiment=", "experiment=openmoji_random_start"),
    ],
)
def test_bash_completes_commands_groups_and_options(line, expected):
    import os

    environment = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line))}
    done = xret("-sc", "query=bash", env=environment)
    assert expected in done.stdout


@pytest.mark.parametrize(
    "names", [["data.columns={image: photo, text: title}"], ["data.columns.image=photo", "data.columns.text=title"]]
)
def test_columns_of_a_table_are_named_as_the_readme_says(names, tmp_path):
    done = xret("train", "data=table", "data.path=x.csv", *names, "--cfg", "job", cwd=tmp_path)
    assert "    image: photo\n    text: title\n" in done.stdout


@pytest.mark.parametrize(
    "text",
    [
        "a red apple",
        "7",
        "null",
        "true",
        "it's \\",
        "a \\' b",
        "${oc.env:HOME} x",
        "{a: 1}, [2]",
        'say "no"',
        "a=b",
        "\\\\",
    ],
)
def test_a_query_is_text_whatever_stands_in_it(text, monkeypatch):
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from omegaconf import OmegaConf

    from xret.commands._launch import _as_meant

    monkeypatch.setenv("XRET_COMMAND", "search")
    value = OverridesParser.create().parse_override(_as_meant(f"query={text}")).value()
    assert OmegaConf.create({"query": value}).query == text


def test_an_index_is_a_folder_where_one_is_used_and_an_option_where_one_is_built(monkeypatch):
    from xret.commands._launch import _as_meant

    for command, meant in (("search", "index.path=x"), ("serve", "index.path=x"), ("build", "index=x")):
        monkeypatch.setenv("XRET_COMMAND", command)
        assert _as_meant("index=x") == meant
