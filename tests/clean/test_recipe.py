"""Choosing steps."""

import pytest

from xret.clean.recipe import Recipe


def test_steps_keep_their_order_and_those_set_to_none_are_left_out():
    recipe = Recipe(text={"b": str.upper, "gone": None, "a": str.lower}, image={"c": abs})
    assert list(recipe.steps("text").items()) == [("b", str.upper), ("a", str.lower)]
    assert recipe.steps("image") == {"c": abs}
    assert recipe.steps("labels") == {}


@pytest.mark.parametrize(
    ("steps", "words"), [({"text": {"a": None}}, "needs a step"), ({"text": {"a": abs}, "image": {"a": abs}}, "name a")]
)
def test_a_recipe_without_steps_or_with_one_name_twice_is_refused(steps, words):
    with pytest.raises(ValueError, match=words):
        Recipe(**steps)
