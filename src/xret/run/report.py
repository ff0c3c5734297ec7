"""What a run says in the end: its table, its targets, what to type next."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_COLUMNS = ("recall_at_1", "recall_at_5", "recall_at_10", "mrr", "map", "ndcg_at_10", "median_rank")
_BESIDE = {
    "ridge_": "ridge regression",
    "moment_": "moment matching",
    "before_": "before training",
    "chance_": "chance",
}
_FURTHER = ("target", "retention")  # tables beside that of the split
_TITLES = ("R@1", "R@5", "R@10", "MRR", "mAP", "nDCG@10", "median rank")


def table(metrics: Mapping[str, float], split: str, beside: Mapping[str, str] | None = None) -> str:
    """Return the figures of a split as a Markdown table, in percent; ranks as numbers.

    Each direction has a line for the model with the half-width of its 95 % interval, and where they are known one for
    each of ``beside``, for the other of its two stages, for plain scores where those of hubs are lowered, for ridge
    regression, moment matching, the untrained start and chance.

    Args:
        metrics: flat, "test/text_to_image/recall_at_10" -> 0.59.
        split: "test", "val", ...
        beside: what stands before the names of further figures of the model -> title of their line:
            "robust_" -> "under FGSM 0.03".
    """
    kinds = {**(beside or {}), **_BESIDE}
    lines = [f"| {split} | {' | '.join(_TITLES)} |", "|---|" + "---:|" * len(_TITLES)]
    directions = dict.fromkeys(
        key.split("/")[1] for key in metrics if key.startswith(f"{split}/") and key.count("/") == 2
    )
    for direction in directions:
        prefix = f"{split}/{direction}/"
        again = f"re-ranked top {metrics.get('rerank_k', 0):.0f}"
        whole = f"{prefix}first_recall_at_1" in metrics  # the plain names hold the figures of both stages together
        how = f", {again}" * whole
        lines.append(_line(direction.replace("_to_", " → ") + how, prefix, "", metrics))
        stage = {"first_": "first stage"} if whole else {"reranked_": again}
        stage |= {"plain_": "plain scores"}
        for kind, name in {**stage, **kinds}.items():
            if f"{prefix}{kind}recall_at_1" in metrics:
                lines.append(_line(f"&nbsp; {name}", prefix, kind, metrics))
    return "\n".join(lines).replace("&nbsp; ", "  ")


def _line(title: str, prefix: str, kind: str, metrics: Mapping[str, float]) -> str:
    cells = []
    for column in _COLUMNS:
        value = metrics.get(f"{prefix}{kind}{column}")
        if value is None:
            cells.append("")
        elif column == "median_rank":
            cells.append(f"{value:g}")
        else:
            low, high = (metrics.get(f"{prefix}{kind}{column}_{end}") for end in ("low", "high"))
            spread = "" if low is None or high is None else f" ± {50 * (high - low):.1f}"
            cells.append(f"{100 * value:.1f}{spread}")
    return f"| {title} | {' | '.join(cells)} |"


def targets(metrics: Mapping[str, float], wanted: Mapping[str, float]) -> list[str]:
    """Return one line per target: met or missed; ranks and milliseconds must stay below theirs.

    Args:
        metrics: flat.
        wanted: metric -> value to reach.
    """
    lines = []
    for name, goal in wanted.items():
        value = metrics.get(name)
        if value is None:
            lines.append(f"target {name}: not measured")
            continue
        met = value <= goal if name.endswith(("_rank", "_ms")) or "/latency_ms/" in name else value >= goal
        lines.append(f"target {name}: {'met' if met else 'missed'} ({value:.4g}, wanted {goal:.4g})")
    return lines


def costs(cost: Mapping[str, object]) -> list[str]:
    """Return the lines about time and space; see `xret.run.cost.cost`."""
    latency: Mapping[str, Mapping[str, float]] = cost["latency_ms"]  # type: ignore[assignment]
    lines = [
        f"one query {direction.replace('_to_', ' → ')}: p50 {t['p50']:.1f} ms, p95 {t['p95']:.1f}, p99 {t['p99']:.1f} "
        f"(encoding {t['encode_p50']:.1f})"
        for direction, t in latency.items()
    ]
    again: Mapping[str, Mapping[str, float]] = cost.get("rerank_latency_ms", {})  # type: ignore[assignment]
    lines += [
        f"re-ranking {direction.replace('_to_', ' → ')}: p50 {t['p50']:.1f} ms more, p95 {t['p95']:.1f}, "
        f"p99 {t['p99']:.1f}"
        for direction, t in again.items()
    ]
    rates: Mapping[str, float] = cost["encode_per_s"]  # type: ignore[assignment]
    counts: Mapping[str, int] = cost["parameters"]  # type: ignore[assignment]
    rate = ", ".join(f"{value:.0f} {modality}s/s" for modality, value in rates.items())
    lines.append(
        f"{counts['total'] / 1e6:.1f} M parameters, {counts['trained'] / 1e6:.1f} M trained; "
        f"{cost['vector_bytes']} bytes per vector" + (f"; encodes {rate}" if rate else "")
    )
    return lines


def kept(metrics: Mapping[str, float], cost: Mapping[str, Any], split: str) -> list[str]:
    """Return the line that sets a student beside its teacher; nothing where there was none.

    Args:
        metrics: flat, with "test/text_to_image/kept_recall_at_10" and so on.
        cost: see `xret.run.cost.cost`, with that of the teacher under "teacher".
        split: "test", "val", ...
    """
    name = "/kept_recall_at_10"
    shares = {k.split("/")[1]: v for k, v in metrics.items() if k.startswith(f"{split}/") and k.endswith(name)}
    if not shares or "teacher" not in cost:
        return []
    each = ", ".join(f"{direction.replace('_to_', ' → ')} {100 * share:.1f}" for direction, share in shares.items())
    mean = 100 * sum(shares.values()) / len(shares)
    theirs = cost["teacher"]
    rates = [f"{m}s {rate / theirs['encode_per_s'][m]:.2f}" for m, rate in cost["encode_per_s"].items()]
    speed = f"; encodes {' and '.join(rates)} times as fast" if rates else ""
    size = cost["vector_bytes"] / theirs["vector_bytes"]
    return [f"of its teacher: keeps {mean:.1f} % of R@10 ({each}){speed}; bytes per vector: {size:.2f} of its"]


def summary(folder: Path, metrics: Mapping[str, float], cost: Mapping[str, object], wanted: Mapping[str, float]) -> str:
    """Return the last lines of a training: table, costs, targets, what to type next, and where the run is.

    The table is that of the test split, or of val where test stayed closed; below it that of the target domain, if any.
    """
    shown = shlex.quote(str(folder))
    split = "test" if any(name.startswith("test/") for name in metrics) else "val"
    return "\n".join(
        [
            "",
            table(metrics, split),
            "",
            *(f"{table(metrics, name)}\n" for name in _FURTHER if any(n.startswith(f"{name}/") for n in metrics)),
            *costs(cost),
            *kept(metrics, cost, split),
            *targets(metrics, wanted),
            "next:",
            *([f"  python -m xret evaluate run={shown} split=val"] if (folder / "checkpoints").is_dir() else []),
            "  python -m xret train loss=triplet miner=semihard",
            "  mlflow ui",
            f"run: {folder}",
        ]
    )
