"""Alembic migrations of the ledger, one file a format."""
