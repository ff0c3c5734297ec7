"""Pictures of a study."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import TrialState

_WIDTH_PX, _DPI = 1200, 120
_FEW = 4  # completed trials below which importances say nothing


def draw(study: optuna.Study, folder: Path) -> list[Path]:
    """Draw what the study has enough trials for.

    Args:
        study: with at least one completed trial.
        folder: that the PNG files go to.

    Returns:
        history, parallel coordinates and importance for one objective, the Pareto front for two or three.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    paths = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's drawings are experimental, and say so
        for name, plot in _wanted(study):
            axes = plot(study)
            figure = (axes.flat[0] if hasattr(axes, "flat") else axes).figure
            FigureCanvasAgg(figure)
            figure.set_size_inches(_WIDTH_PX / _DPI, 0.6 * _WIDTH_PX / _DPI)
            path = folder / f"{name}.png"
            figure.savefig(path, dpi=_DPI, bbox_inches="tight")
            paths.append(path)
            _close(figure)
    return paths


def _wanted(study: optuna.Study) -> Iterator[tuple[str, Callable[[optuna.Study], Any]]]:
    import matplotlib

    with matplotlib.rc_context({"backend": "Agg"}):
        from optuna.visualization import matplotlib as plots

    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(study.directions) > 1:
        if len(study.directions) <= 3:
            yield "pareto", plots.plot_pareto_front
        return
    yield "history", plots.plot_optimization_history
    varied = {key for t in complete for key in t.params if len({u.params.get(key) for u in complete}) > 1}
    if len(varied) < 2:
        return
    yield "parallel", lambda s: plots.plot_parallel_coordinate(s, params=sorted(varied))
    everywhere = {key for key in varied if all(key in t.params for t in complete)}
    if len(everywhere) >= 2 and len(complete) >= _FEW and len({t.value for t in complete}) > 1:
        yield "importance", lambda s: plots.plot_param_importances(s, params=sorted(everywhere))


def _close(figure: Any) -> None:  # noqa: ANN401 - a figure of matplotlib
    import matplotlib.pyplot as plt

    plt.close(figure)
