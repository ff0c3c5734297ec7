"""Real captions for the text steps."""

from pathlib import Path

import pytest

from xret.data.openmoji import OpenMoji
from xret.data.tuxpaint import TuxPaint


@pytest.fixture(scope="session")
def english():
    """The names of all drawings, each once."""
    return list(dict.fromkeys(row.inputs["text"] for row in OpenMoji().load().rows))


@pytest.fixture(scope="session")
def chinese():
    return list(dict.fromkeys(row.inputs["text"] for row in OpenMoji(lang="zh").load().rows))


@pytest.fixture(scope="session")
def stamps():
    """The source of the installed stamps."""
    if not Path("/usr/share/tuxpaint/stamps").is_dir():
        pytest.skip("apt-get install tuxpaint-stamps-default brings the stamps")
    return TuxPaint
