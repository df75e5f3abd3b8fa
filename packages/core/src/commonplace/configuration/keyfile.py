"""Keys out of a file or of the environment; no error shows one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from commonplace.encryption import Encryption
from commonplace.errors import InvalidInputError
from commonplace.moving.files import expanded

if TYPE_CHECKING:
    from pathlib import Path


def keys_from_file(file: Path, *, called: str = "") -> Encryption:
    """The keys in a file.

    Args:
        file: where it is.
        called: what to call the option that names it, in an error.

    Raises:
        InvalidInputError: it cannot be read, or is not of the form in `docs/encryption.md`.
    """
    place = expanded(file)
    said_by = f"{called}: " if called else ""
    try:
        said: Any = json.loads(place.read_text("utf-8"))
        keys = {name: bytes.fromhex(key) for name, key in said["keys"].items()}
        active, scopes = said.get("active"), said.get("scopes")
    except FileNotFoundError:
        raise InvalidInputError(f"{said_by}there is no file of keys at {str(file)!r}") from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise InvalidInputError(
            f"{said_by}{str(file)!r} is no file of keys: it is a JSON object with 'keys', the "
            "hexadecimal digits of each key by its name, and perhaps 'active' and 'scopes'"
        ) from None  # the cause may show a key
    return Encryption(keys=keys, active=active, scopes=scopes)


def key_from_text(text: str, origin: str) -> Encryption:
    """The key that is written as its name and its hexadecimal digits.

    Args:
        text: `NAME:HEX`.
        origin: what to call it.

    Raises:
        InvalidInputError: it is not.
    """
    name, _, digits = text.rpartition(":")
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        key = b""
    if not name or not key:
        raise InvalidInputError(
            f"{origin} is NAME:HEX, the name of a key and its 64 hexadecimal digits"
        ) from None
    return Encryption(keys={name: key})
