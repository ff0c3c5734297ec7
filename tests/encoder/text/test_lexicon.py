"""Words that count more: found whole, in both languages, and weighed in all their pieces."""

import pickle

import pytest
import torch

from xret._errors import UserError
from xret.encoder.pooling.simple import Mean
from xret.encoder.text._lexicon import SHIPPED, Lexicon
from xret.encoder.text.transformer import Transformer

ALL = {"colour": 1.5, "style": 1.25, "material": 2.0, "promotion": 0.5}


@pytest.fixture
def words(tmp_path):
    """Return a function: entries -> the path of a list of them."""

    def make(*entries, name="own.txt"):
        (tmp_path / name).write_text("# mine\n\n" + "\n".join(entries) + "\n", encoding="utf-8")
        return str(tmp_path / name)

    return make


def found(lexicon, text):
    return [(text[begin:end], weight) for begin, end, weight in lexicon.find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A Red apple, reddish, and inbred", [("Red", 1.5)]),
        ("redhead red2 Red_1", [("Red", 1.5)]),
        ("light  BLUE tie-dye", [("light  BLUE", 1.5), ("tie-dye", 1.25)]),
        ("stainless steel or steel", [("stainless steel", 2.0), ("steel", 2.0)]),
        ("深蓝色牛仔裤", [("深蓝色", 1.5), ("牛仔", 2.0)]),
        ("包邮!silk旗袍", [("包邮", 0.5), ("silk", 2.0)]),
        ("buy now: free shipping", [("buy now", 0.5), ("free shipping", 0.5)]),
        ("", []),
    ],
)
def test_finds_whole_words_and_the_longest_of_them(text, expected):
    assert found(Lexicon(ALL), text) == expected


def test_every_shipped_list_finds_each_of_its_own_entries():
    assert sorted(path.stem for path in SHIPPED.glob("*.txt")) == sorted(ALL)
    for name in ALL:
        lexicon = Lexicon({name: 3.0})
        assert len(lexicon.weights) > 100
        assert any("\u4e00" <= entry[0] <= "\u9fff" for entry in lexicon.weights)
        for entry in lexicon.weights:
            assert found(lexicon, f"x, {entry}。") == [(entry, 3.0)]


def test_a_word_of_two_lists_has_the_weight_of_the_first(words):
    own = words("Gold", "opal")
    assert found(Lexicon({"own": 3.0, "colour": 1.5}, {"own": own}), "gold opal red") == [
        ("gold", 3.0),
        ("opal", 3.0),
        ("red", 1.5),
    ]
    assert found(Lexicon({"colour": 1.5, "own": 3.0}, {"own": own}), "gold opal")[0] == ("gold", 1.5)
    assert found(Lexicon({"colour": 1.5}, {"colour": own}), "gold red") == [
        ("gold", 1.5)
    ]  # in place of the shipped one


def test_tokens_of_a_word_have_its_weight_and_special_ones_and_padding_have_one(checkpoint, words):
    own = words("dogs", "fox ru", "the")  # "fox ru" is no whole word of "fox runs"
    encoder = Transformer(checkpoint("bert"), weights={"own": 2.5}, lexicons={"own": own})
    inputs = encoder.collate(["a dogs", "The big fox runs dogs", "", "!dogs!a"])
    tokens = [encoder.collate.tokenizer.convert_ids_to_tokens(row) for row in inputs["input_ids"].tolist()]
    assert tokens[0][:5] == ["[CLS]", "a", "dog", "##s", "[SEP]"]
    expected = [[2.5 if t in ("dog", "##s", "the") else 1.0 for t in row] for row in tokens]
    assert inputs["token_weight"].tolist() == expected


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlnet", "albert"])
def test_the_vector_is_the_weighted_mean_by_hand(checkpoint, words, kind):
    own = words("red", "runs")
    encoder = Transformer(checkpoint(kind), weights={"own": 3.0}, lexicons={"own": own})
    plain = Transformer(checkpoint(kind))
    texts = ["the red fox runs", "a dog", "red"]
    inputs = encoder.collate(texts)
    weights = inputs["token_weight"]
    assert (weights[0] == 3).sum() >= 2
    assert (weights[1] == 1).all()
    encoded, without = encoder(inputs), plain(plain.collate(texts))
    torch.testing.assert_close(encoded.tokens, without.tokens)
    for i in range(3):
        total, whole = torch.zeros(encoder.width), 0.0
        for token, weight, real in zip(encoded.tokens[i], weights[i].tolist(), encoded.mask[i], strict=True):
            total, whole = (total + weight * token, whole + weight) if real else (total, whole)
        torch.testing.assert_close(encoded.vector[i], total / whole, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(encoded.vector[1], without.vector[1])
    assert not torch.allclose(encoded.vector[0], without.vector[0], atol=1e-3)


def test_the_fingerprint_knows_the_weights_and_is_what_it_was_without(checkpoint, words):
    folder = checkpoint("bert")
    own, other = words("red"), words("red", "blue", name="other.txt")
    prints = [
        Transformer(folder).fingerprint(),
        Transformer(folder, weights={"own": 2.0}, lexicons={"own": own}).fingerprint(),
        Transformer(folder, weights={"own": 3.0}, lexicons={"own": own}).fingerprint(),
        Transformer(folder, weights={"own": 2.0}, lexicons={"own": other}).fingerprint(),
    ]
    assert len(set(prints)) == 4
    assert Transformer(folder, weights={}).fingerprint() == prints[0]
    assert "weights" not in Transformer(folder).collate.config()
    assert "token_weight" not in Transformer(folder).collate(["red"])


def test_the_lists_travel_to_another_process():
    lexicon = Lexicon(ALL)
    again = pickle.loads(pickle.dumps(lexicon))
    assert found(again, "red steel") == found(lexicon, "red steel") == [("red", 1.5), ("steel", 2.0)]


def test_stored_tokens_without_their_weights_are_refused(checkpoint):
    encoder = Transformer(checkpoint("bert"), weights={"colour": 1.5})
    with pytest.raises(UserError, match="needs a token_weight"):
        encoder({"tokens": torch.randn(2, 3, 16), "mask": torch.ones(2, 3, dtype=torch.bool)})


@pytest.mark.parametrize("pooling", ["cls", "max", "gpo"])
def test_other_poolings_are_refused(checkpoint, pooling):
    with pytest.raises(ValueError, match=f"weights need pooling: mean, got {pooling}"):
        Transformer(checkpoint("bert"), pooling=pooling, weights={"colour": 1.5})


def test_wrong_names_weights_and_files_are_refused(words, tmp_path):
    with pytest.raises(ValueError, match="colour, material, promotion, style or one of lexicons; got 'color'"):
        Lexicon({"color": 1.5})
    with pytest.raises(ValueError, match="weight of colour must be at least 0, got -1"):
        Lexicon({"colour": -1})
    with pytest.raises(ValueError, match="'own' has none"):
        Lexicon({"colour": 1.5}, {"own": words("red")})
    with pytest.raises(UserError, match="cannot be read"):
        Lexicon({"own": 1.5}, {"own": str(tmp_path / "missing.txt")})
    with pytest.raises(UserError, match="a word per line"):
        Lexicon({"own": 1.5}, {"own": words()})


def test_a_tokeniser_in_plain_python_is_refused(checkpoint, tmp_path):
    import shutil

    import transformers as hf

    copy = shutil.copytree(checkpoint("bert"), tmp_path / "copy", ignore=shutil.ignore_patterns("tokenizer*"))
    hf.ByT5Tokenizer(model_max_length=30).save_pretrained(copy)
    with pytest.raises(ValueError, match="weights need a fast tokeniser"):
        Transformer(str(copy), max_tokens=8, weights={"colour": 1.5})


@pytest.mark.parametrize("weight", [torch.tensor([[1.0, 3.0, 9.0], [0.0, 0.0, 5.0]])])
def test_the_weighted_mean_leaves_out_what_is_masked_and_survives_weights_of_zero(weight):
    tokens = torch.tensor([[[2.0], [6.0], [torch.nan]], [[1.0], [1.0], [1.0]]])
    mask = torch.tensor([[True, True, False], [True, True, False]])
    assert Mean()(tokens, mask, weight).tolist() == [[5.0], [0.0]]
    assert Mean()(tokens[1:], None, weight[1:]).tolist() == [[1.0]]
