"""The quotas of scopes: kept in the ledger, and looked at before a transaction that adds ends."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from commonplace.errors import QuotaExceededError
from commonplace.jsonvalue import load_json
from commonplace.ledger.driver import fixed
from commonplace.ledger.schema import scopes, settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.selection import FilterDialect, Query

QUOTAS = "quotas"
"""The setting that holds them, by the path of the scope."""

SETTING = fixed(select(settings.c.value).where(settings.c.name == bindparam("name")))
"""What is kept under a name."""


def quotas(connection: DriverConnection) -> dict[str, int]:
    """How many records scopes may hold, by path."""
    found = connection.execute(SETTING, {"name": QUOTAS}).scalar()
    return {} if found is None else load_json(found)


def check_quotas(
    connection: DriverConnection, dialect: FilterDialect, grown: Iterable[int]
) -> None:
    """Refuse what a transaction wrote, if scopes now hold more than they may.

    Args:
        connection: the transaction's.
        dialect: how the database spells what differs.
        grown: the scopes that hold more than before it.

    Raises:
        QuotaExceededError: one holds more than its quota.
    """
    allowed = quotas(connection)
    if not allowed:
        return
    wanted = {"scope_ids": dialect.array(grown)}
    for row in connection.execute(_totals(dialect), wanted):
        most = allowed.get(row.path)
        if most is not None and row.total > most:
            raise QuotaExceededError(
                f"scope {row.path!r} may hold {most} records and would hold {row.total}; nothing "
                "was written; delete some, sweep expired ones, or raise the quota",
                scope=row.path,
                quota=most,
                used=row.total,
            )


@functools.cache
def _totals(dialect: FilterDialect) -> Query:
    listed = dialect.among(scopes.c.id, "scope_ids")
    return fixed(select(scopes.c.path, scopes.c.total).where(listed))
