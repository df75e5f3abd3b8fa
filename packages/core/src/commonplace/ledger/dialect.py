"""`Dialect`: the SQL that differs between databases, and what writes and reads with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from commonplace.ledger.selection import FilterDialect

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Table

    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.selection import Query


class Dialect(FilterDialect, Protocol):
    """The SQL that only one database speaks.

    Attributes:
        far: whether asking twice takes longer than reading more at once.
    """

    far: bool

    def walk_in_order(self, connection: DriverConnection) -> None:
        """Say that what is asked next reads the index that has its order, and sorts little."""
        ...

    def next_pk(self, connection: DriverConnection) -> int:
        """The number of the next new record; numbers are never reused."""
        ...

    def took_pks(self, connection: DriverConnection, last: int) -> None:
        """Say which number was the last that new records took."""
        ...

    def add_counts(
        self, connection: DriverConnection, rows: Sequence[tuple[int, int, int]]
    ) -> None:
        """Add to the counts of scopes; each row has its id, and changes of `records`, `total`."""
        ...

    def log(self, connection: DriverConnection, events: Sequence[Mapping[str, Any]]) -> None:
        """Write events to the journal, numbered in their order without a gap."""
        ...

    def keep_states(
        self, connection: DriverConnection, pks: Sequence[int], first: int, *, by: str, at: int
    ) -> None:
        """Copy records and their vectors to versions, whose numbers rise from `first`.

        Args:
            connection: where.
            pks: the records.
            first: the number of the version of the first of them.
            by: the operation that ends the states.
            at: when it does; a state ends no earlier than it began.
        """
        ...

    def insert_text(
        self, connection: DriverConnection, rows: Sequence[dict[str, Any]], *, former: bool = False
    ) -> None:
        """Make texts findable; each row has `pk`, `content` and `scopes` (tokens).

        Args:
            connection: where to.
            rows: the texts.
            former: whether they are texts of versions and not of records.
        """
        ...

    def delete_text(
        self, connection: DriverConnection, rows: Sequence[dict[str, Any]], *, former: bool = False
    ) -> None:
        """Forget texts; the rows must be what was inserted."""
        ...

    def clear_text(self, connection: DriverConnection, *, former: bool = False) -> None:
        """Empty the full-text index of the records, or of the versions."""
        ...

    def text_differences(
        self, connection: DriverConnection, *, former: bool = False
    ) -> tuple[int, int]:
        """How many texts a full-text index lacks, and how many it has too many."""
        ...

    def last_numbers(self, connection: DriverConnection) -> dict[str, int]:
        """The highest number that each table has given out, by its name; rows may be gone."""
        ...

    def set_last_numbers(self, connection: DriverConnection, numbers: Mapping[str, int]) -> None:
        """Give out only numbers above these from now on."""
        ...

    def text_query(self, words: Sequence[str], scope_ids: Sequence[int]) -> str | None:
        """What `matching_text` looks for: texts with one of the words in one of the scopes.

        Args:
            words: what is looked for; several words in one are a phrase.
            scope_ids: only texts in one of these scopes or below; empty for all.

        Returns:
            The value of the parameter `text_query`; None if there is no word.
        """
        ...

    def text_count(self) -> Query:
        """How many texts of records match `:text_query`, whether they are to be seen or not."""
        ...

    def matching_text(self, *, former: bool = False) -> Query:
        """Rows `(pk, score)` of the texts that match `:text_query`, joined with their table."""
        ...

    def stored(self, table: Table) -> Table:
        """A table as it is stored, and not what may stand before it to open what is sealed."""
        ...

    def check(self, connection: DriverConnection) -> list[str]:
        """What the database's own check of its files finds wrong, in its words."""
        ...
