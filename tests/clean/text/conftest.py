"""Real captions for the text steps."""

import pytest

from xret.data.openmoji import OpenMoji


@pytest.fixture(scope="session")
def english():
    """The names of all drawings, each once."""
    return list(dict.fromkeys(row.inputs["text"] for row in OpenMoji().load().rows))


@pytest.fixture(scope="session")
def chinese():
    return list(dict.fromkeys(row.inputs["text"] for row in OpenMoji(lang="zh").load().rows))
