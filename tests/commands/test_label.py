"""Labels as the user of `label` meets them: tables, who said what, and a training that hears the weights."""

import csv
import json
from pathlib import Path

import pytest
import torch
import transformers as hf

from xret.commands._labelled import Given, choose, labelled
from xret.data.manifest import Row
from xret.label import Label

pytestmark = pytest.mark.slow

COLOUR = "attributes={colour: [red, green, blue, yellow]}"


def rows(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def label(xret, shapes):
    """Label the shapes by their captions, or what else the arguments say; returns what was printed."""

    def run(*arguments, path=shapes, code=0):
        found, out, err = xret("label", "data=table", f"data.path={path}", "batch.workers=0", *arguments)
        assert found == code, err
        return err if code else out

    return run


def test_captions_are_labelled_and_everything_else_stays(label, shapes):
    before = shapes.read_text()
    out = label(COLOUR, "hydra.run.dir=out")
    assert shapes.read_text() == before
    found = rows("out/pairs.csv")
    originals = {row["id"]: row for row in csv.DictReader(before.splitlines())}
    assert {row["id"]: row["text"] for row in found} == {name: row["text"] for name, row in originals.items()}
    for row in found:
        colour = row["id"].partition("-")[0]
        known = colour in ("red", "green", "blue", "yellow")
        told = (row["colour"], row["colour_source"], row["colour_confidence"], row["weight"])
        assert told == ((colour, "lexicon", "0.9000", "1.0") if known else ("", "", "", "1.0"))
        assert Path("out", row["image"]).read_bytes() == (shapes.parent / originals[row["id"]]["image"]).read_bytes()
    told = rows("out/labels.csv")
    assert len(told) == 32
    assert told[0] == {
        "row": "red-circle-white", "attribute": "colour", "label": "red", "source": "lexicon",
        "confidence": "0.9000", "written": "true",
    }  # fmt: skip
    facts = json.loads(Path("out/label.json").read_text())["attributes"]["colour"]
    assert facts["labels"] == dict.fromkeys(("red", "green", "blue", "yellow"), 8)
    assert (facts["known"], facts["given"], facts["without"]) == (0, 32, 48)
    assert "colour: 32 labels given, 0 were there, 48 rows without" in out
    assert out.rstrip().endswith(f"data=table data.path={Path('out/pairs.csv').resolve()}")


def test_labels_that_are_there_stay_unless_they_may_be_replaced_and_tell_what_others_are_worth(label, shapes):
    table = shapes.with_name("known.csv")
    lines = ["id,image,text,colour"]
    lines += [f"{c},{c}-bar-white.png,a {c} bar,{k}" for c, k in (("red", "red"), ("blue", "navy"), ("green", ""))]
    table.write_text("\n".join(lines) + "\n")
    label(COLOUR, "hydra.run.dir=out", path=table)
    found = {row["id"]: row for row in rows("out/pairs.csv")}
    assert [found[name]["colour"] for name in ("red", "blue", "green")] == ["red", "navy", "green"]
    assert [found[name]["colour_source"] for name in ("red", "blue", "green")] == ["", "", "lexicon"]
    worth = json.loads(Path("out/label.json").read_text())["attributes"]["colour"]["sources"]["lexicon"]
    kappa = pytest.approx((0.5 - 0.25) / (1 - 0.25))  # red by both at once: by chance 1 / 2 * 1 / 2
    assert worth["against_known"]["all"] == {"known": 2, "coverage": 1.0, "accuracy": 0.5, "kappa": kappa}
    label(COLOUR, "overwrite=true", "hydra.run.dir=again", path=table)
    found = {row["id"]: row for row in rows("again/pairs.csv")}
    assert [found[name]["colour"] for name in ("red", "blue", "green")] == ["red", "blue", "green"]


def test_too_little_confidence_gives_no_label(label):
    out = label("attributes={colour: [red, beige]}", "hydra.run.dir=out")
    found = {row["id"]: row["colour"] for row in rows("out/pairs.csv")}
    assert found["red-bar-white"] == "red"
    assert found["red-bar-beige"] == ""  # two labels share 0.9
    assert "colour: 40 labels given" in out


def test_the_weight_of_a_label_reaches_the_table_that_trains(label, xret, small):
    from xret.data.table import Table

    label(COLOUR, "weighted=true", "label.certainty=0.25", "min_confidence=0", "hydra.run.dir=out")
    manifest = Table("out/pairs.csv").load()
    assert {row.weight for row in manifest.rows if row.attributes.get("colour")} == {0.25}
    assert {row.weight for row in manifest.rows if not row.attributes.get("colour")} == {1.0}
    run = [a for a in small if not a.startswith("data.path")] + ["data.path=out/pairs.csv"]
    code, _, err = xret("train", *run, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert code == 0, err
    assert Path("run/rejected.jsonl").read_text() == ""


def test_of_several_labels_the_surest_is_written_and_weights_are_the_mean_over_attributes():
    row = Row("a", "g", {"text": "x"}, weight=0.5, attributes={"size": "large"})
    sure, less = [Label("red", 0.6)], [Label("blue", 0.4)]
    found = {
        "one": {"colour": less, "size": [Label("small", 1.0)], "style": [Label("plain", 0.8)]},
        "two": {"colour": sure, "style": [Label("modern", 0.8)]},
    }
    chosen = choose([row], found, least=0.0, overwrite=False)
    assert chosen["colour"] == [Given("red", "two", 0.6)]
    assert chosen["style"] == [Given("plain", "one", 0.8)]  # of equally sure ones the first
    assert chosen["size"] == [None]
    made = labelled([row], chosen, weighted=True)[0]
    assert made.weight == pytest.approx(0.5 * (0.6 + 0.8) / 2)
    assert made.attributes["size"] == "large"
    assert labelled([row], chosen, weighted=False)[0].weight == 0.5
    assert choose([row], found, least=0.7, overwrite=True)["colour"] == [None]
    assert choose([row], found, least=0.7, overwrite=True)["size"] == [Given("small", "one", 1.0)]


def test_the_format_of_the_input_is_kept(label, shapes):
    table = shapes.with_name("pairs.jsonl")
    table.write_text('{"id": "a", "image": "red-bar-white.png", "text": "a red bar"}\n')
    label(COLOUR, "media=false", "hydra.run.dir=out", path=table)
    assert json.loads(Path("out/pairs.jsonl").read_text())["colour"] == "red"
    assert not Path("out/media").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["attributes={text: [red]}"], "text is a column"),
        (["attributes={colour: red}"], "must be a list of labels"),
        (["attributes={size: null}"], "no list for 'size'"),
        (["min_confidence=2"], "min_confidence must be in [0, 1]"),
        (["label=lexikon"], "did you mean lexicon?"),
        (["label.several=last"], "several must be one of first, specific"),
        (["label=neighbours"], "run=DIR"),
        (["label=zeroshot"], "encoder=clip"),
        (["label=neighbours", "run=/nowhere"], "is no run folder"),
        (["label=zeroshot", "encoder=scratch"], "nothing has trained"),
        (["label=several", "label.sources.lexicon=null", "label.sources.neighbours=null"], "label needs a source"),
    ],
)
def test_a_mistake_is_one_line(label, arguments, message):
    err = label(*arguments, "hydra.run.dir=out", code=2)
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("out/pairs.csv").exists()


def test_a_folder_is_not_labelled_twice(label):
    label(COLOUR, "limit=2", "hydra.run.dir=out")
    assert "already" in label(COLOUR, "limit=2", "hydra.run.dir=out", code=2)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """The folder of a small random CLIP."""
    torch.manual_seed(4)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    sizes = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 32}
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    text = {"vocab_size": 54, "max_position_embeddings": 32, **ends, **sizes}
    see = {"image_size": 16, "patch_size": 8, **sizes}
    network = hf.CLIPModel(hf.CLIPConfig(text_config=text, vision_config=see, projection_dim=12))
    folder = tmp_path_factory.mktemp("clip")
    network.eval().save_pretrained(folder)
    tokenizer = hf.CLIPTokenizer(vocab={w: i for i, w in enumerate(words)}, merges=[], model_max_length=32)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_a_joint_encoder_compares_pictures_with_descriptions(label, clip):
    names = [f"encoder.{m}.model={clip}" for m in ("text", "image")]
    encoder = [
        "encoder=clip",
        *names,
        "encoder.text.max_tokens=32",
        "encoder.text.train=head",
        "encoder.image.train=head",
    ]
    label("label=zeroshot", COLOUR, *encoder, "hydra.run.dir=out")
    found = {row["row"]: (row["label"], float(row["confidence"])) for row in rows("out/labels.csv")}
    assert len(found) == 80
    network, tokenizer = hf.CLIPModel.from_pretrained(clip).eval(), hf.CLIPTokenizer.from_pretrained(clip)
    labels = ["red", "green", "blue", "yellow"]
    with torch.inference_mode():
        texts = tokenizer([f"a photo of a {name}" for name in labels], return_tensors="pt", padding=True)
        pixels = torch.from_numpy(_pixels("out/media/red-bar-white.png")).unsqueeze(0)
        image = torch.nn.functional.normalize(network.get_image_features(pixels).pooler_output, dim=1)
        text = torch.nn.functional.normalize(network.get_text_features(**texts).pooler_output, dim=1)
        shares = (image @ text.T / 0.01).softmax(dim=1)[0]
    name, sure = found["red-bar-white"]
    assert name == labels[int(shares.argmax())]
    assert sure == pytest.approx(float(shares.max()), abs=0.01)


def _pixels(path):
    """A picture as CLIP wants it: 16 px, brought to its mean and deviation."""
    from xret.data.reading import read_image

    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    picture = read_image(Path(path), "", 16, "crop").astype("float32") / 255
    return ((picture.transpose(1, 2, 0) - mean) / std).transpose(2, 0, 1).astype("float32")


def test_the_vectors_of_a_run_label_by_neighbours_by_description_and_by_both(label, xret, small, shapes):
    code, _, err = xret("train", *small, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert code == 0, err
    table = shapes.with_name("half.csv")
    lines = ["id,image,text,split,colour"]
    for row in csv.DictReader(shapes.read_text().splitlines()):
        colour, _, ground = row["id"].split("-")
        known = colour if ground == "white" else ""
        lines.append(f"{row['id']},{row['image']},{row['text']},{'train' if known else 'test'},{known}")
    shapes.with_name("cut.png").write_bytes(shapes.with_name("red-bar-white.png").read_bytes()[:100])
    lines.append("cut,cut.png,a thing,test,")
    table.write_text("\n".join(lines) + "\n")
    out = label(
        "label=neighbours", "run=run", "attributes={colour: null}", "min_confidence=0", "hydra.run.dir=near", path=table
    )
    assert "voters_colour 40" in out
    facts = json.loads(Path("near/label.json").read_text())["attributes"]["colour"]
    worth = facts["sources"]["neighbours"]["against_known"]
    assert worth["train"]["known"] == worth["all"]["known"] == 40
    assert (facts["given"], worth["train"]["coverage"]) == (40, 1.0)
    assert [row["colour"] for row in rows("near/pairs.csv") if row["id"] == "cut"] == [""]
    # a picture of a group of its own cannot vote for itself: colours are told by other shapes
    assert 0 <= worth["train"]["accuracy"] < 1
    arguments = [
        "label=several",
        "label@label.sources.zeroshot=zeroshot",
        "run=run",
        COLOUR,
        "min_confidence=0",
        "hydra.run.dir=all",
    ]
    out = label(*arguments, path=table)
    facts = json.loads(Path("all/label.json").read_text())["attributes"]["colour"]
    assert list(facts["sources"]) == ["lexicon", "neighbours", "zeroshot"]
    assert [pair["sources"] for pair in facts["agreement"]] == [
        ["lexicon", "neighbours"], ["lexicon", "zeroshot"], ["neighbours", "zeroshot"],
    ]  # fmt: skip
    assert facts["agreement"][0]["rows"] == 32
    said = {}
    for row in rows("all/labels.csv"):
        said.setdefault(row["row"], []).append((float(row["confidence"]), row["label"], row["source"], row["written"]))
    for row in rows("all/pairs.csv"):
        best = max(said.get(row["id"], [(0.0,)]), key=lambda one: one[0])
        if row["split"] == "test" and row["id"] != "cut":
            assert float(row["colour_confidence"]) == best[0]
            assert [row["colour"], row["colour_source"]] in [
                list(one[1:3]) for one in said[row["id"]] if one[0] == best[0]
            ]
            assert sum(one[3] == "true" for one in said[row["id"]]) == 1


def test_a_text_model_is_asked_once_and_its_failures_are_counted(label, tmp_path):
    torch.manual_seed(3)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "green", "blue", "a", "circle", "square", "bar", "on"]
    config = hf.T5Config(
        vocab_size=len(words), d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, eos_token_id=3, pad_token_id=0,
        decoder_start_token_id=2,
    )  # fmt: skip
    network = hf.T5ForConditionalGeneration(config)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "norm" not in name:
                parameter.normal_(std=0.7)
    network.eval().save_pretrained("writer")
    hf.BertTokenizer(vocab={w: i for i, w in enumerate(words)}).save_pretrained("writer")
    arguments = ["label=model", "label.model=writer", COLOUR, "media=false", "min_confidence=0"]
    label(*arguments, "hydra.run.dir=one")
    label(*arguments, "hydra.run.dir=two")
    one, two = (json.loads(Path(name, "label.json").read_text()) for name in ("one", "two"))
    assert (one["reports"]["model"]["asked"], two["reports"]["model"]["asked"]) == (80, 0)
    assert one["attributes"] == two["attributes"]
    told = one["attributes"]["colour"]["sources"]["model"]
    assert 0 < told["said"] == told["written"]
    assert told["said"] + one["reports"]["model"]["parse_failures"] + one["reports"]["model"]["unknown"] == 80
    err = label("label=model", "label.model=/nowhere", COLOUR, "hydra.run.dir=three", code=2)
    assert "nothing at '/nowhere'" in err
