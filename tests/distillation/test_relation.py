"""Relations against a loop over pairs and triples of points."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from xret.distillation.relation import Relation

MODALITIES = ("text", "image")


def vectors(rows, width, seed):
    generator = torch.Generator().manual_seed(seed)
    return {m: F.normalize(torch.randn(rows, width, generator=generator), dim=1).double() for m in MODALITIES}


def huber(x, y):
    gap = abs(float(x) - float(y))
    return 0.5 * gap**2 if gap < 1 else gap - 0.5


def cosine_at(one, vertex, other):
    return F.cosine_similarity(one - vertex, other - vertex, dim=0)


def mean(terms):
    """Weighted mean of (weight, value)."""
    return sum(w * x for w, x in terms) / sum(w for w, _ in terms)


def by_loop(student, teacher, kind, which, weight):
    totals = []
    for a, b in itertools.product(MODALITIES, repeat=2):
        if which != "both" and (a == b) != (which == "within"):
            continue
        n = len(weight)
        pairs = [(i, j) for i in range(n) for j in range(n) if a != b or i != j]
        if kind == "angle":
            terms = []
            for (i, j), k in itertools.product(pairs, range(n)):
                if k != i and (k, j) in pairs:
                    angles = (cosine_at(v[a][i], v[b][j], v[a][k]) for v in (student, teacher))
                    terms.append((weight[i] * weight[j] * weight[k], huber(*angles)))
        elif kind == "similarity":
            gaps = {(i, j): float(student[a][i] @ student[b][j] - teacher[a][i] @ teacher[b][j]) for i, j in pairs}
            terms = [(weight[i] * weight[j], gap**2) for (i, j), gap in gaps.items()]
        else:
            far = [{(i, j): float((v[a][i] - v[b][j]).norm()) for i, j in pairs} for v in (student, teacher)]
            unit = [mean([(weight[i] * weight[j], d[i, j]) for i, j in pairs]) for d in far]
            terms = [(weight[i] * weight[j], huber(*(d[i, j] / u for d, u in zip(far, unit)))) for i, j in pairs]  # noqa: B905
        totals.append(mean(terms))
    return sum(totals) / len(totals)


@pytest.mark.parametrize("which", ["within", "across", "both"])
@pytest.mark.parametrize("kind", ["distance", "angle", "similarity"])
def test_is_the_mean_over_a_loop(kind, which):
    student, teacher, weight = vectors(5, 3, 0), vectors(5, 6, 1), [1.0, 0.5, 0.0, 2.0, 1.0]
    factors = dict.fromkeys(("distance", "angle", "similarity"), 0.0) | {kind: 2.0}
    value = Relation(**factors, pairs=which)(student, teacher, torch.eye(5, dtype=torch.bool), torch.tensor(weight))
    assert value.item() == pytest.approx(2 * by_loop(student, teacher, kind, which, weight), rel=1e-5)


def test_angles_of_a_sample_are_those_among_evenly_spaced_pairs():
    student, teacher, every = vectors(8, 3, 0), vectors(8, 6, 1), torch.eye(8, dtype=torch.bool)
    some = Relation(0.0, 1.0, 4)(student, teacher, every)
    chosen = [{m: v[[0, 2, 4, 6]] for m, v in side.items()} for side in (student, teacher)]
    torch.testing.assert_close(some, Relation(0.0, 1.0, None)(*chosen, every[:4, :4]))
    whole = Relation(0.0, 1.0, None)(student, teacher, every)
    torch.testing.assert_close(Relation(0.0, 1.0, 8)(student, teacher, every), whole)
    with pytest.raises(ValueError, match="sample must be at least 3"):
        Relation(sample=2)


def test_points_that_lie_on_each_other_make_no_angle_and_no_gradient_that_is_no_number():
    point = F.normalize(torch.randn(1, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    student = {m: point.repeat(4, 1).requires_grad_() for m in MODALITIES}
    value = Relation(1.0, 2.0)(student, vectors(4, 6, 1), torch.eye(4, dtype=torch.bool))
    value.backward()
    assert all(v.grad.isfinite().all() for v in student.values())


def test_factors_add_up():
    student, teacher, positives = vectors(5, 3, 0), vectors(5, 6, 1), torch.eye(5, dtype=torch.bool)
    parts = [
        Relation(*f, None, s)(student, teacher, positives)
        for f, s in (((1.0, 0.0), 0.0), ((0.0, 1.0), 0.0), ((0.0, 0.0), 1.0))
    ]
    value = Relation(3.0, 0.5, None, 2.0)(student, teacher, positives)
    torch.testing.assert_close(value, 3 * parts[0] + 0.5 * parts[1] + 2 * parts[2])


def test_turning_the_whole_space_changes_nothing():
    teacher = vectors(6, 4, 0)
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(2)).double())
    student = {m: v @ turn for m, v in teacher.items()}
    assert Relation(1, 2, None, 1)(student, teacher, torch.eye(6, dtype=torch.bool)).item() == pytest.approx(
        0, abs=1e-9
    )
    apart = {"text": teacher["text"] @ turn, "image": teacher["image"]}
    assert Relation(1, 2, None, 1, pairs="within")(apart, teacher, torch.eye(6, dtype=torch.bool)).item() < 1e-9
    assert Relation(1, 2, None, 1, pairs="across")(apart, teacher, torch.eye(6, dtype=torch.bool)).item() > 1e-3


def test_refuses_what_cannot_be():
    with pytest.raises(ValueError, match="at least 0 and one above"):
        Relation(distance=-1)
    with pytest.raises(ValueError, match="at least 0 and one above"):
        Relation(0, 0, 0)
    with pytest.raises(ValueError, match="pairs must be within, across or both"):
        Relation(pairs="all")
    one = {"text": torch.eye(3)}
    with pytest.raises(ValueError, match="needs two modalities, got text"):
        Relation(pairs="across")(one, one, torch.eye(3, dtype=torch.bool))
