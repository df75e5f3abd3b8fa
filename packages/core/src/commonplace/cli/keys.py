"""The keys of encrypted memories, out of the file that `--keys` names."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from commonplace import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace import Encryption

_chosen: list[Path] = []


def choose(file: Path | None) -> None:
    """Take the keys of this run out of a file; None for none."""
    _chosen[:] = [] if file is None else [file]


def for_reading(file: Path | None = None) -> Encryption:
    """Keys for what is encrypted already; unlike those of `given` they begin no encryption.

    Args:
        file: the keys; those of this run for None.

    Raises:
        InvalidInputError: as `given`.
    """
    found = given() if file is None else _read(file)
    return replace(found, active=None, scopes=())


def given() -> Encryption:
    """The keys of this run; none without a file, which is enough for what needs no text.

    Raises:
        InvalidInputError: the file cannot be read, or is not of the form in `docs/encryption.md`.
    """
    from commonplace import Encryption  # noqa: PLC0415 - as in `opening`

    return _read(_chosen[0]) if _chosen else Encryption(keys={})


def _read(file: Path) -> Encryption:
    from commonplace import Encryption  # noqa: PLC0415 - as in `opening`

    try:
        said: Any = json.loads(file.read_text("utf-8"))
        keys = {name: bytes.fromhex(key) for name, key in said["keys"].items()}
        active, scopes = said.get("active"), said.get("scopes")
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise InvalidInputError(
            f"{str(file)!r} is no file of keys: it is a JSON object with 'keys', the hexadecimal "
            "digits of each key by its name, and perhaps 'active' and 'scopes'"
        ) from None  # the cause may show a key
    return Encryption(keys=keys, active=active, scopes=scopes)
