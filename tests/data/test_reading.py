"""Pictures of every kind, and files that are none."""

import base64
import io
import os
import struct
import time
import zlib

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from xret.data import svg
from xret.data.faults import RowError
from xret.data.reading import BrokenMedia, read_cover, read_image, read_whole

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 {} {}">'


@pytest.fixture
def save(tmp_path):
    def write(picture, name="p.png", **options):
        path = tmp_path / name
        if isinstance(picture, Image.Image):
            picture.save(path, **options)
        else:
            path.write_bytes(picture if isinstance(picture, bytes) else picture.encode())
        return path

    return write


def smooth(width, height):
    """Return a picture without edges, on which ways of resampling agree."""
    y, x = np.mgrid[0:height, 0:width]
    channels = [127 + 120 * np.sin(x / width * 5), 127 + 120 * np.cos(y / height * 4), 255 * x / width]
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8))


def quarters(width=40, height=20):
    """Return a picture of four colours: red, green over blue, white."""
    a = np.zeros((height, width, 3), np.uint8)
    a[: height // 2, : width // 2] = (255, 0, 0)
    a[: height // 2, width // 2 :] = (0, 255, 0)
    a[height // 2 :, : width // 2] = (0, 0, 255)
    a[height // 2 :, width // 2 :] = (255, 255, 255)
    return Image.fromarray(a)


def refused(path, *reasons, layer=""):
    with pytest.raises(BrokenMedia) as caught:
        read_image(path, layer, 16, "crop")
    assert caught.value.reason in reasons
    return caught.value


def outcome(path):
    """Return the reason a file is refused for, or "read"."""
    try:
        assert read_image(path, "", 16, "crop").shape == (3, 16, 16)
    except BrokenMedia as error:
        return error.reason
    return "read"


@pytest.mark.parametrize("size", [(300, 200), (97, 331), (64, 64), (20, 30)])
def test_crop_agrees_with_resize_and_centre_crop(save, size):
    picture = smooth(*size)
    steps = v2.Compose([v2.Resize(64, v2.InterpolationMode.BICUBIC, antialias=True), v2.CenterCrop(64)])
    expected = np.asarray(steps(picture)).transpose(2, 0, 1).astype(int)
    found = read_image(save(picture), "", 64, "crop")
    assert found.shape == (3, 64, 64)
    assert found.dtype == np.uint8
    assert np.abs(found - expected).mean() < 2
    assert np.abs(found - expected).max() < 12  # half a pixel of the crop's place


def test_pad_shows_the_whole_picture_in_the_middle_of_white(save):
    found = read_image(save(Image.new("RGB", (40, 20), (10, 20, 30))), "", 32, "pad")
    assert (found[:, 8:24] == np.array([10, 20, 30])[:, None, None]).all()
    assert (found[:, :8] == 255).all()
    assert (found[:, 24:] == 255).all()
    tall = read_image(save(Image.new("RGB", (1, 5000))), "", 32, "pad")
    assert (tall[:, :, 15:16] == 0).all()


def test_squash_fills_the_square(save):
    found = read_image(save(quarters()), "", 8, "squash")
    assert found[:, 1, 1].tolist() == [255, 0, 0]
    assert found[:, 1, 6].tolist() == [0, 255, 0]
    assert found[:, 6, 1].tolist() == [0, 0, 255]
    assert found[:, 6, 6].tolist() == [255, 255, 255]


def test_crop_takes_the_middle(save):
    a = np.zeros((10, 30, 3), np.uint8)
    a[:, 10:20] = 200
    assert (read_image(save(Image.fromarray(a)), "", 10, "crop") == 200).all()


def test_downscaling_is_antialiased(save):
    board = np.indices((256, 256)).sum(0) % 2 * 255
    found = read_image(save(Image.fromarray(board.astype(np.uint8))), "", 16, "crop")
    assert np.abs(found.astype(int) - 127).max() < 4


def test_large_jpeg_read_at_reduced_size_looks_the_same(save):
    waves = 127 + 100 * np.sin(np.arange(2000) / 14 * 2 * np.pi)  # too fine for an eighth of the size
    picture = Image.fromarray(np.tile(waves.astype(np.uint8), (1500, 1)))
    path = save(picture, "p.jpg", quality=95)
    expected = read_image(save(picture), "", 300, "crop").astype(int)
    assert expected.std() > 30
    assert np.abs(read_image(path, "", 300, "crop") - expected).mean() < 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_followed(save, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    undo = {
        1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]  # fmt: skip
    stored = quarters() if undo is None else quarters().transpose(undo)
    found = read_image(save(stored, exif=exif), "", 8, "squash")
    assert (found == read_image(save(quarters(), "q.png"), "", 8, "squash")).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_laid_on_white(save, mode):
    picture = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    picture.paste((0, 0, 0, 255), (0, 0, 4, 8))
    found = read_image(save(picture.convert(mode) if mode != "P" else picture.quantize()), "", 8, "crop")
    assert (found[:, :, :4] == 0).all()
    assert (found[:, :, 4:] == 255).all()


def test_half_transparent_red_is_pink(save):
    found = read_image(save(Image.new("RGBA", (4, 4), (255, 0, 0, 128))), "", 4, "crop")
    assert np.abs(found[:, 0, 0].astype(int) - [255, 127, 127]).max() <= 1


@pytest.mark.parametrize(
    ("picture", "name", "level"),
    [
        (Image.fromarray(np.full((9, 9), 0x8080, np.uint16)), "p.png", 128),
        (Image.fromarray(np.full((9, 9), 0x8080, np.uint16)), "p.tif", 128),
        (Image.fromarray(np.full((9, 9), 100.4, np.float32)), "p.tif", 100),
        (Image.fromarray(np.full((9, 9), 1000, np.int32)), "p.tif", 4),
        (Image.new("L", (9, 9), 77), "p.png", 77),
        (Image.new("1", (9, 9), 1), "p.png", 255),
        (Image.new("CMYK", (9, 9), (0, 0, 0, 155)), "p.tif", 100),
        (Image.new("P", (9, 9), 0), "p.gif", 0),
        (Image.new("RGB", (9, 9), (50, 50, 50)), "p.webp", 50),
        (Image.new("RGB", (9, 9), (50, 50, 50)), "p.bmp", 50),
    ],
)
def test_every_mode_becomes_rgb(save, picture, name, level):
    found = read_image(save(picture, name), "", 8, "crop")
    assert found.shape == (3, 8, 8)
    assert np.abs(found.astype(int) - level).max() <= (2 if name == "p.webp" else 1)


@pytest.mark.parametrize("name", ["p.gif", "p.webp", "p.png"])
def test_first_frame_of_an_animation_is_taken(save, name):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((200, 0, 0), (0, 200, 0))]
    path = save(frames[0], name, save_all=True, append_images=frames[1:])
    assert np.abs(read_image(path, "", 8, "crop")[:, 4, 4].astype(int) - [200, 0, 0]).max() < 8


def test_content_counts_and_not_the_name(save):
    buffer = io.BytesIO()
    quarters().save(buffer, "png")
    assert read_image(save(buffer.getvalue(), "p.svg"), "", 8, "crop").shape == (3, 8, 8)
    drawing = HEAD.format(4, 4) + '<rect width="4" height="4" fill="#00f"/></svg>'
    assert (read_image(save(drawing, "p.png"), "", 8, "crop")[:, 4, 4] == [0, 0, 255]).all()


@pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.gif", "p.webp", "p.tif"])
def test_truncated_picture_is_broken_or_whole_but_nothing_else(save, name):
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    data = save(Image.fromarray(noise), name).read_bytes()
    found = [outcome(save(data[:cut], name)) for cut in range(0, len(data), 97)]
    assert set(found) <= {"undecodable", "read"}
    assert found.count("undecodable") > len(found) * 0.9


@pytest.mark.parametrize("name", ["p.png", "p.jpg", "p.gif", "p.webp"])
def test_damaged_picture_is_broken_or_read_but_nothing_else(save, name):
    data = bytearray(save(smooth(32, 32), name).read_bytes())
    rng = np.random.default_rng(1)
    found = set()
    for _ in range(150):
        hurt = bytearray(data)
        for place in rng.integers(0, len(data), 4):
            hurt[place] = rng.integers(0, 256)
        found.add(outcome(save(bytes(hurt), name)))
    assert found <= {"read", "undecodable", "too_large"}


def png_header(width, height):
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (body, data, b"IEND")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


@pytest.mark.parametrize("size", [(8000, 8000), (10_000, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_picture_of_too_many_pixels_is_refused_by_its_header(save, size):
    assert refused(save(png_header(*size)), "too_large").detail == "more than 50,000,000 pixels"


def test_what_is_no_picture_is_refused(save, tmp_path):
    refused(tmp_path / "none.png", "missing")
    refused(tmp_path, "missing")
    refused(save(b""), "undecodable")
    refused(save(b"hello"), "undecodable")
    refused(save(b"<html></html>"), "undecodable")
    refused(save(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "p.eps"), "undecodable")
    refused(save(quarters()), "undecodable", layer="line")
    os.mkfifo(tmp_path / "pipe.png")
    refused(tmp_path / "pipe.png", "missing")


def test_file_of_too_many_bytes_is_refused(save, monkeypatch):
    path = save(quarters())
    monkeypatch.setattr("xret.data.reading.MAX_BYTES", path.stat().st_size)
    assert read_image(path, "", 8, "crop").shape == (3, 8, 8)
    monkeypatch.setattr("xret.data.reading.MAX_BYTES", path.stat().st_size - 1)
    refused(path, "too_large")


def test_unknown_fit_and_layer_are_the_callers_mistake(save):
    for layer, fit in (("", "zoom"), ("colour", "crop")):
        with pytest.raises(ValueError, match="must be"):
            read_image(save(quarters()), layer, 8, fit)


# drawings


def test_drawing_is_drawn_at_the_size_needed(save):
    circle = save(HEAD.format(10, 10) + '<circle cx="5" cy="5" r="4"/></svg>', "p.svg")
    for px in (16, 256):
        black = (read_image(circle, "", px, "crop")[0] < 128).mean()
        assert black == pytest.approx(np.pi * 16 / 100, abs=0.02)
    sharp = read_image(circle, "", 256, "crop")[0]
    assert ((sharp > 0) & (sharp < 255)).mean() < 0.02  # enlarged pixels would blur the edge


def test_wide_drawing_is_cropped_padded_and_squashed_like_a_picture(save):
    left, middle, right = (
        f'<rect x="{x}" width="10" height="10" fill="{c}"/>' for x, c in ((0, "red"), (10, "lime"), (20, "blue"))
    )
    path = save(HEAD.format(30, 10) + left + middle + right + "</svg>", "p.svg")
    assert (read_image(path, "", 8, "crop") == np.array([0, 255, 0])[:, None, None]).all()
    assert read_image(path, "", 9, "squash")[:, 4, [1, 4, 7]].T.tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    padded = read_image(path, "", 9, "pad")
    assert (padded[:, :3] == 255).all()
    assert padded[:, 4, [1, 4, 7]].T.tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    assert (padded[:, 6:] == 255).all()


def test_line_layer_has_no_colour(save):
    groups = '<g id="color"><rect width="8" height="8" fill="red"/></g><g id="line"><rect width="4" height="8"/></g>'
    path = save(HEAD.format(8, 8) + groups + "</svg>", "p.svg")
    assert read_image(path, "", 8, "crop")[:, 4, 6].tolist() == [255, 0, 0]
    found = read_image(path, "line", 8, "crop")
    assert (found[:, :, :4] == 0).all()
    assert (found[:, :, 4:] == 255).all()
    refused(save(HEAD.format(8, 8) + "</svg>", "q.svg"), "undecodable", layer="line")


@pytest.mark.parametrize("tag", ["image", "feImage"])
@pytest.mark.parametrize("key", ["href", "xlink:href"])
def test_drawing_reads_no_other_file(save, tmp_path, tag, key):
    secret = save(Image.new("RGB", (8, 8), "red"), "secret.png")
    inner = f'<{tag} {key}="{{}}" width="8" height="8"/>'
    shape = (
        f'<filter id="f">{inner}</filter><rect width="8" height="8" filter="url(#f)"/>' if tag == "feImage" else inner
    )
    svg_inside = base64.b64encode((HEAD.format(8, 8) + shape.format(secret) + "</svg>").encode()).decode()
    references = (str(secret), "secret.png", f"file://{secret}", f"data:image/svg+xml;base64,{svg_inside}", "&#x2f;etc")
    for reference in references:
        refused(save(HEAD.format(8, 8) + shape.format(reference) + "</svg>", "p.svg"), "unsafe")
    entity = f'<!DOCTYPE svg [<!ENTITY x "{secret}">]>' + HEAD.format(8, 8) + shape.format("&x;") + "</svg>"
    refused(save(entity, "p.svg"), "unsafe")
    outside = f'<!DOCTYPE svg [<!ENTITY x SYSTEM "{secret}">]>' + HEAD.format(8, 8) + "<text>&x;</text></svg>"
    refused(save(outside, "p.svg"), "undecodable")


def test_picture_inside_a_drawing_is_shown_within_the_same_bounds(save):
    def drawing(data):
        reference = f"data:image/png;base64,{base64.b64encode(data).decode()}"
        return save(HEAD.format(8, 8) + f'<image href="{reference}" width="8" height="8"/></svg>', "p.svg")

    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "png")
    assert read_image(drawing(buffer.getvalue()), "", 8, "crop")[:, 4, 4].tolist() == [255, 0, 0]
    refused(drawing(png_header(30_000, 30_000)), "too_large")


def bomb(kind):
    """Return a small drawing that would take for ever, or the process down."""
    if kind == "use":
        parts = [f'<g id="a{i}">' + f'<use xlink:href="#a{i - 1}"/>' * 10 + "</g>" for i in range(1, 12)]
        return HEAD.format(9, 9) + '<rect id="a0"/>' + "".join(parts) + "</svg>"
    if kind in ("pattern", "style"):
        parts = []
        for i in range(1, 12):
            paint = f'fill="url(#p{i - 1})"' if kind == "pattern" else f'class="c{i - 1}"'
            rects = f'<rect width="1" height="1" {paint}/>' * 10
            parts.append(f'<pattern id="p{i}" width="1" height="1">{rects}</pattern>')
        rules = "".join(f".c{i} {{fill: url(#p{i})}}" for i in range(12))
        style = f"<style>{rules}</style>" if kind == "style" else ""
        return (
            HEAD.format(9, 9)
            + style
            + "".join(parts)
            + '<rect width="9" height="9" class="c11" fill="url(#p11)"/></svg>'
        )
    if kind == "deep":
        return HEAD.format(9, 9) + '<g opacity="0.9">' * 2000 + "</g>" * 2000 + "</svg>"
    if kind == "chain":
        uses = "".join(f'<g id="a{i}" opacity="0.9"><use xlink:href="#a{i + 1}"/></g>' for i in range(5000))
        return HEAD.format(9, 9) + uses + "</svg>"
    lines = [f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12)]
    return '<!DOCTYPE svg [<!ENTITY e0 "aaaa">' + "".join(lines) + "]>" + HEAD.format(9, 9) + "&e11;</svg>"


@pytest.mark.parametrize("kind", ["use", "pattern", "style", "deep", "chain", "entities"])
def test_drawing_that_grows_without_bound_is_refused_at_once(save, kind):
    begin = time.process_time()
    refused(save(bomb(kind), "p.svg"), "unsafe", "undecodable", "too_large")
    assert time.process_time() - begin < 30  # drawn, it would take hours


def test_drawing_at_the_bounds_can_be_drawn(save):
    depth = svg.MAX_DEPTH - 2
    nested = (
        HEAD.format(8, 8) + '<g opacity="0.99">' * depth + '<rect width="8" height="8"/>' + "</g>" * depth + "</svg>"
    )
    assert read_image(save(nested, "p.svg"), "", 8, "crop").mean() < 250
    for width, height in ((100_000, 1), (1, 100_000), (100_000, 100_000)):
        shape = f'<rect width="{width}" height="{height}" fill="red"/></svg>'
        path = save(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}">' + shape, "q.svg")
        assert read_image(path, "", 8, "crop")[:, 4, 4].tolist() == [255, 0, 0]


def test_drawing_that_refers_to_itself_ends(save):
    circle = HEAD.format(8, 8) + '<g id="a"><use xlink:href="#b"/></g><g id="b"><use xlink:href="#a"/></g></svg>'
    refused(save(circle, "q.svg"), "undecodable", "unsafe")


def test_drawing_of_too_many_bytes_is_refused():
    with pytest.raises(RowError, match="too_large"):
        svg.parse(b"<svg>" + b" " * svg.MAX_BYTES, lambda data: None)


def test_damaged_drawing_is_broken_or_read_but_nothing_else(save):
    data = (HEAD.format(8, 8) + '<path id="a" d="M0,0 L8,8 z" fill="#f00"/><use href="#a"/></svg>').encode()
    rng = np.random.default_rng(2)
    found = set()
    for _ in range(200):
        hurt = bytearray(data[: rng.integers(1, len(data) + 1)])
        for place in rng.integers(0, len(hurt), rng.integers(0, 4)):
            hurt[place] = rng.integers(0, 256)
        found.add(outcome(save(bytes(hurt), "p.svg")))
    assert found <= {"read", "undecodable", "unsafe"}


def test_pixels_can_be_handed_to_torch_without_a_copy_of_a_view(save):
    found = read_image(save(quarters()), "", 8, "pad")
    assert found.flags["C_CONTIGUOUS"]
    assert torch.from_numpy(found).shape == (3, 8, 8)


def pictures():
    ramp = np.arange(40 * 40).reshape(40, 40)
    grey = Image.fromarray((ramp % 40 * 6).astype(np.uint8))
    tags = Image.Exif()
    tags[0x0112] = 6
    clear = grey.convert("P")
    return {
        "turned.png": (grey, {"exif": tags}),
        "deep.png": (Image.fromarray((ramp * 40).astype(np.uint16)), {}),
        "palette.png": (clear, {"transparency": 6}),
        "alpha.png": (Image.merge("LA", [grey, grey.transpose(Image.Transpose.ROTATE_90)]), {}),
        "plain.png": (grey, {}),
    }


@pytest.mark.parametrize("name", pictures())
def test_a_whole_picture_is_what_encoders_see_in_its_own_size(tmp_path, name):
    picture, options = pictures()[name]
    picture.save(tmp_path / name, **options)
    found = read_whole(tmp_path / name, "", 512)
    assert found.mode == ("RGBA" if name in {"palette.png", "alpha.png"} else "RGB")
    white = Image.new("RGBA", found.size, "white")
    seen = np.asarray(Image.alpha_composite(white, found.convert("RGBA")).convert("RGB")).astype(int)
    assert np.abs(seen.transpose(2, 0, 1) - read_image(tmp_path / name, "", 40, "squash")).max() <= 1


def test_a_whole_drawing_has_the_size_that_is_asked_for_and_what_is_not_safe_is_refused(tmp_path):
    lines = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><g id="color"><rect width="9" height="9"/></g>'
    (tmp_path / "a.svg").write_text(f'{lines}<g id="line"><rect width="3" height="9"/></g></svg>')
    assert read_whole(tmp_path / "a.svg", "", 512).getbbox() == (0, 0, 512, 512)
    assert read_whole(tmp_path / "a.svg", "line", 512).getchannel("A").getbbox()[2] == pytest.approx(512 / 3, abs=2)
    (tmp_path / "b.svg").write_text(f'{lines}<image href="/etc/passwd" width="3" height="3"/></svg>')
    with pytest.raises(BrokenMedia, match="refers to"):
        read_whole(tmp_path / "b.svg", "", 512)


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize("size", [(40, 20), (30, 60)])
def test_cover_is_where_a_transparent_picture_shows_something(save, fit, size):
    width, height = size
    rgba = np.zeros((height, width, 4), np.uint8)
    rgba[height // 4 : height // 2, width // 4 : width // 2] = (0, 0, 0, 255)
    path = save(Image.fromarray(rgba))
    cover = read_cover(path, "", 32, fit)
    assert cover.shape == (32, 32)
    assert np.abs(cover - (1 - read_image(path, "", 32, fit)[0] / 255)).max() < 0.02


def test_cover_of_a_drawing_is_what_is_drawn(save):
    path = save(HEAD.format(10, 10) + '<rect x="2" y="2" width="4" height="8" fill="white"/></svg>')
    cover = read_cover(path, "", 50, "crop")
    assert cover.mean() == pytest.approx(0.32, abs=0.01)
    assert cover[30, 20] == 1
    assert cover[5, 5] == 0


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_picture_without_transparency_has_no_cover(save, mode):
    assert read_cover(save(smooth(20, 20).convert(mode)), "", 16, "crop") is None


def test_cover_of_a_broken_file_is_refused(save):
    with pytest.raises(BrokenMedia):
        read_cover(save(b"no picture"), "", 16, "crop")
