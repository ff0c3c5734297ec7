"""Late: against angles one can check by hand, and a slow loop."""

import math

import pytest
import torch
import torch.nn.functional as F

from xret.encoder.projection.identity import Identity
from xret.encoder.projection.linear import Linear
from xret.items._present import thinned
from xret.items.late import Late


def angle(*degrees):
    return torch.tensor([[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees])


def there(*values):
    return torch.tensor(values, dtype=torch.bool)


def late(**changes):
    return Late({"image": Identity(2), "title": Identity(2)}, **changes).eval()


def test_equal_weights_meet_half_way_whatever_the_lengths():
    found = late()({"image": 5 * angle(0), "title": 0.1 * angle(60)}, {"image": there(1), "title": there(1)})
    torch.testing.assert_close(F.normalize(found, dim=1), angle(30))


def test_a_weight_of_three_to_one_stands_where_the_sum_of_three_and_one_points():
    fuser = late()
    fuser.weights.data = torch.tensor([math.log(3.0), 0.0])
    found = fuser({"image": angle(0), "title": angle(90)}, {"image": there(1), "title": there(1)})
    torch.testing.assert_close(found, torch.tensor([[0.75, 0.25]]))


def test_an_item_of_one_part_is_that_parts_vector_whatever_the_weights():
    fuser = late()
    fuser.weights.data = torch.tensor([2.0, -3.0])
    found = fuser({"image": angle(10, 20), "title": angle(70, 80)}, {"image": there(1, 0), "title": there(0, 1)})
    torch.testing.assert_close(found, angle(10, 80))


def test_a_model_of_one_part_is_its_projection():
    projection = Linear(3, dim=2)
    vectors = torch.randn(4, 3)
    found = Late({"image": projection}).eval()({"image": vectors}, {"image": there(1, 1, 1, 1)})
    torch.testing.assert_close(found, F.normalize(projection(vectors), dim=1))


def test_agrees_with_a_loop_over_items_and_parts():
    torch.manual_seed(0)
    sizes = {"image": 5, "title": 3, "sound": 4}
    fuser = Late({part: Linear(size, dim=6) for part, size in sizes.items()}).eval()
    fuser.weights.data = torch.randn(3)
    vectors = {part: torch.randn(9, size) for part, size in sizes.items()}
    present = {part: torch.rand(9) < 0.6 for part in sizes}
    present["sound"][~(present["image"] | present["title"])] = True
    found = fuser(vectors, present)
    for i in range(9):
        total, sums = torch.zeros(6), 0.0
        for part, weight in zip(sizes, fuser.weights.tolist(), strict=True):
            if present[part][i]:
                projected = fuser.projections[part](vectors[part][i])
                total += math.exp(weight) * projected / projected.norm()
                sums += math.exp(weight)
        torch.testing.assert_close(found[i], total / sums)


def test_the_report_says_what_an_item_of_all_parts_weighs():
    fuser = late()
    fuser.weights.data = torch.tensor([math.log(3.0), 0.0])
    assert {name: pytest.approx(value.item()) for name, value in fuser.report().items()} == {
        "weight_image": 0.75,
        "weight_title": 0.25,
    }


def test_training_leaves_out_a_share_of_the_parts_and_never_the_last():
    torch.manual_seed(0)
    present = torch.tensor([[True, True], [True, False]]).repeat(5000, 1)
    kept = thinned(present, 0.2)
    assert not (kept & ~present).any()
    assert kept.any(dim=1).all()
    assert kept[1::2, 0].all()
    one_left = kept[::2].sum(dim=1) == 1
    assert one_left.float().mean() == pytest.approx(2 * 0.2 * 0.8, abs=0.02)
    left = thinned(torch.ones(5000, 3, dtype=torch.bool), 0.2).sum(dim=1)  # of two parts, as many stay as go
    assert (left == 2).float().mean() == pytest.approx(3 * 0.8**2 * 0.2, abs=0.03)


def test_nothing_is_left_out_in_eval_mode_and_something_is_in_training():
    fuser = late(drop=0.5)
    torch.manual_seed(0)
    vectors = {"image": angle(*[0] * 50), "title": angle(*[90] * 50)}
    present = {part: torch.ones(50, dtype=torch.bool) for part in vectors}
    torch.testing.assert_close(fuser(vectors, present), torch.full((50, 2), 0.5))
    found = fuser.train()(vectors, present)
    assert {tuple(row) for row in found.round(decimals=3).tolist()} == {(0.5, 0.5), (1.0, 0.0), (0.0, 1.0)}
