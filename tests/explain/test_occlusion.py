"""Occlusion: every place is covered, and a linear score gives back its own weights."""

import pytest
import torch

from xret.explain.occlusion import Occlusion


def test_patches_overlap_by_half_and_cover_everything(pixels):
    masks = Occlusion(grid=4)._masks(pixels)
    assert masks.shape == (49, 32, 32)
    assert masks[0].nonzero().amax(dim=0).tolist() == [7, 7]
    assert masks.any(dim=0).all()
    assert masks.sum(dim=0).max() == 4


def test_the_fall_is_that_of_the_score(pixels):
    seen = []

    def score(p):
        seen.append(len(p))
        return p[:, :, 4:8, 20:24].sum(dim=(1, 2, 3)) - p[:, :, 20:24, 4:8].sum(dim=(1, 2, 3))

    picture = torch.zeros_like(pixels)
    picture[:, 4:8, 20:24] = picture[:, 20:24, 4:8] = 1
    heat = Occlusion(grid=8, batch=100)(score, torch.nn.Identity(), picture)
    assert heat.argmax().item() in {r * 32 + c for r in range(4, 8) for c in range(20, 24)}
    assert heat.argmin().item() in {r * 32 + c for r in range(20, 24) for c in range(4, 8)}
    assert sum(seen) == 15**2 + 1


def test_it_needs_a_patch():
    with pytest.raises(ValueError, match="grid and batch of at least 1"):
        Occlusion(grid=0)
