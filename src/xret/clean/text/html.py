"""HTML: tags, comments and character references of web pages."""

import html
import re

from xret.clean import Outcome
from xret.clean.text._caption import TOO_LONG, has_content, outcome, settle, squeeze

_INLINE = [
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i",
    "ins", "kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike", "strong",
    "sub", "sup", "time", "tt", "u", "var", "wbr",
]  # fmt: skip
_BLOCK = [
    "address", "area", "article", "aside", "audio", "base", "blockquote", "body", "br", "button", "canvas",
    "caption", "center", "col", "colgroup", "dd", "details", "dialog", "div", "dl", "dt", "embed", "fieldset",
    "figcaption", "figure", "footer", "form", "frame", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header",
    "hr", "html", "iframe", "img", "input", "li", "link", "main", "map", "meta", "nav", "noscript", "object",
    "ol", "optgroup", "option", "p", "param", "picture", "pre", "section", "select", "source", "summary",
    "table", "tbody", "td", "textarea", "tfoot", "th", "thead", "title", "tr", "track", "ul", "video",
]  # fmt: skip
_NAMES = "|".join(sorted(_INLINE + _BLOCK, key=len, reverse=True))
_TAG = re.compile(rf"</?({_NAMES})(?:\s*/?|[\s/][^<>=]*=[^<>]*)>", re.IGNORECASE)
_CUT_OFF = re.compile(rf"<(?:/(?:{_NAMES})|(?:{_NAMES})\s+[\w-]+\s?=[^<>]*|!--[^<>]*)$", re.IGNORECASE)
_AMPERSANDS = re.compile(r"&(?:amp;)+", re.IGNORECASE)
_REFERENCE = re.compile(
    r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});|&(?:nbsp|amp|lt|gt|quot)(?![\w;=])", re.IGNORECASE
)
_WITH_CONTENT = (("<!--", "-->"), ("<script", "</script>"), ("<style", "</style>"), ("<![cdata[", "]]>"))


class Html:
    """Take tags out of a caption and turn character references into characters.

    Only the names of HTML elements make a tag, so "a < b" and "I <3 you" stay; comments, scripts and styles go with
    what they hold. References are followed to the end: ``&amp;lt;b&amp;gt;`` is a tag too. A caption that is nothing
    but tags stays as it is.

    Source: HTML Living Standard, sec. 4 (elements), sec. 13.5 (named character references).
    """

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption as a browser shows it."""
        if len(caption) > TOO_LONG or ("<" not in caption and "&" not in caption):
            return Outcome(caption)
        after = settle(_strip, caption)
        if (again := _strip(after)) != after:  # nested deeper than anybody writes by mistake
            after = squeeze(again.replace("<", " ").replace("&", " "))
        if after == caption or not has_content(after):
            return Outcome(caption)
        return outcome(caption, after, "tags" if _TAG.search(caption) else "character references")


def _strip(text: str) -> str:
    kept = text
    if "&" in text:
        text = _REFERENCE.sub(lambda m: html.unescape(m[0]), _AMPERSANDS.sub("&amp;", text))
    if "<" in text:
        for begin, end in _WITH_CONTENT:
            text = _without(text, begin, end)
        text = _TAG.sub(_space, text)
        text = _CUT_OFF.sub("", text)
    return squeeze(text) if text != kept else kept


def _space(tag: re.Match[str]) -> str:
    return "" if tag[1].lower() in _INLINE else " "


def _without(text: str, begin: str, end: str) -> str:
    """Return the text without what stands between the marks; each search starts where the last one ended."""
    lower = text.lower()
    if begin not in lower or len(lower) != len(text):
        return text
    kept, at = [], 0
    while (start := lower.find(begin, at)) >= 0 and (stop := lower.find(end, start)) >= 0:
        kept.append(text[at:start])
        at = stop + len(end)
    return " ".join([*kept, text[at:]])
