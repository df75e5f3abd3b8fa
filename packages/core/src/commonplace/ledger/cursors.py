"""`Cursors`: how far named handlers of events have followed the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from commonplace.ledger.driver import fixed
from commonplace.ledger.schema import cursors

if TYPE_CHECKING:
    from commonplace.ledger.driver import DriverConnection


class Cursors:
    """The cursors, within one transaction.

    Args:
        connection: the transaction's.
    """

    def __init__(self, connection: DriverConnection) -> None:
        self._connection = connection

    def position(self, name: str) -> int | None:
        """The last journal entry that was handled under this name; None for a new name."""
        found: int | None = self._connection.execute(_POSITION, {"cursor": name}).scalar()
        return found

    def keep(self, name: str, seq: int) -> None:
        """Record that everything up to `seq` was handled under this name."""
        values = {"cursor": name, "position": seq}
        if not self._connection.execute(_MOVE, values).rowcount:
            self._connection.execute(_BEGIN, {"name": name, "seq": seq})


_POSITION = fixed(select(cursors.c.seq).where(cursors.c.name == bindparam("cursor")))
_MOVE = fixed(
    update(cursors).where(cursors.c.name == bindparam("cursor")).values(seq=bindparam("position"))
)
_BEGIN = fixed(cursors.insert())
