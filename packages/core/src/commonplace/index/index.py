"""`Index`: the memory's side of its index process."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from commonplace.errors import IndexUnavailableError, InvalidInputError
from commonplace.failpoints import reach
from commonplace.index.channel import Channel, ChannelClosedError
from commonplace.index.follower import record_ids
from commonplace.index.forgetting import removed
from commonplace.index.manifest import INDEX_DIRECTORY, LOCK_FILE, NOT_OWNER
from commonplace.search.request import EXACT_LIMIT, DenseQuery, Nearest

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.ledger import Ledger
    from commonplace.scope import Scope

_LOG = logging.getLogger("commonplace")
START_AT = EXACT_LIMIT
"""An index is begun when a memory holds more records than this."""

_TAIL_WORTH_A_START = 1_000

_ANSWER_SECONDS = 0.25
_START_SECONDS = 120.0
_STEP_SECONDS = 120.0
_CLOSE_SECONDS = 10.0
_TRY_EVERY = 1.0
_TRY_AT_LEAST_EVERY = 60.0
_TURN_SECONDS = 0.1
_LOOK_EVERY = 0.2


class Index:
    """Starts the index process when it pays, asks it, and does without it when it cannot answer.

    Only one process on this machine owns the index of a memory at a time. Where another does, every
    question is answered None, the ledger answers exactly, and ownership is tried for again.

    Args:
        ledger: the ledger the index follows.
        directory: the memory's directory; None for a memory in memory, which has no index.
        url: the Chroma server, or None for an embedded index.
        enabled: whether there is to be an index at all.
        always: whether it is kept from the first record on, needed or not.
    """

    def __init__(
        self,
        ledger: Ledger,
        directory: Path | None,
        url: str | None,
        *,
        enabled: bool,
        always: bool,
    ) -> None:
        self._ledger = ledger
        self._home = directory
        self._url = url
        self._enabled = enabled and directory is not None
        self._always = always
        self._turn = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self._ready = False
        self._elsewhere = False
        self._rebuild = False
        self._message = 0
        self._answered = 0
        self._hello = 0
        self._failures = 0
        self._tried = float("-inf")
        self._looked = float("-inf")
        self._closed = False

    @property
    def directory(self) -> Path | None:
        """Where the embedded index lies."""
        return self._home / INDEX_DIRECTORY if self._home and not self._url else None

    @property
    def state(self) -> str:
        """What the index is doing: `off`, `not needed yet`, `elsewhere`, `starting` or `ready`."""
        if not self._enabled:
            return "off"
        if self._process is None:
            return "elsewhere" if self._wanted() else "not needed yet"
        return "ready" if self._ready else "starting"

    def nudge(self) -> None:
        """Called after writes: start the index process if there is enough for it to follow."""
        if self._enabled and not self._is_running():
            now = time.monotonic()
            if now - self._looked >= _LOOK_EVERY:
                self._looked = now
                self._try_start()

    def nearest(self, query: DenseQuery, count: int, *, scope: Scope | None) -> Nearest | None:
        """The records nearest to a query; None if the index cannot answer within a moment."""
        if not self._turn.acquire(timeout=_TURN_SECONDS):
            return None
        try:
            if not self._is_ready() or not self._is_idle():
                return None
            message = {
                "do": "nearest",
                "space": query.space.id,
                "count": count,
                "where": _where(scope),
            }
            payload = query.vector.astype("<f4", copy=False).tobytes()
            answer = self._ask(message, payload, timeout=_ANSWER_SECONDS)
            if answer is None:
                return None
            return Nearest(record_ids(answer["ids"]), answer["applied"])
        finally:
            self._turn.release()

    def flush(self) -> None:
        """Follow the journal to its end, if the memory is large enough to have an index.

        Where another process owns the index, it follows by itself and this returns at once.

        Raises:
            IndexUnavailableError: the index process died twice over it.
        """
        if not self._enabled or not self._wanted():
            return
        for _ in range(2):
            with self._turn:
                if self._started() and self._followed():
                    return
                if self._elsewhere:
                    return
        raise IndexUnavailableError(
            "the index process cannot start, or died while following the journal; nothing is "
            "lost, searches are answered from the ledger; run `commonplace repair`"
        )

    def problems(self) -> list[str]:
        """Where the index does not hold what the ledger holds, after following the journal."""
        if not self._enabled or not self._wanted():
            return []
        try:
            self.flush()
        except IndexUnavailableError as error:
            return [f"index: {error}"]
        with self._turn:
            if self._process is None:
                return []
            answer = self._ask({"do": "problems"}, timeout=_STEP_SECONDS)
            if answer is None:
                return ["index: its process died"]
            return [f"index: {problem}" for problem in answer["problems"]]

    def rebuild(self) -> None:
        """Build the index anew from the ledger; nothing is embedded again."""
        with self._turn:
            self._stop()
            self._rebuild = True
        reach("index.before_rebuild")
        self.flush()

    def forget(self, epoch: int, *, wait: float) -> bool:
        """Remove the index, as it may hold what was erased; it is built anew when next wanted.

        An index of another process is removed by that one. That of a server is emptied: its files
        are out of reach.

        Args:
            epoch: how many erasures there were.
            wait: for how many seconds another process is waited for.

        Returns:
            Whether it is gone.
        """
        if self._home is None:
            return True
        with self._turn:
            self._kill()
            gone = removed(self._ledger, self._home, epoch, wait=wait)
            if gone and self._url is not None and not self._closed:
                return self._started()
            return gone

    def close(self) -> None:
        """End the index process after what little it may have to catch up on. Idempotent."""
        with self._turn:
            self._closed = True
            self._enabled = False
            self._stop()

    def _wanted(self) -> bool:
        """Whether searches of this memory can be served better by an index."""
        with self._ledger.read() as snapshot:
            return bool(snapshot.searchable_spaces()) and (
                self._always or snapshot.held() > START_AT
            )

    def _has_work(self) -> bool:
        with self._ledger.read() as snapshot:
            spaces = snapshot.searchable_spaces().values()
            applied = [snapshot.applied_seq(space) for space in spaces]
            worth = 1 if self._always else _TAIL_WORTH_A_START
            return bool(applied) and snapshot.head() - min(applied) >= worth

    def _is_running(self) -> bool:
        process = self._process
        return process is not None and process.poll() is None

    def _try_start(self) -> None:
        with self._turn:
            if self._process is not None and not self._is_running():
                self._lost()
            if self._process is None and not self._closed and self._wanted() and self._has_work():
                self._start()

    def _started(self) -> bool:
        """Whether there is an index process of ours, waited for until it is ready."""
        if self._process is None:
            self._tried = float("-inf")
            self._start()
        if self._process is None:
            return False
        if not self._ready:
            self._await_ready(_START_SECONDS)
        return self._process is not None  # pyright: ignore[reportUnnecessaryComparison] - it may die

    def _start(self) -> None:
        """Start the index process, unless one was tried a moment ago or runs elsewhere."""
        if time.monotonic() - self._tried < min(
            _TRY_EVERY * 2**self._failures, _TRY_AT_LEAST_EVERY
        ):
            return
        self._tried = time.monotonic()
        try:
            self._process = self._spawned()
            if self._process is None:
                return
            self._channel = _channel(self._process)
        except OSError as error:  # out of processes, files or space: the ledger goes on answering
            _LOG.warning("the index process cannot be started: %s", error)
            self._failures += 1
            self._stop()
            return
        self._ready = False
        self._message += 1
        self._hello = self._message
        self._tell({"do": "hello", "id": self._hello})

    def _spawned(self) -> subprocess.Popen[bytes] | None:
        """A new index process; None if another memory has one."""
        assert self._home is not None  # noqa: S101 - an index is enabled only with a directory
        self._elsewhere = not _is_free(self._home / LOCK_FILE)
        if self._elsewhere or not sys.executable:
            return None
        start = "rebuild" if self._rebuild else "keep"
        command = [sys.executable, "-P", "-m", "commonplace.index.worker"]
        return subprocess.Popen(  # noqa: S603 - our own module, no shell
            [*command, str(self._home), self._url or "", start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )

    def _is_ready(self) -> bool:
        if self._process is None:
            if self._enabled and self._wanted():
                self._start()
            return False
        if not self._ready:
            self._await_ready(0)
        return self._ready

    def _await_ready(self, timeout: float) -> None:
        if self._receive(self._hello, timeout) is not None:
            self._ready = True
            self._rebuild = False
            self._failures = 0

    def _followed(self) -> bool:
        """Whether the process followed the journal to its end; False if it died."""
        deadline = time.monotonic() + _STEP_SECONDS
        while self._process is not None:
            reach("index.following")
            left = max(0.0, deadline - time.monotonic())
            answer = self._ask({"do": "follow"}, timeout=left)
            if answer is not None and not answer["error"]:
                if not answer["more"]:
                    return True
                deadline = time.monotonic() + _STEP_SECONDS
            elif time.monotonic() >= deadline and self._channel is not None:
                raise IndexUnavailableError(
                    "the index cannot follow the journal now "
                    f"({answer['error'] if answer else 'no answer'}); nothing is lost, try again"
                )
        return False

    def _is_idle(self) -> bool:
        """Whether nothing asked before waits for its answer: a busy process is not asked more."""
        if self._answered < self._message:
            self._receive(self._message, 0)
        return self._answered == self._message

    def _ask(
        self, message: dict[str, Any], payload: bytes = b"", *, timeout: float
    ) -> dict[str, Any] | None:
        self._message += 1
        self._tell({**message, "id": self._message}, payload, timeout=timeout)
        return self._receive(self._message, timeout)

    def _tell(
        self, message: dict[str, Any], payload: bytes = b"", *, timeout: float = _ANSWER_SECONDS
    ) -> None:
        try:
            if self._channel is not None:
                self._channel.send(message, payload, timeout=timeout)
        except ChannelClosedError:
            self._lost()

    def _receive(self, wanted: int, timeout: float) -> dict[str, Any] | None:
        """The answer to one message; late answers to earlier ones are dropped."""
        deadline = time.monotonic() + timeout
        try:
            while self._channel is not None:
                received = self._channel.receive(max(0.0, deadline - time.monotonic()))
                if received is None:
                    return None
                self._answered = received[0]["id"]
                if self._answered == wanted:
                    return received[0]
        except ChannelClosedError:
            self._lost()
        return None

    def _lost(self) -> None:
        """The process is gone: forget it; if it did not leave by itself, do not trust its index."""
        process, self._process = self._process, None
        if process is not None:
            code = _ended(process)
            self._elsewhere = code == NOT_OWNER
            if code not in {0, NOT_OWNER}:
                self._failures += 1
                self._rebuild = self._url is None
                _LOG.warning("the index process ended with code %s; its index is rebuilt", code)
        self._drop_channel()

    def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        if not self._ready:
            self._await_ready(0)
        if self._ready:
            self._catch_up_briefly()
            self._ask({"do": "close"}, timeout=_CLOSE_SECONDS)
        else:
            process.kill()  # it is still importing: nothing of the index is open
        self._process = None
        self._drop_channel()
        _ended(process)

    def _kill(self) -> None:
        """End the process at once: what it would still write is not wanted."""
        process, self._process = self._process, None
        self._drop_channel()
        if process is not None:
            process.kill()
            _ended(process)

    def _catch_up_briefly(self) -> None:
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline and self._process is not None:
            answer = self._ask({"do": "follow"}, timeout=_CLOSE_SECONDS)
            if answer is None or not answer["more"]:
                return

    def _drop_channel(self) -> None:
        channel, self._channel = self._channel, None
        self._ready = False
        if channel is not None:
            channel.close()


def open_index(ledger: Ledger, directory: Path | None, choice: str) -> Index:
    """The index of a memory.

    Args:
        ledger: its ledger.
        directory: its directory, or None.
        choice: `"auto"`, `"chroma"`, `"exact"`, or the URL of a Chroma server.

    Raises:
        InvalidInputError: the choice is none of these.
    """
    if choice in {"auto", "chroma", "exact"}:
        return Index(ledger, directory, None, enabled=choice != "exact", always=choice == "chroma")
    if not isinstance(choice, str) or urlsplit(choice).scheme not in {"http", "https"}:  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
        raise InvalidInputError("index is 'auto', 'chroma', 'exact' or 'http://host:port'")
    return Index(ledger, directory, choice, enabled=True, always=True)


def _where(scope: Scope | None) -> dict[str, str] | None:
    return None if scope is None else {f"scope_{len(scope.segments)}": scope.path}


def _channel(process: subprocess.Popen[bytes]) -> Channel:
    """The pipes to a process, taken over from it."""
    assert process.stdin and process.stdout  # noqa: S101, PT018 - they were asked for
    with process.stdin, process.stdout:
        incoming = os.dup(process.stdout.fileno())
        try:
            return Channel(incoming, os.dup(process.stdin.fileno()))
        except OSError:
            os.close(incoming)
            raise


def _ended(process: subprocess.Popen[bytes]) -> int:
    """The exit code of a process that is to end; killed if it does not."""
    try:
        return process.wait(_CLOSE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _is_free(path: Path) -> bool:
    lock = FileLock(path, timeout=0, mode=0o600)
    try:
        with lock:
            return True
    except Timeout:
        return False
