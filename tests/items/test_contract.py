"""What every way to put an item together promises."""

import importlib
import inspect
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf
from torch import nn

from xret.commands._items import USE
from xret.encoder.projection.linear import Linear
from xret.loss.infonce import InfoNCE

OPTIONS = sorted(p for p in (Path(__file__).parents[2] / "conf/items").glob("*.yaml") if p.stem != "none")
VECTORS = {"image": 7, "title": 5}
TOKENS = {"image": 10, "title": 6}
every = pytest.mark.parametrize("option", OPTIONS, ids=lambda p: p.stem)


def named(path):
    config = OmegaConf.to_container(OmegaConf.load(path))
    module, _, name = config.pop("_target_").rpartition(".")
    return getattr(importlib.import_module(module), name), config


def build(path, **changes):
    kind, config = named(path)
    arguments = {key: value for key, value in config.items() if key not in USE}
    if kind.reads_tokens:
        arguments |= {"width": 8, "share": 0.5, "widths": TOKENS}
    torch.manual_seed(0)
    projections = {part: Linear(size, dim=4) for part, size in VECTORS.items()}
    return kind(projections, **(arguments | changes))


def items(count=6, seed=1):
    """Vectors, what is there, and tokens: all parts of the first two, one part of each of the others."""
    generator = torch.Generator().manual_seed(seed)
    vectors = {part: torch.randn(count, size, generator=generator) for part, size in VECTORS.items()}
    there = torch.arange(count)
    present = {"image": (there < 2) | (there % 2 == 0), "title": (there < 2) | (there % 2 == 1)}
    tokens = {}
    for part, size in TOKENS.items():
        mask = torch.arange(5) < 5 - torch.arange(count)[:, None] % 5
        tokens[part] = torch.randn(count, 5, size, generator=generator), mask
    return vectors, present, tokens


def test_the_glob_finds_the_options():
    assert [path.stem for path in OPTIONS] == ["early", "intermediate", "late"]


@every
def test_option_shows_every_argument_with_its_default(option):
    kind, config = named(option)
    defaults = {
        n: p.default for n, p in inspect.signature(kind).parameters.items() if n not in ("projections", "widths")
    }
    assert set(config) == set(defaults) | set(USE)
    for key, value in defaults.items():
        assert config[key] == value, key


@every
def test_gives_a_vector_of_the_projections_size(option):
    fuser = build(option).eval()
    embedding = fuser(*items())
    assert embedding.shape == (6, fuser.dim) == (6, 4)
    assert embedding.dtype == torch.float32
    assert embedding.isfinite().all()


@every
def test_what_stands_in_the_place_of_a_missing_part_has_exactly_no_say(option):
    fuser = build(option).eval()
    vectors, present, tokens = items()
    expected = fuser(vectors, present, tokens)
    for part, there in present.items():
        vectors[part] = torch.where(there[:, None], vectors[part], 1e3)
        tokens[part] = torch.where(there[:, None, None], tokens[part][0], -7.0), tokens[part][1]
    assert torch.equal(fuser(vectors, present, tokens), expected)


@every
@pytest.mark.parametrize("training", [False, True])
def test_a_missing_part_gets_a_gradient_of_exactly_zero_and_one_that_is_there_does_not(option, training):
    fuser = build(option, **({"input_dropout": 0.0, "dropout": 0.0} if option.stem != "late" else {}), drop=0.0)
    fuser.train(training)
    vectors, present, tokens = items()
    given = {part: v.requires_grad_() for part, v in vectors.items()}
    read = {part: (t.requires_grad_(), mask) for part, (t, mask) in tokens.items()}
    direction = torch.randn(6, 4, generator=torch.Generator().manual_seed(2))
    (F.normalize(fuser(given, present, read), dim=1) * direction).sum().backward()
    for part, there in present.items():
        assert (given[part].grad[~there] == 0).all()
        assert (given[part].grad[:2] != 0).any(dim=1).all()
        if fuser.reads_tokens:
            assert (read[part][0].grad[~there] == 0).all()
            assert (read[part][0].grad[:2] != 0).flatten(1).any(dim=1).all()


@every
def test_a_missing_part_leaves_the_parameters_that_read_it_alone(option):
    fuser = build(option)
    vectors, present, tokens = items()
    lacks = present | {"image": torch.zeros(6, dtype=torch.bool), "title": torch.ones(6, dtype=torch.bool)}
    fuser(vectors, lacks, tokens).square().sum().backward()
    touched = [p.grad for n, p in fuser.named_parameters() if "image" in n and p.grad is not None]
    assert touched
    assert all((grad == 0).all() for grad in touched)


@every
def test_an_item_does_not_depend_on_its_batch(option):
    fuser = build(option).eval()
    vectors, present, tokens = items()
    expected = fuser(vectors, present, tokens)
    order = torch.tensor([3, 0, 5, 4, 1, 2])
    mixed = fuser(
        {p: v[order] for p, v in vectors.items()},
        {p: t[order] for p, t in present.items()},
        {p: (t[order], m[order]) for p, (t, m) in tokens.items()},
    )
    torch.testing.assert_close(mixed, expected[order], atol=1e-6, rtol=1e-5)


@every
def test_both_parts_have_a_say_where_they_are_there(option):
    fuser = build(option).eval()
    vectors, present, tokens = items()
    expected = fuser(vectors, present, tokens)
    for part in VECTORS:
        changed = fuser(vectors | {part: vectors[part].roll(1, 1)}, present, tokens)
        assert ((changed - expected).abs() > 1e-5).any(dim=1)[:2].all()
        if fuser.reads_tokens:
            words, mask = tokens[part]
            changed = fuser(vectors, present, tokens | {part: (words.roll(1, 2), mask)})
            assert ((changed - expected).abs() > 1e-6).any(dim=1)[:2].all()


@every
def test_every_parameter_gets_a_gradient(option):
    fuser = build(option, drop=0.0)
    fuser(*items()).sum().backward()
    for name, parameter in fuser.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert (parameter.grad != 0).any(), name


@every
def test_an_item_of_no_part_is_finite(option):
    fuser = build(option)
    vectors, present, tokens = items()
    embedding = fuser(vectors, {part: there & False for part, there in present.items()}, tokens)
    assert embedding.isfinite().all()
    embedding.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in fuser.parameters())


@every
def test_stored_tokens_may_be_in_half_precision_and_autocast_gives_float32(option):
    fuser = build(option).eval()
    vectors, present, tokens = items()
    expected = fuser(vectors, present, tokens)
    halves = {part: (words.half(), mask) for part, (words, mask) in tokens.items()}
    torch.testing.assert_close(fuser(vectors, present, halves), expected, atol=2e-2, rtol=2e-2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        embedding = fuser(vectors, present, tokens)
    assert embedding.dtype == torch.float32
    torch.testing.assert_close(embedding, expected, atol=0.1, rtol=0.1)


@every
def test_learns_items_that_only_both_parts_together_tell_apart(option):
    fuser = build(option, drop=0.0, **({} if option.stem == "late" else {"input_dropout": 0.0}))
    generator = torch.Generator().manual_seed(3)
    kind = torch.arange(16)
    first, second = kind // 4, kind % 4  # the picture says one, the title the other
    signs = {part: torch.randn(4, size, generator=generator) for part, size in VECTORS.items()}
    words = {part: torch.randn(4, 1, size, generator=generator) for part, size in TOKENS.items()}
    which = {"image": first, "title": second}
    vectors = {part: signs[part][which[part]] for part in which}
    tokens = {part: (words[part][which[part]], None) for part in which}
    present = {part: torch.ones(16, dtype=torch.bool) for part in which}
    queries = nn.Parameter(torch.randn(16, 4, generator=generator))
    loss, right = InfoNCE(), torch.eye(16, dtype=torch.bool)
    optimizer = torch.optim.Adam([*fuser.parameters(), queries], lr=2e-2)
    for _ in range(150):
        scores = F.normalize(queries, dim=1) @ F.normalize(fuser(vectors, present, tokens), dim=1).T
        value = loss(scores, right, ~right)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    assert (scores.argmax(dim=1) == kind).float().mean() > 0.9


@every
def test_refuses_what_makes_no_item(option):
    with pytest.raises(ValueError, match=r"drop must be in \[0, 1\)"):
        build(option, drop=1.0)
    kind, _ = named(option)
    widths = [TOKENS] if kind.reads_tokens else []
    with pytest.raises(ValueError, match="projected to one size"):
        kind({"image": Linear(7, dim=4), "title": Linear(5, dim=3)}, *widths)
