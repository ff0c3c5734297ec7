"""Symbols: decoration around the words."""

import re
from typing import Literal, get_args

from xret.clean import Outcome
from xret.clean.text._caption import TOO_LONG, has_content, outcome, settle, squeeze

Emoji = Literal["attention", "keep"]

# Stars, bullets, boxes, arrows and ornaments that stand as text; pictographs with a meaning of their own are not here.
_DECORATION = (
    "\u2500-\u25fc\u2605\u2606\u2660-\u2667\u2669-\u266f\u2701\u2706\u2710-\u2713\u2715-\u2727\u2729-\u274b\u274d"
    "\u274f-\u2752\u2756\u2758-\u275a\u2761-\u2763\u2765-\u2767\u2794\u2798-\u27a0\u27a2-\u27af\u27b1-\u27be"
    "\u2b1d-\u2b4f\u2b51-\u2b54\u2022\u2023\u2043\u203b\u2042\u204e-\u2051\u3013\u3012\u3020\u2767\ua9c1\ua9c2"
)
_ATTENTION = "🔥💥✨⭐🌟💯🎉🎊👉👈👇👆📢📣🛒⚡🆕🆓💰✅❗‼❣💫🏆🔔🎁🚨"
_SIGNS = re.compile(rf"[{_DECORATION}]\ufe0f?")
_LEADING = re.compile(rf"^(?:\s*[{_ATTENTION}]\ufe0f?)+")
_TRAILING = re.compile(rf"(?:[{_ATTENTION}]\ufe0f?\s*)+$")
_RUN = re.compile(rf"[{_ATTENTION}]\ufe0f?(?:\s?[{_ATTENTION}]\ufe0f?)+")
_BRACKETS = re.compile("[【】〖〗]")
_EMPTY = re.compile(r"\(\s*\)|\[\s*\]|\{\s*\}|（\s*）|「\s*」|『\s*』|<\s*>")
_RULES = re.compile(r"([*_~～^|#])(?:\s?\1)+|([-=+<>«»/\\·\uff0e])(?:\s?\2){2,}|(?<![\w.])[~～](?!\w)|[~～]+$")
_SHOUTS = re.compile(r"([!！?？])\1+")
_MIXED = re.compile(r"(?:!\?|\?!|！？|？！)[!?！？]+")
_DOTS = re.compile(r"\.{4,}|。{2,}|…{2,}|，{2,}|,{2,}|、{2,}")
_SHORT = {".": "...", "。": "。", "…": "…", "，": "，", ",": ",", "、": "、"}
_ANY = re.compile(
    rf"[{_DECORATION}{_ATTENTION}【】〖〗*_~～^|#()\[\]{{}}（）「」『』<>]|([-=+<>«»/\\·\uff0e.。…，,、!！?？])\s?(?:\1|[!?！？])"
)


class Symbols:
    """Take decoration out of a caption: stars, bullets, boxes, 【】, and runs of !!!, ~~~, ***, ----.

    Letters, digits, currency, units and mathematical signs stay, and so does ordinary punctuation, of which runs become
    one ("!!!" is "!", "....." is "..."). Pictographs stay, but for those that only draw attention (🔥 ✨ 👉 ...): these
    go where they open the caption or stand in a row, and then from its end too. A caption that is nothing but symbols
    stays as it is: they are what it says.

    Args:
        emoji: "attention": those that only draw attention go, by the rule above; "keep": all stay.

    Raises:
        ValueError: `emoji` is something else.
    """

    def __init__(self, emoji: Emoji = "attention") -> None:
        if emoji not in get_args(Emoji):
            raise ValueError(f"emoji must be one of {', '.join(get_args(Emoji))}, got {emoji!r}")
        self.emoji = emoji

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption without decoration."""
        if len(caption) > TOO_LONG or not _ANY.search(caption):
            return Outcome(caption)
        after = settle(self._strip, caption)
        return outcome(caption, after, "decorative symbols") if has_content(after) else Outcome(caption)

    def _strip(self, text: str) -> str:
        kept = text
        if self.emoji == "attention":
            if _LEADING.match(text):
                text = _TRAILING.sub("", _LEADING.sub("", text))
            text = _RUN.sub(" ", text)
        text = _EMPTY.sub(" ", _BRACKETS.sub(" ", _SIGNS.sub(" ", text)))
        text = _MIXED.sub(lambda m: m[0][:2], _RULES.sub(" ", text))
        text = _DOTS.sub(lambda m: _SHORT[m[0][0]], _SHOUTS.sub(r"\1", text))
        if text == kept:
            return kept
        return squeeze(text).lstrip("!！,，、;；:：|·- ") or kept
