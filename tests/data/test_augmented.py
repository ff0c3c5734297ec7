"""Batches after a policy: who is mixed with whom, which version is taken, and what is counted."""

import pickle

import numpy as np
import pytest
import torch

from xret.augmentation.pairs.mixgen import MixGen
from xret.augmentation.policy import Policy
from xret.data.augmented import Anew, Augmented, Partners, Views
from xret.data.batch import Draw, PairDataset
from xret.data.providers import Stored, TextProvider

GROUPS = np.array([0, 0, 1, 2, 3, 4, 5, 6])
TRAIN = np.array([0, 1, 2, 3, 4, 5])
OF_ROW = np.array([0, 0, 1, 2, 3, 4, 5, 6])  # the first two rows share an item


def collate(texts):
    return {"texts": texts}


def shout(text, _rng):
    return text.upper()


def drawn(epoch, seed=0):
    return Draw(epoch, np.random.default_rng(seed))


def anew(**settings):
    policy = Policy(**settings)
    texts = TextProvider([f"item {i}" for i in range(7)], collate)
    partners = Partners(TRAIN, GROUPS, 0)
    return Augmented(policy, {"text": Anew("text", texts, OF_ROW, policy)}, {"text": OF_ROW}, GROUPS, partners, None)


def table(base, rows, width=2):
    return Stored("vector", np.repeat(base + np.arange(rows, dtype=np.float32)[:, None], width, axis=1))


def stored(policy, kinds=("text", "image"), versions=2):
    """Item i is i in the original, 100 and 200 more in its versions; the mixed pair r is 1000 and 2000 more."""
    where = np.unique(OF_ROW[TRAIN])
    views = {
        m: Views(
            table(0, 7),
            [table(100 * (k + 1), len(where)) for k in range(versions)],
            where,
            np.full((versions, len(where)), 3, np.float32),
            [[table(1000 * (k + 1), len(TRAIN)) for k in range(versions)]] if policy.pairs else [],
            TRAIN,
            OF_ROW,
        )
        for m in kinds
    }
    return Augmented(policy, views, dict.fromkeys(kinds, OF_ROW), GROUPS, Partners(TRAIN, GROUPS, 0), versions)


def test_partners_are_training_pairs_of_another_group_and_change_with_the_version():
    partners = Partners(TRAIN, GROUPS, seed=3)
    seen = set()
    for version in range(50):
        found = partners(version)
        assert np.array_equal(found, partners(version))
        assert (found[6:] == -1).all()  # validation and test are mixed with nothing, and into nothing
        assert set(found[found >= 0]) <= set(TRAIN.tolist())
        mixed = found >= 0
        assert (GROUPS[found[mixed]] != GROUPS[mixed]).all()
        seen.add(found.tobytes())
    assert len(seen) > 40


@pytest.mark.parametrize(
    ("share", "ramp", "epoch", "expected"), [(1, 0, 0, 1), (0.5, 0, 0, 0.5), (1, 3, 1, 0.5), (0, 0, 9, 0)]
)
def test_as_many_items_are_changed_as_share_and_ramp_say(share, ramp, epoch, expected):
    augment = anew(text={"shout": shout}, share=share, ramp_epochs=ramp)
    rows = np.tile(TRAIN, 200)
    given = augment(rows, drawn(epoch))
    changed = np.mean([text.isupper() for text in given.inputs["text"]["texts"]])
    assert abs(changed - expected) < 0.05
    assert given.health["augmented_text"] == pytest.approx(changed)
    assert given.health["changed_words"] == pytest.approx(changed)  # "item 0" -> "ITEM 0"
    assert given.others is None


def test_a_mixed_pair_holds_both_things_and_tells_whose():
    augment = anew(pairs={"mixgen": MixGen(p=0.5)}, share=0.0)
    rows = np.tile(TRAIN, 100)
    partner = Partners(TRAIN, GROUPS, 0)(4)
    given = augment(rows, drawn(4))
    mixed = 0
    for row, text, other in zip(rows, given.inputs["text"]["texts"], given.others.tolist(), strict=True):
        if text == f"item {OF_ROW[row]}":
            assert other == GROUPS[row]
        else:
            assert text == f"item {OF_ROW[row]} item {OF_ROW[partner[row]]}"
            assert other == GROUPS[partner[row]] != GROUPS[row]
            mixed += 1
    assert given.health["mixed_pairs"] == pytest.approx(mixed / len(rows))
    assert abs(mixed / np.sum(partner[rows] >= 0) - 0.5) < 0.1


def test_mixing_rises_with_the_ramp_too():
    augment = anew(pairs={"mixgen": MixGen(p=0.8)}, share=0.0, ramp_epochs=3)
    rows = np.tile(TRAIN, 200)
    share = [float(augment(rows, drawn(epoch)).health["mixed_pairs"]) for epoch in (0, 3)]
    possible = [np.mean(Partners(TRAIN, GROUPS, 0)(epoch)[TRAIN] >= 0) for epoch in (0, 3)]
    assert share == pytest.approx([0.2 * possible[0], 0.8 * possible[1]], abs=0.04)


def test_stored_versions_are_drawn_evenly_and_fit_their_items():
    augment = stored(Policy(text={"shout": shout}, share=0.8, views=2))
    rows = np.tile(TRAIN, 500)
    given = augment(rows, drawn(0))
    where = np.unique(OF_ROW[TRAIN]).tolist()
    for modality in ("text", "image"):
        vector = given.inputs[modality]["vector"]
        assert vector.dtype == torch.float32
        version = (vector[:, 0] // 100).int().numpy()
        assert (vector[:, 0] % 100).int().tolist() == [where.index(i) if i in where else i for i in OF_ROW[rows]]
        assert np.bincount(version) / len(rows) == pytest.approx([0.2, 0.4, 0.4], abs=0.04)
        assert given.health[f"augmented_{modality}"] == pytest.approx((version > 0).mean())
    assert given.health["changed_words"] == pytest.approx(
        3 * (given.inputs["text"]["vector"][:, 0] >= 100).float().mean()
    )
    assert not torch.equal(given.inputs["text"]["vector"], given.inputs["image"]["vector"])  # drawn apart


def test_a_stored_mixed_pair_is_the_same_in_both_modalities():
    augment = stored(Policy(text={"shout": shout}, pairs={"mixgen": MixGen(p=0.6)}, share=0.5, views=2))
    rows = np.tile(TRAIN, 300)
    given = augment(rows, drawn(0))
    text, image = (given.inputs[m]["vector"][:, 0].int().numpy() for m in ("text", "image"))
    mixed = text >= 1000
    assert np.array_equal(mixed, image >= 1000)
    assert np.array_equal(text[mixed], image[mixed])
    assert (text[mixed] % 1000 == rows[mixed]).all()  # training rows are numbered as they stand here
    partners = [Partners(TRAIN, GROUPS, 0)(k) for k in range(2)]
    others = [GROUPS[partners[v // 1000 - 1][r]] for v, r in zip(text[mixed], rows[mixed], strict=True)]
    assert given.others.numpy()[mixed].tolist() == others
    assert np.array_equal(given.others.numpy()[~mixed], GROUPS[rows[~mixed]])
    assert set(text[mixed] // 1000) == {1, 2}


def test_tokens_of_unequal_length_end_in_zeros_that_do_not_count():
    long = Stored("tokens", np.ones((2, 3, 4), np.float32), np.array([[1, 1, 1], [1, 0, 0]], bool))
    short = Stored("tokens", np.full((2, 1, 4), 7, np.float32), np.ones((2, 1), bool))
    policy = Policy(text={"shout": shout}, share=0.5, views=1)
    views = Views(long, [short], np.arange(2), np.ones((1, 2), np.float32), [], np.arange(2), np.arange(2))
    groups = np.arange(2)
    augment = Augmented(policy, {"text": views}, {"text": groups}, groups, Partners(groups, groups, 0), 1)
    given = augment(np.array([0, 1] * 20), drawn(0)).inputs["text"]
    assert given["tokens"].shape == (40, 3, 4)
    for i in range(40):
        if given["tokens"][i, 0, 0] == 7:
            assert given["mask"][i].tolist() == [True, False, False]
            assert given["tokens"][i, 1:].abs().max() == 0
        else:
            assert given["mask"][i].tolist() == ([True] * 3 if i % 2 == 0 else [True, False, False])


def test_a_batch_is_a_function_of_seed_epoch_and_rows():
    policy = Policy(text={"shout": shout}, pairs={"mixgen": MixGen(p=0.3)}, share=0.5, views=2)

    def batch(seed, epoch, rows, again=True):
        augment = stored(policy, kinds=("text",))
        pairs = PairDataset({}, {}, GROUPS, np.ones(8), np.zeros(8), seed=seed, augment=augment)
        if again:
            pairs.batch(rows[::-1], epoch + 1)  # what was drawn before does not matter
        return pairs.batch(rows, epoch).inputs["text"]["vector"].tolist()

    rows = [0, 2, 3, 4, 5]
    assert batch(1, 4, rows) == batch(1, 4, rows, again=False)
    several = {str(batch(seed, epoch, rows)) for seed in (1, 2) for epoch in (4, 5, 6)}
    assert len(several) > 4


def test_versions_for_a_start_stand_below_the_pairs():
    augment = stored(Policy(text={"shout": shout}, share=0.5, views=2), kinds=("text",))
    vectors = {"text": OF_ROW[TRAIN][:, None] * np.ones(2), "image": np.arange(6)[:, None] * np.ones(2)}
    found = augment.with_versions(vectors, TRAIN)
    assert found["text"][:, 0].tolist() == [
        0,
        0,
        1,
        2,
        3,
        4,
        100,
        100,
        101,
        102,
        103,
        104,
        200,
        200,
        201,
        202,
        203,
        204,
    ]
    assert found["image"][:, 0].tolist() == [*range(6)] * 3


def test_it_travels_to_another_process(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 3), np.float32))
    mapped = Stored("vector", np.load(tmp_path / "a.npy", mmap_mode="r"))
    views = Views(mapped, [mapped], np.arange(2), np.ones((1, 2), np.float32), [], np.arange(2), np.arange(2))
    assert len(pickle.dumps(views)) < 3000
