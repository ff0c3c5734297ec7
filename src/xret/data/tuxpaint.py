"""Tux Paint's stamps: photographs and cartoons with a sentence in up to 78 languages."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xret._errors import UserError
from xret.data.domain import check_target, domain
from xret.data.faults import OnError, RowError, check_on_error, clean_text, settle
from xret.data.manifest import Manifest, Rejected, Row
from xret.data.split import assign, check_fractions


@dataclass(frozen=True)
class TuxPaint:
    """The stamps of the drawing program Tux Paint.

    A stamp is a picture (PNG where there is one, else SVG) and a text file of the same name: line 1 in English, then
    ``xx.utf8=`` lines. A group is what shares a sentence or a file: all six pictures of "A flower." are right answers
    to it. Seventeen SVGs state no size, or lie in two files; they are rejected when they are read.

    Source: https://tuxpaint.org, Debian's package ``tuxpaint-stamps-default``.

    Args:
        root: folder of the stamps.
        lang: language of the sentences: "en", or a key of the text files such as fr, de, zh_CN. Stamps without a
            sentence in it are left out.
        symbols: keep letters, digits, coins, signs and shapes.
        salt: another one gives another division into splits.
        fractions: shares of train, val and test.
        on_error: "skip" goes on without broken rows; "fail" does not.
        target: domain to adapt to: another source; null: none.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    root: str = "/usr/share/tuxpaint/stamps"
    lang: str = "en"
    symbols: bool = False
    salt: str = "xret"
    fractions: Sequence[float] = (0.7, 0.1, 0.2)
    on_error: OnError = "skip"
    target: Any = None

    def __post_init__(self) -> None:
        check_fractions(self.fractions)
        check_on_error(self.on_error)
        check_target(self.target)

    def target_domain(self) -> Any:  # noqa: ANN401 - any source
        """Return the domain to adapt to, or None."""
        return domain(self, None, self.target)

    def load(self) -> Manifest:
        """Return the rows.

        Raises:
            UserError: there are no stamps, or none with a sentence in the language.
        """
        root = Path(self.root)
        if not root.is_dir():
            raise UserError(f"no stamps in {root}: apt-get install tuxpaint-stamps-default, or set data.root")
        stamps: list[tuple[str, str, str]] = []  # picture, sentence, English sentence
        rejected: list[Rejected] = []
        langs: set[str] = set()
        for picture, texts in _stamps(root):
            if picture.startswith("symbols/") and not self.symbols:
                continue
            try:
                sentences = _sentences(texts.read_bytes())
                langs.update(sentences)
                if self.lang in sentences:
                    stamps.append((picture, clean_text(sentences[self.lang]), sentences.get("en", "")))
            except RowError as error:
                rejected.append(Rejected(os.path.splitext(picture)[0], error.reason, error.detail))
        if langs and self.lang not in langs:
            raise UserError(f"tuxpaint has no sentences in {self.lang!r}; it has {', '.join(sorted(langs))}")
        manifest = Manifest("tuxpaint", self._rows(root, stamps), tuple(rejected), root, licence="GPL-2")
        return settle(assign(manifest, self.salt, self.fractions), self.on_error)

    def _rows(self, root: Path, stamps: list[tuple[str, str, str]]) -> tuple[Row, ...]:
        equal = _equal_files(root, [picture for picture, _, _ in stamps])
        keys = [(("en", en or picture), (self.lang, text), ("file", equal[picture])) for picture, text, en in stamps]
        rows = []
        for (picture, text, _), part in zip(stamps, _connected(keys), strict=True):
            folder, name = os.path.split(os.path.splitext(picture)[0])
            kinds = {"category": folder.partition("/")[0], "folder": folder}
            inputs = {"image": picture, "text": text}
            group = stamps[part][2] or stamps[part][0]
            rows.append(Row(f"{folder}/{name}", group, inputs, lang=self.lang, attributes=kinds))
        return tuple(rows)


def _stamps(root: Path) -> Iterable[tuple[str, Path]]:
    """Yield the picture, relative to the root, and the text file of each stamp, in order of name."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        here = set(names)
        for stem in sorted(name[:-4] for name in names if name.endswith(".txt")):
            picture = next((stem + end for end in (".png", ".svg") if stem + end in here), None)
            if picture is not None:
                path = Path(folder)
                yield (path / picture).relative_to(root).as_posix(), path / f"{stem}.txt"


def _sentences(data: bytes) -> dict[str, str]:
    """Return language -> sentence of a text file; languages without one are left out."""
    first, *others = data.decode(errors="surrogateescape").splitlines() or [""]
    found = {"en": first} | dict(line.split(".utf8=", 1) for line in others if ".utf8=" in line)
    return {lang: text for lang, text in found.items() if text.strip() or lang == "en"}


def _equal_files(root: Path, names: list[str]) -> dict[str, str]:
    """Return for each file the name of the first one with the same bytes; only files of one size are opened."""
    by_size: dict[int, list[str]] = defaultdict(list)
    for name in names:
        by_size[(root / name).stat().st_size].append(name)
    first: dict[bytes, str] = {}
    equal = {}
    for alike in by_size.values():
        for name in alike:
            content = (root / name).read_bytes() if len(alike) > 1 else name.encode()
            equal[name] = first.setdefault(hashlib.sha256(content).digest(), name)
    return equal


def _connected(keys: Sequence[Iterable[Hashable]]) -> list[int]:
    """Return for each row the first row it is connected to, by a shared key or over other rows (union-find)."""
    parent = list(range(len(keys)))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    owner: dict[Hashable, int] = {}
    for i, row in enumerate(keys):
        for key in row:
            a, b = find(i), find(owner.setdefault(key, i))
            parent[max(a, b)] = min(a, b)
    return [find(i) for i in range(len(keys))]
