"""Opening a memory for one command."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from commonplace import NotFoundError
from commonplace.cli import keys

if TYPE_CHECKING:
    from collections.abc import Generator

    from commonplace import Encryption, Memory


@contextlib.contextmanager
def opened(
    path: str,
    *,
    scope: str | None = None,
    create: bool = False,
    index: bool = False,
    named: str = "--memory or COMMONPLACE_MEMORY",
    encryption: Encryption | None = None,
) -> Generator[Memory]:
    """The memory at `path`, narrowed to `scope`, for as long as the block lasts.

    Args:
        path: its directory.
        scope: the scope to read and write; everything for None.
        create: make it if it is not there. Commands that only read do not: a slip in the path
            would leave an empty memory behind and look like lost data.
        index: run the index. A command that asks one thing does not: the ledger would have
            answered, exactly, before the index is up. It follows the journal by itself when a
            program next opens the memory.
        named: how the path was given, to say how to give another.
        encryption: its keys; those of this run for None.

    Raises:
        NotFoundError: it is not there.
    """
    # Here and not above: it takes longer to import than `commonplace --help` should take to run.
    from commonplace import Memory  # noqa: PLC0415

    try:
        memory = Memory(
            path,
            index="auto" if index else "exact",
            create=create,
            encryption=encryption or keys.given(),
        )
    except NotFoundError as error:
        raise NotFoundError(
            f"there is no memory at {path!r}; name one with {named}, "
            "or make one with `commonplace add`"
        ) from error
    with memory:
        yield memory if scope is None else memory.scope(scope)
