"""Traditional characters."""

import pytest

from xret.clean.text.traditional import Traditional

pytest.importorskip("opencc")


def test_traditional_becomes_simplified():
    found = Traditional()("紅色連衣裙與軟體")
    assert found.value == "红色连衣裙与软体"
    assert found.reason == "traditional characters"
    assert Traditional(regional=True)("軟體").value == "软件"


@pytest.mark.parametrize("caption", ["红色连衣裙", "a red dress", "紅いドレス", "★"])
def test_what_is_not_traditional_stays(caption):
    assert Traditional()(caption).value == caption
    assert Traditional()(caption).reason == ""
