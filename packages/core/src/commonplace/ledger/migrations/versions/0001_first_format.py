"""The first format: every table of the ledger, and the full-text index.

Revision ID: 0001
"""

from __future__ import annotations

from alembic import op

from commonplace.ledger.schema import ROOT_SCOPE_ID, metadata, scope_tree, scopes

revision = "0001"
down_revision = None

_FULL_TEXT = """
CREATE VIRTUAL TABLE full_text USING fts5(
  content, scopes, content='', tokenize="porter unicode61 remove_diacritics 2"
)
"""


def upgrade() -> None:
    """Create everything, and the root scope."""
    connection = op.get_bind()
    metadata.create_all(connection)
    if connection.dialect.name == "sqlite":
        op.execute(_FULL_TEXT)
    op.execute(scopes.insert().values(id=ROOT_SCOPE_ID, path="", depth=0, records=0, total=0))
    op.execute(scope_tree.insert().values(ancestor_id=ROOT_SCOPE_ID, scope_id=ROOT_SCOPE_ID))
