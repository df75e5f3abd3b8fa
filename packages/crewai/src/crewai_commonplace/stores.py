"""`open_storage`: the storage that a spec means, the same one as long as it is in use."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any

from commonplace import ClosedStoreError, NotFoundError
from crewai_commonplace.specs import Spec

if TYPE_CHECKING:
    from crewai_commonplace.storage import CommonplaceStorage

_live: weakref.WeakValueDictionary[str, CommonplaceStorage] = weakref.WeakValueDictionary()
_changing = threading.RLock()


def remember(storage: CommonplaceStorage) -> None:
    """Let its spec find a storage while it is in use: the first of those that are usable."""
    with _changing:
        if _usable(storage.spec) is None:
            _live[storage.spec] = storage


def open_storage(spec: str, **options: Any) -> CommonplaceStorage:
    """The storage that a spec means.

    Args:
        spec: such as `commonplace:///var/memory?scope=teams/research`.
        **options: how its memory is opened if it is not open here yet, such as `embedder`.

    Raises:
        InvalidInputError: the spec is malformed.
        NotFoundError: it names a memory without files, which is gone.
    """
    from crewai_commonplace.storage import CommonplaceStorage  # noqa: PLC0415 - which remembers itself

    named = Spec.parse(spec)
    with _changing:
        if (found := _usable(str(named))) is not None:
            return found
        if named.in_memory:
            raise NotFoundError(f"{spec!r} named a memory without files, which is no longer open")
        return CommonplaceStorage(
            named.path, scope=named.scope, vectors=named.vectors, score=named.score, **options
        )


def _usable(spec: str) -> CommonplaceStorage | None:
    found = _live.get(spec)
    try:
        return None if found is None or found.memory.spaces() is None else found  # pyright: ignore[reportUnnecessaryComparison] - asked for whether it is open
    except ClosedStoreError:
        return None
