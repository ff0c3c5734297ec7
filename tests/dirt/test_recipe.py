"""Recipes: what may stand in one."""

import pytest

from xret.dirt.captions import Captions
from xret.dirt.recipe import Recipe


def test_holds_what_it_was_given():
    recipe = Recipe(captions=Captions(), pool="unseen", splits=["train"], seed=4)
    assert (recipe.draws.pool, recipe.draws.seed, recipe.splits) == ("unseen", 4, ("train",))
    assert recipe.images is recipe.labels is recipe.swapped is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs one of captions, images, labels and swapped"),
        ({"captions": Captions(), "splits": ["trian"]}, "train, val, test, got .*trian"),
        ({"captions": Captions(), "splits": []}, "train, val, test"),
        ({"captions": Captions(), "pool": "all"}, "seen or unseen"),
        ({"captions": Captions(), "seed": -2}, "must not be negative"),
    ],
)
def test_rejects_what_plants_nothing_or_nowhere(arguments, message):
    with pytest.raises(ValueError, match=message):
        Recipe(**arguments)
