"""The sweep in MLflow: one run that the trials nest in."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import optuna
from omegaconf import DictConfig

from hydra_plugins.xret_sweeper._settings import Settings, without_password
from hydra_plugins.xret_sweeper._space import Space

_PARAM_CHARS = 500


class Record:
    """The parent run of a sweep; without a tracker every call does nothing.

    Args:
        client: of MLflow, or None.
        run_id: of the parent run, or None.
    """

    def __init__(self, client: Any = None, run_id: str | None = None) -> None:  # noqa: ANN401 - MLflow is untyped
        self.client, self.run_id = client, run_id

    @classmethod
    def begin(cls, config: DictConfig, study: optuna.Study, space: Space, settings: Settings) -> "Record":
        """Start the run, or go on with the one the study began.

        Args:
            config: of the sweep; without a ``tracker`` of MLflow nothing is recorded.
            study: remembers the run's id.
            space: becomes the run's params.
            settings: become its tags.
        """
        tracker = config.get("tracker")
        if not tracker or "MLFlowLogger" not in str(tracker.get("_target_")):
            return cls()
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        uri = str(tracker.tracking_uri)
        with _alone(uri):
            client = MlflowClient(tracking_uri=uri)
            run_id = study.user_attrs.get("mlflow_run")
            try:
                if run_id:
                    client.update_run(run_id, status="RUNNING")
                    return cls(client, run_id)
            except MlflowException:
                pass  # another store, or one that was deleted: start anew
            experiment = _experiment(client, str(tracker.experiment_name), tracker.get("artifact_location"))
            tags = {
                "xret.sweep": study.study_name,
                "xret.storage": without_password(settings.storage),
                "xret.sampler": settings.sampler.name,
                "xret.pruner": settings.pruner.name if settings.pruner else "none",
                "xret.direction": ",".join(settings.directions),
            }
            run_id = client.create_run(experiment, run_name=study.study_name, tags=tags).info.run_id
            study.set_user_attr("mlflow_run", run_id)
        for p in space.parameters:
            client.log_param(run_id, _allowed(p.key), str(p.distribution)[:_PARAM_CHARS])
        return cls(client, run_id)

    def finish(
        self, study: optuna.Study, counts: Mapping[str, int], files: Sequence[Path], winner: Mapping[str, Any] | None
    ) -> None:
        """Log what came out and close the run."""
        if self.client is None:
            return
        from mlflow.entities import Metric

        figures = {f"trials/{name}": float(counts.get(name, 0)) for name in ("complete", "pruned", "failed", "lost")}
        if len(study.directions) == 1:
            figures |= {"best/value": study.best_value, "best/trial": float(study.best_trial.number)}
        if winner and isinstance(winner["value"], int | float):
            figures["winner/value"] = float(winner["value"])
        now = int(time.time() * 1000)
        self.client.log_batch(self.run_id, metrics=[Metric(k, v, now, 0) for k, v in figures.items()])
        for path in files:
            self.client.log_artifact(self.run_id, str(path))
        self.end("FINISHED")

    def end(self, status: str) -> None:
        """Close the run as FINISHED, KILLED or FAILED."""
        if self.client is not None:
            self.client.set_terminated(self.run_id, status=status)


def _alone(uri: str) -> Any:  # noqa: ANN401 - a context manager
    if not uri.startswith("sqlite:///"):
        return nullcontext()
    from xret.run.store import alone

    return alone(uri)


def _experiment(client: Any, name: str, artifacts: object) -> str:  # noqa: ANN401 - MLflow is untyped
    known = client.get_experiment_by_name(name)
    location = (
        None if artifacts is None else Path(str(artifacts)).as_uri() if "://" not in str(artifacts) else artifacts
    )
    return str(known.experiment_id if known else client.create_experiment(name, artifact_location=location))


def _allowed(key: str) -> str:
    """Return a key with the characters MLflow takes."""
    return "".join(c if c.isalnum() or c in "_-. :/" else "_" for c in key)
