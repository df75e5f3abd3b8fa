"""`Wire`: statements on their way to a PostgreSQL server, many at a time where nobody waits.

libpq's pipeline: a statement is sent at once and its rows are taken when somebody looks at them. So
a transaction takes as many round trips as there are answers that decide what comes next, and all
that it writes goes with its COMMIT.
"""

from __future__ import annotations

import itertools
import select
from collections import deque
from typing import TYPE_CHECKING, Any

from psycopg import pq
from psycopg.adapt import AdaptersMap, Loader, Transformer
from psycopg.postgres import adapters

from commonplace.ledger.postgres_text import read

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection
    from psycopg.abc import Buffer
    from psycopg.pq.abc import PGresult

    Values = Sequence[bytes | None]
    Formats = Sequence[int]

_MOST_PREPARED = 1000
_UNASKED = 20
SPARE_SECONDS = 30.0
"""So long after it should have given up every statement a silent server is taken for hung."""
_TEXTS = ("text", "varchar", "bpchar", "name")


class WireError(Exception):
    """The server refused a statement, or is gone; it holds nothing of what was sent.

    Attributes:
        state: the SQLSTATE; empty if the server is gone.
    """

    def __init__(self, state: str) -> None:
        super().__init__(f"SQLSTATE {state}" if state else "the connection is lost")
        self.state = state


class _TextLoader(Loader):
    format = pq.Format.BINARY

    def load(self, data: Buffer) -> str:
        return read(str(data, "utf-8"))


def context() -> AdaptersMap:
    """How what a server gives is read."""
    found = AdaptersMap(adapters)
    for name in _TEXTS:
        found.register_loader(name, _TextLoader)
    return found


class Reply:
    """What a statement will give, once it is looked at."""

    __slots__ = ("number", "result", "wire")

    def __init__(self, wire: Wire, number: int) -> None:
        self.wire = wire
        self.number = number
        self.result: PGresult | None = None


class Wire:
    """A connection in pipeline mode. Not shared between threads.

    Args:
        connection: the driver's, in autocommit mode; used by nobody else from now on.
        timeout: after how many seconds the server gives up a statement; 0 for never. One that has
            not done so some time later hangs, and is given up.
    """

    def __init__(self, connection: Connection[Any], timeout: float = 0) -> None:
        self._connection = connection
        self._timeout = timeout
        self._pg = connection.pgconn
        self._pg.enter_pipeline_mode()
        self._transformer = Transformer(connection)
        self._poll = select.poll()
        self._poll.register(self._pg.socket, select.POLLIN)
        self._poll_both = select.poll()
        self._poll_both.register(self._pg.socket, select.POLLIN | select.POLLOUT)
        self._awaited: deque[Reply | None] = deque()  # None for the end of a transaction
        self._names: dict[str, bytes] = {}
        self._numbers = itertools.count()
        self._asked = self._flushed = 0  # the last statement sent, and the last one to be answered
        self._error: WireError | None = None

    def ask(
        self, text: str, values: Values = (), formats: Formats | None = None, *, keep: bool = True
    ) -> Reply:
        """Send a statement, whose answer is taken later.

        Args:
            text: the statement.
            values: what it is given for `$1`, `$2` and so on.
            formats: 1 for each of them that is binary, else 0; None if none is.
            keep: whether the server keeps it, parsed, for the next time.
        """
        try:
            if keep:
                name = self._names.get(text) or self._prepare(text)
                self._pg.send_query_prepared(name, values, formats, pq.Format.BINARY)
            else:
                self._pg.send_query_params(text.encode(), values, None, formats, pq.Format.BINARY)
        except Exception as error:
            raise self._lost() from error
        return self._await()

    def result(self, reply: Reply) -> PGresult:
        """What a statement gave, waited for.

        Raises:
            WireError: it or an earlier one was refused.
        """
        if reply.number > self._flushed:  # the server keeps back what it was not asked to send
            self._flushed = self._asked
            self._send(self._pg.send_flush_request)
        while reply.result is None:
            self._take()
        if self._error is not None:
            raise self._error
        return reply.result

    def rows(self, reply: Reply, make: Callable[[Sequence[Any]], Any] | None = None) -> list[Any]:
        """The rows that a statement gave; `make` makes one of a tuple."""
        result = self.result(reply)
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, make or tuple)

    def columns(self, reply: Reply) -> tuple[str, ...]:
        """The names of the columns that a statement gave."""
        result = self.result(reply)
        return tuple((result.fname(n) or b"").decode() for n in range(result.nfields))

    def end(self, *, wait: bool) -> None:
        """End a run of statements; what came of the last one is waited for, if it is to be.

        Raises:
            WireError: one was refused.
        """
        self._flushed = self._asked
        self._send(self._pg.pipeline_sync)
        if wait:
            self._drain()
            if self._error is not None:
                raise self._error

    def undo(self) -> None:
        """Leave a transaction, whatever state it is in.

        Raises:
            WireError: the server is gone.
        """
        if self._error is not None and not self._error.state:  # it would be waited for once more
            raise self._error
        self._send(self._pg.pipeline_sync)
        self._drain()
        refused, self._error = self._error, None
        if self._pg.transaction_status != pq.TransactionStatus.IDLE:
            self.ask("ROLLBACK", keep=False)
        if refused is not None:  # what was to be prepared after it was not
            self._names = {}
            self.ask("DEALLOCATE ALL", keep=False)
        self.end(wait=True)

    def alive(self) -> bool:
        """Whether the connection can be used again, as far as can be told without asking."""
        try:
            self._drain()
            if self._error is not None or self._pg.status != pq.ConnStatus.OK:
                return False
            for _ in range(_UNASKED):  # it says something unasked: a notice, or a farewell
                if not self._poll.poll(0):
                    break
                self._pg.consume_input()  # which raises where nothing follows the farewell
                self._pg.is_busy()
            if len(self._names) > _MOST_PREPARED:
                self._names.clear()
                self.ask("DEALLOCATE ALL", keep=False)
                self.end(wait=True)
        except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not used again
            return False
        return self._pg.status == pq.ConnStatus.OK

    def close(self) -> None:
        """Close the connection; the server undoes what was begun."""
        self._connection.close()

    def _prepare(self, text: str) -> bytes:
        name = b"c%d" % next(self._numbers)
        self._pg.send_prepare(name, text.encode())
        self._await()
        self._names[text] = name
        return name

    def _await(self) -> Reply:
        self._asked += 1
        self._awaited.append(reply := Reply(self, self._asked))
        return reply

    def _send(self, request: Callable[[], None]) -> None:
        try:
            request()
            if request == self._pg.pipeline_sync:
                self._awaited.append(None)
            while self._pg.flush():
                ready = self._ready(self._poll_both)
                if ready & ~select.POLLOUT:
                    self._pg.consume_input()
        except Exception as error:
            raise self._lost() from error

    def _drain(self) -> None:
        while self._awaited:
            self._take()

    def _take(self) -> None:
        """Take the next answer."""
        try:
            result = self._next()
            reply = self._awaited.popleft()
            while reply is not None and self._next() is not None:  # what ends an answer
                pass
        except Exception as error:
            raise self._lost() from error
        if reply is None:
            return
        if result is None:
            raise self._lost()
        reply.result = result
        if result.status == pq.ExecStatus.FATAL_ERROR and self._error is None:
            state = result.error_field(pq.DiagnosticField.SQLSTATE)
            self._error = WireError(state.decode() if state else "")

    def _next(self) -> PGresult | None:
        while self._pg.is_busy():
            self._ready(self._poll)
            self._pg.consume_input()
        return self._pg.get_result()

    def _ready(self, poll: select.poll) -> int:
        """Wait until something can be read or sent; which of the two."""
        statements = len(self._awaited) + 1
        most = (self._timeout * statements + SPARE_SECONDS) * 1000 if self._timeout else None
        ready = poll.poll(most)
        if not ready:
            raise TimeoutError
        return ready[0][1]

    def _lost(self) -> WireError:
        self._error = self._error or WireError("")
        return self._error
