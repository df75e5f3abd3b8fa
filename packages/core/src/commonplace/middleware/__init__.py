"""Middleware: what may change or refuse a record on its way in, and change it on its way out."""

from __future__ import annotations

from commonplace.middleware.chain import Chain
from commonplace.middleware.port import ReadMiddleware, WriteMiddleware

__all__ = ["Chain", "ReadMiddleware", "WriteMiddleware"]
