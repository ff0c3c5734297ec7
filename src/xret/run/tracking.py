"""The same record in MLflow, so that `mlflow ui` shows runs side by side."""

import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import MLFlowLogger

from xret.data.manifest import Manifest
from xret.run.folder import RunFolder
from xret.run.store import SQLITE

log = logging.getLogger(__name__)

_PARAM_CHARS = 500


def start(
    logger: MLFlowLogger,
    run: RunFolder,
    params: Mapping[str, object],
    manifest: Manifest,
    digest: str,
    name: str | None = None,
    parent: str | None = None,
) -> None:
    """Create the MLflow run, or go on with the one this folder began.

    Args:
        logger: not used yet; its run id is set here.
        run: the run folder; ``mlflow.json`` in it remembers the id.
        params: dotted key -> value, the resolved config.
        manifest: the data, logged as the run's input.
        digest: its hash.
        name: of the run in MLflow; None: the folder's.
        parent: MLflow run this one nests in.
    """
    remembered = run.path / "mlflow.json"
    if remembered.exists():
        logger._run_id = run.read_json("mlflow.json")["run_id"]
    client, run_id = logger.experiment, logger.run_id
    if remembered.exists():
        client.update_run(run_id, status="RUNNING")
        return
    run.write_json("mlflow.json", {"run_id": run_id, "tracking_uri": logger._tracking_uri})
    from mlflow.entities import Dataset, DatasetInput, Param, RunTag

    client.log_batch(run_id, params=[Param(k, str(v)[:_PARAM_CHARS]) for k, v in params.items()])
    source = Dataset(name=manifest.name, digest=digest[:36], source_type="local", source=str(manifest.root))
    client.log_inputs(run_id, [DatasetInput(dataset=source)])
    facts = {"xret.folder": str(run.path.resolve()), "mlflow.runName": name or run.path.name}
    if parent is not None:
        facts["mlflow.parentRunId"] = parent
    provenance = run.read_json("provenance.json")
    if provenance["git"]:
        facts["mlflow.source.git.commit"] = provenance["git"]["commit"]
    client.log_batch(run_id, tags=[RunTag(k, v) for k, v in facts.items()])


def finish(logger: MLFlowLogger, run: RunFolder, figures: Mapping[str, float], status: str) -> None:
    """Log the final figures and the files of the run folder, and close the MLflow run.

    Args:
        logger: started before.
        run: its files but the checkpoints become artifacts.
        figures: metric name -> value.
        status: "FINISHED", "FAILED" or "KILLED".
    """
    from mlflow.entities import Metric

    client, run_id = logger.experiment, logger.run_id
    now = int(time.time() * 1000)
    entries = [Metric(name, float(value), now, 0) for name, value in figures.items()]
    for begin in range(0, len(entries), 500):
        client.log_batch(run_id, metrics=entries[begin : begin + 500])
    for path in sorted(run.path.iterdir()):
        if path.is_file() and path.name not in {"mlflow.json"} and not path.name.startswith("."):
            client.log_artifact(run_id, str(path))
    client.set_terminated(run_id, status=status)


def params_of(config: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Return a nested config as dotted keys."""
    flat: dict[str, object] = {}
    for name, value in config.items():
        if isinstance(value, Mapping) and value:
            flat |= params_of(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def add_artifacts(source: RunFolder, out: RunFolder, place: str, tracking_uri: str) -> None:
    """Add the files of a folder to the MLflow run of a training; where its store is not at hand, say so and go on.

    A run folder may come from elsewhere: a store that it names is used only when it is the one at hand.

    Args:
        source: the run that was trained, with ``mlflow.json``.
        out: whose files become artifacts.
        place: the folder among the artifacts of the run.
        tracking_uri: the store at hand.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.tracking import MlflowClient

    told = source.read_json("mlflow.json")
    if not isinstance(told, dict) or told.get("tracking_uri") != tracking_uri:
        log.info("the training is recorded in another MLflow store; set tracker.tracking_uri to add this to it")
        return
    if tracking_uri.startswith(SQLITE) and not Path(tracking_uri.removeprefix(SQLITE)).exists():
        log.info("the training is recorded in %s, which is gone", tracking_uri)
        return
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    client = MlflowClient(tracking_uri=tracking_uri)
    try:
        for path in sorted(out.path.iterdir()):
            if path.is_file() and not path.name.startswith("."):
                client.log_artifact(str(told.get("run_id")), str(path), place)
    except (MlflowException, OSError) as error:
        log.warning("not added to MLflow: %s", str(error).splitlines()[0])
