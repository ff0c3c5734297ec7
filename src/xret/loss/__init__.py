"""Losses: one number that says how badly a batch of scores ranks its positives.

Every loss is an `nn.Module` in a file of its own, chosen by ``loss=<file name>``. It is called as::

    loss(scores, positives, negatives, weight=None) -> scalar

    scores     (Q, T) float  similarity of query i and target j; larger is closer
    positives  (Q, T) bool   target j is a right answer to query i
    negatives  (Q, T) bool   target j was chosen by the miner to be pushed away from query i
    weight     (Q,) float    how much query i counts, at least zero; None: all the same

A loss sees no labels, no indices and no encoder, so it serves any pair of modalities. It sees one direction; the other
is the same call with ``.T``. All of them hold to this:

- They compute in float32, whatever the scores come in.
- A pair in neither mask gets a gradient of exactly zero.
- ``weight`` makes the mean a weighted mean: its unit does not matter, and a row of weight zero is as good as absent.
- Where there is nothing to average, the loss is zero and can still be differentiated.
"""
