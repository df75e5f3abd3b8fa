"""`Eraser`: removes records so that no table knows of them any more."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import and_, delete, or_, select, update

from commonplace.jsonvalue import dump_json, load_json
from commonplace.ledger.auditing import keep_leaves
from commonplace.ledger.functions import target_of
from commonplace.ledger.quotas import quotas
from commonplace.ledger.replacing import replaced
from commonplace.ledger.rowwriting import RowWriter
from commonplace.ledger.schema import (
    ERASED,
    ROOT_SCOPE_ID,
    journal,
    messages,
    records,
    scope_tree,
    scopes,
    threads,
    vectors,
    version_vectors,
    versions,
)
from commonplace.ledger.sealing import SEALING
from commonplace.ledger.selection import in_scopes, parameters, shape
from commonplace.message import summary_key
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from sqlalchemy import ColumnElement, Row, Table

    from commonplace.ledger.erasures import Marker
    from commonplace.ledger.selection import Selection

See: TypeAlias = "Callable[[str | bytes | None], None]"
"""Told of a text or a vector that goes."""

_AT_ONCE = 1000
_OTHER = "target"
_TEXTS = ("id", "key", "content", "value", "tags", "metadata", "source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much was erased: rows of each kind.

    Attributes:
        records: present ones, messages and summaries among them.
        versions: former states.
        vectors: of both.
        links: with an end that was erased.
        messages: those of the records that were messages.
        threads: conversations.
        scopes: whose path is gone.
        journal: entries of the journal that no longer say what they were about.
    """

    records: int = 0
    versions: int = 0
    vectors: int = 0
    links: int = 0
    messages: int = 0
    threads: int = 0
    scopes: int = 0
    journal: int = 0

    @property
    def nothing(self) -> bool:
        """Whether nothing was there to erase."""
        return self == Scale()


class Target(NamedTuple):
    """What is to be erased.

    Attributes:
        within: the scopes in which it lies.
        ids: only records with these ids; None for all that is there, threads and paths too.
        writable: the scopes that may be touched for it: former states of the same records.
    """

    within: Selection
    ids: Sequence[str] | None
    writable: Selection


class Eraser(RowWriter):
    """An erasure in progress. Made by `Ledger.erase`; nothing is seen by others until it ends."""

    def erase(self, target: Target, *, see: See, now: int) -> tuple[list[str], Scale, int]:
        """Remove everything of a target from every table.

        Args:
            target: what.
            see: told of every text and vector that goes.
            now: the present moment.

        Returns:
            The ids of what went, how much it was, and the number of the scope that stands for it in
            the journal.
        """
        found = self._found(target)
        for path in found.paths:
            see(path)
        told = self._forget_entries(target, found)
        marks = self._remove(found, see, now)
        threads_gone = self._remove_threads(target, see) if target.ids is None else 0
        gone = self._gone(found.ids | told.keys())
        found.ids.update(gone)
        for name in found.ids:
            see(name)
        journalled = sum(told.values()) + self._forget_targets(gone) + self._inherit(found)
        self._remove_scopes(found)
        scale = Scale(
            records=len(found.live),
            versions=len(found.former),
            threads=threads_gone,
            scopes=len(found.scopes),
            journal=journalled,
            **marks,
        )
        return sorted(found.ids), scale, found.heir

    def note(self, marker: Marker, scope_id: int, detail: dict[str, Any], now: int) -> None:
        """Keep the receipt of an erasure, and say in the journal that it was."""
        self.erasures.begin(marker)
        entry = {
            "at": now,
            "operation": "erase",
            "record_pk": 0,
            "record_id": marker.id,
            "scope_id": scope_id,
            "version": 0,
            "vectors": 0,
            "detail": dump_json(detail),
        }
        self._log([entry])

    def _found(self, target: Target) -> _Found:
        live = self._in(records, target.within, target.ids)
        former = self._in(versions, target.within, target.ids)
        if target.ids is not None:
            live += self._summaries(records, target, [*live, *former], live)
            former += self._summaries(versions, target, [*live, *former], live)
        born = {(row.id, row.created_at) for row in (*live, *former)}
        names = {row.id for row in (*live, *former)}
        if target.within.scope_ids != target.writable.scope_ids:
            elsewhere = self._in(versions, target.writable, sorted(names))
            known = {row.pk for row in former}
            former += [
                row for row in elsewhere if (row.id, row.created_at) in born and row.pk not in known
            ]
        gone, paths, heir = self._scopes_found(target)
        return _Found(
            names, [row.pk for row in live], [row.pk for row in former], gone, paths, heir
        )

    def _in(self, table: Table, selection: Selection, ids: Sequence[str] | None) -> list[Row[Any]]:
        """The rows of records or versions in some scopes, with some ids."""
        chosen = self._within(table, selection)
        values = parameters(selection, self._dialect)
        if ids is not None:
            chosen = and_(chosen, self._dialect.among(table.c.id, "ids"))
            values["ids"] = self._dialect.array(ids)
        columns = [table.c[name] for name in ("pk", "id", "kind", "scope_id", "created_at")]
        return list(self._connection.execute(select(*columns).where(chosen), values).all())

    def _within(self, table: Table, selection: Selection) -> ColumnElement[bool]:
        where = in_scopes(shape(selection), self._dialect)
        return where if table is records else replaced(where, {records: table})

    def _summaries(
        self, table: Table, target: Target, rows: Sequence[Row[Any]], live: Sequence[Row[Any]]
    ) -> list[Row[Any]]:
        """What sums up conversations that erased messages are of: it may quote them.

        A message that was removed before no longer says of which conversation it was: then it is
        every one of its scope.
        """
        said = [row for row in rows if row.kind == "message"]
        if not said:
            return []
        asked = {"pks": self._dialect.array(row.pk for row in live)}
        of_threads = select(messages.c.thread_id).where(
            self._dialect.among(messages.c.record_pk, "pks")
        )
        keys = {summary_key(name) for name in self._connection.execute(of_threads, asked).scalars()}
        present = {row.pk for row in live}
        orphaned = {row.scope_id for row in said if row.pk not in present}
        values = {
            **parameters(target.writable, self._dialect),
            "keys": self._dialect.array(keys),
            "places": self._dialect.array(orphaned),
        }
        told = or_(
            self._dialect.among(table.c.key, "keys"),
            and_(
                self._dialect.among(table.c.scope_id, "places"),
                table.c.key.startswith(summary_key(""), autoescape=True),
            ),
        )
        columns = [table.c[name] for name in ("pk", "id", "kind", "scope_id", "created_at")]
        query = select(*columns).where(
            told, table.c.kind == "summary", self._within(table, target.writable)
        )
        known = {row.pk for row in rows}
        found = self._connection.execute(query, values).all()
        return [row for row in found if row.pk not in known]

    def _scopes_found(self, target: Target) -> tuple[list[int], list[str], int]:
        """The scopes that go, their paths, and the one that stands for them in the journal."""
        top = target.within.scope_ids[0] if target.within.scope_ids else ROOT_SCOPE_ID
        if target.ids is not None or not target.within.scope_ids:
            return [], [], top
        below = select(scope_tree.c.scope_id).where(scope_tree.c.ancestor_id == top)
        query = select(scopes.c.id, scopes.c.path).where(
            scopes.c.id.in_(below), scopes.c.id != ROOT_SCOPE_ID
        )
        kept = self._sealed_places()
        rows = [row for row in self._connection.execute(query).all() if row.path not in kept]
        scope = self._scopes.scope(top)
        heir = ROOT_SCOPE_ID if top == ROOT_SCOPE_ID else self._scopes.find(scope.parent)
        return [row.id for row in rows], [row.path for row in rows], heir or ROOT_SCOPE_ID

    def _sealed_places(self) -> set[str]:
        """The paths that stay: what is written there again is to be encrypted again."""
        policy = load_json(self.setting(SEALING) or "{}")
        sealed = [Scope.parse(path) for path in policy.get("scopes", ())]
        return {above.path for scope in sealed for above in scope.ancestors()}

    def _remove(self, found: _Found, see: See, now: int) -> dict[str, int]:
        """Remove the records and the former states; how many rows beside them."""
        marks = {"vectors": 0, "links": 0, "messages": 0}
        spaces = self._connection.execute(select(vectors.c.space_id).distinct()).scalars().all()
        for pks in _lots(found.live):
            self._see(records, pks, see)
            marks["vectors"] += sum(self._see_own_vectors(space, pks, see) for space in spaces)
            names = [row.id for row in self._rows(*self._numbered(pks))]
            marks["links"] += self._see_links(names, see)
            marks["messages"] += self._see_messages(pks, see)
            self.remove(pks, operation="erase", now=now)
            self._remove_left(spaces, pks)
        owner = version_vectors.c.version_pk
        for pks in _lots(found.former):
            self._see(versions, pks, see)
            rows = self._chosen([version_vectors.c.vector], owner, pks)
            marks["vectors"] += _seen(rows, see)
            self.former.forget(pks)
        return marks

    def _see(self, table: Table, pks: Sequence[int], see: See) -> None:
        columns = [table.c[name] for name in _TEXTS]
        for row in self._chosen(columns, table.c.pk, pks):
            for part in row:
                see(part)

    def _see_own_vectors(self, space_id: int, pks: Sequence[int], see: See) -> int:
        of_space = select(vectors.c.vector).where(
            vectors.c.space_id == space_id, self._dialect.among(vectors.c.record_pk, "pks")
        )
        values = {"pks": self._dialect.array(pks)}
        return _seen(self._connection.execute(of_space, values).all(), see)

    def _remove_left(self, spaces: Sequence[int], pks: Sequence[int]) -> None:
        """Remove vectors in spaces that a reindex is about to drop."""
        for space_id in spaces:
            of_space = delete(vectors).where(
                vectors.c.space_id == space_id, self._dialect.among(vectors.c.record_pk, "pks")
            )
            self._connection.execute(of_space, {"pks": self._dialect.array(pks)})

    def _see_links(self, names: Sequence[str], see: See) -> int:
        rows = self.links.of_records(names)
        for link in rows:
            see(link.reason)
            see(dump_json(link.metadata))
        return len(rows)

    def _see_messages(self, pks: Sequence[int], see: See) -> int:
        columns = [messages.c.id, messages.c.name]
        rows = self._chosen(columns, messages.c.record_pk, pks)
        for row in rows:
            see(row.id)
            see(row.name)
        return len(rows)

    def _chosen(
        self, columns: Sequence[Any], column: ColumnElement[int], pks: Sequence[int]
    ) -> Sequence[Row[Any]]:
        query = select(*columns).where(self._dialect.among(column, "pks"))
        return self._connection.execute(query, {"pks": self._dialect.array(pks)}).all()

    def _remove_threads(self, target: Target, see: See) -> int:
        where = self._within(threads, target.within)
        values = parameters(target.within, self._dialect)
        query = select(threads.c.id, threads.c.key, threads.c.metadata).where(where)
        rows = self._connection.execute(query, values).all()
        for row in rows:
            for part in row:
                see(part)
        self.threads.remove([row.id for row in rows])
        return len(rows)

    def _forget_entries(self, target: Target, found: _Found) -> Counter[str]:
        """Make tombstones of what the journal says of the erased records; how many, by id.

        In a whole scope it is everything that happened there. Beyond it, it is what happened to the
        same records, which the number of a record tells from others of its id.
        """
        where = self._within(journal, target.within)
        values = parameters(target.within, self._dialect)
        if target.ids is not None:
            where = and_(where, self._dialect.among(journal.c.record_id, "ids"))
            values["ids"] = self._dialect.array({*target.ids, *found.ids})
        rows = self._entries(where, values)
        numbers = self._lives(rows, found)
        beyond = self._dialect.among(journal.c.record_pk, "pks")
        values = {**parameters(target.writable, self._dialect), "pks": self._dialect.array(numbers)}
        rows += self._entries(and_(self._within(journal, target.writable), beyond), values)
        unique = {row.seq: row for row in rows if row.operation != "erase"}
        self._bury(list(unique.values()), {"record_id": ERASED, "detail": None})
        return Counter(row.record_id for row in unique.values())

    def _entries(self, where: ColumnElement[bool], values: dict[str, Any]) -> list[Row[Any]]:
        told = and_(where, journal.c.record_id != ERASED)
        return list(self._connection.execute(select(journal).where(told), values).all())

    def _lives(self, rows: Iterable[Row[Any]], found: _Found) -> set[int]:
        """The numbers that the erased records had, but for those of records that stay."""
        numbers = {row.record_pk for row in rows} | set(found.live)
        query = select(records.c.pk).where(self._dialect.among(records.c.pk, "pks"))
        there = self._connection.execute(query, {"pks": self._dialect.array(numbers)}).scalars()
        return numbers - (set(there) - set(found.live)) - {0}

    def _forget_targets(self, names: Collection[str]) -> int:
        """Take ids out of what the journal says of other records; how many entries said them."""
        if not names:
            return 0
        told = and_(
            journal.c.detail.is_not(None),
            journal.c.operation != "erase",
            self._dialect.among(target_of(journal.c.detail), "ids"),
        )
        rows = self._entries(told, {"ids": self._dialect.array(names)})
        self._bury(rows, {})
        for row in rows:
            kept = {name: said for name, said in load_json(row.detail).items() if name != _OTHER}
            said = update(journal).where(journal.c.seq == row.seq).values(detail=dump_json(kept))
            self._connection.execute(said)
        return len(rows)

    def _bury(self, rows: Sequence[Row[Any]], new: dict[str, Any]) -> int:
        """Keep what an audit needs of entries, and change them; how many had been audited."""
        self._scopes.load({row.scope_id for row in rows})
        kept = keep_leaves(self._connection, self._dialect, rows, self._scopes.scope)
        for seqs in _lots([row.seq for row in rows]) if new else ():
            chosen = update(journal).where(self._dialect.among(journal.c.seq, "seqs"))
            self._connection.execute(chosen.values(new), {"seqs": self._dialect.array(seqs)})
        return kept

    def _inherit(self, found: _Found) -> int:
        """Let entries at scopes that go lie at the one that stands for them.

        Returns:
            How many of those that said nothing of a record are thereby another for an audit.
        """
        if not found.scopes:
            return 0
        lie = self._dialect.among(journal.c.scope_id, "places")
        places = {"places": self._dialect.array(found.scopes)}
        rows = self._connection.execute(select(journal).where(lie), places).all()
        return self._bury(rows, {"scope_id": found.heir})

    def _gone(self, names: Iterable[str]) -> list[str]:
        """Those of the ids that no record has any more, present or former."""
        left = set(names)
        for some in _lots(sorted(left)):
            for table in (records, versions):
                query = select(table.c.id).where(self._dialect.among(table.c.id, "ids"))
                values = {"ids": self._dialect.array(some)}
                left.difference_update(self._connection.execute(query, values).scalars())
        return sorted(left)

    def _remove_scopes(self, found: _Found) -> None:
        if not found.scopes:
            return
        values = {"places": self._dialect.array(found.scopes)}
        ends = (scope_tree.c.scope_id, scope_tree.c.ancestor_id)
        either = or_(*(self._dialect.among(end, "places") for end in ends))
        self._connection.execute(delete(scope_tree).where(either), values)
        chosen = delete(scopes).where(self._dialect.among(scopes.c.id, "places"))
        self._connection.execute(chosen, values)
        for path in quotas(self._connection).keys() & set(found.paths):
            self.set_quota(Scope.parse(path), None)


class _Found(NamedTuple):
    """What is to go.

    Attributes:
        ids: of records.
        live: present records, by number.
        former: former states, by number.
        scopes: by number.
        paths: theirs.
        heir: the scope that stands for them in the journal.
    """

    ids: set[str]
    live: list[int]
    former: list[int]
    scopes: list[int]
    paths: list[str]
    heir: int


def _seen(rows: Sequence[Row[Any]], see: See) -> int:
    for row in rows:
        see(row.vector)
    return len(rows)


def _lots(items: Sequence[Any]) -> Iterator[Sequence[Any]]:
    return (items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE))
