"""The published splits, from the file of captions to a table: small pictures in Karpathy's format, a small CLIP."""

import itertools
import json
import string
from pathlib import Path

import pytest
import transformers as hf
from PIL import Image

pytestmark = pytest.mark.slow

SPLITS = ["train"] * 24 + ["val"] * 7 + ["test"] * 10  # as in Flickr30k, val has another size than test


@pytest.fixture
def captions(tmp_path):
    """Arguments that name a data set of 41 pictures with five captions each."""
    images = []
    for i, (split, levels) in enumerate(zip(SPLITS, itertools.product((0, 90, 170, 250), repeat=3), strict=False)):
        Image.new("RGB", (32, 32), levels).save(tmp_path / f"{i}.png")
        sentences = [{"raw": f"{'abcde'[k]} red {levels[0]} green {levels[1]} blue {levels[2]}"} for k in range(5)]
        images.append({"filename": f"{i}.png", "imgid": i, "split": split, "sentences": sentences})
    (tmp_path / "d.json").write_text(json.dumps({"dataset": "flickr30k", "images": images}))
    return ["data=karpathy", f"data.path={tmp_path}/d.json", "protocol=karpathy_1k", "protocol.images=10"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A folder with a small random CLIP."""
    letters = string.ascii_lowercase + string.digits
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(c + "</w>" for c in letters)]
    tokenizer = hf.CLIPTokenizer(vocab={word: i for i, word in enumerate(words)}, merges=[], model_max_length=40)
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 32}
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    text = {"vocab_size": len(words), "max_position_embeddings": 40, **ends, **sizes}
    vision = {"image_size": 32, "patch_size": 8, **sizes}
    folder = tmp_path_factory.mktemp("clip")
    hf.CLIPModel(hf.CLIPConfig(text_config=text, vision_config=vision, projection_dim=12)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_clip_is_trained_and_measured_by_the_protocol_of_its_data(xret, captions, clip):
    model = [f"encoder.{m}.model={clip}" for m in ("text", "image")]
    quick = ["tracker=none", "batch.size=8", "batch.workers=0", "trainer.max_epochs=1", "encoder.text.max_tokens=40"]
    code, out, err = xret("train", "encoder=clip", *model, *captions, *quick, "hydra.run.dir=run")
    assert code == 0, err
    assert "| text → image |" in out
    figures = json.loads(Path("run/metrics.json").read_text())
    assert (figures["test/text_to_image/queries"], figures["test/image_to_text/queries"]) == (50, 10)
    assert (figures["val/text_to_image/queries"], figures["val/image_to_text/queries"]) == (35, 7)
    code, _, err = xret("evaluate", "run=run", "hydra.run.dir=again")
    assert code == 0, err
    again = json.loads(Path("again/metrics.json").read_text())
    assert {name: figures[name] for name in again} == again
    code, _, err = xret("evaluate", "run=run", "protocol=karpathy_5k", "hydra.run.dir=other")
    assert code == 2
    assert "exactly 5000 images, got 10" in err
