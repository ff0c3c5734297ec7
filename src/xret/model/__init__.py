"""The model and its training loop: two or more encoders, the objectives they are trained on, one LightningModule.

An objective is an `nn.Module` called once per step::

    objective(step) -> {name: scalar}

The LightningModule adds the scalars up and logs each. What an objective wants to be seen and not minimised it writes
into ``step.health``. One that keeps something of a step, in buffers so that a checkpoint carries it, has a method
``remember(step)``, called once the gradient of that step is taken. What it sees with several processes `Step` says.
"""
