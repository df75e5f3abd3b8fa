"""`Snapshot`: everything that can be read from a ledger, at one moment."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from commonplace.jsonvalue import load_json
from commonplace.ledger import checking
from commonplace.ledger.analytics import Analytics
from commonplace.ledger.cursors import Cursors
from commonplace.ledger.erasures import Erasures
from commonplace.ledger.formerreading import FormerReader
from commonplace.ledger.journal import Journal
from commonplace.ledger.links import Links
from commonplace.ledger.quotas import quotas
from commonplace.ledger.recordreading import RecordReader
from commonplace.ledger.reindexing import Reindexing
from commonplace.ledger.schema import records, vectors
from commonplace.ledger.scopereading import ScopeReader
from commonplace.ledger.selection import in_scopes, parameters, shape
from commonplace.ledger.textreading import TextReader
from commonplace.ledger.threads import Threads
from commonplace.ledger.vectorreading import VectorReader
from commonplace.quotas import Quota
from commonplace.scope import Scope

if TYPE_CHECKING:
    from commonplace.analytics import Counted
    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.ledger.selection import Selection


class Snapshot(RecordReader, ScopeReader, TextReader, FormerReader, VectorReader):
    """A consistent view of the ledger. Made by `Ledger.read`; not shared between threads."""

    def __init__(self, connection: DriverConnection, dialect: Dialect, scope_ids: ScopeIds) -> None:
        super().__init__(connection, dialect, scope_ids)
        self.journal = Journal(connection, dialect, scope_ids)

    @property
    def links(self) -> Links:
        """The links between records."""
        return Links(self._connection, self._dialect)

    @property
    def threads(self) -> Threads:
        """The conversations."""
        return Threads(self._connection, self._dialect, self._record, self._scopes.load)

    @property
    def analytics(self) -> Analytics:
        """What is counted of records and messages."""
        return Analytics(self._connection, self._dialect)

    @property
    def cursors(self) -> Cursors:
        """How far those have come who follow the journal."""
        return Cursors(self._connection)

    def quotas(self) -> list[Quota]:
        """The quotas of scopes by path, with what they hold."""
        found = sorted(quotas(self._connection).items())
        return [
            Quota(
                scope=scope,
                records=most,
                used=self._scopes.count(self.scope_ids([scope]), below=True),
            )
            for path, most in found
            for scope in [Scope.parse(path)]
        ]

    @property
    def erasures(self) -> Erasures:
        """What was erased, by receipt."""
        return Erasures(self._connection)

    @property
    def epoch(self) -> int:
        """How many erasures there were."""
        return self._scopes.epoch

    def count(self, selection: Selection) -> int:
        """How many records are selected."""
        flat = self.flattened(selection)
        if selection.narrowed or selection.valid_at is not None:
            query = select(func.count()).select_from(records).where(self._condition(flat))
            return self._connection.execute(query, parameters(flat, self._dialect)).scalar_one()
        return self.total(flat) - len(self.hidden(flat))

    def tags(self, selection: Selection) -> dict[str, int]:
        """How many of the selected records carry each tag, in order of text.

        Few lists of tags are different: they are counted first and taken apart then.
        """
        flat = self.flattened(selection)
        query = (
            select(records.c.tags, func.count().label("held"))
            .where(self._condition(flat), records.c.tags != "[]")
            .group_by(records.c.tags)
        )
        counts: Counter[str] = Counter()
        for row in self._connection.execute(query, parameters(flat, self._dialect)):
            for tag in load_json(row.tags):
                counts[tag] += row.held
        return dict(sorted(counts.items()))

    def histogram(self, selection: Selection, width: int) -> list[Counted]:
        """How many selected records were made in each span of so many microseconds, in order."""
        flat = self.flattened(selection)
        by_scope = self._scope_is_selective(flat)
        return self.analytics.histogram(flat, width, by_scope=by_scope)

    @property
    def reindexing(self) -> Reindexing:
        """What a reindex reads."""
        return Reindexing(self._connection, self._dialect)

    def problems(self) -> list[str]:
        """What is wrong with the ledger, in words; empty if nothing is."""
        return list(checking.problems(self._connection, self._dialect))

    def kinds(self, selection: Selection) -> dict[str, int]:
        """How many records the selected scopes hold of each kind, expired ones included."""
        placed = in_scopes(shape(selection), self._dialect)
        query = select(records.c.kind, func.count().label("held")).where(placed)
        rows = self._connection.execute(
            query.group_by(records.c.kind), parameters(selection, self._dialect)
        )
        return {row.kind: row.held for row in rows}

    def vectors_held(self, selection: Selection) -> dict[int, int]:
        """How many vectors the records of the selected scopes have, by the id of the space."""
        placed = select(records.c.pk).where(in_scopes(shape(selection), self._dialect))
        query = (
            select(vectors.c.space_id, func.count().label("held"))
            .where(vectors.c.record_pk.in_(placed))
            .group_by(vectors.c.space_id)
        )
        rows = self._connection.execute(query, parameters(selection, self._dialect))
        return {row.space_id: row.held for row in rows}
