"""Formula: captions that a spreadsheet would take for a formula when it opens the table."""

import re

from xret.clean import Outcome
from xret.clean.text._caption import TOO_LONG

_SIGN = re.compile("\\s*([=+@\uff1d\uff0b\uff20\uff0d-])")
_CALL = re.compile(r"[A-Za-z][\w.]{0,40}\(|(?<![\w$])\$?[A-Z]{1,3}\$?\d{1,7}(?!\w)|\|[^!]{0,200}!")
_EVIDENCE = {"=": 0.5, "@": 0.3, "+": 0.1, "-": 0.1}  # that it is meant as one, where it calls nothing


class Formula:
    r"""Report captions that begin as formulas do: with =, +, - or @, of full width too, behind spaces or not.

    A spreadsheet runs such a cell (``=HYPERLINK(...)``, ``@SUM(1)``, ``+cmd|'/C calc'!A0``), and the data set may have
    been written to make it do so. "-5 degrees" is a caption all the same, so nothing is changed: the proposal is the
    caption behind an apostrophe, which spreadsheets take for text. It stands last, because the table holds what the
    other steps make of a caption.

    The evidence is 0.9 where a function, a cell or another program is called, and that of the sign alone elsewhere.

    Source: OWASP, CSV Injection, https://owasp.org/www-community/attacks/CSV_Injection.
    """

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption; as a proposal, what a spreadsheet takes for text."""
        found = _SIGN.match(caption) if len(caption) <= TOO_LONG else None
        if found is None or not caption[found.end() :].strip():
            return Outcome(caption)
        sign = chr(ord(found[1]) - 0xFEE0) if ord(found[1]) > 0xFF00 else found[1]
        called = _CALL.search(caption, found.end())
        what = f"calls {called[0].strip()}" if called else f"begins with {found[1]}"
        evidence = 0.9 if called else _EVIDENCE[sign]
        return Outcome(f"'{caption}", f"a spreadsheet may run it: {what}"[:200], applied=False, evidence=evidence)
