"""What can be wrong with a server, and with being the one that writes to it."""

from __future__ import annotations

from commonplace.errors import IndexUnavailableError, StoreUnavailableError

MEANWHILE = "searches are answered from the ledger meanwhile, and the index catches up by itself"


class ServerFaultError(IndexUnavailableError):
    """The server cannot be used now; the message names it, and says what to do.

    Attributes:
        under_way: whether what was asked of it may still be done, later.
    """

    def __init__(self, message: str, *, under_way: bool = False) -> None:
        super().__init__(message)
        self.under_way = under_way


class PassingFaultError(ServerFaultError):
    """It did not answer, or said that it is busy: the same may be sent again."""


class CollectionGoneError(ServerFaultError):
    """A collection, or a table, that was there is not."""


class AlteredError(ServerFaultError):
    """A collection does not hold what was written to it."""


class OwnershipLostError(StoreUnavailableError):
    """Another process writes the index now."""
