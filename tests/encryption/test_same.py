"""What holds for any memory holds for an encrypted one: tests from elsewhere, run again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from tests.encryption.sealing import seal
from tests.keyed.test_verbs import *  # noqa: F403 - all of them
from tests.memory.test_state_machine import Machine
from tests.memory.test_verbs import *  # noqa: F403 - all of them
from tests.threads.test_writing import *  # noqa: F403 - all of them

pytestmark = pytest.mark.files  # a ledger on a server is not encrypted


@pytest.fixture(autouse=True)
def _sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memories that a test opens itself are encrypted too."""
    seal(monkeypatch)


class SealedMachine(Machine):
    def _opened(self) -> Any:
        with pytest.MonkeyPatch.context() as monkeypatch:
            seal(monkeypatch)
            return super()._opened()


class TestQuickSealed(SealedMachine.TestCase):
    settings = settings(max_examples=8, stateful_step_count=20, deadline=None)


@pytest.mark.nightly
@pytest.mark.timeout(900)
class TestSealedAtLength(SealedMachine.TestCase):
    settings = settings(max_examples=300, stateful_step_count=40, deadline=None)
