"""`commonplace demo`: the memory at work on real conversations."""

from __future__ import annotations
