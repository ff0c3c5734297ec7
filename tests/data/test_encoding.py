"""Encoding items with encoders whose features are known."""

import logging

import numpy as np
import pytest
import torch

from xret._errors import UserError
from xret.data.cache import FeatureCache
from xret.data.encoding import all_pictures, encode_items, features, pictures, unreadable
from xret.data.manifest import Items

TEXTS = ("bb", "a", "cccccc", "dd", "eeee", "ff")


def items(modality, refs):
    return Items(modality, tuple(refs), np.arange(len(refs)))


@pytest.mark.parametrize("workers", [0, 2])
def test_every_picture_is_encoded_once_in_its_place(colours, mean_colour, workers):
    root, refs, table = colours(23)
    pieces = list(encode_items(items("image", refs), root, mean_colour(), batch_size=5, workers=workers))
    assert sorted(i for piece in pieces for i in piece.positions.tolist()) == list(range(23))
    for piece in pieces:
        assert np.allclose(piece.arrays["vector"], 0.5 + table[piece.positions] / 255, atol=1e-6)
        assert piece.arrays["vector"].dtype == np.float32
        assert len(piece.positions) <= 5


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_pictures_are_named_and_zero_and_harm_no_other(colours, mean_colour, workers):
    root, refs, table = colours(7)
    (root / "2.png").write_bytes(b"no picture")
    (root / "5.png").unlink()
    cache = FeatureCache(root / "cache")
    for fresh in (True, False):
        found = features(mean_colour(), items("image", refs), root, cache, batch_size=3, workers=workers)
        assert [(b.position, b.reason) for b in found.broken] == [(2, "undecodable"), (5, "missing")]
        expected = 0.5 + table / 255
        expected[[2, 5]] = 0
        assert np.allclose(found.array, expected, atol=1e-6)
        assert found.fresh == fresh
    checked = unreadable(items("image", refs), root, 8, "squash", workers=workers)
    assert checked == found.broken
    read, broken = all_pictures(items("image", refs), root, 8, "squash", workers=workers)
    assert broken == found.broken
    assert (read.shape, read.dtype) == ((7, 3, 8, 8), np.uint8)
    assert not read[[2, 5]].any()
    kept = [0, 1, 3, 4, 6]
    assert np.array_equal(read[kept, :, 4, 4], table[kept])


def test_numbers_of_another_runtime_are_another_entry(colours, mean_colour):
    root, refs, _ = colours(3)
    cache = FeatureCache(root / "cache")
    fresh = []
    for runtime in (None, "torch", "onnx", "openvino", "onnx"):
        encoder = mean_colour()
        if runtime is not None:
            encoder.runtime = runtime
        fresh.append(features(encoder, items("image", refs), root, cache, workers=0).fresh)
    assert fresh == [True, False, True, True, False]


@pytest.mark.parametrize("workers", [0, 2])
def test_pictures_come_by_the_batch_in_their_order_and_broken_ones_are_named(colours, workers):
    root, refs, table = colours(7)
    (root / "5.png").write_bytes(b"no picture")
    parts = list(pictures(refs, root, 8, "squash", batch_size=3, workers=workers, progress=False))
    assert [positions.tolist() for positions, _, _ in parts] == [[0, 1, 2], [3, 4, 5], [6]]
    assert [[(b.position, b.reason) for b in broken] for _, _, broken in parts] == [[], [(5, "undecodable")], []]
    read = np.stack([picture for _, content, _ in parts for picture in content])
    assert not read[5].any()
    kept = [0, 1, 2, 3, 4, 6]
    assert np.array_equal(read[kept, :, 4, 4], table[kept])


def test_texts_go_from_long_to_short_and_land_in_their_place(letters):
    encoder = letters()
    pieces = list(encode_items(items("text", TEXTS), None, encoder, batch_size=2))
    assert encoder.lengths == [6, 2, 2]
    found = {i: v for piece in pieces for i, v in zip(piece.positions.tolist(), piece.arrays["vector"], strict=True)}
    assert {i: float(v[0]) for i, v in found.items()} == {i: ord(text[0]) for i, text in enumerate(TEXTS)}


def test_tokens_are_zero_where_they_are_padding_whatever_the_batch(letters, tmp_path):
    stored = {}
    for size in (1, 2, 6):
        cache = FeatureCache(tmp_path / str(size))
        found = features(letters("tokens"), items("text", TEXTS), None, cache, batch_size=size)
        assert found.name == "tokens"
        stored[size] = (np.array(found.array), np.array(found.mask))
    for i, text in enumerate(TEXTS):
        expected = [ord(c) for c in text] + [0] * (6 - len(text))
        for array, mask in stored.values():
            assert array[i, :, 0].tolist() == expected
            assert mask[i].tolist() == [c > 0 for c in expected]


def test_image_tokens_get_a_mask_of_their_own(colours, mean_colour):
    root, refs, table = colours(3)
    (piece,) = encode_items(items("image", refs), root, mean_colour("tokens"), workers=0)
    assert piece.arrays["tokens"].shape == (3, 8, 3)
    assert np.allclose(piece.arrays["tokens"], 0.5 + table[:, None] / 255, atol=1e-6)
    assert piece.arrays["mask"].all()


def test_tokens_beside_the_vector_are_an_entry_of_their_own_in_half_precision(colours, mean_colour, letters, tmp_path):
    root, refs, table = colours(5)
    (root / "3.png").write_bytes(b"no picture")
    cache = FeatureCache(root / "cache")
    alone = features(mean_colour(), items("image", refs), root, cache, workers=0)
    for fresh in (True, False):
        both = features(mean_colour(), items("image", refs), root, cache, workers=0, tokens=True)
        assert both.fresh == fresh
        assert (both.array == alone.array).all()
        assert (both.array.dtype, both.tokens.dtype, both.name) == (np.float32, np.float16, "vector")
        expected = np.repeat((0.5 + table / 255)[:, None], 8, axis=1)
        expected[3] = 0
        assert np.allclose(both.tokens, expected, atol=1e-3)
        assert both.mask.all()
        assert [b.position for b in both.broken] == [3]
    assert alone.tokens is None
    again = features(mean_colour(), items("image", refs), root, cache, workers=0)
    assert (again.fresh, again.tokens) == (False, None)
    found = features(letters(), items("text", TEXTS), None, FeatureCache(tmp_path / "texts"), batch_size=2, tokens=True)
    for i, text in enumerate(TEXTS):
        assert found.tokens[i, :, 0].tolist() == [ord(c) for c in text] + [0] * (6 - len(text))
        assert found.mask[i].tolist() == [j < len(text) for j in range(6)]


def test_tokens_too_large_for_half_precision_are_the_largest_it_has(mean_colour, colours):
    root, refs, _ = colours(1)
    encoder = mean_colour()
    with torch.no_grad():
        encoder.scale.fill_(-1e8)
    (piece,) = encode_items(items("image", refs), root, encoder, workers=0, tokens=True)
    assert (piece.arrays["tokens"].min(), piece.arrays["tokens"].dtype) == (-65504, np.float16)


def test_an_encoder_without_tokens_is_refused_where_they_are_wanted(letters, monkeypatch):
    encoder = letters()
    forward = encoder.forward
    monkeypatch.setattr(encoder, "forward", lambda inputs: forward(inputs)._replace(tokens=None))
    with pytest.raises(UserError, match="text encoder gives no tokens"):
        list(encode_items(items("text", TEXTS), None, encoder, tokens=True))


def test_the_encoder_gets_its_mode_back_and_the_random_state_is_left_alone(colours, mean_colour):
    root, refs, _ = colours(4)
    encoder = mean_colour()
    torch.manual_seed(3)
    state = torch.get_rng_state()
    for mode in (True, False):
        encoder.train(mode)
        for workers in (0, 1):
            list(encode_items(items("image", refs), root, encoder, workers=workers))
            assert encoder.training is mode
    assert torch.equal(torch.get_rng_state(), state)


def test_stored_features_belong_to_what_made_them(colours, mean_colour):
    root, refs, _ = colours(4)
    cache = FeatureCache(root / "cache")
    encoder = mean_colour()

    def fresh():
        return features(encoder, items("image", refs), root, cache, workers=0).fresh

    assert [fresh(), fresh()] == [True, False]
    for name, value in (("image_px", 9), ("fit", "pad"), ("stores", "tokens")):
        setattr(encoder, name, value)
        assert [fresh(), fresh()] == [True, False]
    with torch.no_grad():
        encoder.scale.mul_(2)
    assert [fresh(), fresh()] == [True, False]


def test_progress_is_told_where_no_one_watches_a_terminal(colours, mean_colour, caplog, monkeypatch):
    root, refs, _ = colours(6)
    monkeypatch.setattr("xret.data.watching._REPORT_S", 0.0)
    with caplog.at_level(logging.INFO):
        list(encode_items(items("image", refs), root, mean_colour(), batch_size=2, workers=0))
    assert [record.args[1] for record in caplog.records] == [2, 4]
    assert "s left" in caplog.text


def test_progress_is_a_bar_on_a_terminal(colours, mean_colour, capsys, monkeypatch):
    root, refs, _ = colours(4)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    list(encode_items(items("image", refs), root, mean_colour(), batch_size=2, workers=0))
    assert "encoding image" in capsys.readouterr().err


def test_other_modalities_have_no_reader(mean_colour, tmp_path):
    with pytest.raises(UserError, match="no reader for audio"):
        list(encode_items(items("audio", ["a.wav"]), tmp_path, mean_colour()))
