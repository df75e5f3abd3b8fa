"""The index process: owns an embedded Chroma (or speaks to a server) on behalf of one memory.

Chroma's writes hold the interpreter lock for their whole length, its damaged files crash the
process that opens them, and its import takes over a second. So it lives in a process of its own:
the caller is never stalled, never crashed, and never imports it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from commonplace.errors import CommonplaceError
from commonplace.index.channel import Channel, ChannelClosedError
from commonplace.index.follower import Follower, record_ids, start_over
from commonplace.index.manifest import (
    INDEX_DIRECTORY,
    LOCK_FILE,
    NOT_OWNER,
    Manifest,
    clear,
    digests,
    read_manifest,
    remove,
    write_manifest,
)
from commonplace.index.safety import is_safe
from commonplace.ledger import Ledger

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from commonplace.ledger import Snapshot, Space

_IDLE = 0.1
_CHUNK = 2000
_CHUNK_BESIDE_SEARCHES = 32
_QUIET_SECONDS = 1.0
_PROBES = 20
_ALIKE = 0.99


def main(arguments: list[str]) -> int:
    """Serve one memory until it closes or dies.

    Args:
        arguments: the memory's directory, the server's URL or an empty text, and `rebuild` or
            `keep`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the memory decides when this process ends
    os.umask(0o077)  # before Chroma starts its threads: its files are the owner's alone
    parent = os.getppid()
    os.chdir(Path(__file__).parent)  # Chroma reads `.env` where it stands, on import already
    channel = _take_stdout()
    directory, url, start = Path(arguments[0]), arguments[1], arguments[2]
    lock = FileLock(directory / LOCK_FILE, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        return NOT_OWNER
    ledger = Ledger.open(directory)
    ledger.look_blind()  # what is encrypted is not to be in the index
    try:
        opened = _Opened(ledger, directory, url, rebuild=start == "rebuild")
        _Worker(channel, ledger, opened, parent).run()
    finally:
        ledger.close()
        lock.release()
    return 0


class _Opened:
    """The index as it was found or begun anew, and how to leave it."""

    def __init__(self, ledger: Ledger, directory: Path, url: str, *, rebuild: bool) -> None:
        from commonplace.index.chroma import VERSION, ChromaIndex  # noqa: PLC0415 - 1.5 s

        self._ledger = ledger
        self._directory = None if url else directory / INDEX_DIRECTORY
        self._version = VERSION
        self._epoch = ledger.epoch()
        self.compared = False
        if self._directory is None:
            self.chroma = ChromaIndex.server(url, ledger.id)
        else:
            if rebuild or not self._trusted(self._directory):
                self._begin_anew(self._directory)
            self._mark(in_use=True)
            self.chroma = ChromaIndex.embedded(self._directory)
        self.follower = Follower(ledger, self.chroma)
        if self._directory is None and (rebuild or self.outdated()):
            self._drop_all()
        self.compare()

    def spaces(self) -> dict[int, Space]:
        """The spaces of the ledger that are whole; the index holds no others."""
        with self._ledger.read() as snapshot:
            return {space.id: space for space in snapshot.searchable_spaces().values()}

    def step(self, most: int) -> bool:
        """Follow the journal a stretch; whether there is more to do."""
        return self.follower.step(most) or self.compare()

    def compare(self) -> bool:
        """Compare the index with the ledger, once and as soon as it has followed all of it.

        Before that it cannot be told whether it lacks what it should have followed earlier.

        Returns:
            Whether it was wrong and starts over.
        """
        if self.compared:
            return False
        with self._ledger.read() as snapshot:
            head = snapshot.head()
            spaces = snapshot.searchable_spaces().values()
            if any(snapshot.applied_seq(space) < head for space in spaces):
                return False
            found = self._differences(snapshot)
        self.compared = True
        if found:
            self.follower.start_over(self.spaces().values())
        return bool(found)

    def differences(self) -> list[str]:
        """Where the index, as far as it has followed, does not hold what the ledger holds."""
        with self._ledger.read() as snapshot:
            return self._differences(snapshot)

    def _differences(self, snapshot: Snapshot) -> list[str]:
        found: list[str] = []
        head = snapshot.head()
        for space in snapshot.searchable_spaces().values():
            if snapshot.applied_seq(space) == head:
                held = self.chroma.count(space)
                if held != space.vectors:
                    found.append(f"space {space.name!r}: {held} of {space.vectors} vectors")
                elif astray := self._astray(snapshot, space):
                    found.append(f"space {space.name!r}: {astray} of {_PROBES} probes astray")
        return found

    def outdated(self) -> bool:
        """Whether something was erased since the index was begun."""
        try:
            if self._directory is not None:
                return self._ledger.epoch() > self._epoch
            with self._ledger.read() as snapshot:
                return snapshot.epoch > snapshot.erasures.followed()
        except CommonplaceError:  # it is asked again in a moment
            return False

    def forget(self) -> bool:
        """Remove an index that may hold what was erased.

        Returns:
            Whether it can go on. The files of an embedded index are not written to again by the
            process that removed them.
        """
        try:
            if self._directory is None:
                self._drop_all()
                return True
            start_over(self._ledger)
        except CommonplaceError:  # the ledger is busy: it is tried again in a moment
            time.sleep(_IDLE)
            return True
        self.chroma.close()
        remove(self._directory)
        return False

    def _drop_all(self) -> None:
        epoch = self._ledger.epoch()
        self.follower.start_over(self.spaces().values())
        with self._ledger.write() as transaction:
            transaction.erasures.follow(epoch)

    def _begin_anew(self, directory: Path) -> None:
        """Empty the index; first say so in the ledger: killed in between, it must not pass."""
        start_over(self._ledger)
        clear(directory)
        self.compared = True

    def _astray(self, snapshot: Snapshot, space: Space) -> int:
        """How many of some stored vectors do not lead to a vector like themselves."""
        step = max(space.vectors // _PROBES, 1)
        rows = [
            row
            for n, row in enumerate(snapshot.vector_rows(space, limit=step * _PROBES))
            if n % step == 0
        ]
        return sum(not self._leads_home(snapshot, space, vector) for _, _, vector in rows)

    def _leads_home(self, snapshot: Snapshot, space: Space, vector: NDArray[np.float32]) -> bool:
        ids = record_ids(self.chroma.nearest(space, vector, 1, None))
        _, found = snapshot.vectors(space, snapshot.pks_by_id(ids).values())
        lengths = np.linalg.norm(found, axis=1) * np.linalg.norm(vector)
        return bool(np.any(found @ vector >= _ALIKE * lengths))

    def close(self) -> None:
        """Leave the index cleanly."""
        self.chroma.close()
        self._mark(in_use=False)

    def _trusted(self, directory: Path) -> bool:
        manifest = read_manifest(directory)
        if manifest is None or manifest.ledger_id != self._ledger.id:
            return False
        if manifest.epoch != self._epoch:
            return False
        if manifest.chroma != self._version:  # building anew is surer than its migrations
            return False
        if not is_safe(directory):
            return False
        return manifest.digests is None or manifest.digests == digests(directory)

    def _mark(self, *, in_use: bool) -> None:
        if self._directory is not None:
            manifest = Manifest(ledger_id=self._ledger.id, chroma=self._version, epoch=self._epoch)
            if not in_use:
                manifest = replace(manifest, digests=digests(self._directory))
            write_manifest(self._directory, manifest)


class _Worker:
    """Answers the memory's messages, and follows the journal between them."""

    def __init__(self, channel: Channel, ledger: Ledger, opened: _Opened, parent: int) -> None:
        self._channel = channel
        self._ledger = ledger
        self._opened = opened
        self._parent = parent
        self._searched = 0.0

    def run(self) -> None:
        """Serve until told to close, or until the memory's process is gone."""
        busy = True
        while os.getppid() == self._parent:
            if self._opened.outdated() and not self._opened.forget():
                return  # the memory starts another one, which begins anew
            try:
                received = self._channel.receive(0 if busy else _IDLE)
                if received is not None:
                    message, payload = received
                    reply = self._answer(message, payload)
                    self._channel.send({"id": message["id"], **reply})
                    if message["do"] == "close":
                        return
                    continue
            except ChannelClosedError:
                break
            quiet = time.monotonic() - self._searched > _QUIET_SECONDS
            busy = self._follow(_CHUNK if quiet else _CHUNK_BESIDE_SEARCHES)["more"]
        self._opened.close()

    def _follow(self, most: int) -> dict[str, Any]:
        """One step; the error's name if the ledger was busy or full, which is no fault of ours."""
        try:
            return {"more": self._opened.step(most), "error": None}
        except CommonplaceError as error:
            time.sleep(_IDLE)
            return {"more": True, "error": type(error).__name__}

    def _answer(self, message: dict[str, Any], payload: bytes) -> dict[str, Any]:
        if message["do"] == "nearest":
            return self._nearest(message, payload)
        if message["do"] == "follow":
            return self._follow(_CHUNK)
        if message["do"] == "problems":
            return {"problems": self._opened.differences()}
        if message["do"] == "close":
            self._opened.close()
        return {}

    def _nearest(self, message: dict[str, Any], payload: bytes) -> dict[str, Any]:
        self._searched = time.monotonic()
        space = self._opened.follower.space(message["space"])
        if space is None:  # a reindex replaced it meanwhile
            return {"ids": [], "applied": 0}
        # An index that is not yet known to be right proposes, and the ledger leaves nothing out.
        applied = self._opened.follower.applied(space) if self._opened.compared else 0
        vector = np.frombuffer(payload, dtype="<f4")
        ids = self._opened.chroma.nearest(space, vector, message["count"], message["where"])
        return {"ids": ids, "applied": applied}


def _take_stdout() -> Channel:
    """The pipes to the memory; whatever a library prints goes to standard error instead."""
    outgoing = os.dup(1)
    os.dup2(2, 1)
    return Channel(0, outgoing)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
