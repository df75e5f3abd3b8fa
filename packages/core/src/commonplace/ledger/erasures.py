"""`Erasures`: the erasures that a ledger has seen, and what is still to be done for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, delete, select, update

from commonplace.jsonvalue import dump_json, load_json
from commonplace.ledger.driver import fixed
from commonplace.ledger.schema import erasures, metadata, settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Row

    from commonplace.ledger.driver import DriverConnection


class Marker(NamedTuple):
    """An erasure as the ledger keeps it.

    Attributes:
        number: its place among all of them.
        id: of its receipt.
        pending: the steps that are still to be done on the files.
        receipt: as JSON.
    """

    number: int
    id: str
    pending: tuple[str, ...]
    receipt: dict[str, Any]


class Erasures:
    """The erasures that a ledger knows of, within one transaction.

    Args:
        connection: the transaction's.
    """

    def __init__(self, connection: DriverConnection) -> None:
        self._connection = connection

    def begin(self, marker: Marker) -> None:
        """Keep an erasure, whose number is given to it."""
        row = {"id": marker.id, "pending": _listed(marker.pending)}
        self._connection.execute(_BEGIN, {**row, "receipt": dump_json(marker.receipt)})

    def all(self) -> list[Marker]:
        """All of them, oldest first."""
        return [_marker(row) for row in self._connection.execute(_ALL)]

    def unfinished(self) -> list[Marker]:
        """Those of which something is still to be done, oldest first."""
        return [_marker(row) for row in self._connection.execute(_UNFINISHED)]

    def done(self, step: str, upto: int) -> None:
        """Say that a step is done for every erasure up to a number."""
        for marker in self.unfinished():
            if marker.number <= upto and step in marker.pending:
                left = tuple(name for name in marker.pending if name != step)
                self._connection.execute(_MOVE, {"one": marker.number, "left": _listed(left)})

    def followed(self) -> int:
        """The last erasure after which the index on a server began anew."""
        return int(self._connection.execute(_FOLLOWED).scalar() or 0)

    def follow(self, number: int) -> None:
        """Say that the index on a server began anew after an erasure."""
        self._connection.execute(_UNFOLLOW)
        self._connection.execute(_FOLLOW, {"name": _SETTING, "value": str(number)})

    def say(self, number: int, receipt: dict[str, Any]) -> None:
        """Put what became of it into the receipt of an erasure."""
        self._connection.execute(_SAY, {"one": number, "said": dump_json(receipt)})

    def survivors(self) -> Iterator[str | bytes]:
        """Every text and every vector that is there."""
        for table in metadata.sorted_tables:
            for rows in self._connection.stream(select(table), {}):
                for row in rows:
                    yield from (part for part in row if isinstance(part, str | bytes))


def _marker(row: Row[Any]) -> Marker:
    return Marker(row.number, row.id, tuple(load_json(row.pending)), load_json(row.receipt))


def _listed(steps: Sequence[str]) -> str:
    return dump_json(list(steps))


_SETTING = "erasures_followed"
_FOLLOWED = fixed(select(settings.c.value).where(settings.c.name == _SETTING))
_UNFOLLOW = fixed(delete(settings).where(settings.c.name == _SETTING))
_FOLLOW = fixed(settings.insert())
_BEGIN = fixed(erasures.insert())
_ALL = fixed(select(erasures).order_by(erasures.c.number))
_UNFINISHED = fixed(select(erasures).where(erasures.c.pending != "[]").order_by(erasures.c.number))
_MOVE = fixed(
    update(erasures).where(erasures.c.number == bindparam("one")).values(pending=bindparam("left"))
)
_SAY = fixed(
    update(erasures).where(erasures.c.number == bindparam("one")).values(receipt=bindparam("said"))
)
