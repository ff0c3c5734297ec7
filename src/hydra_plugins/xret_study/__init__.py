"""``hydra/sweeper=study``: variants times seeds, each run in a folder named after it, what is done skipped.

Hydra imports this module whenever it starts, so it holds the settings and the class, and nothing heavy.
"""

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

log = logging.getLogger("xret.study")


@dataclass
class StudyConf:
    """Settings of the sweeper.

    Attributes:
        variants: name -> overrides that belong together; none: only ``params`` vary. ``${seed}`` there
            is the run's own.
        params: key -> values, in Hydra's sweep syntax; their product with the variants is run.
        max_batch_size: jobs given to the launcher at a time; null: all.
    """

    _target_: str = "hydra_plugins.xret_study.StudySweeper"
    variants: dict[str, list[str]] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=dict)
    max_batch_size: int | None = None


ConfigStore.instance().store(group="hydra/sweeper", name="study", node=StudyConf, provider="xret")


class StudySweeper(BasicSweeper):
    """Runs every variant with every combination of ``params``, and goes on where it was stopped.

    A run that fails is reported at the end and does not stop the others. The same command again runs what is missing.
    What stands on the command line wins over the file.
    """

    def __init__(
        self, variants: Mapping[str, Sequence[str]], params: Mapping[str, Any], max_batch_size: int | None
    ) -> None:
        super().__init__(max_batch_size, {key: str(value) for key, value in params.items()})
        self.variants = {name: list(overrides) for name, overrides in variants.items()}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra hands over."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        if told := config.hydra.sweeper.get("variants"):  # the constructor's are resolved, which is for the runs to do
            self.variants = cast("dict[str, list[str]]", OmegaConf.to_container(told, resolve=False))

    def sweep(self, arguments: list[str]) -> Any:  # noqa: ANN401 - Hydra's own type
        """Run all jobs; return what they returned, by batch.

        Raises:
            UserError: some of them failed.
        """
        from xret._errors import UserError

        assert self.launcher is not None
        jobs = self.jobs(arguments)
        size = self.max_batch_size or len(jobs)
        results, failed = [], []
        for begin in range(0, len(jobs), size):
            batch = jobs[begin : begin + size]
            self.validate_batch_is_legal(batch)
            done = self.launcher.launch(batch, initial_job_idx=begin)
            results.append(done)
            failed += [(job, result) for job, result in zip(batch, done, strict=True) if result.status.name == "FAILED"]
        for job, result in failed:
            log.warning("failed: %s: %s", " ".join(job[:-2]), " ".join(str(result._return_value).split()))
        if failed:
            raise UserError(f"{len(failed)} of {len(jobs)} runs failed; the same command runs them again")
        return results

    def jobs(self, arguments: Sequence[str]) -> list[list[str]]:
        """Return the overrides of every job; the last two say where its folder is and that it may be gone on with."""
        parser = OverridesParser.create()
        jobs = []
        variants = [(n, [*o, f"variant={n}"]) for n, o in self.variants.items()] or [("", [])]
        for name, overrides in variants:
            told = [*self._parse_config(), *overrides, *arguments]
            parsed = parser.parse_overrides(told)
            varied = {o.get_key_element() for o in parsed if o.is_sweep_override()}
            for batch in self.split_arguments(parsed, None):
                for job in batch:
                    parts = [name] if name else []
                    parts += [o for o in job if o.partition("=")[0] in varied]
                    jobs.append([*job, f"hydra.sweep.subdir='{_folder(parts)}'", "existing=continue"])
        doubles = [a[-2] for a, b in itertools.pairwise(sorted(jobs, key=lambda job: job[-2])) if a[-2] == b[-2]]
        if doubles:
            from xret._errors import UserError

            raise UserError(f"two runs of the study would share the folder {doubles[0].partition('=')[2]}")
        return jobs


def _folder(parts: Sequence[str]) -> str:
    """Return a folder's name from what makes a run differ from others."""
    name = ",".join(parts) or "run"
    return "".join(c if c.isalnum() or c in "=,.-_+" else "_" for c in name)
