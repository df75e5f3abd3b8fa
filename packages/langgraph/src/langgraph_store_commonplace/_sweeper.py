"""A thread that removes expired items now and then."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger(__name__)


class Sweeper:
    """Sweeps in a thread of its own from `start` to `stop`.

    Args:
        sweep: removes what expired and says how much it was.
    """

    def __init__(self, sweep: Callable[[], int]) -> None:
        self._sweep = sweep
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def start(self, seconds: float) -> Future[None]:
        """Sweep every so many seconds; the future ends with the thread, and ends it by `cancel`."""
        with self._lock:
            future: Future[None] = Future()
            future.add_done_callback(self._cancelled)
            if self._thread is None or not self._thread.is_alive():
                self._stop.clear()
                self._thread = threading.Thread(
                    target=self._run, args=(seconds, future), name="ttl-sweeper", daemon=True
                )
                self._thread.start()
            return future

    def stop(self, timeout: float | None) -> bool:
        """Stop; whether it has stopped within so many seconds, None for any time."""
        with self._lock:
            self._stop.set()
            if self._thread is not None:
                self._thread.join(timeout)
            return self._thread is None or not self._thread.is_alive()

    def _run(self, seconds: float, future: Future[None]) -> None:
        while not self._stop.wait(seconds):
            try:
                self._sweep()
            except Exception:  # noqa: BLE001 - the thread outlives one failed sweep
                _LOG.exception("a sweep of expired items failed; the next one tries again")
        if not future.done():
            future.set_result(None)

    def _cancelled(self, future: Future[None]) -> None:
        if future.cancelled():
            self._stop.set()
