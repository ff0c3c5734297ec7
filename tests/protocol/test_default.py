"""Every modality against every other, right answers by group."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xret._errors import UserError
from xret.protocol._relevance import by_group
from xret.protocol.default import Default


def test_captions_and_images_of_a_group_find_each_other(items, right_answers):
    there, back = Default()(items(text=[7, 3, 7, 7], image=[3, 7, 7]))
    assert (there.name, back.name) == ("text_to_image", "image_to_text")
    assert right_answers(there) == {0: {1: 1, 2: 1}, 1: {0: 1}, 2: {1: 1, 2: 1}, 3: {1: 1, 2: 1}}
    assert right_answers(back) == {0: {1: 1}, 1: {0: 1, 2: 1, 3: 1}, 2: {0: 1, 2: 1, 3: 1}}
    assert there.groups.tolist() == [7, 3, 7, 7]
    assert (there.fold, there.left_out) == (0, 0)
    assert there.relevance.gains.dtype == np.float32


def test_queries_without_an_answer_are_left_out_and_counted_but_stay_targets(items, right_answers):
    there, back = Default()(items(text=[5, 1, 6, 2], image=[2, 1, 9]))
    assert there.queries.tolist() == [1, 3]
    assert there.groups.tolist() == [1, 2]
    assert there.left_out == 2
    assert right_answers(there) == {1: {1: 1}, 3: {0: 1}}
    assert there.targets.tolist() == [0, 1, 2]
    assert (back.left_out, len(back.targets)) == (1, 4)


def test_three_modalities_make_six_tasks(items):
    names = [task.name for task in Default()(items(text=[1], image=[1], audio=[1, 1]))]
    assert len(set(names)) == 6
    assert {"audio_to_text", "image_to_audio"} < set(names)


@given(st.lists(st.integers(0, 6), max_size=12), st.lists(st.integers(0, 6), max_size=12))
def test_relevance_by_group_is_equality_of_groups(queries, targets):
    relevance = by_group(np.array(queries, dtype=np.int64), np.array(targets, dtype=np.int64))
    for i, group in enumerate(queries):
        row = relevance.columns[relevance.offsets[i] : relevance.offsets[i + 1]]
        assert sorted(row.tolist()) == [j for j, other in enumerate(targets) if other == group]
    assert len(relevance.gains) == len(relevance.columns) == relevance.offsets[-1]


def test_one_modality_is_refused(items):
    with pytest.raises(UserError, match=r"items of two modalities, got \['text'\]"):
        Default()(items(text=[1, 2]))


def test_a_split_where_nothing_belongs_together_is_refused(items):
    with pytest.raises(
        UserError, match="text_to_image needs items of image that share a group with some text, got none for 2"
    ):
        Default()(items(text=[1, 2], image=[3, 4]))
