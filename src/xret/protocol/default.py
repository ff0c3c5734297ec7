"""The whole split, every modality against every other, right answers by group."""

import itertools

import numpy as np

from xret._errors import UserError
from xret.protocol import Split, Task
from xret.protocol._relevance import by_group, task_between


class Default:
    """Every ordered pair of modalities is a task; the targets of a query's group are relevant to it."""

    def __call__(self, items: Split) -> list[Task]:
        """Return a task for each ordered pair of modalities.

        Args:
            items: modality -> items of the split.

        Raises:
            UserError: there are fewer than two modalities, or no item of one has a partner in another.
        """
        if len(items) < 2:
            raise UserError(f"retrieval needs items of two modalities, got {sorted(items)}: check the data's columns")
        tasks = []
        for query, target in itertools.permutations(items.values(), 2):
            relevance = by_group(query.groups, target.groups)
            task = task_between(query, target, np.arange(len(query)), np.arange(len(target)), relevance)
            if not len(task.queries):
                raise UserError(
                    f"{task.name} needs items of {target.modality} that share a group with some {query.modality}, "
                    f"got none for {len(query)} of {query.modality}: check the groups or the split"
                )
            tasks.append(task)
        return tasks
