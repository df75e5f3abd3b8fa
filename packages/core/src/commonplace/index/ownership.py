"""`Ownership`: who writes the index, one process at a time, and how another takes over.

Where every process uses one directory, a lock on a file in it says who does: the system frees it
the moment its holder ends. Where all they share is the ledger, a lease in it does: its holder
renews it, and who sees it unchanged for long enough takes it over. No clocks are compared: each
process measures by its own how long it saw no change.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Protocol

from filelock import FileLock, Timeout

from commonplace.index.faults import OwnershipLostError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from commonplace.ledger import Ledger, Transaction

LEASE_SECONDS = 15.0
"""A lease that was not renewed for so long is taken over."""

_SETTING = "index_lease"
_RENEWALS = 5
_LOOK_EVERY = 0.5


class Ownership(Protocol):
    """The right to write the index of one ledger."""

    def take(self) -> bool:
        """Whether it is ours, or is now. Cheap, and asked again and again."""
        ...

    def renew(self) -> None:
        """Say that we live, if it is time to.

        Raises:
            OwnershipLostError: another process has taken over.
        """
        ...

    def writing(self) -> contextlib.AbstractContextManager[Transaction]:
        """A write transaction of the ledger that is undone unless it is still ours.

        Raises:
            OwnershipLostError: another process has taken over.
        """
        ...

    def release(self) -> None:
        """Let another process take it at once."""
        ...


class FileOwnership:
    """Ownership by a lock on a file.

    Args:
        ledger: whose index it is.
        path: the file.
    """

    def __init__(self, ledger: Ledger, path: Path) -> None:
        self._ledger = ledger
        self._lock = FileLock(path, timeout=0, mode=0o600)
        self._looked = float("-inf")

    def take(self) -> bool:
        """Whether the lock is ours, or is now."""
        if not self._lock.is_locked and time.monotonic() - self._looked >= _LOOK_EVERY:
            self._looked = time.monotonic()
            with contextlib.suppress(Timeout):
                self._lock.acquire()
        return self._lock.is_locked

    def renew(self) -> None:
        """Nothing: a lock is held until it is given back, or its holder ends."""

    @contextlib.contextmanager
    def writing(self) -> Generator[Transaction]:
        """A write transaction of the ledger."""
        with self._ledger.write() as transaction:
            yield transaction

    def release(self) -> None:
        """Give the lock back."""
        self._lock.release()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lease:
    owner: str
    beat: int
    seconds: float


class LeaseOwnership:
    """Ownership by a lease in the ledger.

    Args:
        ledger: whose index it is.
        owner: who is to hold it. The processes that a memory starts one after the other, each when
            the one before has ended, share a name, and take it from each other at once.
        seconds: for how long it holds without being renewed.
    """

    def __init__(self, ledger: Ledger, owner: str, seconds: float = LEASE_SECONDS) -> None:
        self._ledger = ledger
        self._owner = owner
        self._seconds = seconds
        self._held = False
        self._renewed = float("-inf")
        self._looked = float("-inf")
        self._seen: _Lease | None = None
        self._since = 0.0

    def take(self) -> bool:
        """Whether the lease is ours, or is now."""
        now = time.monotonic()
        if not self._held and now - self._looked >= min(_LOOK_EVERY, self._seconds / _RENEWALS):
            self._looked = now
            with self._ledger.read() as snapshot:
                text = snapshot.setting(_SETTING)
            if self._may_take(_parsed(text), now):
                self._held = self._took(text)
        return self._held

    def renew(self) -> None:
        """Renew the lease, some times as often as is needed."""
        if time.monotonic() - self._renewed >= self._seconds / _RENEWALS:
            with self.writing():
                pass

    @contextlib.contextmanager
    def writing(self) -> Generator[Transaction]:
        """A write transaction that renews the lease, or is undone."""
        with self._ledger.write() as transaction:
            text = transaction.setting(_SETTING)
            lease = _parsed(text)
            if lease is None or lease.owner != self._owner:
                self._held = False
                raise OwnershipLostError("another process has taken over the index")
            if not transaction.swap_setting(_SETTING, text, _text(_next(lease))):
                self._held = False
                raise OwnershipLostError("another process is taking over the index")
            yield transaction
        self._renewed = time.monotonic()

    def release(self) -> None:
        """End the lease, if it is still ours."""
        if self._held:
            self._held = False
            with self._ledger.write() as transaction:
                text = transaction.setting(_SETTING)
                lease = _parsed(text)
                if lease is not None and lease.owner == self._owner:
                    transaction.swap_setting(_SETTING, text, "")

    def give_back(self) -> None:
        """End the lease for a process of this owner that was ended before it could."""
        with self._ledger.read() as snapshot:
            lease = _parsed(snapshot.setting(_SETTING))
        self._held = lease is not None and lease.owner == self._owner
        self.release()

    def _may_take(self, lease: _Lease | None, now: float) -> bool:
        if lease is None or lease.owner == self._owner:
            return True
        if lease != self._seen:
            self._seen, self._since = lease, now
        return now - self._since >= lease.seconds

    def _took(self, text: str | None) -> bool:
        lease = _parsed(text)
        beat = 0 if lease is None else lease.beat
        ours = _next(_Lease(owner=self._owner, beat=beat, seconds=self._seconds))
        with self._ledger.write() as transaction:
            took = transaction.swap_setting(_SETTING, text, _text(ours))
        self._renewed = time.monotonic()
        return took


def _next(lease: _Lease) -> _Lease:
    return replace(lease, beat=lease.beat + 1)


def _text(lease: _Lease) -> str:
    return json.dumps(asdict(lease))


def _parsed(text: str | None) -> _Lease | None:
    return _Lease(**json.loads(text)) if text else None
