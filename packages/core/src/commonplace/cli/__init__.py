"""The command line: `commonplace`."""

from __future__ import annotations

from commonplace.cli.app import app, main

__all__ = ["app", "main"]
