"""Descriptions and pictures as angles: the nearest one names the picture."""

import math
from dataclasses import replace

import numpy as np
import pytest

from xret._errors import UserError
from xret.label import NONE, Rows
from xret.label.zeroshot import ZeroShot

ANGLES = {"a photo of a red": 0, "a photo of a blue": 90, "red colour": 20, "blue colour": 110}


def at(*degrees):
    return np.array([[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees], np.float32)


def rows(pictures, known=()):
    return Rows(
        captions=[""] * len(pictures),
        groups=[str(i) for i in range(len(pictures))],
        training=np.ones(len(pictures), bool),
        known={"colour": known} if known else {},
        vectors=lambda modality: {"image": pictures}[modality],
        encode=lambda texts: at(*(ANGLES[text] for text in texts)),
    )


def test_the_nearest_description_counts_and_the_softmax_is_the_confidence():
    found = ZeroShot(temperature=0.5)(rows(at(30, 80)), {"colour": ["red", "blue"]})["colour"]
    assert [label.value for label in found] == ["red", "blue"]
    red, blue = (math.exp(math.cos(math.radians(d)) / 0.5) for d in (30, 60))
    assert found[0].confidence == pytest.approx(red / (red + blue), rel=1e-5)


def test_a_lower_temperature_is_surer():
    picture = {"colour": ["red", "blue"]}
    warm, cold = (ZeroShot(temperature=t)(rows(at(40)), picture)["colour"][0].confidence for t in (1.0, 0.01))
    assert 0.5 < warm < 0.6
    assert cold > 0.99


def test_templates_are_averaged_before_they_are_compared():
    source = ZeroShot(["a photo of a {label}", "{label} {attribute}"], temperature=0.5)
    found = source(rows(at(10)), {"colour": ["red", "blue"]})["colour"][0]
    red, blue = (math.exp(math.cos(math.radians(d)) / 0.5) for d in (0, 90))  # the means stand at 10 and 100 degrees
    assert found.confidence == pytest.approx(red / (red + blue), rel=1e-5)


def test_without_labels_those_of_training_rows_are_the_options():
    found = ZeroShot()(rows(at(0, 90, 80), ["blue", "red", ""]), {"colour": None})["colour"]
    assert [label.value for label in found] == ["red", "blue", "blue"]


def test_a_row_without_a_picture_gets_no_label():
    pictures = np.concatenate([at(0), np.zeros((1, 2), np.float32)])
    assert ZeroShot()(rows(pictures), {"colour": ["red", "blue"]})["colour"][1] == NONE


def test_a_mistake_is_told():
    with pytest.raises(ValueError, match=r"must hold \{label\}"):
        ZeroShot(["a photo"])
    with pytest.raises(ValueError, match="must be a list"):
        ZeroShot("a {label}")
    with pytest.raises(ValueError, match="temperature must be more than 0"):
        ZeroShot(temperature=0)
    with pytest.raises(UserError, match="encoder=clip or run=DIR"):
        ZeroShot()(Rows(["a"], ["g"], np.ones(1, bool)), {"colour": None})
    with pytest.raises(UserError, match="two labels to choose from"):
        ZeroShot()(rows(at(0)), {"size": ["large"]})
    apart = replace(rows(at(0)), encode=lambda texts: np.ones((len(texts), 3), np.float32))
    with pytest.raises(UserError, match="they have 2 and 3 numbers"):
        ZeroShot()(apart, {"colour": ["red", "blue"]})
