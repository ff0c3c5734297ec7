"""``xret compare`` from the command line."""

import csv
import io
import json
import subprocess
import sys

import pytest

QUIET = "tracker=none"


@pytest.fixture
def study(make_run, triplet):
    """Three seeds of two settings in runs/mine; the second is better."""
    for seed in range(3):
        make_run(f"runs/mine/a{seed}", seed, 0.5)
        make_run(f"runs/mine/b{seed}", seed, 0.8, loss=triplet)


def rows(text):
    """The cells of the last table in a text."""
    lines = text.rstrip().split("\n\n")[-1].splitlines()
    assert lines[1].startswith("|---")
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in [lines[0], *lines[2:]]]


def test_a_study_is_compared_by_its_name_and_the_table_comes_last(xret, study, tmp_path):
    code, printed, complaints = xret("compare", "experiment=mine", QUIET)
    assert (code, complaints) == (0, "")
    _, first, second = rows(printed)
    assert first[:2] == ["loss=infonce", "3"]
    assert second[0] == "loss=triplet"
    assert second[5] == "better"
    (folder,) = (tmp_path / "runs/compare").iterdir()
    assert {path.name for path in folder.iterdir()} == {f"comparison.{end}" for end in ("md", "csv", "json", "png")}
    assert rows((folder / "comparison.md").read_text()) == rows(printed)


@pytest.mark.parametrize("baseline", ["1", "loss=triplet"])
def test_the_baseline_is_chosen_by_number_or_name(xret, study, baseline):
    _, printed, _ = xret("compare", "experiment=mine", QUIET, f"baseline='{baseline}'")
    assert [row[5] for row in rows(printed)[1:]] == ["worse", "baseline"]


def test_the_first_of_runs_is_the_baseline_and_what_is_left_out_is_said(xret, study, make_run):
    make_run("runs/open", finished=False)
    _, printed, _ = xret("compare", "runs=['runs/mine/b*',runs/mine,runs/open]", QUIET)
    assert [row[0] for row in rows(printed)[1:]] == ["loss=triplet", "loss=infonce"]
    assert "open is left out: it is not finished" in printed


def test_json_and_csv_are_printed_alone(xret, study):
    _, printed, _ = xret("compare", "experiment=mine", QUIET, "format=json", "split=val", "metric=text_to_image/mrr")
    document = json.loads(printed)
    assert (document["split"], document["metric"]) == ("val", "text_to_image/mrr")
    assert [group["verdict"] for group in document["groups"]] == ["baseline", "better"]
    _, printed, _ = xret("compare", "experiment=mine", QUIET, "format=csv", "also=[]")
    assert [row["figure"] for row in csv.DictReader(io.StringIO(printed))][::2] == [
        "mrr",
        "text_to_image/mrr",
        "image_to_text/mrr",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "runs=[DIR,DIR], experiment=NAME and filter=..., got none"),
        (["experiment=mine", "runs=[a]"], "got runs and experiment"),
        (["experiment=mina"], "did you mean mine?"),
        (["experiment=other"], "xret train experiment=other -m"),
        (["runs=[nowhere]"], "nowhere does not exist"),
        (["experiment=mine", "metric=mmr"], "did you mean mrr"),
        (["experiment=mine", "split=train"], "split must be one of test, val, target, got train"),
        (["experiment=mine", "format=html"], "format must be one of"),
        (["experiment=mine", "baseline=2"], "there are loss=infonce; loss=triplet, or 0 to 1"),
        (["filter=x"], "tracker=none"),
        (["filter=x", "tracker=mlflow"], "there is no"),
        (["experiment=mine", "bseline=0"], "did you mean baseline"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(xret, study, arguments, words):
    code, printed, complaints = xret("compare", QUIET, *arguments)
    assert code == 2
    assert words in complaints
    assert len(complaints.strip().splitlines()) == 1
    assert printed == ""


def test_runs_that_must_not_be_compared_are_named(xret, study, make_run):
    make_run("runs/mine/c0", 9, data_hash="other")
    code, _, complaints = xret("compare", "experiment=mine", QUIET)
    assert code == 2
    assert "c0 differ in the data hash (d and other)" in complaints
    code, printed, _ = xret("compare", "experiment=mine", QUIET, "force=true")
    assert code == 0
    assert "forced" in printed


@pytest.mark.filterwarnings("default")  # MLflow 3.17 and what it imports warn of their own deprecations
def test_mlflow_finds_the_runs_and_keeps_the_comparison(xret, study, tmp_path):
    from mlflow.tracking import MlflowClient

    store = f"sqlite:///{tmp_path}/mlflow.db"
    assert xret("compare", "experiment=mine")[0] == 0
    client = MlflowClient(tracking_uri=store)
    experiment = client.get_experiment_by_name("xret").experiment_id
    (kept,) = client.search_runs([experiment])
    assert kept.data.tags["mlflow.runName"] == "compare mine"
    assert kept.info.status == "FINISHED"
    assert "comparison.md" in {file.path for file in client.list_artifacts(kept.info.run_id)}
    for name in ("a0", "b0", "gone"):
        run = client.create_run(experiment, tags={"xret.folder": str(tmp_path / "runs/mine" / name)})
        client.log_param(run.info.run_id, "loss._target_", "Triplet" if name == "b0" else "InfoNCE")
    code, printed, complaints = xret("compare", "filter=\"params.`loss._target_` LIKE '%NCE'\"")
    assert (code, complaints) == (0, "")
    assert [row[:2] for row in rows(printed)[1:]] == [["all runs", "1"]]
    code, _, complaints = xret("compare", 'filter="this is none"')
    assert code == 2
    assert "does not understand" in complaints


def test_the_config_is_shown_and_runs_are_compared_without_torch(study, tmp_path):
    code = "import sys, atexit; atexit.register(lambda: print('\\n@', *sorted(sys.modules), file=sys.stderr));"
    code += "sys.argv[1:] = {!r}; import xret.cli; xret.cli.main()"
    for arguments in (["compare", "--cfg", "job"], ["compare", "experiment=mine", QUIET]):
        done = subprocess.run([sys.executable, "-c", code.format(arguments)], capture_output=True, text=True)
        assert done.returncode == 0
        modules = set(done.stderr.rpartition("@")[2].split())
        assert "hydra" in modules
        assert not {"torch", "mlflow", "pytorch_lightning", "pandas"} & modules
