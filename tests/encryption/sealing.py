"""Encrypts every memory that is opened while it is in force."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from commonplace import Encryption
from commonplace.store import Options, Store

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

SEALED = Encryption(keys={"old": bytes(range(32))})


def seal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give memories that are opened without encryption a key."""
    opened: Any = Store.__init__

    def sealed(self: Store, path: str | Path, options: Options) -> None:
        opened(self, path, replace(options, encryption=options.encryption or SEALED))

    monkeypatch.setattr(Store, "__init__", sealed)
