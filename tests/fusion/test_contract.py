"""What every fusion of conf/fusion promises."""

import importlib
import inspect
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf

from xret.commands._matcher import USE
from xret.model.matching import Matching

OPTIONS = sorted(p for p in (Path(__file__).parents[2] / "conf/fusion").glob("*.yaml") if p.stem != "none")
WIDTHS = {"text": 6, "image": 10}
every = pytest.mark.parametrize("option", OPTIONS, ids=lambda p: p.stem)


def build(path, **changes):
    config = OmegaConf.to_container(OmegaConf.load(path))
    module, _, name = config.pop("_target_").rpartition(".")
    arguments = {key: value for key, value in config.items() if key not in USE} | {"width": 8} | changes
    torch.manual_seed(0)
    return getattr(importlib.import_module(module), name)(WIDTHS, **arguments)


def items(modality, count=5, length=4, seed=1):
    """Vectors, tokens and a mask that leaves out something of every item but the first."""
    generator = torch.Generator().manual_seed(seed)
    vector = F.normalize(torch.randn(count, 3, generator=generator), dim=1)
    tokens = torch.randn(count, length, WIDTHS[modality], generator=generator)
    mask = torch.arange(length) < length - torch.arange(count)[:, None] % length
    return modality, vector, tokens, mask


def pairs(fusion, **changes):
    first, second = items("text", **changes), items("image", seed=2, length=7)
    return fusion.read(*first), fusion.read(*second)


def test_the_glob_finds_the_options():
    assert [path.stem for path in OPTIONS] == ["early", "intermediate", "late"]


@every
def test_option_shows_every_argument_with_its_default(option):
    config = OmegaConf.to_container(OmegaConf.load(option))
    module, _, name = config.pop("_target_").rpartition(".")
    scorer = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    defaults = {name: p.default for name, p in scorer.items() if name != "widths"}
    defaults |= {name: p.default for name, p in inspect.signature(Matching).parameters.items()}
    assert set(config) == set(defaults) | {"lr", "rerank_k", "share", "report"}
    for key, value in defaults.items():
        assert config[key] == value, key


@every
def test_gives_one_float32_logit_a_pair_whatever_the_lengths(option):
    logits = build(option).eval()(*pairs(build(option).eval()))
    assert logits.shape == (5,)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()
    assert logits.std() > 1e-4


@every
def test_what_lies_at_masked_positions_has_no_say(option):
    fusion = build(option).eval()
    expected = fusion(*pairs(fusion))
    sides = []
    for modality, vector, tokens, mask in (items("text"), items("image", seed=2, length=7)):
        other = torch.where(mask[..., None], tokens, 1e3)
        longer = F.pad(other, (0, 0, 0, 3), value=-7.0), F.pad(mask, (0, 3))
        sides.append(fusion.read(modality, vector, *longer))
    torch.testing.assert_close(fusion(*sides), expected, atol=1e-5, rtol=1e-5)


@every
def test_what_counts_has_a_say_on_both_sides(option):
    fusion = build(option).eval()
    first, second = pairs(fusion)
    expected = fusion(first, second)
    for changed in (
        (first._replace(tokens=first.tokens.roll(1, 2)), second),
        (first, second.at(torch.arange(5).roll(1))),
    ):
        assert ((fusion(*changed) - expected).abs() > 1e-6).all()


@every
def test_no_mask_means_that_all_counts(option):
    fusion = build(option).eval()
    modality, vector, tokens, _ = items("text")
    other = fusion.read(*items("image"))
    all_count = torch.ones(tokens.shape[:2], dtype=torch.bool)
    one, two = (fusion.read(modality, vector, tokens, mask) for mask in (None, all_count))
    assert torch.equal(fusion(one, other), fusion(two, other))


@every
def test_a_pair_does_not_depend_on_its_batch(option):
    fusion = build(option).eval()
    first, second = pairs(fusion)
    expected = fusion(first, second)
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(fusion(first.at(order), second.at(order)), expected[order], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        fusion(first.at(order[:1]), second.at(order[:1])), expected[order[:1]], atol=1e-5, rtol=1e-5
    )


@every
def test_every_parameter_and_both_kinds_of_tokens_get_a_gradient(option):
    fusion = build(option)
    sides = []
    given = []
    for modality, vector, tokens, mask in (items("text"), items("image", seed=2)):
        given.append(tokens.requires_grad_())
        sides.append(fusion.read(modality, vector, tokens, mask))
    F.binary_cross_entropy_with_logits(fusion(*sides), torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0])).backward()
    for name, parameter in fusion.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
    for tokens, mask in zip(given, (items("text")[3], items("image")[3]), strict=True):
        assert (tokens.grad[mask] != 0).any()
        assert (tokens.grad[~mask] == 0).all()


@every
def test_items_without_a_token_give_a_finite_logit_and_gradient(option):
    fusion = build(option)
    for empty in ("text", "image"):
        sides = []
        for modality, vector, tokens, mask in (items("text"), items("image", seed=2)):
            sides.append(fusion.read(modality, vector, tokens, mask & (modality != empty)))
        fusion.zero_grad()
        logits = fusion(*sides)
        logits.sum().backward()
        assert logits.isfinite().all()
        assert all(p.grad is None or p.grad.isfinite().all() for p in fusion.parameters())


@every
def test_stored_tokens_may_be_in_half_precision_and_autocast_gives_float32(option):
    fusion = build(option).eval()
    expected = fusion(*pairs(fusion))
    halves = []
    for modality, vector, tokens, mask in (items("text"), items("image", seed=2, length=7)):
        halves.append(fusion.read(modality, vector, tokens.half(), mask))
    torch.testing.assert_close(fusion(*halves), expected, atol=2e-2, rtol=2e-2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = fusion(*pairs(fusion))
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, expected, atol=0.3, rtol=0.1)


@every
def test_learns_to_tell_pairs_apart(option):
    fusion = build(option, width=16, **({"dropout": 0.0} if option.stem == "late" else {"input_dropout": 0.0}))
    generator = torch.Generator().manual_seed(3)
    kind = torch.arange(32) % 4
    signs = torch.randn(2, 4, 10, generator=generator)

    def side(which, modality):
        noise = 0.1 * torch.randn(32, 3, WIDTHS[modality], generator=generator)
        return torch.ones(32, 1), signs[which][kind][:, None, : WIDTHS[modality]] + noise

    text, image = side(0, "text"), side(1, "image")
    optimizer = torch.optim.Adam(fusion.parameters(), lr=1e-2)
    rows = torch.arange(32)
    lefts, rights = torch.cat([rows, rows, rows, rows]), torch.cat([rows, rows.roll(1), rows.roll(2), rows.roll(3)])
    right = (kind[lefts] == kind[rights]).float()
    for _ in range(60):
        logits = fusion(fusion.read("text", *text).at(lefts), fusion.read("image", *image).at(rights))
        loss = F.binary_cross_entropy_with_logits(logits, right)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert ((logits > 0) == (right > 0)).float().mean() > 0.95


@every
def test_closed_form_start_is_what_the_reader_applies(option):
    reader = build(option).eval().readers["text"]
    mean, scale, weight, bias = torch.randn(6), torch.rand(6), torch.randn(8, 6), torch.randn(8)
    reader.begin(mean, scale, weight, bias)
    tokens = torch.randn(2, 3, 6)
    torch.testing.assert_close(reader(tokens), ((tokens - mean) * scale) @ weight.T + bias)


@every
@pytest.mark.parametrize(
    ("changes", "message"),
    [({"width": 0}, "width > 0"), ({"dropout": 1.0}, "dropout < 1"), ({"widths": {"text": 3}}, "two modalities")],
)
def test_refuses_what_makes_no_sense(option, changes, message):
    config = {key: v for key, v in OmegaConf.to_container(OmegaConf.load(option)).items() if key not in USE}
    module, _, name = config.pop("_target_").rpartition(".")
    with pytest.raises(ValueError, match=message):
        getattr(importlib.import_module(module), name)(**({"widths": WIDTHS} | config | changes))


@every
def test_a_mask_of_another_shape_is_refused(option):
    modality, vector, tokens, mask = items("text")
    with pytest.raises(ValueError, match=r"mask must be \(B, L\)"):
        build(option).read(modality, vector, tokens, mask[:, :2])
