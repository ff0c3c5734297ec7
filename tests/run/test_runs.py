"""Finding run folders and reading them."""

import json
import re

import pytest

from xret._errors import UserError
from xret.run.runs import conflict, find, read, read_all


def test_folders_of_folders_and_globs_are_searched_each_run_once(make_run, tmp_path):
    one, two, three = make_run("study/b/one"), make_run("study/a"), make_run("other/c")
    (one / "fold_0").mkdir()
    (one / "fold_0/config.yaml").write_text("seed: 0\n")
    assert find([str(three), str(tmp_path / "study")]) == [three, two, one]
    assert find([f"{tmp_path}/study/*", str(one), f"{tmp_path}/*/c"]) == [two, one, three]


def test_a_folder_without_runs_is_named(tmp_path):
    with pytest.raises(UserError, match=r"nowhere does not exist"):
        find([str(tmp_path / "nowhere")])
    with pytest.raises(UserError, match=r"holds no run folder"):
        find([str(tmp_path)])
    with pytest.raises(UserError, match=r"x\* does not exist"):
        find([f"{tmp_path}/x*"])


def test_a_run_knows_what_it_measured(make_run):
    run = read(make_run("one", seed=3, splits=("val",)))
    assert run.seed == 3
    assert run.figures("val")["text_to_image"] == ["mrr", "recall_at_1", "recall_at_10", "mean_rank"]
    assert run.figures("test") == {}
    assert run.read(["val/image_to_text/query"])["val/image_to_text/query"].tolist() == list(range(60))
    with pytest.raises(UserError, match=r"has no val/image_to_text/map"):
        run.read(["val/image_to_text/map"])


def test_what_cannot_be_compared_is_left_out_and_said(make_run):
    done, open_, val = make_run("done"), make_run("open", finished=False), make_run("val", splits=("val",))
    evaluation = make_run("evaluation")
    (evaluation / "provenance.json").unlink()
    runs, notes = read_all([done, open_, val, evaluation], "test")
    assert [run.path for run in runs] == [done]
    assert [note.partition(" is left out: ")[0] for note in notes] == [str(open_), str(val), str(evaluation)]
    assert "not finished" in notes[0]
    assert "did not measure test" in notes[1]
    assert "no provenance.json" in notes[2]


def test_no_run_at_all_is_an_error_with_a_hint(make_run):
    with pytest.raises(UserError, match="not finished"):
        read_all([make_run("open", finished=False)], "test")
    with pytest.raises(UserError, match="split=val"):
        read_all([make_run("val", splits=("val",))], "test")


@pytest.mark.parametrize(
    ("file", "text"), [("config.yaml", "a: [1"), ("config.yaml", "a: 1"), ("cost.json", "{"), ("per_query.npz", "PK?")]
)
def test_a_broken_file_is_named(make_run, file, text):
    path = make_run("broken")
    (path / file).write_text(text)
    with pytest.raises(UserError, match=file):
        read_all([path], "test")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"protocol": {"_target_": "xret.protocol.qrels.Qrels"}}, "protocol .*Default.*Qrels"),
        ({"data_hash": "other"}, r"data hash \(d and other\)"),
        ({"split_hash": "other"}, r"split hash \(s and other\)"),
        ({"queries": 50}, "queries of test"),
        ({"loss": {"_target_": "xret.loss.siglip.SigLIP"}}, None),
    ],
)
def test_runs_conflict_by_protocol_data_split_and_queries_but_not_by_settings(make_run, changed, words):
    one, other = read(make_run("one")), read(make_run("other", **changed))
    found = conflict(one, other, "test")
    assert (found is None) if words is None else re.search(words, found)


def test_another_target_domain_conflicts_where_the_target_is_compared(make_run):
    runs = [make_run(name) for name in ("one", "other")]
    for path, digest in zip(runs, ("a", "b"), strict=True):
        facts = json.loads((path / "provenance.json").read_text())
        (path / "provenance.json").write_text(json.dumps(facts | {"target_hash": digest}))
    one, other = map(read, runs)
    assert conflict(one, other, "test") is None
    assert "target hash" in conflict(one, other, "target")
