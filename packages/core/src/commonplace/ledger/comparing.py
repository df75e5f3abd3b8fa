"""`Comparison`: whole rows from elsewhere, held against what the ledger has."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import and_, bindparam, func, or_, select

from commonplace.ledger.driver import fixed
from commonplace.ledger.schema import (
    links,
    messages,
    records,
    scopes,
    spaces,
    threads,
    vectors,
    version_vectors,
    versions,
)
from commonplace.ledger.snapshot import Snapshot
from commonplace.ledger.transfer import selected, values_of
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import ColumnElement

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.selection import Query
    from commonplace.ledger.transfer import RowKind, Vectors, Whole


class Verdict(Enum):
    """What a ledger says of a whole row from elsewhere."""

    NEW = "not there, and nothing in its place"
    SAME = "there, and equal"
    DIFFERENT = "something else is in its place"


class Finding(NamedTuple):
    """A verdict, and the paths of the scopes of what is in the row's place."""

    verdict: Verdict
    places: tuple[str, ...] = ()


_NEW = Finding(Verdict.NEW)
_SAME = Finding(Verdict.SAME)


@dataclass(frozen=True, slots=True)
class Measure:
    """What of a row's vectors counts when it is compared.

    Attributes:
        vectors: whether any does.
        ignored: the names of spaces that do not.
    """

    vectors: bool = True
    ignored: frozenset[str] = frozenset()

    def equal(self, ours: Vectors, theirs: Vectors) -> bool:
        """Whether the vectors of two rows are equal, as far as they count."""
        return not self.vectors or self._counted(ours) == self._counted(theirs)

    def _counted(self, given: Vectors) -> dict[str, list[bytes]]:
        return {name: list(some) for name, some in given.items() if name not in self.ignored}


class Comparison(Snapshot):
    """A consistent view of the ledger that judges rows. Made by `Ledger.compare`."""

    def judged(self, kind: RowKind, wholes: Sequence[Whole], measure: Measure) -> list[Finding]:
        """A finding for each of some rows of one kind."""
        if not wholes:
            return []
        if kind == "record":
            return self._records(wholes, measure)
        if kind == "version":
            return self._versions(wholes, measure)
        return [self._other(whole) for whole in wholes]

    def _records(self, wholes: Sequence[Whole], measure: Measure) -> list[Finding]:
        ids = {"ids": self._dialect.array(whole.values["id"] for whole in wholes)}
        standing = {
            row.id: row for row in self._connection.execute(_records_by_id(self._dialect), ids)
        }
        last = {row.id: row for row in self._connection.execute(_last(self._dialect), ids)}
        holders = self._holders(wholes)
        pks = [row.pk for row in standing.values()]
        held = self._held(_vectors(self._dialect), pks) if measure.vectors and pks else {}

        def finding(whole: Whole) -> Finding:
            values = whole.values
            row, former = standing.get(values["id"]), last.get(values["id"])
            if (
                row is not None
                and values_of("record", row) == values
                and measure.equal(whole.vectors, held.get(row.pk, {}))
            ):
                return _SAME
            places = [row.scope] if row is not None else []
            if former is not None and former.version >= values["version"]:
                places.append(former.scope)
            if holders.get((values["scope"], values.get("key")), values["id"]) != values["id"]:
                places.append(values["scope"])
            return Finding(Verdict.DIFFERENT, tuple(places)) if places else _NEW

        return [finding(whole) for whole in wholes]

    def _holders(self, wholes: Iterable[Whole]) -> dict[tuple[str, str | None], str]:
        """The ids of the records that have the keys of some, by scope and key."""
        keys: dict[str, list[str]] = {}
        for whole in wholes:
            if (key := whole.values.get("key")) is not None:
                keys.setdefault(whole.values["scope"], []).append(key)
        return {
            (path, key): record_id
            for path, some in keys.items()
            for scope_id in self.scope_ids([Scope.parse(path)])
            for key, record_id in self.ids_by_key(scope_id, some).items()
        }

    def _versions(self, wholes: Sequence[Whole], measure: Measure) -> list[Finding]:
        asked = {
            "ids": self._dialect.array({whole.values["id"] for whole in wholes}),
            "numbers": self._dialect.array({whole.values["version"] for whole in wholes}),
        }
        present = {row.id: row for row in self._connection.execute(_present(self._dialect), asked)}
        wanted = {(whole.values["id"], whole.values["version"]) for whole in wholes}
        numbers = self._connection.execute(_numbers(self._dialect), asked)
        pks = [row.pk for row in numbers if (row.id, row.version) in wanted]
        rows = self._connection.execute(
            _versions_by_pk(self._dialect), {"pks": self._dialect.array(pks)}
        )
        standing = {(row.id, row.version): row for row in rows}
        held = self._held(_version_vectors(self._dialect), pks) if measure.vectors and pks else {}

        def finding(whole: Whole) -> Finding:
            values = whole.values
            row = standing.get((values["id"], values["version"]))
            now = present.get(values["id"])
            if (
                row is not None
                and values_of("version", row) == values
                and measure.equal(whole.vectors, held.get(row.pk, {}))
            ):
                return _SAME
            places = [row.scope] if row is not None else []
            if now is not None and now.version <= values["version"]:
                places.append(now.scope)
            return Finding(Verdict.DIFFERENT, tuple(places)) if places else _NEW

        return [finding(whole) for whole in wholes]

    def _held(self, query: Query, pks: Iterable[int]) -> dict[int, dict[str, list[bytes]]]:
        """The vectors of rows by number and space."""
        found: dict[int, dict[str, list[bytes]]] = {}
        for row in self._connection.execute(query, {"pks": self._dialect.array(pks)}):
            found.setdefault(row.pk, {}).setdefault(row.name, []).append(row.vector)
        return found

    def _other(self, whole: Whole) -> Finding:
        rows = [values_of(whole.kind, row) for row in self.in_place_of(whole)]
        if [_said(values) for values in rows] == [_said(whole.values)]:
            return _SAME
        places = tuple(place for values in rows for place in self._places(whole.kind, values))
        return Finding(Verdict.DIFFERENT, places) if rows else _NEW

    def in_place_of(self, whole: Whole) -> Sequence[Any]:
        """The links, threads or messages that stand where this one would."""
        return self._connection.execute(_IN_PLACE[whole.kind], _blank(whole)).all()

    def _places(self, kind: RowKind, values: Mapping[str, Any]) -> list[str]:
        """The scopes that a link, a thread or a message belongs to."""
        if kind == "thread":
            return [values["scope"]]
        names = ("source_id", "target_id") if kind == "link" else ("record_id",)
        wanted = {"ids": self._dialect.array(values[name] for name in names)}
        return [row.scope for row in self._connection.execute(_present(self._dialect), wanted)]

    def scopes_of(self, ids: Iterable[str]) -> dict[str, str]:
        """The paths of the scopes of the records with these ids, by id."""
        wanted = {"ids": self._dialect.array(ids)}
        rows = self._connection.execute(_present(self._dialect), wanted)
        return {row.id: row.scope for row in rows}


UNIQUE: dict[RowKind, tuple[tuple[str, ...], ...]] = {
    "record": (("id",), ("scope", "key")),
    "version": (("id", "version"),),
    "link": (("source_id", "type", "target_id"),),
    "thread": (("id",), ("scope", "key")),
    "message": (("record_id",), ("thread_id", "position"), ("thread_id", "id")),
}
"""What no two rows of a kind have in common, unless a part of it is missing."""

_COLUMNS: dict[str, ColumnElement[Any]] = {"scope": scopes.c.path, "record_id": records.c.id}


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a row says; how much a thread has follows from its messages."""
    return {name: value for name, value in values.items() if name not in {"messages", "tokens"}}


def _blank(whole: Whole) -> dict[str, Any]:
    names = {name for some in UNIQUE[whole.kind] for name in some}
    return {name: whole.values.get(name) for name in names}


def _in_place(kind: RowKind, table: Any, *numbers: ColumnElement[Any]) -> Query:
    alike = (
        and_(*(_COLUMNS.get(name, table.c.get(name)) == bindparam(name) for name in names))
        for names in UNIQUE[kind]
    )
    return fixed(selected(kind, *numbers).where(or_(*alike)))


# Statements of fixed shape are built once: building one costs as much as running it.
_IN_PLACE: dict[RowKind, Query] = {
    "link": _in_place("link", links, links.c.id),
    "thread": _in_place("thread", threads),
    "message": _in_place("message", messages, messages.c.record_pk),
}


@functools.cache
def _records_by_id(dialect: Dialect) -> Query:
    wanted = dialect.among(records.c.id, "ids")
    return fixed(selected("record", records.c.pk).where(wanted))


@functools.cache
def _versions_by_pk(dialect: Dialect) -> Query:
    wanted = dialect.among(versions.c.pk, "pks")
    return fixed(selected("version", versions.c.pk).where(wanted))


@functools.cache
def _present(dialect: Dialect) -> Query:
    return fixed(
        select(records.c.pk, records.c.id, records.c.version, scopes.c.path.label("scope"))
        .join_from(records, scopes, scopes.c.id == records.c.scope_id)
        .where(dialect.among(records.c.id, "ids"))
    )


@functools.cache
def _numbers(dialect: Dialect) -> Query:
    return fixed(
        select(versions.c.pk, versions.c.id, versions.c.version).where(
            dialect.among(versions.c.id, "ids"), dialect.among(versions.c.version, "numbers")
        )
    )


@functools.cache
def _last(dialect: Dialect) -> Query:
    """The newest version of each record; SQLite takes the other columns from the same row."""
    newest = (
        select(versions.c.id, func.max(versions.c.version).label("version"))
        .where(dialect.among(versions.c.id, "ids"))
        .group_by(versions.c.id)
        .subquery()
    )
    return fixed(
        select(newest.c.id, newest.c.version, scopes.c.path.label("scope"))
        .join_from(
            newest,
            versions,
            and_(versions.c.id == newest.c.id, versions.c.version == newest.c.version),
        )
        .join(scopes, scopes.c.id == versions.c.scope_id)
    )


@functools.cache
def _vectors(dialect: Dialect) -> Query:
    return fixed(
        select(vectors.c.record_pk.label("pk"), spaces.c.name, vectors.c.vector)
        .join_from(spaces, vectors, vectors.c.space_id == spaces.c.id)
        .where(dialect.among(vectors.c.record_pk, "pks"))
        .order_by(vectors.c.space_id, vectors.c.record_pk, vectors.c.ordinal)
    )


@functools.cache
def _version_vectors(dialect: Dialect) -> Query:
    return fixed(
        select(version_vectors.c.version_pk.label("pk"), spaces.c.name, version_vectors.c.vector)
        .join_from(version_vectors, spaces, version_vectors.c.space_id == spaces.c.id)
        .where(dialect.among(version_vectors.c.version_pk, "pks"))
        .order_by(
            version_vectors.c.version_pk, version_vectors.c.space_id, version_vectors.c.ordinal
        )
    )
