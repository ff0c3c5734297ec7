"""HTML in captions, beside captions that only look like it."""

import pytest

from xret.clean.text.html import Html


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("<p>A <b>red</b> dress.</p>", "A red dress."),
        ("red<br>dress", "red dress"),
        ("<a href='x.com' target=_blank>red dress</a>", "red dress"),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("&lt;b&gt;red&lt;/b&gt;", "red"),
        ("&amp;amp;lt;b&amp;amp;gt;red", "red"),
        ("caf&eacute; &#20013; &#x4e2d;", "café 中 中"),
        ("red&nbsp;dress &nbsp now", "red dress now"),
        ("red <!-- a comment --> dress", "red dress"),
        ("red <script>alert(1 < 2)</script> dress", "red dress"),
        ("red dress <img src='a.jpg' alt", "red dress"),
        ("<<b>b>red", "red"),
        ("re<b>d</b>dish", "reddish"),
    ],
)
def test_tags_and_references_are_resolved(dirty, clean):
    found = Html()(dirty)
    assert found.value == clean
    assert found.reason


@pytest.mark.parametrize(
    "caption", ["a < b", "I <3 you", "a<b and c>d", "AT&T", "R&B; soul", "x <- y", "<red>", "<b></b>", "3 > 2 & 1 < 2"]
)
def test_what_is_no_html_stays(caption):
    assert Html()(caption).value == caption
    assert Html()(caption).reason == ""
