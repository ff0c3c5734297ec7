"""The encoder over bytes: nothing but the text itself decides its vector."""

import pytest
import torch

from xret.encoder.text.scratch import Scratch


def test_reads_the_bytes_of_utf8_behind_a_start_token():
    inputs = Scratch(max_tokens=4).collate(["aé", "", "abcdef"])
    assert inputs["input_ids"].tolist() == [[257, 97, 0xC3, 0xA9], [257, 256, 256, 256], [257, 97, 98, 99]]
    assert inputs["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 1, 1]]


@pytest.mark.parametrize("pooling", ["mean", "max", "gpo"])
def test_vector_does_not_depend_on_what_else_is_in_the_batch(pooling):
    encoder = Scratch(pooling=pooling)
    texts = ["dog", "", "a much longer text about a dog", "犬"]
    together = encoder(encoder.collate(texts)).vector
    assert together.shape == (4, encoder.width)
    for text, vector in zip(texts, together, strict=True):
        torch.testing.assert_close(encoder(encoder.collate([text])).vector[0], vector, atol=1e-5, rtol=1e-5)
    assert torch.cdist(together, together)[~torch.eye(4, dtype=torch.bool)].min() > 0.01


def test_a_token_sees_its_neighbours_and_no_further():
    encoder = Scratch(blocks=2, reach=1)
    inputs = encoder.collate(["abcdefgh"])
    vectors = encoder.embed(inputs).detach().requires_grad_()
    tokens = encoder({**inputs, "inputs_embeds": vectors}).tokens
    (gradient,) = torch.autograd.grad(tokens[0, 4].pow(2).sum(), vectors)
    assert (gradient[0].abs().sum(-1) > 0).tolist() == [False, False, True, True, True, True, True, False, False]


def test_the_global_seed_decides_the_weights():
    prints = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        prints.append(Scratch().fingerprint())
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(("train", "count"), [("head", 0), ("last_1", 1), ("last_2", 2), ("all", 4)])
def test_trains_as_many_layers_as_asked(train, count):
    encoder = Scratch(train=train)
    assert [all(p.requires_grad for p in layer.parameters()) for layer in encoder.network] == [False] * (4 - count) + [
        True
    ] * count
    assert encoder.frozen == (count == 0)
    encoder = Scratch(train=train, pooling="gpo")
    assert (encoder.frozen, encoder.stores) == (False, "tokens" if count == 0 else "vector")


def test_stored_tensors_take_up_where_they_were_left():
    encoder = Scratch(train="head", pooling="gpo")
    whole = encoder(encoder.collate(["dog", "a red apple"]))
    torch.testing.assert_close(encoder({"tokens": whole.tokens, "mask": whole.mask}).vector, whole.vector)
    assert torch.equal(encoder({"vector": whole.vector}).vector, whole.vector)


def test_stored_words_stay_valid_while_their_pooling_learns_and_no_longer():
    encoder = Scratch(train="head", pooling="gpo")
    before = encoder.fingerprint()
    with torch.no_grad():
        encoder.pooling.score.weight += 1
    assert encoder.fingerprint() == before
    with torch.no_grad():
        encoder.network[0].weight[0, 0] += 1e-6
    assert encoder.fingerprint() != before


def test_fingerprint_knows_the_settings_that_are_not_weights():
    prints = set()
    for settings in ({}, {"pooling": "max"}, {"max_tokens": 64}):
        torch.manual_seed(0)
        prints.add(Scratch(**settings).fingerprint())
    assert len(prints) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0}, "must be positive"),
        ({"blocks": 0}, "must be positive"),
        ({"reach": 0}, "must be positive"),
        ({"max_tokens": 1}, "max_tokens must be at least 2"),
        ({"pooling": "cls"}, "pooling must be one of mean, max, gpo"),
        ({"train": "last_4"}, "more than the 3 blocks"),
        ({"lr": -1.0}, "lr must be positive"),
    ],
)
def test_rejects_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Scratch(**arguments)
