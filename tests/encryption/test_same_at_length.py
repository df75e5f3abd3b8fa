"""As `test_same.py`, with more tests from elsewhere."""

from __future__ import annotations

import pytest
from tests.curating.test_on_duplicate import *  # noqa: F403 - all of them
from tests.curating.test_supersede import *  # noqa: F403 - all of them
from tests.encryption.sealing import seal
from tests.links.test_verbs import *  # noqa: F403 - all of them
from tests.memory.test_views import *  # noqa: F403 - all of them
from tests.search.test_lexical import *  # noqa: F403 - all of them

pytestmark = [pytest.mark.nightly, pytest.mark.files]  # a ledger on a server is not encrypted


@pytest.fixture(autouse=True)
def _sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memories that a test opens itself are encrypted too."""
    seal(monkeypatch)
