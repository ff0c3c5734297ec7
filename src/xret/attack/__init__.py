"""Attacks: inputs moved a little, to where a loss is larger.

Every attack is in a file of its own, chosen by ``attack=<file name>``. It is called as::

    attack(loss, points, rows, rand) -> points

    loss    name -> (B, ...) tensors  ->  () float, which the attack makes larger
    points  name -> (B, ...) float32, where it starts: pixels in [0, 1], or vectors of any length
    rows    name -> (B, ...) bool, for points that hold vectors along their last axis: which of them may move.
            A name that is not there is a point of pixels
    rand    shape -> uniform numbers in [0, 1); None draws from torch's global generator

What comes out is detached, and differs from ``points`` by no more than this:

    pixels  ``epsilon`` at each of them (the maximum norm), and they stay in [0, 1]
    vectors ``epsilon_relative`` times the length of each (the Euclidean norm); those that may not move stay

Gradients are taken for the points alone, so that no parameter's ``.grad`` is touched; in which mode and precision the
networks run behind ``loss`` is up to the caller.
"""
