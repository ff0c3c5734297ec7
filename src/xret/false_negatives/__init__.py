"""False negatives: targets too much like a right answer to be pushed away.

A filter is chosen by ``false_negatives=<file name>`` and stands between the miner and the loss, whatever the miner::

    filter(scores, positives) -> suspects

    scores     (Q, T) float  cosine similarity of query i and target j; larger is closer
    positives  (Q, T) bool   target j is a right answer to query i
    suspects   (Q, T) bool   target j is likely to be one too, though nobody labelled it

The miner then chooses among the others, and what it takes of the suspects all the same is dropped. No positive is ever
a suspect. A row may be left without negatives.
"""
