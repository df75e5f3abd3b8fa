"""Who asks: so that private records of others are left out before a search counts its hits.

CrewAI's `Memory` leaves them out of what a store has found, and does not look for others in their
place: ten private hits hide every public one. A store is not told who asks; `CommonplaceMemory`
says it here.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonplace.filters import And, Compare, Field, Not
from crewai_commonplace._convert import APP, notes_of

if TYPE_CHECKING:
    from collections.abc import Generator

    from commonplace import Filter, Record


@dataclass(frozen=True, slots=True)
class _Asker:
    source: str | None


_asker: ContextVar[_Asker | None] = ContextVar("asker", default=None)
_OURS = Compare(Field("source", "app"), "$eq", APP)
_PRIVATE = Compare(Field("value", "", (APP, "private")), "$eq", operand=True)


@contextmanager
def asking(source: str | None, *, include_private: bool) -> Generator[None]:
    """Whoever searches meanwhile, in this context and those copied from it, is this source."""
    token = _asker.set(None if include_private else _Asker(source))
    try:
        yield
    finally:
        _asker.reset(token)


def hidden(record: Record) -> bool:
    """Whether the record is another's and private, if it is known who asks."""
    asker = _asker.get()
    notes = notes_of(record)
    if asker is None or not notes.get("private"):
        return False
    return asker.source is None or notes.get("source") != asker.source


def shown() -> Filter:
    """The filter for what is not hidden from who asks."""
    asker = _asker.get()
    others: list[Filter] = [_OURS, _PRIVATE]
    if asker is not None and asker.source is not None:
        others.append(Not(Compare(Field("value", "", (APP, "source")), "$eq", asker.source)))
    return Not(And(tuple(others)))
