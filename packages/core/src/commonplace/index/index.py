"""`Index`: what a memory asks of its index, and how it does without one that cannot answer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from commonplace.errors import IndexUnavailableError, InvalidInputError
from commonplace.failpoints import reach
from commonplace.index.begun import EMBEDDED, place_of
from commonplace.index.follower import record_ids
from commonplace.index.forgetting import dropped, removed
from commonplace.index.manifest import INDEX_DIRECTORY
from commonplace.index.pgvector import PGVECTOR, PgvectorTarget
from commonplace.index.servers import target_of
from commonplace.index.serving import Serving
from commonplace.search.request import EXACT_LIMIT, DenseQuery, Nearest, NoAnswer

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.index.servers import ChromaCloud, ChromaServer
    from commonplace.ledger import Ledger
    from commonplace.scope import Scope

_ANSWER_SECONDS = 0.25
_STEP_SECONDS = 120.0
_OWNER_SECONDS = 120.0
_SERVER_SECONDS = 5.0
_TURN_SECONDS = 0.1
_LOOK_EVERY = 0.2
_BUSY = "the index is busy"


class Index(Serving):
    """Starts the index process when it pays, asks it, and does without it when it cannot answer.

    Only one process owns the index of a memory at a time. Where another does, an embedded index is
    not asked, the ledger answers exactly, and ownership is tried for again; one on a server is
    asked all the same.

    Args:
        ledger: the ledger the index follows.
        directory: where the index is, and the lock that says who owns it; None where processes that
            use the ledger share no directory: then the index is on a server and its owner has a
            lease in the ledger. A memory in memory has no index.
        target: the server, or None for an embedded index.
        enabled: whether there is to be an index at all.
        always: whether it is kept from the first record on, needed or not.
    """

    @property
    def directory(self) -> Path | None:
        """Where the embedded index lies."""
        return self._home / INDEX_DIRECTORY if self._home and not self._target else None

    @property
    def server(self) -> str | None:
        """The address of the server that the index is on, if it is another than the ledger's."""
        return None if self._target is None else self._target.server

    @property
    def state(self) -> str:
        """What the index is doing.

        `off`, `not needed yet`, `elsewhere` (another process owns it), `starting`, `ready`, or
        `unreachable` (its server is).
        """
        if not self._enabled:
            return "off"
        if self._served is None:
            return "elsewhere" if self._wanted() or self._is_on_a_server() else "not needed yet"
        if self._turn.acquire(timeout=_TURN_SECONDS):
            try:
                if self._is_ready() and self._is_idle():
                    self._ask({"do": "say"}, timeout=_ANSWER_SECONDS)
            finally:
                self._turn.release()
        if not (self._served and self._served.ready):  # it may be gone by now
            return "starting"
        if self._fault:
            return "unreachable"
        return "elsewhere" if self._elsewhere else "ready"

    def nudge(self) -> None:
        """Called after writes: start the index process if there is enough for it to follow."""
        if self._enabled and not self._is_running():
            now = time.monotonic()
            if now - self._looked >= _LOOK_EVERY and self._turn.acquire(timeout=_TURN_SECONDS):
                try:
                    self._looked = now
                    self._try_start()
                finally:
                    self._turn.release()

    def nearest(self, query: DenseQuery, count: int, *, scope: Scope | None) -> Nearest | NoAnswer:
        """The records nearest to a query, if the index can answer within a moment."""
        if not self._turn.acquire(timeout=_TURN_SECONDS):
            return NoAnswer(_BUSY)
        try:
            return self._nearest(query, count, scope)
        finally:
            self._turn.release()

    def flush(self) -> None:
        """Follow the journal to its end, if the memory is large enough to have an index.

        Where another process owns the index, that one is waited for, as long as it goes on.

        Raises:
            IndexUnavailableError: the index process died twice over it, or the server of the index
                cannot be used, or another process has the index and does not go on.
        """
        if not self._enabled or not self._wanted():
            return
        for _ in range(2):
            if self._followed_here():
                return
            if self._elsewhere:
                self._wait_for_owner()
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
            if self._served is None:
                return []
            answer = self._ask({"do": "problems"}, patience=_STEP_SECONDS)
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

        An index of another process is removed by that one. One on a server is begun anew, and its
        collections of before are deleted: its files are out of reach.

        Args:
            epoch: how many erasures there were.
            wait: for how many seconds another process is waited for.

        Returns:
            Whether it is gone.
        """
        if self._target is not None and self._enabled:
            return self._forget_on_server(epoch, wait)
        if self._home is None:  # then only the owner of one on a server can drop it
            return dropped(self._ledger, None, epoch, wait=wait)
        with self._turn:
            self._kill()
            return removed(self._ledger, self._home, epoch, wait=wait)

    def close(self) -> None:
        """End the index process after what little it may have to catch up on. Idempotent."""
        with self._turn:
            self._closed = True
            self._enabled = False
            had = self._served is not None
            self._stop()
            if had:
                self._give_back()

    def _forget_on_server(self, epoch: int, wait: float) -> bool:
        """See that the owner drops it; our own process is ended if it is stopped."""
        if dropped(self._ledger, self._home, epoch, wait=0):
            return True
        with self._turn:
            if self._served is not None and self._served.is_stopped():
                self._kill()
            self._try_start(at_once=True)
        return dropped(self._ledger, self._home, epoch, wait=wait)

    def _nearest(self, query: DenseQuery, count: int, scope: Scope | None) -> Nearest | NoAnswer:
        if not self._is_ready() or not self._is_idle():
            return NoAnswer(self._why_not())
        message = {
            "do": "nearest",
            "space": query.space.id,
            "count": count,
            "where": _where(scope),
        }
        payload = query.vector.astype("<f4", copy=False).tobytes()
        answer = self._ask(message, payload, timeout=_ANSWER_SECONDS)
        if answer is None:
            return NoAnswer("the index did not answer in time")
        if "why" in answer:
            return NoAnswer(answer["why"])
        # Read after the index answered: what it may hold otherwise than a snapshot that a search
        # began with has changed by now, and stands in the journal.
        with self._ledger.read() as snapshot:
            changed = snapshot.changed(answer["applied"], EXACT_LIMIT + 1)
        if len(changed) > EXACT_LIMIT:
            return NoAnswer("the index has not followed far enough yet")
        return Nearest(record_ids(answer["ids"]), [pk for pk, _ in changed])

    def _why_not(self) -> str:
        if self._fault:
            return self._fault
        if not self._enabled:
            return "this memory was opened without an index"
        if self._served is not None:
            return _BUSY if self._served.ready else "the index is starting"
        if self._elsewhere:
            return "another process has the index"
        if self._is_on_a_server():
            return "the index is on a server; name that with index="
        return "the index is not begun"

    def _is_on_a_server(self) -> bool:
        """Whether the index was begun on a server that this memory was not opened with."""
        return self._target is None and place_of(self._ledger) not in {None, EMBEDDED}

    def _followed_here(self) -> bool:
        """Whether a process of ours has the index and followed the journal to its end."""
        with self._turn:
            return self._started() and self._followed() and not self._elsewhere

    def _wait_for_owner(self) -> None:
        """Wait until whoever has the index has followed what the journal holds now."""
        with self._ledger.read() as snapshot:
            head = snapshot.head()
        applied, progressed = self._applied(), time.monotonic()
        while any(seq < head for seq in applied):
            if time.monotonic() >= progressed + _OWNER_SECONDS:
                raise IndexUnavailableError(
                    "another process has the index and does not follow the journal; nothing is "
                    "lost, searches are answered from the ledger; see whether that process hangs"
                )
            time.sleep(_LOOK_EVERY)
            if self._followed_here():  # the other has ended
                return
            before, applied = applied, self._applied()
            if applied != before:
                progressed = time.monotonic()

    def _applied(self) -> list[int]:
        """How far the index of each space has followed the journal, whoever has it."""
        with self._ledger.read() as snapshot:
            return snapshot.applied_seqs()

    def _followed(self) -> bool:
        """Whether the process followed the journal to its end; False if it died or was stuck."""
        began = progressed = time.monotonic()
        while self._served is not None:
            reach("index.following")
            answer = self._ask({"do": "follow"}, patience=_STEP_SECONDS)
            if answer is None:
                return False
            if not answer["error"]:
                if not answer["more"]:
                    return True
                progressed = time.monotonic()
                continue
            if self._fault and time.monotonic() >= began + _SERVER_SECONDS:
                raise IndexUnavailableError(self._fault)
            if time.monotonic() >= progressed + _STEP_SECONDS:
                raise IndexUnavailableError(
                    f"the index cannot follow the journal now ({answer['error']}); nothing is "
                    "lost, try again"
                )
        return False


def open_index(
    ledger: Ledger, directory: Path | None, choice: str | ChromaServer | ChromaCloud
) -> Index:
    """The index of a memory.

    Args:
        ledger: its ledger.
        directory: its directory, or None; see `Index`.
        choice: `"auto"`, `"chroma"`, `"pgvector"`, `"exact"`, or a Chroma server.

    Raises:
        InvalidInputError: the choice is none of these, or none for such a ledger.
    """
    if ledger.on_server and choice == "chroma":
        raise InvalidInputError(
            "a ledger on a server has no directory for an embedded index: leave index= out, or "
            "say 'pgvector', or name a Chroma server"
        )
    if choice == PGVECTOR and not ledger.on_server:
        raise InvalidInputError(
            "index='pgvector' is kept beside a ledger on PostgreSQL, and this one is none: leave "
            "index= out for an embedded index, or open the memory at postgresql://..."
        )
    target = PgvectorTarget(ledger.name) if choice == PGVECTOR else target_of(choice)
    always = target is not None or choice == "chroma"
    return Index(ledger, directory, target, enabled=choice != "exact", always=always)


def _where(scope: Scope | None) -> dict[str, str] | None:
    return None if scope is None else {f"scope_{len(scope.segments)}": scope.path}
