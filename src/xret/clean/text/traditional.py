"""Traditional: Chinese captions in traditional characters become simplified ones."""

import re

from xret._errors import UserError
from xret.clean import Outcome
from xret.clean.text._caption import TOO_LONG, outcome, settle

_NOT_CHINESE = re.compile("[\u3040-\u30ff\ud800-\udfff]")  # kana, and halves of characters, which opencc refuses


class Traditional:
    """Write traditional Chinese characters as simplified ones, so that one word has one form.

    A caption with kana is Japanese and stays as it is.

    Source: Open Chinese Convert, https://github.com/BYVoid/OpenCC (package ``opencc``).

    Args:
        regional: turn words of Taiwan into those of the mainland too (軟體 into 软件).

    Raises:
        UserError: the package opencc is not installed.
    """

    def __init__(self, regional: bool = False) -> None:
        try:
            import opencc
        except ImportError as e:
            raise UserError("the step traditional needs opencc: pip install 'xret[zh]'") from e
        self.regional = regional
        self._convert = opencc.OpenCC("tw2sp" if regional else "t2s").convert

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption in simplified characters."""
        if len(caption) > TOO_LONG or caption.isascii() or _NOT_CHINESE.search(caption):
            return Outcome(caption)
        return outcome(caption, settle(self._convert, caption), "traditional characters")
