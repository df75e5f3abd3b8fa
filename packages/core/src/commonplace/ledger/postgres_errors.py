"""What the errors of a PostgreSQL server mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg

from commonplace.errors import (
    CommonplaceError,
    DataDamagedError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    StorageFullError,
    StoreLockedError,
    StoreUnavailableError,
)

if TYPE_CHECKING:
    from commonplace.ledger.postgres_wire import WireError

LOCK_SECONDS = 10
_GONE = (
    "the server is gone, or cannot be reached; what was being written is undone, unless it was "
    "just then committed"
)
_STATES: dict[str, tuple[type[CommonplaceError], str]] = {
    "": (StoreUnavailableError, _GONE),
    "55P03": (
        StoreLockedError,
        (
            f"another process held a lock for over {LOCK_SECONDS} s: a writer that is stopped, or "
            "somebody who locks the tables (see pg_locks on the server); try again"
        ),
    ),
    "40P01": (StoreLockedError, "the server ended a deadlock; try again"),
    "40001": (StoreLockedError, "the server could not order two transactions; try again"),
    "53100": (StorageFullError, "the server's disk is full; free space and try again"),
    "53200": (StoreUnavailableError, "the server is out of memory"),
    "53300": (StoreUnavailableError, "the server takes no more connections; try again"),
    "57014": (StoreUnavailableError, "the server ended a statement that took too long"),
    "42501": (
        PermissionDeniedError,
        "the server refused access; grant the user the rights that the guide on servers names",
    ),
    "3F000": (
        PermissionDeniedError,
        "the schema is not there or not for this user; GRANT USAGE ON SCHEMA to the user",
    ),
    "25006": (PermissionDeniedError, "the database is read-only; open the primary server"),
    "28000": (PermissionDeniedError, "the server refused the user; check the URL"),
    "28P01": (PermissionDeniedError, "the server refused the password; check the URL"),
    "3D000": (NotFoundError, "the server has no such database; create it first"),
    "0A000": (
        PermissionDeniedError,
        "the server cannot do this; if it is a standby, name the primary server in the URL",
    ),
    "22003": (LimitExceededError, "a number is larger than the server takes"),
    "54000": (
        LimitExceededError,
        (
            "a key, an id or the path of a scope is longer than the server's indexes take (some "
            "2,700 bytes); shorten it"
        ),
    ),
    "42P01": (DataDamagedError, "a table of the ledger is gone; restore a backup"),
}
_CLASSES: dict[str, tuple[type[CommonplaceError], str]] = {
    "08": (StoreUnavailableError, _GONE),
    "57": (StoreUnavailableError, _GONE),
    "28": (PermissionDeniedError, "the server refused the user; check the URL"),
    "53": (StoreUnavailableError, "the server lacks resources"),
    "58": (StoreUnavailableError, "the server met an error of its system"),
    "XX": (DataDamagedError, "the server says that its data is damaged; look at its log"),
}


_STARTING = "the database system is "
"""Starting up, shutting down or recovering; a refused connection has no SQLSTATE to go by."""
_FULL = ("too many clients", "remaining connection slots")
_PASSING = (_STARTING, *_FULL, "Connection refused", "No such file")


def passes(error: BaseException) -> bool:
    """Whether a connection that was refused may be had a moment later."""
    return isinstance(error, psycopg.OperationalError) and any(
        text in str(error) for text in _PASSING
    )


def translated(error: WireError, where: str) -> CommonplaceError:
    """The error of ours that says what the server's means."""
    return meaning(error.state, where)


def meaning(state: str, where: str) -> CommonplaceError:
    """The error of ours for a SQLSTATE; for none, the server is gone."""
    fallback = (StoreUnavailableError, "the server refused")
    kind, advice = _STATES.get(state) or _CLASSES.get(state[:2]) or fallback
    return kind(f"{where}: {advice}{f' (SQLSTATE {state})' if state else ''}")
