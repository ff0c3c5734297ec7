"""Tables, well-formed and hostile."""

import json
import logging

import pandas as pd
import pytest

from xret._errors import UserError
from xret.data.table import Table


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.jpg", "c.jpg", "d e,f.jpg"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


@pytest.fixture
def write(folder):
    def save(content, name="t.csv"):
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(folder / name)

    return save


def rejected(manifest):
    return [(r.row, r.reason) for r in manifest.rejected]


def texts(manifest):
    return [row.inputs["text"] for row in manifest.rows]


ROWS = [
    {"id": "1", "image": "a.jpg", "text": "007", "group": "x", "split": "train", "lang": "en", "price": "1.50"},
    {"id": "2", "image": "a.jpg", "text": "NA", "group": "x", "split": "val", "lang": "", "price": ""},
    {"id": "3", "image": "b.jpg", "text": "null", "group": "y", "split": "test", "lang": "fr", "price": "true"},
]


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_every_kind_of_file_gives_the_same_rows_with_text_as_written(folder, kind):
    path = folder / f"t.{kind}"
    frame = pd.DataFrame(ROWS)
    if kind == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in ROWS))
    elif kind == "parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, sep="," if kind == "csv" else "\t", index=False)
    manifest = Table(str(path)).load()
    assert texts(manifest) == ["007", "NA", "null"]
    assert [(r.id, r.group, r.split, r.lang) for r in manifest.rows] == [
        ("1", "x", "train", "en"),
        ("2", "x", "val", ""),
        ("3", "y", "test", "fr"),
    ]
    assert [dict(r.attributes) for r in manifest.rows] == [{"price": "1.50"}, {}, {"price": "true"}]
    assert manifest.rows[0].inputs == {"image": "a.jpg", "text": "007"}
    assert manifest.root == folder
    assert manifest.rejected == ()


def test_only_a_pair_is_needed_and_rows_of_one_file_are_a_group(write):
    manifest = Table(write("image,text\na.jpg,one\n./a.jpg,two\nb.jpg,one\n")).load()
    assert [(r.id, r.group) for r in manifest.rows] == [("1", "a.jpg"), ("2", "a.jpg"), ("3", "b.jpg")]
    assert {r.split for r in manifest.rows} <= {"train", "val", "test"}
    assert manifest.rows[0].split == manifest.rows[1].split


def test_columns_can_be_renamed_and_a_field_switched_off(write):
    path = write("photo,title,split,weight\na.jpg,x,odd,0.5\n")
    row = Table(path, columns={"image": "photo", "text": "title", "split": None}).load().rows[0]
    assert row.inputs == {"image": "a.jpg", "text": "x"}
    assert row.attributes == {"split": "odd"}
    assert row.weight == 0.5


def test_a_list_of_texts_makes_a_row_for_each(write):
    lines = [{"id": "p", "image": "a.jpg", "text": ["one", "", "two"]}, {"image": "b.jpg", "text": "three"}]
    manifest = Table(write("\n".join(map(json.dumps, lines)), "t.jsonl")).load()
    assert [(r.id, r.group, r.inputs["text"]) for r in manifest.rows] == [
        ("p.0", "a.jpg", "one"),
        ("p.2", "a.jpg", "two"),
        ("2", "b.jpg", "three"),
    ]
    assert rejected(manifest) == [("p.1", "empty")]


def test_audio_and_video_pass_through(write):
    row = Table(write("audio,video,lang\na.jpg,b.jpg,de\n")).load().rows[0]
    assert row.inputs == {"video": "b.jpg", "audio": "a.jpg"}
    assert row.group == "b.jpg"


def test_one_row_of_each_fault_is_rejected_with_its_reason_and_the_rest_stays(write):
    lines = [
        b"id,image,text,split,weight",
        b"ok,a.jpg,fine,train,1",
        b"file,none.jpg,x,train,1",
        b"text,a.jpg,  ,train,1",
        b"byte,a.jpg,caf\xe9,train,1",
        b"out,../t.csv,x,train,1",
        b"ok,a.jpg,again,train,1",
        b"split,a.jpg,x,later,1",
        b"nosplit,a.jpg,x,,1",
        b"weight,a.jpg,x,train,-1",
        b"nan,a.jpg,x,train,nan",
        b"word,a.jpg,x,train,heavy",
        b"few,a.jpg",
        b"many,a.jpg,x,train,1,2",
        b"empty,,x,train,1",
        b'last,"d e,f.jpg","two\nlines, ""quoted""",dev,2',
    ]
    manifest = Table(write(b"\n".join(lines))).load()
    assert [(r.id, r.split, r.weight) for r in manifest.rows] == [("ok", "train", 1), ("last", "val", 2)]
    assert texts(manifest)[1] == 'two\nlines, "quoted"'
    assert rejected(manifest) == [
        ("file", "missing"),
        ("text", "empty"),
        ("byte", "encoding"),
        ("out", "outside"),
        ("ok", "duplicate_id"),
        ("split", "value"),
        ("weight", "value"),
        ("nan", "value"),
        ("word", "value"),
        ("12", "fields"),
        ("13", "fields"),
        ("empty", "empty"),
        ("nosplit", "value"),
    ]


def test_a_single_broken_row_ends_the_command_if_asked(write):
    path = write("image,text\na.jpg,x\nnone.jpg,y\n")
    assert len(Table(path).load().rows) == 1
    with pytest.raises(UserError, match=r"row 2 \(missing: none.jpg"):
        Table(path, on_error="fail").load()


def test_quotes_that_do_not_match_cost_no_other_row(write):
    captions = ['"the best" cat', '"open', "plain", 'say "hi"', '"good, closed"']
    manifest = Table(write("image\ttext\n" + "".join(f"a.jpg\t{c}\n" for c in captions), "t.tsv")).load()
    assert texts(manifest) == ['"the best" cat', '"open', "plain", 'say "hi"', "good, closed"]


def test_many_open_quotes_are_read_in_time_that_grows_with_the_file(write):
    manifest = Table(write("image\ttext\n" + 'a.jpg\t"open\n' * 3000, "t.tsv")).load()
    assert len(manifest.rows) == 3000


def test_byte_order_marks_and_utf16_are_read(write):
    text = "image,text\na.jpg,naïve 狗\n"
    for content in (text.encode("utf-8-sig"), text.encode("utf-16")):
        assert texts(Table(write(content)).load()) == ["naïve 狗"]


def test_broken_json_lines_are_rejected(write):
    good = json.dumps({"image": "a.jpg", "text": "x"})
    bad = ["{", "[1]", '{"image": "a.jpg", "text": {"a": 1}}', '{"image": ["a.jpg"], "text": "x"}']
    bad += ['{"image": "a.jpg", "text": "\\ud800"}', "[" * 100_000, '{"image": "a.jpg"}']
    manifest = Table(write("\n".join([*bad, good]), "t.jsonl")).load()
    assert [reason for _, reason in rejected(manifest)] == [
        "fields", "fields", "value", "value", "encoding", "fields", "empty",
    ]  # fmt: skip
    assert [r.id for r in manifest.rows] == ["8"]


def test_parquet_lists_numbers_and_bad_bytes(folder):
    import pyarrow as pa
    import pyarrow.parquet as pq

    bad = pa.array([b"ok", b"caf\xe9", b"ok"], pa.binary()).view(pa.string())
    columns = {"image": ["a.jpg", "a.jpg", None], "text": bad, "year": [2001, None, 3], "tags": [["a", "b"], [], None]}
    columns["size"] = [float("nan"), 1.5, 2.5]
    pq.write_table(pa.table(columns), folder / "t.parquet")
    manifest = Table(str(folder / "t.parquet")).load()
    assert [dict(r.attributes) for r in manifest.rows] == [{"year": "2001", "tags": "a, b"}]
    assert rejected(manifest) == [("2", "encoding"), ("3", "empty")]


def test_misspelt_columns_are_named_with_the_nearest(write):
    path = write("imgae,txet,price\na.jpg,x,1\n")
    with pytest.raises(UserError, match=r"data.columns.text=txet\?; data.columns.image=imgae\?"):
        Table(path).load()
    with pytest.raises(UserError, match=r"no column 'pice'.*did you mean price\?"):
        Table(path, columns={"text": "pice"}).load()
    with pytest.raises(ValueError, match=r"got 'txt'; did you mean text\?"):
        Table(path, columns={"txt": "price"})


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", "", "no header"),
        ("t.csv", "image,text\n", "no usable row"),
        ("t.csv", "image,image,text\n", "two columns called 'image'"),
        ("t.xlsx", "x", "must end in .csv"),
        ("t.parquet", "x", "not a Parquet file"),
        ("t.jsonl", "", "must have two of the columns"),
    ],
)
def test_a_table_that_cannot_be_read_as_a_whole_is_one_clear_line(write, name, content, message):
    with pytest.raises(UserError, match=message) as caught:
        Table(write(content, name)).load()
    assert "\n" not in str(caught.value)


def test_missing_table_and_missing_root_are_named(folder, write):
    with pytest.raises(UserError, match="No such file"):
        Table(str(folder / "none.csv")).load()
    with pytest.raises(UserError, match=r"data\.root must be the folder"):
        Table(write("image,text\na.jpg,x\n"), root=str(folder / "none")).load()


def test_files_may_lie_outside_only_if_allowed(folder, write):
    (folder / "inner").mkdir()
    path = write("image,text\n../a.jpg,x\na.jpg,y\n")
    (folder / "inner/a.jpg").write_bytes(b"x")
    assert len(Table(path, root=str(folder / "inner")).load().rows) == 1
    manifest = Table(path, root=str(folder / "inner"), allow_outside=True).load()
    assert len(manifest.rows) == 2
    assert (manifest.root / manifest.rows[0].inputs["image"]).samefile(folder / "a.jpg")


def test_a_group_in_two_splits_is_reported(write, caplog):
    with caplog.at_level(logging.WARNING):
        Table(write("image,text,split\na.jpg,x,train\na.jpg,y,test\n")).load()
    assert "more than one split" in caplog.text


TITLED = "image,text,name\na.jpg,a dog,perro\n,a cat,gato\nb.jpg,a cow,\n,a sheep,\n"


def test_a_row_may_lack_its_picture_or_its_title_where_there_are_titles_but_not_both(write):
    manifest = Table(write(TITLED), title="name").load()
    assert [dict(row.inputs) for row in manifest.rows] == [
        {"image": "a.jpg", "title": "perro", "text": "a dog"},
        {"title": "gato", "text": "a cat"},
        {"image": "b.jpg", "text": "a cow"},
    ]
    assert [row.group for row in manifest.rows] == ["a.jpg", "2", "b.jpg"]
    assert rejected(manifest) == [("4", "empty")]
    assert manifest.rejected[0].detail == "none of image, title"


def test_without_titles_a_picture_must_be_there_and_the_column_is_an_attribute(write):
    manifest = Table(write(TITLED)).load()
    assert [row.inputs["image"] for row in manifest.rows] == ["a.jpg", "b.jpg"]
    assert manifest.rows[0].attributes == {"name": "perro"}
    assert rejected(manifest) == [("2", "empty"), ("4", "empty")]


def test_titles_alone_make_a_table(write):
    manifest = Table(write("text,name\na dog,perro\n"), title="name").load()
    assert dict(manifest.rows[0].inputs) == {"title": "perro", "text": "a dog"}


@pytest.mark.parametrize(
    ("title", "message"),
    [
        ("nam", "data.title: .* has no column 'nam', it has image, text, name; did you mean name?"),
        ("text", "a title must not be its own query"),
    ],
)
def test_a_column_of_titles_that_is_none_is_refused(write, title, message):
    with pytest.raises(UserError, match=message):
        Table(write(TITLED), title=title).load()


def test_to_embed_a_row_needs_one_modality_and_a_table_one_column(write):
    path = write("id,image,text\n1,a.jpg,one\n2,b.jpg, \n3,,three\n4,,\n5,none.jpg,five\n")
    manifest = Table(path).load_unpaired()
    assert [(r.id, dict(r.inputs)) for r in manifest.rows] == [
        ("1", {"image": "a.jpg", "text": "one"}),
        ("2", {"image": "b.jpg"}),
        ("3", {"text": "three"}),
    ]
    assert rejected(manifest) == [("4", "empty"), ("5", "missing")]
    assert [row.id for row in Table(path).load().rows] == ["1"]
    alone = Table(write("id,image\n1,a.jpg\n2,\n", "pictures.csv")).load_unpaired()
    assert ([r.inputs["image"] for r in alone.rows], rejected(alone)) == (["a.jpg"], [("2", "empty")])
    with pytest.raises(UserError, match="must have two of the columns"):
        Table(path.replace("t.csv", "pictures.csv")).load()
    with pytest.raises(UserError, match="must have one of the columns"):
        Table(write("id\n1\n", "nothing.csv")).load_unpaired()


def test_to_embed_a_list_may_be_empty(write):
    lines = [{"image": "a.jpg", "text": []}, {"image": "b.jpg", "text": ["one", ""]}]
    manifest = Table(write("\n".join(map(json.dumps, lines)), "t.jsonl")).load_unpaired()
    assert [dict(r.inputs) for r in manifest.rows][:2] == [{"image": "a.jpg"}, {"image": "b.jpg", "text": "one"}]
