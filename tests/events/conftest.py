"""Ends of subscriptions are waited for for as long as a busy machine may need."""

from __future__ import annotations

import gc
import threading
import time
from typing import TYPE_CHECKING

import pytest

from commonplace.events import dispatcher, subscription

if TYPE_CHECKING:
    from collections.abc import Callable

    Ended = Callable[[set[threading.Thread]], bool]

SOON = 120
"""Seconds after which a test that waits has failed."""


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing leaves behind a handler that is merely slow to get its turn after five seconds."""
    for module in (dispatcher, subscription):
        monkeypatch.setattr(module, "CLOSE_SECONDS", SOON)


@pytest.fixture
def ended() -> Ended:
    """Whether every thread has ended but those of before, waited for.

    A memory that is forgotten may be collected by another thread than the one that forgot it.
    """

    def waited(before: set[threading.Thread]) -> bool:
        deadline = time.monotonic() + SOON
        while more := set(threading.enumerate()) - before:
            if time.monotonic() > deadline:
                return False
            next(iter(more)).join(0.01)
            gc.collect()
        return True

    return waited
