"""The ports that middleware fills; one object may fill both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from commonplace.record import Record


@runtime_checkable
class WriteMiddleware(Protocol):
    """Changes or refuses what is written. Called from several threads at once."""

    def before_write(self, record: Record) -> Record:
        """The record to write in place of this one; the same one to leave it as it is.

        Called before anything is written or embedded: for every record of `add` and `add_many`,
        and for the new state of a record under `update`, which may happen more than once when
        others change that record meanwhile. Each text given as `embed=` comes as the content of
        a copy of the record without its value; of what is returned for it only the content
        counts.

        Id, scope, version and times stay as they are. Those of a record that is added are
        provisional: where it replaces one, the ledger gives it the id of that one.

        Raises:
            RefusedError: it may not be written; nothing of the call is.
        """
        ...


@runtime_checkable
class ReadMiddleware(Protocol):
    """Changes what is read. Called from several threads at once."""

    def after_read(self, record: Record) -> Record:
        """The record to give to the caller in place of this one; its id stays.

        It cannot be hidden: it was counted and ranked already. Views and filters hide records.
        """
        ...
