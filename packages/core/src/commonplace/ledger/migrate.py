"""Brings a ledger to the newest format with Alembic."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from commonplace.errors import FormatError
from commonplace.ledger.schema import FORMAT

if TYPE_CHECKING:
    from sqlalchemy import Connection


def upgrade(connection: Connection, version_table: str = "alembic_version") -> None:
    """Run every migration that is still missing, inside the caller's transaction.

    Args:
        connection: where the ledger is.
        version_table: the table that keeps its format.

    Raises:
        FormatError: no migration leads on from the format that the ledger has.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["version_table"] = version_table
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise FormatError(
            f"the ledger has a format that no version of commonplace up to {FORMAT} wrote; "
            "restore a backup, or open it with the program that wrote it"
        ) from error
