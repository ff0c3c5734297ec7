"""Judgements from a file."""

import numpy as np
import pytest

from xret._errors import UserError
from xret.protocol.qrels import Qrels


@pytest.fixture
def write(tmp_path):
    def make(text, encoding="utf-8"):
        path = tmp_path / "judgements"
        path.write_bytes(text.encode(encoding))
        return str(path)

    return make


@pytest.mark.parametrize(
    "text",
    [
        "text0\timage1\t2\ntext0\timage2\t1\ntext2\timage1\t0.5\n",
        "query\ttarget\tgain\r\ntext2\timage1\t0.5\r\ntext0\timage2\t1\r\n\r\ntext0\timage1\t2\r\n",
        "text0 0 image1 2\ntext0 Q0 image2 1\ntext2  0  image1  0.5",
        "\ufefftext0\t0\timage1\t2\ntext0\t0\timage2\t1\ntext2\t0\timage1\t0.5\ntext1\t0\timage0\t0\ntext2\t0\timage0\t-1",
    ],
    ids=["tsv", "header", "trec", "tabbed trec, byte order mark, judged irrelevant"],
)
def test_reads_graded_answers_both_ways(items, right_answers, write, text):
    there, back = Qrels(write(text))(items(text=[0, 1, 2], image=[3, 4, 5]))
    assert right_answers(there) == {0: {1: 2.0, 2: 1.0}, 2: {1: 0.5}}
    assert right_answers(back) == {1: {0: 2.0, 2: 0.5}, 2: {0: 1.0}}
    assert (there.name, there.left_out, len(there.targets)) == ("text_to_image", 1, 3)
    assert (back.name, back.left_out, len(back.targets)) == ("image_to_text", 1, 3)
    assert there.groups.tolist() == [0, 2]


def test_two_columns_have_gain_one_and_one_direction_is_enough(items, right_answers, write):
    (task,) = Qrels(write("image1\ttext0\n"), query="image", target="text", both=False)(items(text=[0], image=[0, 1]))
    assert right_answers(task) == {1: {0: 1.0}}


def test_names_may_hold_spaces_and_stand_for_several_items(items, right_answers, write):
    split = items(text=[0, 1, 2], image=[0])
    texts = type(split["text"])("text", ("a red cat", "a dog", "a red cat"), np.arange(3))
    there, _ = Qrels(write("a red cat\timage0\t3\n"))({**split, "text": texts})
    assert right_answers(there) == {0: {0: 3.0}, 2: {0: 3.0}}


def test_unknown_names_fail_unless_skipped(items, right_answers, write):
    path = write("text0\timage0\ntext0\timage9\nnobody\timage0\n")
    split = items(text=[0], image=[0])
    with pytest.raises(UserError, match=r"judgements:2: 'image9' is not in the split.*missing=skip"):
        Qrels(path)(split)
    there, _ = Qrels(path, missing="skip")(split)
    assert right_answers(there) == {0: {0: 1.0}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("text0\timage0\ntext0\timage0\t2\n", "judgements:2: 'text0' and 'image0' are judged twice"),
        ("text0\timage0\ntext0\timage0\tmuch\n", "judgements:2: a line must be"),
        ("text0\timage0\ntext0\timage0\tnan\n", "judgements:2: a line must be"),
        ("text0\timage0\ntext0 image0\n", "judgements:2: a line must be"),
        ("text0\timage0\na\tb\tc\td\t1\n", "judgements:2: a line must be"),
        ("text0\timage0\t0\n", "at least one pair"),
        ("", "at least one pair"),
    ],
)
def test_what_cannot_be_read_is_named_by_line(items, write, text, message):
    with pytest.raises(UserError, match=message):
        Qrels(write(text))(items(text=[0], image=[0]))


def test_bytes_that_are_no_utf8_are_refused(items, write):
    with pytest.raises(UserError, match="must be UTF-8"):
        Qrels(write("tëxt0\timage0\n", encoding="latin-1"))(items(text=[0], image=[0]))


def test_mistakes_in_the_arguments_are_refused(items, write):
    with pytest.raises(UserError, match="must be a file of judgements, got '/nowhere'"):
        Qrels("/nowhere")
    path = write("text0\timage0\n")
    with pytest.raises(ValueError, match="two modalities, got 'text' twice"):
        Qrels(path, query="text", target="text")
    with pytest.raises(ValueError, match='"fail" or "skip", got \'ignore\''):
        Qrels(path, missing="ignore")
    with pytest.raises(UserError, match=r"items of text and audio, got \['image', 'text'\]"):
        Qrels(path, target="audio")(items(text=[0], image=[0]))
