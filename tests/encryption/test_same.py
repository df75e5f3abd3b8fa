"""What holds for any memory holds for an encrypted one: tests from elsewhere, with its fixture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings
from tests.curating.test_supersede import *  # noqa: F403 - all of them
from tests.history.test_history import *  # noqa: F403 - all of them
from tests.keyed.test_verbs import *  # noqa: F403 - all of them
from tests.links.test_verbs import *  # noqa: F403 - all of them
from tests.memory.test_state_machine import Machine
from tests.memory.test_verbs import *  # noqa: F403 - all of them
from tests.memory.test_views import *  # noqa: F403 - all of them
from tests.search.test_lexical import *  # noqa: F403 - all of them
from tests.threads.test_writing import *  # noqa: F403 - all of them

from commonplace import Encryption
from commonplace.store import Options, Store

if TYPE_CHECKING:
    from pathlib import Path

SEALED = Encryption(keys={"old": bytes(range(32))})


@pytest.fixture(autouse=True)
def _sealed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memories that a test opens itself are encrypted too."""
    _seal(monkeypatch)


def _seal(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: Any = Store.__init__

    def sealed(self: Store, path: str | Path, options: Options) -> None:
        opened(self, path, replace(options, encryption=options.encryption or SEALED))

    monkeypatch.setattr(Store, "__init__", sealed)


class SealedMachine(Machine):
    def _opened(self) -> Any:
        with pytest.MonkeyPatch.context() as monkeypatch:
            _seal(monkeypatch)
            return super()._opened()


class TestQuickSealed(SealedMachine.TestCase):
    settings = settings(max_examples=10, stateful_step_count=20, deadline=None)


@pytest.mark.nightly
class TestSealedAtLength(SealedMachine.TestCase):
    settings = settings(max_examples=300, stateful_step_count=50, deadline=None)
