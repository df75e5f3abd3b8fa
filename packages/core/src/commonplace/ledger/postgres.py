"""`PostgresDialect`: the SQL that only PostgreSQL speaks."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Float,
    Integer,
    MetaData,
    Table,
    Text,
    bindparam,
    func,
    select,
    text,
)
from sqlalchemy import Column as TableColumn
from sqlalchemy.dialects.postgresql import ARRAY, TSVECTOR
from sqlalchemy.sql.elements import Grouping

from commonplace.ledger import postgres_filter, postgres_words
from commonplace.ledger.driver import fixed
from commonplace.ledger.leaves import comparison
from commonplace.ledger.postgres_text import array_of_numbers, array_of_texts
from commonplace.ledger.schema import journal, metadata, records, versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from commonplace.filters import Compare
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.postgres_connection import PostgresConnection
    from commonplace.ledger.selection import Query

_EVENT = [column.name for column in journal.c]
_STATE = [column.name for column in records.c if column.name != "pk"]
_KEPT = ", ".join(f"records.{name}" for name in _STATE)
_EACH = "unnest($1::bigint[]) WITH ORDINALITY AS each(pk, number)"
_KEEP_STATES = (
    f"INSERT INTO versions (pk, {', '.join(_STATE)}, replaced_at, replaced_by) "  # noqa: S608 - our own names
    f"SELECT $2::bigint + each.number - 1, {_KEPT}, greatest(records.updated_at, $3::bigint), $4 "
    f"FROM {_EACH} JOIN records ON records.pk = each.pk"
)
_KEEP_VECTORS = (
    "INSERT INTO version_vectors (space_id, version_pk, ordinal, origin, vector, checksum) "  # noqa: S608 - our own names
    "SELECT space_id, $2::bigint + each.number - 1, ordinal, origin, vector, checksum "
    f"FROM {_EACH} JOIN vectors ON record_pk = each.pk "
    "WHERE space_id IN (SELECT id FROM spaces)"
)
_ADD_COUNTS = (
    "UPDATE scopes SET records = records + more.direct, total = total + more.change "
    "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[]) AS more(id, direct, change) "
    "WHERE scopes.id = more.id"
)
_SEQUENCES = (
    "SELECT sequencename::text, last_value FROM pg_sequences WHERE schemaname = current_schema()"
)
_COUNTED = {
    f"{table.name}_{column.name}_seq": (table.name, column.name)
    for table in metadata.sorted_tables
    for column in table.primary_key
}
"""The table and the column that a sequence gives numbers to, by its name."""
_KEEP_PK = "SELECT setval('records_pk_seq', $1::bigint)"


class PostgresDialect:
    """The SQL that differs between databases, as PostgreSQL speaks it."""

    far = True

    def leaf(self, leaf: Compare) -> ColumnElement[bool]:
        """The condition for one filter comparison; never NULL."""
        return comparison(leaf, postgres_filter.SPELLING)

    def among(self, column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
        """`column IN (:name)` for any number of values, which travel as one `array`."""
        of = BigInteger() if isinstance(column.type, Integer) else Text()
        return column == func.any(bindparam(name, type_=ARRAY(of)), type_=of)

    def array(self, values: Iterable[int | str]) -> str:
        """The parameter that carries the values for `among`."""
        listed = list(values)
        if listed and isinstance(listed[0], str):
            return array_of_texts(cast("list[str]", listed))
        return array_of_numbers(map(int, listed))

    def walk_in_order(self, connection: DriverConnection) -> None:
        """Say that what is asked next reads the index that has its order, and sorts little.

        The planner knows neither how many rows a filter leaves nor, of what was just written, how
        many there are: it would rather read all and sort.
        """
        _of(connection).tell("SET LOCAL enable_sort = off")

    def next_pk(self, connection: DriverConnection) -> int:
        """The number of the next new record; numbers are never reused."""
        return _of(connection).last_pk() + 1

    def took_pks(self, connection: DriverConnection, last: int) -> None:
        """Say which number was the last that new records took."""
        _of(connection).took_pks(_KEEP_PK, last)

    def add_counts(
        self, connection: DriverConnection, rows: Sequence[tuple[int, int, int]]
    ) -> None:
        """Add to the counts of scopes; each row has its id, and changes of `records`, `total`."""
        _of(connection).tell(_ADD_COUNTS, *map(array_of_numbers, zip(*rows, strict=True)))

    def log(self, connection: DriverConnection, events: Sequence[Mapping[str, Any]]) -> None:
        """Write events to the journal, numbered in their order without a gap."""
        own = _of(connection)
        first = own.next_seqs(len(events))
        numbered = [{**event, "seq": seq} for seq, event in enumerate(events, first)]
        own.insert(journal, _EVENT, [tuple(map(event.get, _EVENT)) for event in numbered])

    def keep_states(
        self, connection: DriverConnection, pks: Sequence[int], first: int, *, by: str, at: int
    ) -> None:
        """Copy records and their vectors to versions, whose numbers rise from `first`."""
        own, listed = _of(connection), self.array(pks)
        own.tell(_KEEP_STATES, listed, first, at, by)
        own.tell(_KEEP_VECTORS, listed, first)

    def insert_text(
        self, connection: DriverConnection, rows: Sequence[dict[str, Any]], *, former: bool = False
    ) -> None:
        """Make texts findable; each row has `pk`, `content` and `scopes` (tokens)."""
        parts = [
            (row["pk"], number, words)
            for row in rows
            for number, words in enumerate(postgres_words.parts(row["content"], row["scopes"]))
        ]
        pks, numbers, words = zip(*parts, strict=True)
        _of(connection).tell(
            _TEXTS[former].insert,
            array_of_numbers(pks),
            array_of_numbers(numbers),
            array_of_texts(words),
        )

    def delete_text(
        self, connection: DriverConnection, rows: Sequence[dict[str, Any]], *, former: bool = False
    ) -> None:
        """Forget texts."""
        pks = array_of_numbers(row["pk"] for row in rows)
        _of(connection).tell(_TEXTS[former].delete, pks)

    def clear_text(self, connection: DriverConnection, *, former: bool = False) -> None:
        """Empty the full-text index of the records, or of the versions."""
        _of(connection).tell(_TEXTS[former].clear)

    def text_differences(
        self, connection: DriverConnection, *, former: bool = False
    ) -> tuple[int, int]:
        """How many texts a full-text index lacks, and how many it has too many."""
        own, index = _of(connection), _TEXTS[former]
        return own.tell(index.missing).scalar(), own.tell(index.extra).scalar()

    def last_numbers(self, connection: DriverConnection) -> dict[str, int]:
        """The highest number that each table has given out, by its name; rows may be gone."""
        found = _of(connection).tell(_SEQUENCES)
        return {_COUNTED[name][0]: last or 0 for name, last in found if name in _COUNTED}

    def set_last_numbers(self, connection: DriverConnection, numbers: Mapping[str, int]) -> None:
        """Give out only numbers above these, and above those in use, from now on."""
        own = _of(connection)
        found = own.tell(_SEQUENCES).all()
        for name, reached in [one for one in found if one[0] in _COUNTED]:
            table, column = _COUNTED[name]
            held = own.tell(f"SELECT max({column}) FROM {table}").scalar()  # noqa: S608 - our own names
            if last := max(reached or 0, held or 0, numbers.get(table, 0)):
                own.tell("SELECT setval($1::text::regclass, $2::bigint)", name, last)

    def text_query(self, words: Sequence[str], scope_ids: Sequence[int]) -> str | None:
        """What `matching_text` looks for; the value of the parameter `text_query`."""
        query = postgres_words.query(words, scope_ids)
        return None if query is None else array_of_texts(query)

    def text_count(self) -> Query:
        """How many texts of records match `:text_query`, whether they are to be seen or not."""
        return _TEXTS[False].count

    def matching_text(self, *, former: bool = False) -> Query:
        """Rows `(pk, score)` of the texts that match `:text_query`, joined with their table."""
        return _TEXTS[former].matching(versions if former else records)

    def stored(self, table: Table) -> Table:
        """A table as it is stored: nothing stands before it."""
        return table

    def check(self, connection: DriverConnection) -> list[str]:  # noqa: ARG002 - the server's own care
        """Nothing: the server looks after its files, by checksums of its own."""
        return []


def _of(connection: DriverConnection) -> PostgresConnection:
    return cast("PostgresConnection", connection)


class _TextIndex:
    """The statements for one table of words.

    The words of a text are a `tsvector`, with the scopes it lies in. A very long text has several.
    """

    def __init__(self, name: str, kept: str) -> None:
        self._table = Table(
            name, MetaData(), TableColumn("pk", BigInteger), TableColumn("words", TSVECTOR)
        )
        self.count = fixed(select(func.count()).select_from(self._table).where(self._matches()))
        self.insert = (
            f"INSERT INTO {name} (pk, part, words) SELECT pk, part, words::tsvector "  # noqa: S608 - our own names
            "FROM unnest($1::bigint[], $2::bigint[], $3::text[]) AS each(pk, part, words)"
        )
        self.delete = f"DELETE FROM {name} WHERE pk = ANY($1::bigint[])"  # noqa: S608 - our own names
        self.clear = f"DELETE FROM {name}"  # noqa: S608 - our own names
        self.missing = (
            f"SELECT count(*) FROM {kept} WHERE has_text = 1 "  # noqa: S608 - our own names
            f"AND NOT EXISTS (SELECT FROM {name} WHERE {name}.pk = {kept}.pk)"
        )
        self.extra = (
            f"SELECT count(DISTINCT pk) FROM {name} WHERE NOT EXISTS "  # noqa: S608 - our own names
            f"(SELECT FROM {kept} WHERE {kept}.pk = {name}.pk AND has_text = 1)"
        )

    def matching(self, joined: Table) -> Query:
        """As `PostgresDialect.matching_text`. The longer a text, the less a word in it tells."""
        rank = func.ts_rank(self._table.c.words, _asked(1), text("1"), type_=Float)
        ranked = select(self._table.c.pk, func.sum(rank, type_=Float).label("rank"))
        found = ranked.where(self._matches()).group_by(self._table.c.pk).subquery("found")
        both = found.join(joined, joined.c.pk == found.c.pk)
        return select(joined.c.pk, found.c.rank.label("score")).select_from(both)

    def _matches(self) -> ColumnElement[bool]:
        return self._table.c.words.op("@@", is_comparison=True)(_asked(1).op("&&")(_asked(2)))


@functools.cache
def _asked(part: int) -> ColumnElement[Any]:
    """A part of `:text_query`: the words, or the scopes."""
    query = Grouping(bindparam("text_query", type_=ARRAY(Text)))
    return query[text(str(part))].op("::")(text("tsquery"))


_TEXTS = {
    False: _TextIndex("full_text", "records"),
    True: _TextIndex("version_text", "versions"),
}
POSTGRES = PostgresDialect()
