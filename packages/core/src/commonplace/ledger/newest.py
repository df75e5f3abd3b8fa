"""Makes a new ledger on SQLite at once, without running every migration there ever was.

Alembic takes half a second to be imported and to come from nothing to the newest format; these
statements take some milliseconds. `scripts/newest_format.py` takes them from what the migrations
make, and a test holds one against the other.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

FILE = Path(__file__).with_name("newest.sql")
SEPARATOR = ";\n\n"


def create(connection: Connection) -> None:
    """Make the tables of the newest format in an empty database, within a transaction."""
    for statement in _statements():
        connection.exec_driver_sql(statement)


@functools.cache
def _statements() -> Sequence[str]:
    return FILE.read_text("utf-8").split(SEPARATOR)
