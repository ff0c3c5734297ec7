"""Noise: pairs of the training split that are mismatched on purpose.

A noise is chosen by ``noise=<file name>`` and is called once, before training::

    noise(groups) -> source

    groups  (N,) int64  the group of each training pair
    source  (N,) int64  the pair whose ``what`` pair i is given; i itself where nothing changes

``what`` is the modality that is exchanged. A pair keeps its group, and training takes it for true: that is the noise.
"""
