"""Stamps: made up here, and the installed ones."""

from pathlib import Path

import pytest

from xret._errors import UserError
from xret.data.reading import BrokenMedia, read_image
from xret.data.tuxpaint import TuxPaint

INSTALLED = Path("/usr/share/tuxpaint/stamps")
needs_stamps = pytest.mark.skipif(not INSTALLED.is_dir(), reason="needs the package tuxpaint-stamps-default")


@pytest.fixture
def stamps(tmp_path):
    def add(name, text, **pictures):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is not None:
            path.with_suffix(".txt").write_bytes(text.encode() if isinstance(text, str) else text)
        for end, content in pictures.items():
            path.with_suffix(f".{end}").write_bytes(content)
        return TuxPaint(root=str(tmp_path))

    return add


def test_png_stands_before_svg_and_text_without_picture_is_no_stamp(stamps):
    stamps("animals/cat", "A cat.\nfr.utf8=Un chat.\nde.utf8=\n", png=b"1", svg=b"2")
    stamps("animals/birds/hen", "A hen.\n", svg=b"3")
    stamps("animals/nothing", "Nothing.\n")
    source = stamps("animals/cat_mirror", None, png=b"4")
    rows = {row.id: row for row in source.load().rows}
    assert {name: row.inputs for name, row in rows.items()} == {
        "animals/cat": {"image": "animals/cat.png", "text": "A cat."},
        "animals/birds/hen": {"image": "animals/birds/hen.svg", "text": "A hen."},
    }
    assert rows["animals/birds/hen"].attributes == {"category": "animals", "folder": "animals/birds"}


def test_group_is_a_sentence_or_a_file_in_common_also_over_a_third_stamp(stamps):
    stamps("a/1", "A rose.", png=b"x")
    stamps("a/2", "A flower.", png=b"x")
    stamps("a/3", "A flower.", png=b"yy")
    stamps("a/4", "A tulip.", png=b"zz")
    source = stamps("a/5", "Another tulip.\n", png=b"z2")
    groups = [row.group for row in source.load().rows]
    assert groups[0] == groups[1] == groups[2]
    assert len(set(groups)) == 3


def test_stamps_without_a_sentence_are_left_out_and_do_not_become_one_group(stamps):
    stamps("a/1", "One.\nfr.utf8=Un.\n", png=b"1")
    stamps("a/2", "\nfr.utf8=Deux.\n", png=b"2")
    source = stamps("a/3", "\nfr.utf8=Trois.\n", png=b"3")
    french = TuxPaint(root=source.root, lang="fr").load()
    assert [row.inputs["text"] for row in french.rows] == ["Un.", "Deux.", "Trois."]
    assert len({row.group for row in french.rows}) == 3
    assert [(r.row, r.reason) for r in source.load().rejected] == [("a/2", "empty"), ("a/3", "empty")]


def test_bad_bytes_reject_one_stamp(stamps):
    stamps("a/1", b"Caf\xe9.\n", png=b"1")
    source = stamps("a/2", "Two.\n", png=b"2")
    manifest = source.load()
    assert [(r.row, r.reason) for r in manifest.rejected] == [("a/1", "encoding")]
    assert [row.id for row in manifest.rows] == ["a/2"]


def test_missing_folder_says_what_to_install(tmp_path, stamps):
    with pytest.raises(UserError, match="apt-get install tuxpaint-stamps-default"):
        TuxPaint(root=str(tmp_path / "none")).load()
    source = stamps("a/1", "One.\nfr.utf8=Un.\n", png=b"1")
    with pytest.raises(UserError, match="no sentences in 'xx'; it has en, fr"):
        TuxPaint(root=source.root, lang="xx").load()


@needs_stamps
def test_installed_stamps_are_all_there():
    everything = TuxPaint(symbols=True).load()
    assert len(everything.rows) == 950
    manifest = TuxPaint().load()
    assert len(manifest.rows) == 701
    assert not any(row.attributes["category"] == "symbols" for row in manifest.rows)
    flowers = [row for row in manifest.rows if row.inputs["text"] == "A flower."]
    assert len(flowers) == 6
    assert len({(row.group, row.split) for row in flowers}) == 1
    firemen = {row.group for row in manifest.rows if row.id.endswith("fireman240a")}
    assert len(firemen) == 1
    assert len(TuxPaint(lang="zh_CN", symbols=True).load().rows) == 773


@needs_stamps
def test_seventeen_installed_stamps_cannot_be_drawn():
    manifest = TuxPaint().load()
    broken = []
    for row in manifest.rows:
        if row.inputs["image"].endswith(".svg"):
            try:
                read_image(manifest.root / row.inputs["image"], "", 16, "pad")
            except BrokenMedia as error:
                broken.append(error.reason)
    assert sorted(broken) == ["undecodable"] * 16 + ["unsafe"]
