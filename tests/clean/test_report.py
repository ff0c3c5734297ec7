"""The report: nothing from a data set is markup, and each proposal stands there once."""

import json
import re

from xret.clean.audit import Change
from xret.clean.report import page


def read(changes, picture=lambda ref: None):
    return page("A & B", {"rows": 3}, changes, picture, "xret clean")


def test_what_comes_from_the_data_is_never_markup():
    evil = "</script><img src=x onerror=alert(1)>"
    made = read([
        Change(evil, "text", "text", "html", evil, f"{evil}!", evil),
        Change("b", "text", "text", "spelling", evil, f"{evil}?", evil, applied=False, evidence=0.5),
    ])  # fmt: skip
    assert "<img" not in made
    assert made.count("</script>") == 2, "those of the page itself"
    held = re.search(r"id=proposals>(.*?)</script>", made).group(1)
    assert json.loads(held) == [{"step": "spelling", "before": evil, "after": f"{evil}?"}]


def test_what_went_and_what_came_is_marked():
    made = read([Change("a", "text", "text", "html", "a very red box", "a red boxes", "why")])
    assert re.search("<del> ?very ?</del>", made)
    assert "<del>box</del>" in made
    assert "<ins>boxes</ins>" in made


def test_pictures_are_inside_the_page_and_a_missing_one_is_named():
    change = Change("a", "image", "image", "margins", "a.png", "images/a.png", "margin")
    made = read([change], {"a.png": b"\x89PNG123"}.get)
    assert made.count("data:image/png;base64,iVBORzEyMw==") == 1
    assert "images/a.png" in made


def test_a_proposal_that_many_rows_share_is_shown_once_and_the_surest_first():
    many = [
        Change(str(i), "labels", "colour", "fuzzy", "rad", "red", "slip", applied=False, evidence=0.4) for i in range(5)
    ]
    sure = Change("9", "labels", "colour", "fuzzy", "bleu", "blue", "slip", applied=False, evidence=0.9)
    failed = Change("8", "labels", "colour", "fuzzy", "x", "x", "failed: y", applied=False, evidence=0.0)
    made = read([*many, sure, failed])
    assert made.count("data-n=") == 2
    assert made.index("<td>9</td>") < made.index("<td>0</td>")
    assert "Proposals: 2, 2 shown" in made


def test_a_proposal_to_leave_a_row_out_has_no_after():
    made = read([Change("1", "text", "text", "language", "le chat", None, "fr", applied=False, evidence=0.9)])
    assert '"after": null' in made
    assert "left out" in made
