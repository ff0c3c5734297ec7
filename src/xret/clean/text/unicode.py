"""Unicode: mojibake, invisible characters and odd spaces."""

import re

from xret._errors import UserError
from xret.clean import Outcome
from xret.clean.text._caption import TOO_LONG, settle, squeeze

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)
_LONE = re.compile("[\ud800-\udfff\ufff9-\ufffb]")
# Joiners make one pictograph of several and shape Arabic and Indian letters; elsewhere they are dirt.
_JOINED = (
    "\u0600-\u08ff\u0900-\u0dff\u1780-\u17ff\u1800-\u18af\u2190-\u2bff\ufe0f\U0001f000-\U0001faff\U000e0020-\U000e007f"
)
_JOINER = re.compile(f"(?<![{_JOINED}])[\u200c\u200d]+|[\u200c\u200d]+(?![{_JOINED}])")
_SELECTOR = re.compile(r"(?:^|(?<=[\sA-Za-z]))[\ufe00-\ufe0f]+")
_TAGS = re.compile("(?<![\U0001f3f4\U000e0020-\U000e007f])[\U000e0001-\U000e007f]+")
_WIDE = str.maketrans(
    {chr(code): chr(code - 0xFEE0) for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
)


class Unicode:
    """Repair what wrong decodings, copying and pasting leave in a text.

    Mojibake ("schÃ¶n" is schön), control and invisible characters, ligatures, letters and digits of full width, runs of
    spaces and line breaks; then the composed form NFC. Quotation marks and full-width punctuation stay, and so do the
    joiners of pictographs, of Arabic and of Indian scripts. A text of invisible characters alone stays as it is.

    Source: ftfy, Speer 2019, https://doi.org/10.5281/zenodo.2591652; NFC: Unicode Standard Annex 15.

    Raises:
        UserError: the package ftfy is not installed.
    """

    def __init__(self) -> None:
        try:
            import ftfy
        except ImportError as e:
            raise UserError("the step unicode needs ftfy: pip install 'xret[clean]'") from e
        self._fix = ftfy.fix_text
        self._config = ftfy.TextFixerConfig(
            unescape_html=False, uncurl_quotes=False, fix_character_width=False, explain=False
        )

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption in repaired form."""
        if len(caption) > TOO_LONG or (caption.isascii() and caption.isprintable() and squeeze(caption) == caption):
            return Outcome(caption)
        after = settle(self._repair, caption)
        if not after or after == caption:
            return Outcome(caption)
        return Outcome(after, _what(caption, after))

    def _repair(self, text: str) -> str:
        text = self._fix(_LONE.sub("", text), self._config).translate(_WIDE)
        for dirt in (_INVISIBLE, _JOINER, _SELECTOR, _TAGS):
            text = dirt.sub("", text)
        return squeeze(text)


def _what(before: str, after: str) -> str:
    if squeeze(before) == after:
        return "spaces"
    return "letters of full width" if squeeze(before.translate(_WIDE)) == after else "broken or invisible characters"
