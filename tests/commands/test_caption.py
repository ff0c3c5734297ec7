"""Captions written by a model: a small random one, through the real loading code."""

import csv
import os
from pathlib import Path

import pytest
import torch
import transformers as hf

pytestmark = pytest.mark.slow

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "red", "runs", "apple", "the", "fox", "big", "blue"]


@pytest.fixture(scope="module")
def writer(tmp_path_factory):
    """The folder of a vision-encoder-decoder model that writes something about every picture."""
    torch.manual_seed(3)
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 32}
    see = hf.ViTConfig(image_size=16, patch_size=8, **sizes)
    say = hf.BertConfig(
        vocab_size=len(WORDS), max_position_embeddings=40, is_decoder=True, add_cross_attention=True, **sizes
    )
    network = hf.VisionEncoderDecoderModel(hf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(see, say))
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "norm" not in name.lower():
                parameter.normal_(std=0.5)
    network.generation_config.decoder_start_token_id = network.config.decoder_start_token_id = 2
    network.generation_config.eos_token_id, network.generation_config.pad_token_id = 3, 0
    folder = tmp_path_factory.mktemp("writer")
    network.eval().save_pretrained(folder)
    hf.BertTokenizer(vocab={w: i for i, w in enumerate(WORDS)}).save_pretrained(folder)
    hf.ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(folder)
    return str(folder)


def table(name):
    with Path(name).open(newline="") as file:
        return list(csv.DictReader(file))


def test_captions_stand_behind_the_pairs_and_train_with_them(xret, small, shapes, writer):
    data = ["data=table", f"data.path={shapes}", f"model={writer}", "batch.workers=0"]
    before = shapes.read_text()
    code, out, err = xret("caption", *data, "weight=0.25", "max_tokens=6", "hydra.run.dir=more")
    assert code == 0, err
    assert shapes.read_text() == before
    rows = table("more/pairs.csv")
    old, new = ([r for r in rows if bool(r["source"]) == written] for written in (False, True))
    originals = {r["id"]: r for r in csv.DictReader(before.splitlines())}
    assert {r["id"]: r["text"] for r in old} == {i: r["text"] for i, r in originals.items()}
    assert {float(r["weight"]) for r in old} == {1.0}
    assert len(new) > 20
    assert {r["source"] for r in new} == {writer}
    assert {float(r["weight"]) for r in new} == {0.25}
    assert {r["split"] for r in new} == {"train"}
    groups = {r["image"]: r["group"] for r in old}
    assert all(groups[r["image"]] == r["group"] for r in new)
    assert all(set(r["text"].split()) <= set(WORDS) for r in new)
    assert len({r["text"] for r in new}) > 1
    assert out.rstrip().endswith("train data=table data.path=" + str(Path("more/pairs.csv").resolve()))
    run = [a for a in small if not a.startswith("data.path")] + ["data.path=more/pairs.csv", "details=false"]
    code, _, err = xret("train", *run, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert code == 0, err
    assert f"train {sum(r['split'] == 'train' for r in rows)} pairs" in Path("run/train.log").read_text()
    assert Path("run/rejected.jsonl").read_text() == ""


def test_several_captions_and_pictures_that_stay_where_they_are(xret, shapes, writer):
    data = ["data=table", f"data.path={shapes}", f"model={writer}", "batch.workers=0", "limit=6"]
    code, out, err = xret("caption", *data, "captions=3", "media=false", "hydra.run.dir=more")
    assert code == 0, err
    assert f"data.root={shapes.parent}" in out
    rows = table("more/pairs.csv")
    new = [r for r in rows if r["source"]]
    assert len(new) > len({r["image"] for r in new})
    assert len({(r["image"], r["text"]) for r in rows}) == len(rows)
    assert os.listdir("more") == ["pairs.csv"]


def test_a_picture_that_cannot_be_read_gets_no_caption(xret, shapes, writer):
    broken = shapes.with_name("broken.csv")
    shapes.with_name("cut.png").write_bytes(shapes.with_name("red-bar-white.png").read_bytes()[:100])
    broken.write_text("id,image,text,split\na,red-bar-white.png,a bar,train\nb,cut.png,another,train\n")
    data = ["data=table", f"data.path={broken}", f"model={writer}", "batch.workers=0", "media=false"]
    code, out, err = xret("caption", *data, "hydra.run.dir=more")
    assert code == 0, err
    assert "1 pictures cannot be read" in out + err
    assert {r["id"] for r in table("more/pairs.csv") if r["source"]} == {"a/caption0"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model=/nowhere"], "nothing at '/nowhere'"),
        (["captions=5", "beams=4"], "captions <= beams"),
        (["splits=[trian]"], "splits may hold train, val, test"),
        (["weight=-1"], "weight must be 0 or more"),
    ],
)
def test_a_mistake_is_one_line(xret, shapes, writer, arguments, message):
    base = ["data=table", f"data.path={shapes}", f"model={writer}", "limit=2", "batch.workers=0", "hydra.run.dir=more"]
    code, _, err = xret("caption", *base, *arguments)
    assert code == 2
    assert message in err
    assert not Path("more/pairs.csv").exists()
