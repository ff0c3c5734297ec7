"""Labels by a text model: small random ones, through the real loading code, against a greedy loop of the test's own."""

import math

import numpy as np
import pytest
import torch
import transformers as hf

from xret.label import NONE, Rows
from xret.label._answers import Answer, keep, kept
from xret.label.model import Model

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "red", "blue", "green", "unknown", "cup", "a", "is", "dog", "?"]
PROMPT = "{caption} is {options} ?"
CAPTIONS = ["a cup", "a dog", "red cup", "dog", "a red dog is a cup", "", "a cup", "blue blue dog", "is a"]
LABELS = ["red", "blue"]
ENDS = {"bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}


def causal():
    sizes = {"vocab_size": len(WORDS), "n_positions": 64, "n_embd": 16, "n_layer": 1, "n_head": 2}
    return hf.GPT2LMHeadModel(hf.GPT2Config(**sizes, **ENDS))


def seq2seq():
    sizes = {"vocab_size": len(WORDS), "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2}
    config = hf.T5Config(**sizes, eos_token_id=3, pad_token_id=0, decoder_start_token_id=2)
    return hf.T5ForConditionalGeneration(config)


@pytest.fixture(scope="module", params=[(causal, 12), (seq2seq, 53)], ids=["causal", "seq2seq"])
def writer(request, tmp_path_factory):
    """The folder of a small model that writes one word or another about every caption."""
    make, seed = request.param
    torch.manual_seed(seed)  # one with which answers of a batch have several lengths
    network = make()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "ln" not in name and "norm" not in name:
                parameter.normal_(std=0.7)
    folder = tmp_path_factory.mktemp(make.__name__)
    network.eval().save_pretrained(folder)
    hf.BertTokenizer(vocab={w: i for i, w in enumerate(WORDS)}, model_max_length=64).save_pretrained(folder)
    return folder


class Loader:
    """Loads models, and counts how often."""

    def __init__(self):
        self.times = 0

    def __call__(self, name):
        self.times += 1
        config = hf.AutoConfig.from_pretrained(name)
        kind = hf.AutoModelForSeq2SeqLM if config.is_encoder_decoder else hf.AutoModelForCausalLM
        return kind.from_pretrained(name).eval(), hf.AutoTokenizer.from_pretrained(name)


def rows(folder=None, load=None, captions=CAPTIONS):
    return Rows(captions, [str(i) for i in range(len(captions))], np.ones(len(captions), bool), load=load, kept=folder)


def answer_alone(name, question, tokens):
    """The greedy answer to one question, a token at a time, and the probability of each."""
    network, tokenizer = Loader()(name)
    asked = tokenizer(question, return_tensors="pt")["input_ids"]
    written = torch.tensor([[2]]) if network.config.is_encoder_decoder else asked
    begin, sure = written.shape[1], []
    for _ in range(tokens):
        given = (
            {"input_ids": asked, "decoder_input_ids": written}
            if network.config.is_encoder_decoder
            else {"input_ids": written}
        )
        with torch.no_grad():
            chances = network(**given).logits[0, -1].softmax(0)
        written = torch.cat([written, chances.argmax().view(1, 1)], dim=1)
        sure.append(float(chances.max()))
        if int(chances.argmax()) == 3:
            break
    return tokenizer.decode(written[0, begin:], skip_special_tokens=True), math.prod(sure) ** (1 / len(sure))


def test_batched_answers_are_those_of_a_greedy_loop(writer):
    source = Model(str(writer), PROMPT, batch_size=3, max_tokens=6)
    found = source(rows(load=Loader()), {"colour": LABELS})["colour"]
    expected = []
    for caption in CAPTIONS:
        text, sure = answer_alone(str(writer), f"{caption} is red, blue ?", 6) if caption else ("", 0)
        said = [word for word in text.split() if word in LABELS]
        expected.append((said[0] if said else None, pytest.approx(sure, rel=1e-3) if said else 0.0))
    assert [(label.value, label.confidence) for label in found] == expected
    assert {value for value, _ in expected} > {None}, "the model says too little to tell anything"
    told = source.report()
    assert (told["questions"], told["asked"]) == (7, 7)
    without = len({c for c, (value, _) in zip(CAPTIONS, expected, strict=True) if c and value is None})
    assert told["unknown"] + told["parse_failures"] == without


def test_what_was_asked_once_is_not_asked_again(writer, tmp_path):
    first, again, other = Loader(), Loader(), Loader()
    source = Model(str(writer), PROMPT, max_tokens=3)
    before = source(rows(tmp_path, first, CAPTIONS[:4]), {"colour": LABELS})["colour"]
    told = source.report()
    assert source(rows(tmp_path, again, CAPTIONS[:4]), {"colour": LABELS})["colour"] == before
    assert (first.times, again.times, told["asked"]) == (1, 0, 4)
    assert source.report() == told | {"asked": 0}
    source(rows(tmp_path, again), {"colour": LABELS})
    assert source.report()["asked"] == 3
    changed = Model(str(writer), "what is {caption} ? {options}", max_tokens=3)
    changed(rows(tmp_path, other, CAPTIONS[:4]), {"colour": LABELS})
    assert (other.times, changed.report()["asked"]) == (1, 4)


@pytest.mark.parametrize(
    ("text", "value", "counted"),
    [
        ("It is Blue , not red", "blue", None),
        ("dark blue", "dark blue", None),
        ("reddish", None, "parse_failures"),
        ("", None, "parse_failures"),
        ("Unknown.", None, "unknown"),
        ("无 红色", "红色", None),
    ],
)
def test_an_answer_is_read_as_the_first_label_in_it_and_never_guessed(tmp_path, text, value, counted):
    labels = ["red", "blue", "dark blue", "红色"]
    source = Model("m", "{caption}", max_tokens=3)
    keep(tmp_path / f"{source._key()}.jsonl", {"cup": Answer(text, 0.7)})
    found = source(rows(tmp_path, captions=["cup"]), {"colour": labels})["colour"][0]
    assert found == NONE if value is None else (found.value, found.confidence) == (value, 0.7)
    told = source.report()
    assert {name: told[name] for name in ("unknown", "parse_failures") if told[name]} == (
        {counted: 1} if counted else {}
    )


def test_braces_in_a_caption_are_no_fields_and_long_captions_are_cut():
    source = Model("m", "{caption}|{attribute}|{options}", max_characters=11)
    assert source._question("{options} x and more", "hue", ["a", "b"]) == "{options} x|hue|a, b"


def test_a_model_of_chats_is_asked_in_its_template(writer, tmp_path):
    plain, chat = Loader(), Loader()

    def load(name):
        network, tokenizer = chat(name)
        tokenizer.chat_template = "{% for m in messages %}[CLS] {{ m['content'] }} [SEP]{% endfor %}"
        return network, tokenizer

    source = Model(str(writer), PROMPT, max_tokens=3)
    attributes = {"colour": LABELS}
    assert source(rows(load=load), attributes) == source(rows(load=plain), attributes)  # the template is what BERT adds


def test_answers_survive_a_line_that_a_kill_cut_off(tmp_path):
    path = tmp_path / "answers/a.jsonl"
    keep(path, {"one": Answer("red", 0.5), "zwei\n2": Answer("blau\u2028", 0.25)})
    with path.open("a") as file:
        file.write('\n["three", "bl')
    keep(path, {"four": Answer("green", 1.0)})
    assert kept(path) == {"one": ("red", 0.5), "zwei\n2": ("blau\u2028", 0.25), "four": ("green", 1.0)}
    assert kept(tmp_path / "none") == kept(None) == {}


def test_a_mistake_is_told():
    with pytest.raises(ValueError, match=r"prompt must hold \{caption\}"):
        Model("m", "what?")
    for name in ("batch_size", "max_tokens", "max_characters"):
        with pytest.raises(ValueError, match=f"{name} must be at least 1"):
            Model("m", PROMPT, **{name: 0})
