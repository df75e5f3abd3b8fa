"""`Sweeper`: removes expired records from time to time, if that was asked for."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from commonplace.errors import CommonplaceError

if TYPE_CHECKING:
    from collections.abc import Callable

_LOG = logging.getLogger("commonplace")


class Sweeper:
    """A background thread that sweeps at an interval; no thread without an interval.

    Args:
        sweep: removes what has expired.
        every: seconds between two sweeps, or None for never.
    """

    def __init__(self, sweep: Callable[[], None], every: float | None) -> None:
        self._sweep = sweep
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if every is not None:
            self._thread = threading.Thread(
                target=self._run, args=(every,), name="commonplace-sweeper", daemon=True
            )
            self._thread.start()

    def close(self) -> None:
        """End the thread, after the sweep it may be in."""
        self._ended.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self, every: float) -> None:
        while not self._ended.wait(every):
            try:
                self._sweep()
            except CommonplaceError as error:
                _LOG.warning("sweeping failed, trying again later: %s", type(error).__name__)
