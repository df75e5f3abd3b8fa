"""The settings of this run: what its options, the environment and a file say together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from commonplace import Encryption
    from commonplace.configuration import Configuration

_NOWHERE = ":memory:"
_chosen: dict[str, Path | None] = {}


def choose(*, config: Path | None, keys: Path | None) -> None:
    """Take the file of settings and the file of keys that the program was given; None for none."""
    _chosen.update(config=config, keys=keys)


def load(memory: str | None, *, index: str | None = None) -> Configuration:
    """The settings, with the memory and the index that a command was given; None for none.

    Raises:
        InvalidInputError: one is not what it may be.
        NotFoundError: the file of settings is not there.
    """
    # Here and not above: it takes longer to import than `commonplace --help` should take to run.
    from commonplace.configuration import load as loaded  # noqa: PLC0415

    return loaded(memory, config=_chosen.get("config"), keys=_chosen.get("keys"), index=index)


def keys_for_reading(file: Path | None = None) -> Encryption:
    """Keys for what is encrypted already: they begin no encryption, whatever the file says.

    Args:
        file: the file of keys; None for the keys of this run, which may be none.

    Raises:
        InvalidInputError: they cannot be read, or are none.
    """
    from commonplace import Encryption  # noqa: PLC0415 - as above
    from commonplace.configuration import keys_from_file  # noqa: PLC0415 - as above

    found = load(None).encryption() if file is None else keys_from_file(file)
    return replace(found or Encryption(keys={}), active=None, scopes=())


def place(memory: str | None) -> str:
    """Where the memory is that a command works on."""
    return load(memory).path


def place_of_dry_run(memory: str | None) -> str:
    """As `place`, or in memory if there is none: it is tried out as an empty one, and not made."""
    from commonplace import Memory, NotFoundError  # noqa: PLC0415 - as above
    from commonplace.moving.files import expanded  # noqa: PLC0415 - as above

    path = place(memory)
    if "://" not in path:
        return path if expanded(Path(path)).exists() else _NOWHERE
    try:
        Memory(path, index="exact", create=False).close()
    except NotFoundError:
        return _NOWHERE
    return path
