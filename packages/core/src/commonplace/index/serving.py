"""`Serving`: the index process of a memory: when it is started, how it is asked, when given up."""

from __future__ import annotations

import contextlib
import logging
import sys
import threading
import time
import uuid
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from commonplace.errors import CommonplaceError
from commonplace.index.begun import EMBEDDED, Begun
from commonplace.index.channel import ChannelClosedError
from commonplace.index.manifest import LOCK_FILE, NOT_OWNER
from commonplace.index.ownership import LEASE_SECONDS, LeaseOwnership
from commonplace.index.process import IndexProcess
from commonplace.pauses import doubled
from commonplace.search.request import EXACT_LIMIT

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from commonplace.index.port import Target
    from commonplace.ledger import Ledger

_LOG = logging.getLogger("commonplace")
START_AT = EXACT_LIMIT
"""An index is begun when a memory holds more records than this."""

_TAIL_WORTH_A_START = 1_000
_START_SECONDS = 120.0
_STUCK_SECONDS = 120.0
_CLOSE_SECONDS = 10.0
_BRIEFLY_SECONDS = 1.0
_TRY_EVERY = 1.0
_TRY_AT_LEAST_EVERY = 60.0


class Serving:
    """The process that serves the index of one memory, one after the other.

    Args:
        ledger: see `Index`, as all of these.
        directory: as above.
        target: as above.
        enabled: as above.
        always: as above.
    """

    def __init__(
        self,
        ledger: Ledger,
        directory: Path | None,
        target: Target | None,
        *,
        enabled: bool,
        always: bool,
    ) -> None:
        self._ledger = ledger
        self._home = directory
        self._target = target
        self._enabled = enabled and ledger.place is not None
        self._enabled = self._enabled and (directory is not None or target is not None)
        self._always = always
        self._name = uuid.uuid4().hex
        self._turn = threading.RLock()
        self._served: IndexProcess | None = None
        self._elsewhere = False
        self._rebuild = False
        self._fault = ""
        self._failures = 0
        self._tried = float("-inf")
        self._looked = float("-inf")
        self._closed = False

    @property
    def _process(self) -> Any:
        return None if self._served is None else self._served.popen

    def _wanted(self) -> bool:
        """Whether searches of this memory can be served better by an index."""
        with self._ledger.read() as snapshot:
            if not snapshot.searchable_spaces():
                return False
            return self._always or (snapshot.held() > START_AT and not _served(Begun.of(snapshot)))

    def _has_work(self) -> bool:
        with self._ledger.read() as snapshot:
            applied = snapshot.applied_seqs()
            worth = 1 if self._always else _TAIL_WORTH_A_START
            return bool(applied) and snapshot.head() - min(applied) >= worth

    def _is_running(self) -> bool:
        served = self._served
        return served is not None and served.is_running()

    def _try_start(self, *, at_once: bool = False) -> None:
        """Start the process if it has something to do, or, `at_once`, in any case."""
        if self._served is not None and not self._is_running():
            self._lost()
        if self._served is None and not self._closed:
            if at_once:
                self._tried = float("-inf")
            if at_once or (self._wanted() and self._has_work()):
                self._start()

    def _started(self) -> bool:
        """Whether there is an index process of ours, waited for until it is ready."""
        if self._served is None:
            self._tried = float("-inf")
            self._start()
        if self._served is not None:
            self._is_ready(patience=_START_SECONDS)
        return self._served is not None  # pyright: ignore[reportUnnecessaryComparison] - it may die

    def _start(self) -> None:
        """Start the index process, unless one was tried a moment ago or runs elsewhere."""
        if time.monotonic() - self._tried < doubled(
            _TRY_EVERY, self._failures, most=_TRY_AT_LEAST_EVERY
        ):
            return
        self._tried = time.monotonic()
        try:
            self._elsewhere = not self._target and not _is_free(self._home)
            if self._elsewhere or not sys.executable:
                return
            path = self._ledger.path
            name = str(self._home or (self._ledger.id if path is None else path.parent))
            self._served = IndexProcess(name, self._hello())
        except OSError as error:  # out of processes, files or space: the ledger goes on answering
            _LOG.warning("the index process cannot be started: %s", error)
            self._failures += 1

    def _hello(self) -> dict[str, Any]:
        target = self._target
        return {
            "ledger": str(self._ledger.place),
            "home": None if self._home is None else str(self._home),
            "target": None if target is None else target.to_message(),
            "owner": self._name,
            # What is sent may take its time twice over before the lease can be renewed.
            "lease": LEASE_SECONDS + (0.0 if target is None else 2 * target.timeout),
            "rebuild": self._rebuild,
        }

    def _is_ready(self, *, patience: float | None = None) -> bool:
        if self._served is None and self._enabled and self._wanted():
            self._start()
            return False
        if self._served is None:
            return False
        with self._unless_lost():
            if self._served.is_ready(patience=patience):
                self._rebuild = False
                self._failures = 0
                return True
            if patience is not None or self._served.is_stuck(_START_SECONDS):
                self._give_up()
        return False

    def _is_idle(self) -> bool:
        if self._served is None:
            return False
        with self._unless_lost():
            if self._served.is_idle():
                return True
            if self._served.is_stuck(_STUCK_SECONDS):
                self._give_up()
        return False

    def _ask(
        self,
        message: dict[str, Any],
        payload: bytes = b"",
        *,
        timeout: float = 0.0,
        patience: float | None = None,
    ) -> dict[str, Any] | None:
        """The answer of the process; None if it is gone or does not give one.

        Args:
            message: the question.
            payload: what belongs to it.
            timeout: for how many seconds the answer is waited for.
            patience: wait instead for as long as it takes; a process that is stuck for so many
                seconds is ended.
        """
        if self._served is None:
            return None
        with self._unless_lost():
            if patience is None:
                answer = self._served.ask(message, payload, timeout=timeout)
            else:
                answer = self._served.ask_patiently(message, patience=patience)
                if answer is None:
                    self._give_up()
            if answer is not None:
                self._note_fault(answer["fault"])
                self._elsewhere = not answer["owner"]
            return answer
        return None

    def _note_fault(self, fault: str) -> None:
        """Remember why the server of the index cannot be used, and tell the log once."""
        if fault and fault != self._fault:
            _LOG.warning("searches are answered from the ledger: %s", fault)
        self._fault = fault

    @contextlib.contextmanager
    def _unless_lost(self) -> Generator[None]:
        try:
            yield
        except ChannelClosedError:
            self._lost()

    def _lost(self) -> None:
        """The process is gone: forget it; if it did not leave by itself, do not trust its index."""
        served, self._served = self._served, None
        if served is not None:
            code = served.end()
            self._elsewhere = code == NOT_OWNER
            if code not in {0, NOT_OWNER}:
                self._distrust()
                _LOG.warning("the index process ended with code %s", code)

    def _give_up(self) -> None:
        """End a process that does not answer: stopped, or caught in what it cannot get out of."""
        _LOG.warning("the index process does not answer; it is ended, and started again")
        self._kill()
        self._distrust()

    def _distrust(self) -> None:
        """Try again later and later; an embedded index is rebuilt then, as it may be damaged."""
        self._failures += 1
        self._rebuild = self._target is None

    def _stop(self) -> None:
        served, self._served = self._served, None
        if served is None:
            return
        try:
            if not served.is_ready():  # it is still importing: nothing of the index is open
                served.kill()
                return
            if not _caught_up(served) or not served.ask({"do": "close"}, timeout=_CLOSE_SECONDS):
                served.kill()
        except ChannelClosedError:
            pass
        served.end()

    def _give_back(self) -> None:
        """End the lease of a process of ours that had to be killed: who wants it need not wait."""
        if self._target is not None and self._home is None:
            with contextlib.suppress(CommonplaceError):  # then others know it by our silence
                LeaseOwnership(self._ledger, self._name).give_back()

    def _kill(self) -> None:
        served, self._served = self._served, None
        if served is not None:
            served.kill()


def _caught_up(served: IndexProcess) -> bool:
    """Let the process follow the journal for a moment; False if it does not answer.

    Raises:
        ChannelClosedError: it is gone.
    """
    deadline = time.monotonic() + _BRIEFLY_SECONDS
    while time.monotonic() < deadline:
        answer = served.ask({"do": "follow"}, timeout=_CLOSE_SECONDS)
        if answer is None:
            return False
        if answer["error"] or not answer["more"]:
            break
    return True


def _served(begun: Begun | None) -> bool:
    return begun is not None and begun.place != EMBEDDED


def _is_free(home: Path | None) -> bool:
    if home is None:
        return True
    lock = FileLock(home / LOCK_FILE, timeout=0, mode=0o600)
    try:
        with lock:
            return True
    except Timeout:
        return False
