"""OpenCV, asked for only where a step needs it."""

from typing import Any

from xret._errors import UserError


def opencv() -> Any:  # noqa: ANN401 - a module
    """Return the module.

    Raises:
        UserError: it is not installed.
    """
    try:
        import cv2
    except ImportError:
        raise UserError("cleaning pictures needs OpenCV: pip install 'xret[clean]'") from None
    return cv2
