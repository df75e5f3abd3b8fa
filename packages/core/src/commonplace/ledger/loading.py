"""`Loading`: writes whole rows from elsewhere as they are, many at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from sqlalchemy import bindparam, delete, insert, select

from commonplace.errors import ConflictError
from commonplace.ledger.comparing import Comparison
from commonplace.ledger.driver import fixed, positional
from commonplace.ledger.rows import checksum, content_hash
from commonplace.ledger.rowwriting import Change
from commonplace.ledger.schema import (
    BROUGHT,
    FINDABLE,
    links,
    messages,
    scopes,
    threads,
    version_vectors,
    versions,
)
from commonplace.ledger.threadwriting import recount
from commonplace.ledger.transaction import Transaction
from commonplace.ledger.transfer import TABLES
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sqlalchemy import Delete

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.ledger.transfer import RowKind, Whole

    MayWrite = Callable[[str], bool]


class SpaceModel(NamedTuple):
    """Whose vectors a space holds, and how long they are."""

    identity: str
    dimension: int


class Loading(Transaction, Comparison):
    """A write in progress that takes whole rows. Made by `Ledger.load`."""

    def __init__(
        self,
        connection: DriverConnection,
        dialect: Dialect,
        scope_ids: ScopeIds,
        keep_versions: int | None,
    ) -> None:
        super().__init__(connection, dialect, scope_ids, keep_versions)
        self._space_ids: dict[str, int] = {}
        self._scope_ids: dict[str, int] = {}

    def set_spaces(self, models: Mapping[str, SpaceModel], now: int) -> None:
        """Say whose vectors the rows bring, by space name; spaces that are new are made.

        Raises:
            ModelMismatchError: a space here holds another model's vectors.
        """
        self._space_ids = {
            name: self.space(name, model.identity, model.dimension, now=now).id
            for name, model in models.items()
        }

    def insert(self, kind: RowKind, wholes: Sequence[Whole], now: int) -> None:
        """Write rows of one kind in whose place nothing stands."""
        if not wholes:
            return
        if kind == "record":
            self._insert_records(wholes, now)
        elif kind == "version":
            self._insert_versions(wholes)
        else:
            rows = [self._hung(kind, self._row(whole)) for whole in wholes]
            self._connection.execute(_INSERTS[kind], _tuples(kind, rows))

    def replace(self, whole: Whole, may_write: MayWrite, now: int) -> bool:
        """Write a row in place of what stands there, with its history if it is a record.

        Args:
            whole: the row.
            may_write: whether rows at a scope, named by its path, may be changed.
            now: the present moment.

        Returns:
            Whether it was written: a former state gives way to a present one that is as old.

        Raises:
            ConflictError: what stands there belongs to something else.
        """
        if whole.kind == "record":
            self._replace_record(whole, may_write, now)
        elif whole.kind == "version":
            return self._replace_version(whole)
        else:
            self._replace_other(whole, now)
        return True

    def may_hang(self, whole: Whole, may_write: MayWrite) -> bool:
        """Whether all that a link or a message hangs on is there, and may be written."""
        if whole.kind not in {"link", "message"}:
            return True
        names = ("source_id", "target_id") if whole.kind == "link" else ("record_id",)
        ids = {whole.values[name] for name in names}
        found = self.scopes_of(ids)
        places = [found.get(record_id) for record_id in ids]
        if whole.kind == "message":
            asked = {"id": whole.values["thread_id"]}
            places.append(self._connection.execute(_THREAD_SCOPE, asked).scalar())
            if len(set(places)) > 1:  # a message stays in the scope of its thread
                return False
        return all(place is not None and may_write(place) for place in places)

    def recount(self, wholes: Iterable[Whole]) -> None:
        """Count anew what the threads have that some rows are, or hang on."""
        names = {"thread": "id", "message": "thread_id"}
        ids = {one.values[names[one.kind]] for one in wholes if one.kind in names}
        if ids:
            recount(self._connection, sorted(ids))

    def _insert_records(self, wholes: Sequence[Whole], now: int) -> None:
        first = self._dialect.next_pk(self._connection)
        rows = [{**self._row(whole), "pk": pk} for pk, whole in enumerate(wholes, first)]
        self._connection.execute(_INSERTS["record"], _tuples("record", self._stored(rows)))
        self._inserted(rows, self._vectors(wholes, first, 1, "record_pk"), now)
        self._dialect.took_pks(self._connection, rows[-1]["pk"])

    def _insert_versions(self, wholes: Sequence[Whole]) -> None:
        first = self.former.next_pk()
        rows: list[dict[str, Any]] = [
            {**self._row(whole), "pk": first - number} for number, whole in enumerate(wholes)
        ]
        self._connection.execute(_INSERTS["version"], _tuples("version", self._stored(rows)))
        if vectors := self._vectors(wholes, first, -1, "version_pk"):
            self._connection.execute(_INSERT_VERSION_VECTOR, vectors)
        texts = [
            self._text(row["pk"], row["content"], row["scope_id"])
            for row in rows
            if row["has_text"] == FINDABLE
        ]
        if texts:
            self._dialect.insert_text(self._connection, texts, former=True)

    def _row(self, whole: Whole) -> dict[str, Any]:
        """The columns of a row but its own number."""
        row = dict(whole.values)
        if (path := row.pop("scope", None)) is not None:
            row["scope_id"] = self._place(path)
        if "content" in row:
            row["content_hash"] = content_hash(row["content"])
            row["checksum"] = checksum(row)
            row = row if self._sealer is None else self._sealer.marked(row)
        if whole.kind == "message":
            row["record_pk"] = self.pks_by_id([row["record_id"]])[row.pop("record_id")]
        return row

    def _hung(self, kind: RowKind, row: dict[str, Any]) -> Mapping[str, Any]:
        """A link, thread or message as it is stored."""
        if kind == "message":
            return row
        return self.links.stored(row) if kind == "link" else self.threads.stored(row)

    def _place(self, path: str) -> int:
        """The number of a scope, which is made if it is new."""
        if path not in self._scope_ids:
            self._scope_ids[path] = self._scopes.find_or_add(Scope.parse(path))
        return self._scope_ids[path]

    def _vectors(
        self, wholes: Iterable[Whole], first: int, step: int, owner: str
    ) -> list[dict[str, Any]]:
        return [
            {
                "space_id": self._space_ids[name],
                owner: first + step * number,
                "ordinal": ordinal,
                "origin": whole.origins.get(name, BROUGHT),
                "vector": vector,
                "checksum": crc32(vector),
            }
            for number, whole in enumerate(wholes)
            for name, some in whole.vectors.items()
            for ordinal, vector in enumerate(some)
        ]

    def _replace_record(self, whole: Whole, may_write: MayWrite, now: int) -> None:
        record_id = whole.values["id"]
        self._clear_key(whole, now)
        self._forget_history(whole, may_write)
        rows = self._rows_by_id([record_id])
        if record_id not in rows:
            self._insert_records([whole], now)
            return
        row = rows[record_id]
        new = {**dict.fromkeys(_COLUMNS["record"]), **self._row(whole), "pk": row.pk}
        change = Change(row, new, self._vectors([whole], row.pk, 0, "record_pk"))
        self._overwrite_rows([change], now)

    def _clear_key(self, whole: Whole, now: int) -> None:
        """Delete another record that has the key of this one; its last state stays as a version."""
        key, scope = whole.values.get("key"), Scope.parse(whole.values["scope"])
        if key is None:
            return
        holders = [self.ids_by_key(scope_id, [key]) for scope_id in self.scope_ids([scope])]
        others = [
            found[key]
            for found in holders
            if found.get(key, whole.values["id"]) != whole.values["id"]
        ]
        self.remove(list(self.pks_by_id(others).values()), operation="delete", now=now)

    def _forget_history(self, whole: Whole, may_write: MayWrite) -> None:
        record_id = whole.values["id"]
        rows = self._connection.execute(_HISTORY, {"id": record_id}).all()
        ours = [row.pk for row in rows if may_write(row.scope)]
        if any(row.version >= whole.values["version"] and row.pk not in ours for row in rows):
            raise ConflictError(f"id {record_id!r} has a history outside this view; skip it")
        if ours:
            self.former.forget(ours)

    def _replace_version(self, whole: Whole) -> bool:
        rows = self._connection.execute(_HISTORY, {"id": whole.values["id"]}).all()
        present = self._rows_by_id([whole.values["id"]]).get(whole.values["id"])
        if present is not None and present.version <= whole.values["version"]:
            return False
        self.former.forget([row.pk for row in rows if row.version == whole.values["version"]])
        self._insert_versions([whole])
        return True

    def _replace_other(self, whole: Whole, now: int) -> None:
        for row in self.in_place_of(whole):
            if whole.kind == "thread" and row.id != whole.values["id"]:
                raise ConflictError(
                    f"thread {whole.values['id']!r} has the key of another one in this scope; "
                    "skip it, or change the other's key first"
                )
            number = row.id if whole.kind in {"thread", "link"} else row.record_pk
            self._connection.execute(_DELETES[whole.kind], {"number": number})
        self.insert(whole.kind, [whole], now)


def _tuples(kind: RowKind, rows: Iterable[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    names = _COLUMNS[kind]
    return [tuple(map(row.get, names)) for row in rows]


_COLUMNS: dict[RowKind, list[str]] = {
    kind: [column.name for column in table.c if kind != "link" or column.name != "id"]
    for kind, table in TABLES.items()
}

# Statements of fixed shape are built once: building one costs as much as running it.
_INSERTS = {kind: positional(insert(table), _COLUMNS[kind]) for kind, table in TABLES.items()}
_INSERT_VERSION_VECTOR = fixed(insert(version_vectors))
_DELETES: dict[RowKind, Delete] = {
    "link": fixed(delete(links).where(links.c.id == bindparam("number"))),
    "thread": fixed(delete(threads).where(threads.c.id == bindparam("number"))),
    "message": fixed(delete(messages).where(messages.c.record_pk == bindparam("number"))),
}
_THREAD_SCOPE = fixed(
    select(scopes.c.path)
    .join_from(threads, scopes, scopes.c.id == threads.c.scope_id)
    .where(threads.c.id == bindparam("id"))
)
_HISTORY = fixed(
    select(versions.c.pk, versions.c.version, scopes.c.path.label("scope"))
    .join_from(versions, scopes, scopes.c.id == versions.c.scope_id)
    .where(versions.c.id == bindparam("id"))
)
