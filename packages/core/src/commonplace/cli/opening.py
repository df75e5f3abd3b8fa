"""Opening a memory for one command."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from commonplace import NotFoundError
from commonplace.cli import settings
from commonplace.masking import masked

if TYPE_CHECKING:
    from collections.abc import Generator

    from commonplace import Encryption, Memory

_INDEX_SECONDS = 20.0
_LOOK_EVERY = 0.2


@contextlib.contextmanager
def opened(
    path: str | None,
    *,
    scope: str | None = None,
    create: bool = False,
    index: bool = False,
    index_at: str | None = None,
    embedder: bool = True,
    named: str = "--memory or COMMONPLACE_MEMORY",
    encryption: Encryption | None = None,
) -> Generator[Memory]:
    """A memory, narrowed to `scope`, for as long as the block lasts.

    Args:
        path: where it is; None for the one that the settings name.
        scope: the scope to read and write; everything for None.
        create: make it if it is not there. Commands that only read do not: a slip in the path
            would leave an empty memory behind and look like lost data.
        index: run the index. A command that asks one thing does not: the ledger would have
            answered, exactly, before the index is up. It follows the journal by itself when a
            program next opens the memory.
        index_at: where that is; None for the place that the settings name.
        embedder: take the embedder that the settings name. Without one any memory opens.
        named: how the path was given, to say how to give another.
        encryption: its keys; those of this run for None.

    Raises:
        NotFoundError: it is not there.
    """
    # Here and not above: it takes longer to import than `commonplace --help` should take to run.
    from commonplace import Encryption, Memory  # noqa: PLC0415

    found = settings.load(path, index=index_at)
    said = found.options()
    # With no keys at all, what needs no text can still be done.
    said["encryption"] = encryption or said["encryption"] or Encryption(keys={})
    said["create"] = said["create"] and create
    said["sweep_every"] = None
    if not index:
        said["index"] = "exact"
    if not embedder:
        said["embedder"] = None
    try:
        memory = Memory(found.path, **said)
    except NotFoundError as error:
        raise NotFoundError(
            f"there is no memory at {masked(found.path)!r}; name one with {named}, "
            "or make one with `commonplace add`"
        ) from error
    with memory:
        yield memory if scope is None else memory.scope(scope)


def started_index(memory: Memory) -> bool:
    """Whether a search has just started the index, which is waited for: ask again then."""
    state = memory.stats().index
    if state != "starting":
        return False
    until = time.monotonic() + _INDEX_SECONDS
    while state == "starting" and time.monotonic() < until:
        time.sleep(_LOOK_EVERY)
        state = memory.stats().index
    return True
