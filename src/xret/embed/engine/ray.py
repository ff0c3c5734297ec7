"""Several processes, on this machine or on many, through Ray Data."""

import os
import pickle
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from xret._errors import UserError

Shard = TypeVar("Shard")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Ray:
    """Spreads shards over workers of a Ray cluster; each keeps a copy of ``make`` and does one shard at a time.

    On other machines, media files must lie under the same path, and xret must be installed. Results travel to this
    process, which is the only one that writes.

    Source: Moritz et al. 2018, https://arxiv.org/abs/1712.05889; https://docs.ray.io/en/latest/data/data.html.

    Args:
        workers: processes that read and encode.
        cpus: cores that each of them takes.
        address: of a running cluster, "auto" or "ray://host:10001"; null: one that lives here as long as this command.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    workers: int = 2
    cpus: float = 1
    address: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ValueError(f"workers must be at least 1 where Ray encodes, got {self.workers}")
        if not self.cpus > 0:
            raise ValueError(f"cpus must be positive, got {self.cpus}")

    def __call__(self, make: Callable[[Shard, int], Made], shards: Sequence[Shard]) -> Iterator[Made]:
        """Yield what is made of each shard, as it is done.

        Raises:
            UserError: Ray is not installed or does not answer, or ``make`` raised it.
        """
        if not shards:
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
            import ray.data
        except ImportError:
            raise UserError("embed/engine=ray needs Ray: pip install 'xret[ray]'") from None
        with self._cluster(ray):
            ray.data.DataContext.get_current().enable_progress_bars = False
            worker: Any = _Worker  # Ray's types know functions alone
            rows = ray.data.from_items([{"shard": pickle.dumps(s)} for s in shards], override_num_blocks=len(shards))
            workers = ray.data.ActorPoolStrategy(size=min(self.workers, len(shards)))
            made = rows.map(worker, fn_constructor_args=(pickle.dumps(make),), compute=workers, num_cpus=self.cpus)
            for row in made.iter_rows():
                if row["error"]:
                    raise UserError(row["error"])
                yield pickle.loads(row["made"])

    @contextmanager
    def _cluster(self, ray: Any) -> Iterator[None]:  # noqa: ANN401 - the module
        """Have Ray running meanwhile; one that ran before goes on."""
        if ray.is_initialized():
            yield
            return
        folder = None
        settings: dict[str, Any] = {"log_to_driver": False, "logging_level": "error", "configure_logging": True}
        if self.address is None:
            folder = tempfile.mkdtemp(prefix="xret-ray-")
            cores = max(os.cpu_count() or 1, int(self.workers * self.cpus) + 1)  # one for what hands shards out
            settings |= {"num_cpus": cores, "include_dashboard": False, "_temp_dir": folder}
        try:
            ray.init(address=self.address, **settings)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UserError(f"no Ray at {self.address or 'this machine'}: {error}") from error
        try:
            yield
        finally:
            ray.shutdown()
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)


class _Worker:
    """What a process of Ray does."""

    def __init__(self, make: bytes) -> None:
        self.make = pickle.loads(make)

    def __call__(self, row: Mapping[str, bytes]) -> dict[str, Any]:
        try:
            made = self.make(pickle.loads(row["shard"]), 0)
        except UserError as error:
            return {"made": b"", "error": str(error)}
        return {"made": pickle.dumps(made), "error": ""}
