"""The index process: owns an embedded Chroma, or speaks to a server, on behalf of one memory.

Chroma's writes hold the interpreter lock for their whole length, its damaged files crash the
process that opens them, and its import takes over a second. So it lives in a process of its own:
the caller is never stalled, never crashed, and never imports it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from commonplace.errors import CommonplaceError
from commonplace.index.channel import Channel, ChannelClosedError
from commonplace.index.manifest import INDEX_DIRECTORY, LOCK_FILE, NOT_OWNER
from commonplace.index.ownership import FileOwnership, LeaseOwnership, Ownership
from commonplace.index.pgvector import PGVECTOR, PgvectorTarget
from commonplace.index.servers import ChromaTarget
from commonplace.ledger import Ledger, is_url

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from commonplace.index.port import Target

_IDLE = 0.1
_HELLO_SECONDS = 60.0
_CHUNK = 2000
_CHUNK_BESIDE_SEARCHES = 32
_QUIET_SECONDS = 1.0


def main() -> int:
    """Serve one memory until it closes or dies; what to serve is its first message."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the memory decides when this process ends
    os.umask(0o077)  # before Chroma starts its threads: its files are the owner's alone
    parent = os.getppid()
    os.chdir(Path(__file__).parent)  # Chroma reads `.env` where it stands, on import already
    channel = _take_stdout()
    try:
        received = channel.receive(_HELLO_SECONDS)
    except ChannelClosedError:
        return 0
    if received is None:
        return 0
    hello, _ = received
    place: str = hello["ledger"]
    ledger = Ledger.open(place if is_url(place) else Path(place))
    ledger.look_blind()  # what is encrypted is not to be in the index
    ownership = _ownership(hello, ledger)
    try:
        if hello["target"] is None and not ownership.take():
            return NOT_OWNER
        _Worker(channel, _opened(hello, ledger, ownership), parent).run(hello["id"])
    finally:
        ownership.release()
        ledger.close()
    return 0


class _Index(Protocol):
    """What is served: an embedded index or one on a server.

    Attributes:
        owner: whether this process writes it.
        fault: why its server cannot be used now; empty if it can.
    """

    owner: bool
    fault: str

    def step(self, most: int) -> bool:
        """Follow the journal a stretch; whether there is more to do."""
        ...

    def hurry(self) -> None:
        """Try at the next step what was to be left alone for a while: somebody waits."""
        ...

    def nearest(
        self, space_id: int, vector: NDArray[np.float32], count: int, where: dict[str, Any] | None
    ) -> dict[str, Any]:
        """The entries nearest to a vector."""
        ...

    def problems(self) -> list[str]:
        """Where the index does not hold what the ledger holds."""
        ...

    def goes_on(self) -> bool:
        """Whether this process can go on with it."""
        ...

    def close(self) -> None:
        """Leave it cleanly."""
        ...


def _ownership(hello: dict[str, Any], ledger: Ledger) -> Ownership:
    """By a lock where the memory has a directory of its own, or else by a lease in its ledger."""
    if hello["home"] is not None:
        return FileOwnership(ledger, Path(hello["home"]) / LOCK_FILE)
    return LeaseOwnership(ledger, hello["owner"], hello["lease"])


def _opened(hello: dict[str, Any], ledger: Ledger, ownership: Ownership) -> _Index:
    """The index; Chroma is imported only here, as it takes 1.5 s."""
    home = None if hello["home"] is None else Path(hello["home"])
    if hello["target"] is not None:
        from commonplace.index.served import ServedIndex  # noqa: PLC0415 - as above

        return ServedIndex(
            ledger,
            _target(hello["target"]),
            ownership,
            leftover=None if home is None else home / INDEX_DIRECTORY,
            rebuild=hello["rebuild"],
        )
    from commonplace.index.opened import EmbeddedIndex  # noqa: PLC0415 - as above

    assert home is not None  # noqa: S101 - only an index on a server does without
    return EmbeddedIndex(ledger, home, rebuild=hello["rebuild"])


def _target(message: dict[str, Any]) -> Target:
    own = message.get(PGVECTOR)
    return ChromaTarget(**message) if own is None else PgvectorTarget(own)


class _Worker:
    """Answers the memory's messages, and follows the journal between them."""

    def __init__(self, channel: Channel, index: _Index, parent: int) -> None:
        self._channel = channel
        self._index = index
        self._parent = parent
        self._searched = self._followed = 0.0

    def run(self, hello: int) -> None:
        """Serve until told to close, or until the memory's process is gone.

        Args:
            hello: the message to be answered first.
        """
        try:
            self._send(hello, {})
            if self._served():
                return
        except ChannelClosedError:
            pass
        self._index.close()

    def _served(self) -> bool:
        """Serve; whether the index is closed or gone at the end."""
        busy = True
        while os.getppid() == self._parent:
            if not self._index.goes_on():
                return True  # the memory starts another process, which begins anew
            received = self._channel.receive(0 if busy else _IDLE)
            self._channel.flush()  # of an answer that nobody took in time, and that is waited for
            if received is not None:
                message, payload = received
                self._send(message["id"], self._answer(message, payload))
                if message["do"] == "close":
                    return True
            # However closely one message comes after the other, the journal is followed.
            if received is None or time.monotonic() - self._followed >= _IDLE:
                quiet = time.monotonic() - self._searched > _QUIET_SECONDS
                busy = self._follow(_CHUNK if quiet else _CHUNK_BESIDE_SEARCHES)["more"]
        return False

    def _send(self, number: int, reply: dict[str, Any]) -> None:
        said = {"owner": self._index.owner, "fault": self._index.fault}
        self._channel.send({"id": number, **said, **reply})

    def _follow(self, most: int) -> dict[str, Any]:
        """One step; what is wrong if the ledger was busy or full, or the server cannot be used."""
        try:
            more = self._index.step(most)
        except CommonplaceError as error:
            return {"more": False, "error": type(error).__name__}
        finally:
            self._followed = time.monotonic()
        return {"more": more, "error": None}

    def _answer(self, message: dict[str, Any], payload: bytes) -> dict[str, Any]:
        if message["do"] == "nearest":
            self._searched = time.monotonic()
            return self._nearest(message, np.frombuffer(payload, dtype="<f4"))
        if message["do"] == "follow":
            self._index.hurry()
            reply = self._follow(_CHUNK)
            if reply["error"]:
                time.sleep(_IDLE)  # or else it would be asked again at once
            return reply
        if message["do"] == "problems":
            return {"problems": self._problems()}
        if message["do"] == "close":
            self._index.close()
        return {}

    def _nearest(self, message: dict[str, Any], vector: NDArray[np.float32]) -> dict[str, Any]:
        try:
            return self._index.nearest(message["space"], vector, message["count"], message["where"])
        except CommonplaceError as error:
            return {"why": f"the index cannot read the ledger now ({type(error).__name__})"}

    def _problems(self) -> list[str]:
        try:
            return self._index.problems()
        except CommonplaceError as error:
            return [f"it cannot read the ledger now ({type(error).__name__})"]


def _take_stdout() -> Channel:
    """The pipes to the memory; whatever a library prints goes to standard error instead."""
    outgoing = os.dup(1)
    os.dup2(2, 1)
    return Channel(0, outgoing)


if __name__ == "__main__":
    sys.exit(main())
