"""`TextReader`: texts, and those that hold some words."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, desc, select

from commonplace.ledger.driver import fixed
from commonplace.ledger.reader import Reader
from commonplace.ledger.schema import records
from commonplace.ledger.selection import Shape, condition, live_in_scopes, parameters, shape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.selection import Query, Selection


class TextReader(Reader):
    """What is read of texts, at one moment."""

    def sealed(self, selection: Selection) -> bool:
        """Whether texts in the selected scopes are sealed, and so not in the full-text index."""
        keyring = self._connection.keyring
        return keyring is not None and any(
            keyring.covers(self.scope(scope_id)) for scope_id in selection.scope_ids
        )

    def has_text(self, record_id: str) -> bool:
        """Whether the content of the record with this id is found by its words."""
        query = select(records.c.has_text).where(records.c.id == record_id)
        return bool(self._connection.execute(query).scalar())

    def matching_text(
        self, words: Sequence[str], selection: Selection, limit: int
    ) -> list[tuple[int, float]]:
        """The selected records whose content holds one of the words, best first.

        Args:
            words: what is looked for; several words in one are a phrase.
            selection: what may be found.
            limit: how many at most.

        Returns:
            Pairs of record number and the full-text index's own BM25, which knows the whole memory;
            equal scores newest first, then by id.
        """
        values = self._text_values(words, selection)
        if values is None:
            return []
        rows = self._connection.execute(self._matching(selection), {**values, "most": limit})
        return [(row.pk, row.score) for row in rows]

    def text_count(self, words: str, selection: Selection) -> int:
        """How many texts in the selected scopes hold a word, whatever else is selected."""
        values = self._text_values([words], selection)
        if values is None:
            return 0
        return self._connection.execute(self._dialect.text_count(), values).scalar_one()

    def texts(self, pks: Iterable[int]) -> list[tuple[int, str]]:
        """Those of the records that are found by their words, with their content."""
        rows = self._connection.execute(_texts(self._dialect), {"pks": self._dialect.array(pks)})
        return [(row.pk, row.content) for row in rows]

    def texts_in_scope(
        self, scope_id: int, *, among: Iterable[int] | None = None
    ) -> list[tuple[int, str]]:
        """As `texts`: of every record at one scope, or of those of `among` that lie there."""
        query: Query = _TEXTS_IN_SCOPE
        values: dict[str, Any] = {"scope_id": scope_id}
        if among is not None:
            query = query.where(self._dialect.among(records.c.pk, "pks"))
            values["pks"] = self._dialect.array(among)
        return [(row.pk, row.content) for row in self._connection.execute(query, values)]

    def _text_values(self, words: Sequence[str], selection: Selection) -> dict[str, Any] | None:
        """The parameters of `_matching` but the limit; None if nothing can match."""
        tokens = () if selection.everywhere else selection.scope_ids
        text_query = self._dialect.text_query(words, tokens) if selection.scope_ids else None
        if text_query is None:
            return None
        return {**parameters(selection, self._dialect), "text_query": text_query}

    def _matching(self, selection: Selection) -> Query:
        """The selected texts that match, best first."""
        statement = _matching(self._dialect, shape(selection, by_scope=False))
        if selection.narrowed:
            statement = statement.where(condition(selection, self._dialect, by_scope=False))
        return statement


@functools.cache
def _matching(dialect: Dialect, kind: Shape) -> Query:
    return fixed(
        dialect.matching_text()
        .where(live_in_scopes(kind, dialect))
        .order_by(desc("score"), records.c.created_at.desc(), records.c.id)
        .limit(bindparam("most"))
    )


_TEXTS_IN_SCOPE = fixed(
    select(records.c.pk, records.c.content).where(
        records.c.scope_id == bindparam("scope_id"), records.c.has_text > 0
    )
)


@functools.cache
def _texts(dialect: Dialect) -> Query:
    return fixed(
        select(records.c.pk, records.c.content).where(
            dialect.among(records.c.pk, "pks"), records.c.has_text > 0
        )
    )
