"""A source names its target domain by one word, or by another source."""

import pytest

from xret._errors import UserError
from xret.data.openmoji import OpenMoji
from xret.data.table import Table
from xret.data.tuxpaint import TuxPaint


def test_openmoji_adapts_to_the_style_it_is_not():
    assert OpenMoji(lang="de").target_domain() == OpenMoji(style="line", lang="de")
    assert OpenMoji(style="line").target_domain() == OpenMoji(style="color")
    assert OpenMoji(target="line").target_domain() == OpenMoji(style="line")


def test_a_table_adapts_to_a_second_table_read_like_it():
    table = Table("a.csv", columns={"image": "photo"}, target="b.csv")
    assert table.target_domain() == Table("b.csv", columns={"image": "photo"})
    assert Table("a.csv").target_domain() is None


def test_a_source_stands_for_itself():
    other = Table("b.csv")
    for source in (OpenMoji(target=other), TuxPaint(target=other), Table("a.csv", target=other)):
        assert source.target_domain() is other


def test_what_names_no_domain_is_refused():
    with pytest.raises(ValueError, match="target must be color, line"):
        OpenMoji(target="sketch")
    with pytest.raises(ValueError, match="target must be null, a string or a data node"):
        Table("a.csv", target={"path": "b.csv"})
    with pytest.raises(UserError, match="name a data node"):
        TuxPaint(target="b.csv").target_domain()
