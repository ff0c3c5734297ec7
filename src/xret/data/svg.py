"""Vector drawings: checked before they are drawn, because a drawing is a program."""

import base64
import binascii
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

from xret._errors import UserError
from xret.data.faults import RowError

MAX_BYTES = 8_000_000  # of one drawing
MAX_ELEMENTS = 100_000  # drawn in all, repeated ones counted every time
MAX_DEPTH = 100  # of nested elements; the renderer overflows its stack at a few hundred

_REFERENCE = re.compile(r"#([^)\s\"';]+)")


def parse(data: bytes, check_picture: Callable[[bytes], None]) -> ET.Element:
    """Return a drawing that is safe to draw.

    Safe means: it reads no other file; with all references followed it is not deeper than `MAX_DEPTH` and has at most
    `MAX_ELEMENTS`; pictures inside it pass ``check_picture``. Entities are bounded by the XML parser.

    Args:
        data: the file.
        check_picture: raises RowError on bytes of a picture that must not be decoded.

    Raises:
        RowError: "too_large", "undecodable" or "unsafe".
    """
    if len(data) > MAX_BYTES:
        raise RowError("too_large", f"{len(data):,} bytes of SVG, at most {MAX_BYTES:,} are read")
    try:
        root = ET.fromstring(data)
    except (ET.ParseError, ValueError, LookupError) as error:  # LookupError: an encoding nobody knows
        raise RowError("undecodable", f"not an SVG: {error}") from None
    if _name(root) != "svg":
        raise RowError("undecodable", f"not an SVG but <{_name(root)[:40]}>")
    for element in root.iter():
        if _name(element) in ("image", "feImage"):
            _check_image(element, check_picture)
    _check_growth(root)
    return root


def keep_lines(root: ET.Element) -> None:
    """Remove all groups at the top of a drawing but those called ``line...``: the line art of OpenMoji.

    Raises:
        RowError: "undecodable" if there is no such group.
    """
    kept = [child for child in root if child.get("id", "").startswith("line")]
    if not kept:
        raise RowError("undecodable", "the drawing has no group called line")
    root[:] = kept


def draw(root: ET.Element, width: int, height: int) -> bytes:
    """Draw at the largest size that fits into a box.

    Texts are left out: what they look like depends on the fonts of a machine.

    Args:
        root: what `parse` gave.
        width: of the box, in pixels.
        height: of the box, in pixels.

    Returns:
        A PNG file.

    Raises:
        RowError: "undecodable".
        UserError: the library that draws is not installed.
    """
    try:
        import resvg_py
    except ImportError:
        raise UserError("drawings (SVG) need the demo extra: pip install 'xret[demo]'") from None
    try:
        text = ET.tostring(root, encoding="unicode")
        return resvg_py.svg_to_bytes(svg_string=text, width=width, height=height, skip_system_fonts=True)
    except (KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException as error:  # a panic of the renderer is not an Exception
        raise RowError("undecodable", f"cannot be drawn: {error}") from None


def _name(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]


def _check_image(element: ET.Element, check_picture: Callable[[bytes], None]) -> None:
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] != "href" or value.startswith("#"):
            continue
        kind, _, content = value.partition(",")
        if not re.fullmatch(r"data:image/(png|jpe?g|gif|webp);base64", kind.strip()):
            raise RowError("unsafe", f"refers to {value[:60]!r}; only pictures inside the drawing are read")
        try:
            picture = base64.b64decode(content)
        except (binascii.Error, ValueError) as error:
            raise RowError("undecodable", f"picture inside: {error}") from None
        check_picture(picture)


def _check_growth(root: ET.Element) -> None:
    """Raise RowError if the drawing is too deep or too large with all references followed."""
    by_id: dict[str, list[ET.Element]] = {}
    for element in root.iter():
        if not _name(element).endswith("Gradient"):  # holds colours, nothing that is drawn
            by_id.setdefault(element.get("id", ""), []).append(element)
    styles = " ".join(element.text or "" for element in root.iter() if _name(element) == "style")
    everywhere = [target for name in set(_REFERENCE.findall(styles)) for target in by_id.get(name, ())]
    size: dict[ET.Element, tuple[int, int]] = {}  # elements drawn and depth, as far as known

    def measure(element: ET.Element, depth: int) -> tuple[int, int]:
        if element in size:
            return size[element]
        if depth > MAX_DEPTH:
            raise RowError("unsafe", f"more than {MAX_DEPTH} elements inside each other")
        size[element] = (0, 0)  # where a circle ends
        names = {name for value in element.attrib.values() for name in _REFERENCE.findall(value)}
        targets = [target for name in names for target in by_id.get(name, ())]
        parts = [measure(part, depth + 1) for part in [*element, *targets, *everywhere]]
        size[element] = (1 + sum(n for n, _ in parts), 1 + max((d for _, d in parts), default=0))
        return size[element]

    count, depth = measure(root, 1)
    if count > MAX_ELEMENTS or depth > MAX_DEPTH:
        limits = f"at most {MAX_ELEMENTS:,} and {MAX_DEPTH} are drawn"
        raise RowError("unsafe", f"{count:,} elements, {depth} inside each other; {limits}")
