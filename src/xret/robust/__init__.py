"""Robust training: how far each pair is believed.

A robust is an `nn.Module` in a file of its own, chosen by ``robust=<file name>`` and made for the R rows of a data set.
It is fed the loss of single pairs and gives back weights, by which everything that is trained on a pair is multiplied::

    robust(row, loss) -> weight    in each step: (B,) int64 and (B,) float -> (B,) float
    robust.renew(epoch)            before the first step of an epoch
    robust.judge(row, loss)        before training, with losses of models that never saw these pairs
    robust.weight()                -> (R,) float, in [0, 1]: what each row weighs now
    robust.match(scores, groups, rng) -> weight, plan
                                   in place of judge, of a scheme that has it; see `xret.robust.rematch.Rematch`
    robust.doubted()               -> (R,) bool: the rows that are taken for mismatched
    robust.known                   (R,) bool: the rows there is a verdict on

    loss      softmax cross-entropy of the pair among the pairs of its batch, in nats, at ``temperature``
    weight    at least zero; only ratios matter, since losses take a weighted mean

All of them hold to this:

- What they remember is in buffers: a checkpoint carries it, and a training that goes on is the same training.
- A row without a verdict weighs like any other.
- No gradient flows through a weight.
- ``start_rounds`` and ``start_folds`` say how a start in closed form is protected: each fold of the pairs is judged by
  a start fitted on the others, that many times, each time with the weights of the last, or with the plan. A scheme that
  matches says by ``start_repeats`` and ``start_strength`` how often the pairs are cut and how strong those starts are.
"""
