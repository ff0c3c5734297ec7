"""The data card: what a data set holds, as figures that can be read at a glance and compared between runs."""

import hashlib
import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from xret.data.manifest import SPLITS, WORDS, Manifest, media_path

_HEADERS = 200  # pictures whose size and format are looked at
_BEGINNING = 2**16  # bytes of a file by which most files differ
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")
Image.init()
_KNOWN = ("PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF")
_FORMATS: list[str] = [name for name in _KNOWN if name in Image.OPEN]


def card(manifest: Manifest, most: int | None = None) -> dict[str, Any]:
    """Return the figures of a data set, ready for JSON.

    A word is what stands between white space; of Chinese and Japanese, a character. Sizes and formats are what the
    headers of 200 pictures state, spread over the data set; a drawing states no size. Pictures are duplicates when
    another file has the same bytes; captions, when the same text stands in another group, capital letters aside.

    Args:
        manifest: with a split in every row.
        most: media files that are compared for duplicates, at most; where there are more, the share is null. None: all
            of them.
    """
    texts = [row.inputs["text"] for row in manifest.rows if "text" in row.inputs]
    pictures = Counter(row.inputs["image"] for row in manifest.rows if "image" in row.inputs)
    rows = {split: [row for row in manifest.rows if row.split == split] for split in SPLITS}
    return {
        "name": manifest.name,
        "licence": manifest.licence,
        "pairs": {split: len(held) for split, held in rows.items()},
        "groups": {split: len({row.group for row in held}) for split, held in rows.items()},
        "rejected": dict(Counter(rejected.reason for rejected in manifest.rejected)),
        "modalities": dict(Counter(m for row in manifest.rows for m in row.inputs)),
        "languages": dict(Counter(row.lang for row in manifest.rows).most_common()),
        "domains": dict(Counter(row.domain for row in manifest.rows).most_common()),
        "captions": len(set(texts)),
        "caption_words": spread([len(_WORD.findall(text)) for text in texts]),
        "captions_per_picture": spread(list(pictures.values())),
        "pictures": len(pictures),
        **_headers(manifest.root, list(pictures)),
        "duplicates": {"captions": _same_captions(manifest), "pictures": _same_files(manifest, most)},
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Return min, median, p95 (the value that 95 % do not exceed) and max; nothing where there are no values."""
    if not values:
        return {}
    found = np.quantile(values, (0, 0.5, 0.95, 1), method="inverted_cdf").tolist()
    return dict(zip(("min", "median", "p95", "max"), found, strict=True))


def shown(figures: Mapping[str, Any]) -> str:
    """Return a card as lines to print."""
    lines = {"licence": figures["licence"] or "not stated"}
    total = sum(figures["pairs"].values())
    lines["pairs"] = f"{total:,}: {_counts(figures['pairs'])}"
    lines["groups"] = _counts(figures["groups"])
    lines["rejected"] = _counts(figures["rejected"]) or "none"
    lines["languages"] = _counts(figures["languages"])
    if set(figures["domains"]) != {""}:
        lines["domains"] = _counts(figures["domains"])
    if figures["captions"]:
        lines["captions"] = f"{figures['captions']:,} different; words: {_spread(figures['caption_words'])}"
    if figures["pictures"]:
        lines["pictures"] = f"{figures['pictures']:,}; captions of each: {_spread(figures['captions_per_picture'])}"
        lines["formats"] = f"{_counts(figures['formats'])} (of {sum(figures['formats'].values())} looked at)"
    for side in ("width", "height"):
        if figures[side]:
            lines[side] = f"{_spread(figures[side])} px"
    shares = [f"{kind} {share:.1%}" for kind, share in figures["duplicates"].items() if share is not None]
    lines["duplicates"] = ", ".join(shares)
    return "\n".join([figures["name"], *(f"  {name:<10}  {text}" for name, text in lines.items())])


def _counts(counts: Mapping[str, int]) -> str:
    listed = [f"{name or 'unknown'} {count:,}" for name, count in counts.items()]
    return ", ".join(listed[:12]) + (f" and {len(listed) - 12} more" if len(listed) > 12 else "")


def _spread(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:,.0f}" for name, value in values.items())


def _headers(root: Path, refs: Sequence[str]) -> dict[str, Any]:
    """Return formats, and the spread of width and height where the format has a size."""
    chosen = sorted({round(i) for i in np.linspace(0, len(refs) - 1, min(_HEADERS, len(refs)))})
    found = [_header(media_path(root, refs[i])) for i in chosen]
    sizes = [size for _, size in found if size is not None]
    return {
        "formats": dict(Counter(name for name, _ in found).most_common()),
        "width": spread([width for width, _ in sizes]),
        "height": spread([height for _, height in sizes]),
    }


def _header(path: Path) -> tuple[str, tuple[int, int] | None]:
    try:
        with path.open("rb") as file:
            if file.read(256).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
                return "SVG", None
            file.seek(0)
            with warnings.catch_warnings(action="ignore"), Image.open(file, formats=_FORMATS) as picture:
                return str(picture.format), picture.size
    except Exception:  # decoders raise whatever they like
        return "unreadable", None


def _same_captions(manifest: Manifest) -> float | None:
    """Return the share of the rows with a text whose text stands in another group too."""
    groups: dict[str, set[str]] = defaultdict(set)
    rows = [(row.inputs["text"].casefold(), row.group) for row in manifest.rows if "text" in row.inputs]
    for text, group in rows:
        groups[text].add(group)
    return sum(len(groups[text]) > 1 for text, _ in rows) / len(rows) if rows else None


def _same_files(manifest: Manifest, most: int | None) -> float | None:
    """Return the share of media files that have the bytes of another one; None where there are none or too many."""
    named = (ref for row in manifest.rows for m, ref in row.inputs.items() if m not in WORDS)
    paths = list(dict.fromkeys(media_path(manifest.root, ref) for ref in named))
    if not paths or (most is not None and len(paths) > most):
        return None
    alike = _alike(paths, lambda path: path.stat().st_size)
    for read in (_BEGINNING, None):  # beginnings tell most files apart
        alike = [part for together in alike for part in _alike(together, lambda path, n=read: _digest(path, n))]
    return sum(map(len, alike)) / len(paths)


def _alike(paths: Iterable[Path], fact: Any) -> list[list[Path]]:  # noqa: ANN401 - path -> anything that compares
    """Return the sets of two or more files that agree in a fact; a file that cannot be read is like no other."""
    found = defaultdict(list)
    for path in paths:
        try:
            found[fact(path)].append(path)
        except OSError:
            continue
    return [together for together in found.values() if len(together) > 1]


def _digest(path: Path, count: int | None) -> bytes:
    with path.open("rb") as file:
        if count is not None:
            return hashlib.sha256(file.read(count)).digest()
        return hashlib.file_digest(file, "sha256").digest()
