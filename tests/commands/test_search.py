"""A small run from vectors to answers: what is found, printed and refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xret._errors import UserError
from xret.commands._filtering import Filtering
from xret.commands.search import _table

pytestmark = pytest.mark.slow


@pytest.fixture
def search(xret, index):
    """Search the small index as JSON; returns what each line says."""

    def run(*arguments):
        code, out, err = xret("search", f"index={index}", "format=json", *arguments)
        assert code in {0, None}, err
        return [json.loads(line) for line in out.splitlines()]

    return run


def test_a_text_finds_its_picture_and_stdout_is_json_alone(index):
    command = [
        sys.executable,
        "-m",
        "xret",
        "search",
        f"index={index}",
        "query=a red circle on white",
        "format=json",
        "k=80",
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert set(answer) == {"query", "results", "ms"}
    assert answer["query"] == "a red circle on white"
    assert set(answer["ms"]) == {"encode", "search", "rerank", "total"}
    assert answer["ms"]["total"] >= answer["ms"]["encode"] + answer["ms"]["search"] - 1e-6
    assert [set(result) for result in answer["results"]] == [{"id", "score", "text", "path"}] * 80
    scores = [result["score"] for result in answer["results"]]
    assert scores == sorted(scores, reverse=True)
    assert all(Path(r["path"]).name == f"{r['id']}.png" for r in answer["results"])


def test_a_picture_finds_itself_first(search, shapes):
    path = shapes.parent / "blue-square-white.png"
    (found,) = search(f"query={path}", "k=3")
    assert found["results"][0]["id"] == "blue-square-white"
    assert found["results"][0]["score"] == pytest.approx(1, abs=1e-4)


def test_a_picture_needs_no_ending(search, shapes, tmp_path):
    (tmp_path / "copy").write_bytes((shapes.parent / "blue-square-white.png").read_bytes())
    assert search("query=copy", "k=1")[0]["results"][0]["id"] == "blue-square-white"


def test_queries_of_a_file_are_answered_each_as_alone(search, tmp_path):
    texts = [f"a {colour} ring" for colour in ("red", "green", "blue")] * 30  # more than one batch
    (tmp_path / "queries.txt").write_text("\n\n".join(texts) + "\n")
    many = search("queries=queries.txt", "k=4")
    assert [answer["query"] for answer in many] == texts
    (alone,) = search("query=a green ring", "k=4")
    for answer in (many[1], many[-2]):
        assert [r["id"] for r in answer["results"]] == [r["id"] for r in alone["results"]]
        assert np.allclose([r["score"] for r in answer["results"]], [r["score"] for r in alone["results"]], atol=1e-5)


def test_queries_are_a_column_of_a_table_too(search, tmp_path):
    (tmp_path / "queries.csv").write_text("number,question\n1,a red bar\n2,\n3,a blue bar\n")
    assert [a["query"] for a in search("queries=queries.csv", "column=question", "k=1")] == ["a red bar", "a blue bar"]


def test_a_file_that_is_named_in_a_file_of_queries_is_a_text(search, shapes, tmp_path):
    (tmp_path / "queries.txt").write_text(f"{shapes.parent / 'red-bar-white.png'}\n")
    (found,) = search("queries=queries.txt", "k=1")
    assert found["results"][0]["score"] < 0.999


def test_only_items_that_pass_the_filter_are_found(search):
    (found,) = search("query=a red circle", "k=80", "filter={colour: [red, blue], shape: circle}")
    expected = {f"{colour}-circle-{ground}" for colour in ("red", "blue") for ground in ("white", "beige")}
    assert {result["id"] for result in found["results"]} == expected
    (everything,) = search("query=a red circle", "k=80")
    order = [r["id"] for r in everything["results"] if r["id"] in expected]
    assert [r["id"] for r in found["results"]] == order


def test_splits_are_filters_too(search):
    sizes = [
        len(search("query=red", "k=80", f"filter={{split: {split}}}")[0]["results"])
        for split in ("train", "val", "test")
    ]
    assert all(sizes)
    assert sum(sizes) == 80


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["query=red", "filter={color: red}"], "did you mean colour?"),
        (["query=red", "filter={colour: rde}"], "did you mean red?"),
        (["query=red", "filter=red"], "filter must be names and values"),
        (["query=none.png"], "cannot read none.png: missing"),
        (["query=red", "k=0"], "k must be a whole number, at least 1, got 0"),
        (["query=red", "queries=a.txt"], "name one of"),
        ([], "name one of"),
        (["query=' '"], "query must be a text or a picture file"),
        (["queries=none.txt"], "queries must be a file of texts: none.txt: No such file"),
        (["queries=empty.txt"], "empty.txt holds no query"),
        (["queries=table.csv"], "has no column 'text', it has a, b"),
        (["query=red", "format=xml"], "format must be table or json"),
    ],
)
def test_a_mistake_is_told_in_one_line(xret, index, tmp_path, arguments, told):
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    code, out, err = xret("search", f"index={index}", *arguments)
    assert (code, out) == (2, "")
    assert told in err
    assert err.strip().splitlines()[-1].startswith("xret search: ")


def test_a_folder_without_an_index_says_what_writes_one(xret, tmp_path):
    code, _, err = xret("search", f"index={tmp_path}", "query=red")
    assert code == 2
    assert "build writes one" in err


def test_a_table_shows_ranks_scores_texts_and_times(xret, index):
    code, out, _ = xret("search", f"index={index}", "query=a red circle on white", "k=2")
    assert code in {0, None}
    first, second, times = out.splitlines()
    assert first.split()[0] == "1"
    assert second.split()[0] == "2"
    assert first.endswith(".png")
    assert times.startswith("encode ")


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_a_line_fits_the_terminal(width):
    from xret.commands._answering import Answer

    answers = [Answer("i" * 30, 0.5, "t" * 90, "/p" * 60, 0), Answer("i", -0.25, "a\nb", "", 1)]
    lines = _table(answers, width).splitlines()
    assert len(lines) == 2
    assert all(len(line) <= width for line in lines)
    assert "-0.250" in lines[1]
    assert "a b" in lines[1]


def items(**columns):
    import pyarrow as pa

    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def test_a_filter_joins_names_by_and_and_values_by_or():
    attributes = [{"a": "1", "b": "x"}, {"a": "2", "b": "x"}, {"a": "3", "b": "y"}, {"b": "x"}]
    chosen = Filtering(items(attributes=[json.dumps(a) for a in attributes], group=["g"] * 4, split=[""] * 4))
    assert chosen.allowed({}) is None
    assert chosen.allowed({"a": ["1", "3"]}).tolist() == [True, False, True, False]
    assert chosen.allowed({"a": ["1", "3"], "b": "x"}).tolist() == [True, False, False, False]
    assert chosen.allowed({"b": "x"}).tolist() == [True, True, False, True]
    assert chosen.offered() == {"a": ["1", "2", "3"], "b": ["x", "y"]}
    with pytest.raises(UserError, match="no item has an attribute 'split'"):
        chosen.key({"split": "train"})


def test_a_query_larger_than_the_gallery_finds_all(search):
    assert len(search("query=red", "k=1000")[0]["results"]) == 80


def test_a_query_that_is_a_broken_picture_is_told(xret, index, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    code, _, err = xret("search", f"index={index}", "query=broken.png")
    assert code == 2
    assert "cannot read broken.png: undecodable" in err


def test_a_picture_that_was_sent_is_read_like_a_file_and_a_drawing_is_not(tmp_path):
    from xret.data.reading import BrokenMedia, decode_image, read_image

    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    data = (tmp_path / "a.png").read_bytes()
    assert np.array_equal(decode_image(data, 32, "crop"), read_image(tmp_path / "a.png", "", 32, "crop"))
    with pytest.raises(BrokenMedia, match="too_large"):
        decode_image(data, 32, "crop", max_pixels=2399)
    with pytest.raises(BrokenMedia, match="unsafe"):
        decode_image(b"<svg xmlns='http://www.w3.org/2000/svg'/>", 32, "crop")


def test_a_small_picture_keeps_its_shape(tmp_path):
    from xret.data.reading import read_small

    Image.new("RGBA", (600, 300), (255, 0, 0, 0)).save(tmp_path / "a.png")
    small = read_small(tmp_path / "a.png", "", 100)
    assert (small.size, small.mode, small.getpixel((0, 0))) == ((100, 50), "RGB", (255, 255, 255))
