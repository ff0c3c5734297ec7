"""Chinese words set apart."""

from functools import cache

import pytest

from xret.clean.text.segment import Segment

pytest.importorskip("jieba")


@cache  # reading the dictionary takes most of a second
def made():
    return Segment()


def test_words_are_set_apart_and_the_rest_stays():
    step = made()
    assert step("红色连衣裙和蓝色帽子").value == "红色 连衣裙 和 蓝色 帽子"
    assert step("一只狗。Linux 的吉祥物!").value.replace(" ", "") == "一只狗。Linux的吉祥物!"
    assert step("a red dress").reason == ""
    assert step("赤いドレス").reason == ""


def test_no_character_is_lost_and_a_second_time_changes_nothing(chinese):
    step = made()
    cut = [step(name).value for name in chinese]
    assert [c.replace(" ", "") for c in cut] == [name.replace(" ", "") for name in chinese]
    assert [step(c).value for c in cut] == cut
    assert sum(" " in c for c in cut) > 500


def test_unknown_words_are_cut_by_the_model_or_by_characters():
    assert made()("他来到了网易杭研大厦").value == "他 来到 了 网易 杭研 大厦"
    assert Segment(unknown=False)("他来到了网易杭研大厦").value == "他 来到 了 网易 杭 研 大厦"
