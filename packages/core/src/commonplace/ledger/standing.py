"""`StandingRows`: what stands where something is to be written."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import bindparam, select

from commonplace.errors import ConflictError
from commonplace.ledger.driver import fixed
from commonplace.ledger.rowwriting import RowWriter
from commonplace.ledger.schema import records

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Row

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.entries import Entry
    from commonplace.ledger.selection import Query
    from commonplace.record import Record
    from commonplace.scope import Scope

Name = TypeVar("Name")


class StandingRows(RowWriter):
    """What stands where something is to be written."""

    def _standing(
        self, entries: Sequence[Entry], places: Sequence[int], now: int, *, dedupe: bool
    ) -> list[Row[Any] | None]:
        """For each entry the row it would replace, if there is one; expired rows give way."""
        chosen = self._rows_by_id([entry.record.id for entry in entries if entry.chosen_id])
        by_id = self._without_expired(chosen, now)
        by_key = self._without_expired(self._rows_by_key(entries, places), now)
        by_content = self._rows_by_content(entries, places, now) if dedupe else {}
        found: list[Row[Any] | None] = []
        for entry, place in zip(entries, places, strict=True):
            record = entry.record
            named = by_id.get(record.id) if entry.chosen_id else None
            keyed = by_key.get((place, record.key)) if record.key is not None else None
            _check_agreement(entry, named, keyed, place)
            same = by_content.get((place, record.kind, record.content))
            found.append(named if named is not None else keyed if keyed is not None else same)
        return found

    def _without_expired(self, found: dict[Name, Row[Any]], now: int) -> dict[Name, Row[Any]]:
        """Rows by what names them; those that expired are removed, and stand in nobody's way."""
        gone = {row.pk for row in found.values() if is_over(row, now)}
        if gone:
            self.remove(sorted(gone), operation="expire", now=now)
        return {name: row for name, row in found.items() if row.pk not in gone}

    def _rows_by_key(
        self, entries: Sequence[Entry], places: Sequence[int]
    ) -> dict[tuple[int, str | None], Row[Any]]:
        keys: dict[int, list[str]] = {}
        for entry, place in zip(entries, places, strict=True):
            if entry.record.key is not None:
                keys.setdefault(place, []).append(entry.record.key)
        found: dict[tuple[int, str | None], Row[Any]] = {}
        wanted = [
            {"scope_id": place, "keys": self._dialect.array(some)} for place, some in keys.items()
        ]
        for result in self._connection.execute_all(_by_key(self._dialect), wanted):
            found.update(((row.scope_id, row.key), row) for row in result)
        self._scopes.load({place for place, _ in found})
        return found

    def _rows_by_content(
        self, entries: Sequence[Entry], places: Sequence[int], now: int
    ) -> dict[tuple[int, str, str], Row[Any]]:
        hashes = [one for entry in entries for one in self._hashes(entry.record.content)]
        wanted = {
            "scope_ids": self._dialect.array(set(places)),
            "hashes": self._dialect.array(hashes),
        }
        rows = self._rows(_by_content(self._dialect), wanted)
        living = (row for row in rows if not is_over(row, now))
        return {(row.scope_id, row.kind, row.content): row for row in living}

    def _free_place(self, record: Record, now: int) -> int:
        """The scope a record is to lie at, if its key is free there."""
        scope_id = self._scopes.find_or_add(record.scope)
        if record.key is not None:
            asked = {"scope_id": scope_id, "keys": self._dialect.array([record.key])}
            rows = self._rows(_by_key(self._dialect), asked)
            if self._without_expired({row.id: row for row in rows}, now).keys() - {record.id}:
                raise ConflictError(f"key {record.key!r} is taken in this scope; choose another")
        return scope_id

    def _in(self, row: Row[Any], allowed: Callable[[Scope], bool]) -> bool:
        return allowed(self._scope_of(row))


def _check_agreement(
    entry: Entry, named: Row[Any] | None, keyed: Row[Any] | None, place: int
) -> None:
    if named is not None and named.scope_id != place:
        raise ConflictError(f"id {named.id!r} is taken; choose another, or leave it out")
    if entry.chosen_id and keyed is not None and keyed.id != entry.record.id:
        raise ConflictError("id and key name two different records; give one of them")


def is_over(row: Row[Any], now: int) -> bool:
    """Whether a record expired, though it was not swept."""
    return row.expires_at is not None and row.expires_at <= now


@functools.cache
def _by_key(dialect: Dialect) -> Query:
    return fixed(
        select(records).where(
            records.c.scope_id == bindparam("scope_id"), dialect.among(records.c.key, "keys")
        )
    )


@functools.cache
def _by_content(dialect: Dialect) -> Query:
    return fixed(
        select(records).where(
            dialect.among(records.c.scope_id, "scope_ids"),
            dialect.among(records.c.content_hash, "hashes"),
        )
    )
