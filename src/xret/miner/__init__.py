"""Miners: which targets of a batch are pushed away from each query.

Every miner is a callable in a file of its own, chosen by ``miner=<file name>``. It is called as::

    miner(scores, positives) -> negatives

    scores     (Q, T) float  cosine similarity of query i and target j; larger is closer
    positives  (Q, T) bool   target j is a right answer to query i
    negatives  (Q, T) bool   target j is pushed away from query i

All of them hold to this:

- No positive is ever a negative: a target of the query's own group is spared.
- A row without positives yields no negatives, for there is nothing to rank above them.
- A row that has fewer candidates than asked for yields those it has.
- No gradient flows through the choice. What is random comes from torch's global generator, so a seed fixes it.
"""
