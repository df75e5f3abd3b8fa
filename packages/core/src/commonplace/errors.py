"""The error tree: every error Commonplace raises on purpose.

Errors carry facts (ids, names, sizes) and what to do next, never the text of a memory.
`MemoryError` belongs to Python, so the root is `CommonplaceError`.
"""

from __future__ import annotations


class CommonplaceError(Exception):
    """Root of every error raised on purpose by Commonplace."""


class InvalidInputError(CommonplaceError, ValueError):
    """An argument was refused; nothing was written."""


class LimitExceededError(InvalidInputError):
    """An argument was larger than a documented limit; nothing was written."""


class QuotaExceededError(LimitExceededError):
    """A scope would hold more than its quota allows; nothing was written.

    Attributes:
        scope: the path of the scope that has the quota.
        quota: what it allows.
        used: what there would be.
    """

    def __init__(self, message: str, *, scope: str = "", quota: int = 0, used: int = 0) -> None:
        super().__init__(message)
        self.scope = scope
        self.quota = quota
        self.used = used


class RefusedError(CommonplaceError):
    """Middleware does not let this be written; nothing of the call was."""


class OutsideViewError(InvalidInputError):
    """A scope was named that lies outside the view in use."""


class NotFoundError(CommonplaceError, KeyError):
    """No such record can be seen from this view."""

    def __str__(self) -> str:
        """The plain sentence; `KeyError` would print its `repr`."""
        return str(self.args[0]) if self.args else ""


class ConflictError(CommonplaceError):
    """The record is not in the state the caller expected; nothing was written."""


class ThreadEndedError(ConflictError):
    """The thread takes no more messages until it is reopened; nothing was written."""


class StoreUnavailableError(CommonplaceError):
    """The store cannot be used right now."""


class StoreLockedError(StoreUnavailableError):
    """Another process held the store's write lock for longer than the busy timeout."""


class StorageFullError(StoreUnavailableError):
    """The disk is full; the write was rolled back."""


class PermissionDeniedError(StoreUnavailableError):
    """The store's files cannot be read or written by this user."""


class ForkedStoreError(StoreUnavailableError):
    """A memory opened before `os.fork` was used in the child process."""


class ClosedStoreError(StoreUnavailableError):
    """The memory was used after `close()`."""


class StoreDamagedError(CommonplaceError):
    """A file of the store is damaged."""


class IndexDamagedError(StoreDamagedError):
    """The vector index is damaged; it can be rebuilt from the ledger."""


class DataDamagedError(StoreDamagedError):
    """The ledger itself is damaged."""


class IndexUnavailableError(StoreUnavailableError):
    """The vector index could not be opened or reached; the ledger answers meanwhile."""


class FormatError(CommonplaceError):
    """The store was written by something this version does not understand."""


class FormatTooNewError(FormatError):
    """The store was written by a newer Commonplace."""


class FileDamagedError(FormatError):
    """A file to import is truncated, was altered, or says what it may not; nothing was written."""


class ModelMismatchError(FormatError):
    """The memory's vectors were made by another embedder."""


class EmbedderError(CommonplaceError):
    """The embedder failed or returned vectors of the wrong number or size."""


class RerankerError(CommonplaceError):
    """The reranker that was given to a search failed."""


class EncryptionError(CommonplaceError):
    """The memory is encrypted, and what was given does not open it, or cannot write to it."""


class KeyMissingError(EncryptionError):
    """A key that is needed was not given.

    Attributes:
        key_name: the name of the key.
    """

    def __init__(self, message: str, *, key_name: str = "") -> None:
        super().__init__(message)
        self.key_name = key_name
