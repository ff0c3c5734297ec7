"""Synonyms: what the table says, and no more."""

import pytest

from xret._errors import UserError
from xret.clean.labels.synonyms import Synonyms

TABLE = {"vintage": ["retro", "Old-School"], "T-Shirt": ["tee"]}


@pytest.mark.parametrize(
    ("value", "name"),
    [("Retro", "vintage"), ("old school", "vintage"), ("OLD_SCHOOL", "vintage"), ("tee", "T-Shirt"), ("灰", "灰色")],
)
def test_other_names_become_the_preferred_one_as_it_is_written(value, name):
    found = Synonyms(TABLE)(value)
    assert found.value == name
    assert "by the table" in found.reason
    assert Synonyms(TABLE)(name).reason == ""


@pytest.mark.parametrize("value", ["retro look", "vintage", "Vintage", "tees", "red", "粉", ""])
def test_what_is_not_in_the_table_stays_as_it_is(value):
    assert Synonyms(TABLE)(value).value == value


def test_spellings_hold_within_a_value_and_can_be_left_out():
    assert Synonyms()("Dark Grey").value == "dark gray"
    assert Synonyms()("greyhound").value == "greyhound"
    assert Synonyms(shipped=False)("dark grey").value == "dark grey"


def test_the_user_wins_over_what_comes_along():
    step = Synonyms({"grey": ["gray", "slate"], "dark grey": ["charcoal"]})
    assert [step(v).value for v in ("gray", "grey", "slate", "charcoal", "dark grey")] == ["grey"] * 3 + [
        "dark grey"
    ] * 2


def test_chains_are_followed_to_their_end():
    step = Synonyms({"b": ["a"], "c": ["b"]})
    assert step("a").value == "c"


@pytest.mark.parametrize(("name", "between"), [("t.tsv", "\t"), ("t.csv", ",")])
def test_a_file_is_read_beside_the_table(tmp_path, name, between):
    path = tmp_path / name
    path.write_text(between.join(["sofa", "couch", "settee"]) + "\n\n" + between.join(["复古", "怀旧"]), "utf-8-sig")
    step = Synonyms(TABLE, file=str(path))
    assert [step(v).value for v in ("couch", "settee", "怀旧", "retro")] == ["sofa", "sofa", "复古", "vintage"]


def test_a_file_that_cannot_serve_is_named_with_its_line(tmp_path):
    path = tmp_path / "t.tsv"
    with pytest.raises(UserError, match=r"t\.tsv cannot be read"):
        Synonyms(file=str(path))
    path.write_text("sofa\tcouch\nlonely\n")
    with pytest.raises(UserError, match="line 2"):
        Synonyms(file=str(path))
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="cannot be read"):
        Synonyms(file=str(path))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": ["c"], "b": ["C"]}, "cannot stand for"),
        ({"a": ["b"], "b": ["a"]}, "circle"),
        ({"a": "b"}, "must be a list"),
        ({"a": [" "]}, "letters"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(table, message):
    with pytest.raises(ValueError, match=message):
        Synonyms(table)
