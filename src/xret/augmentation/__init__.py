"""Augmentation: training items changed so that they mean the same.

An operation is a small callable in a file of its own and draws from the generator it is given, from nothing else::

    text     operation(text, rng) -> text
    image    operation(picture, rng) -> picture     (3, H, W) uint8 RGB, the shape and type that came in
    pairs    operation.image(a, b, rng) -> picture,  operation.text(a, b, rng) -> text

Each has ``p``, the probability that an item is touched at all; with p=0 it gives back what it got. A policy
(`xret.augmentation.policy`, ``augmentation=light``, ``augmentation=strong``) is a choice of operations.
"""
