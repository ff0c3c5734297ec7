"""What all steps on pictures hold to: twice is once, the same every time, the input as it was, a reason iff changed."""

import builtins
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from xret._errors import UserError
from xret.clean.image.margins import Margins
from xret.clean.image.marks import Marks
from xret.clean.image.quality import Quality
from xret.clean.image.resize import Resize
from xret.clean.image.watermark import Watermark


def watermark(mend):
    rng = np.random.default_rng(0)
    step = Watermark(mend=mend)
    text = Image.new("L", (128, 128), 0)
    ImageDraw.Draw(text).text((10, 90), "SHOP.XY", fill=110, font=ImageFont.load_default(24))
    grounds = (Image.new("RGB", text.size, tuple(int(c) for c in rng.integers(80, 256, 3))) for _ in range(20))
    step.fit(("", Image.composite(Image.new("RGB", text.size), ground, text)) for ground in grounds)
    assert step.state()["overlays"]
    return step


def marks():
    step = Marks()
    step.restore({"inks": [{"opacity": 0.3, "part": [0.0, 0.0, 0.0]}]})
    return step


STEPS = [Quality(), Margins(), Margins(pad=0.1), Resize(image_px=50), watermark("inpaint"), watermark("crop"), marks()]
IDS = ["quality", "margins", "margins padded", "resize", "watermark", "watermark cut", "marks"]


@st.composite
def pictures(draw):
    mode = draw(st.sampled_from(["RGB", "RGBA"]))
    width, height = draw(st.sampled_from([(1, 1), (1, 90), (90, 1), (2, 3), (40, 70), (130, 64), (120, 120)]))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    pixels = np.empty((height, width, len(mode)), np.uint8)
    pixels[:] = rng.integers(0, 256, len(mode))
    kind = draw(st.sampled_from(["constant", "noise", "framed", "faint"]))
    if kind == "noise":
        pixels[:] = rng.integers(0, 256, pixels.shape)
    elif kind in ("framed", "faint"):
        inner = pixels[height // 4 : height - height // 3, width // 5 : width - width // 6]
        low, high = (0, 256) if kind == "framed" else (200, 208)
        inner[:] = rng.integers(low, high, inner.shape)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("step", STEPS, ids=IDS)
@settings(max_examples=40, deadline=None, derandomize=True)
@given(picture=pictures())
def test_holds_on_any_picture(step, picture):
    before = picture.tobytes()
    outcome = step(picture)
    assert picture.tobytes() == before
    again = step(picture)
    assert again.reason == outcome.reason
    if outcome.value is None:
        assert outcome.reason
        assert again.value is None
        return
    assert outcome.value.tobytes() == again.value.tobytes()
    changed = outcome.value.size != picture.size or outcome.value.tobytes() != before
    assert bool(outcome.reason) == changed
    assert outcome.value.mode == picture.mode
    assert 1 <= outcome.value.width <= picture.width
    assert 1 <= outcome.value.height <= picture.height
    if outcome.applied:
        twice = step(outcome.value)
        assert twice.reason == ""
        assert twice.value is outcome.value


@pytest.mark.parametrize("step", STEPS, ids=IDS)
def test_goes_to_another_process(step):
    picture = Image.new("RGB", (60, 60), "white")
    assert pickle.loads(pickle.dumps(step))(picture).reason == step(picture).reason


@pytest.mark.parametrize("step", STEPS, ids=IDS)
def test_fifty_megapixels_are_no_picture_to_fail_on(step):
    picture = Image.new("RGB", (10_000, 5_000), "white")
    picture.paste("navy", (3_000, 1_000, 7_000, 4_000))
    outcome = step(picture)
    assert outcome.value is not None
    assert outcome.value.width <= picture.width


@pytest.mark.parametrize("make", [Margins, Marks, Watermark])
def test_a_missing_library_is_told_in_one_line(make, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "cv2":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match=r"xret\[clean\]"):
        make()
