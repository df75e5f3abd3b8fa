"""Keyed: `get_keys`, `exchange`, `renew`, `find_scopes`: what key-value stores are made of."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from commonplace.arguments import (
    checked_id,
    checked_ids,
    checked_iterable,
    checked_limit,
    checked_offset,
)
from commonplace.clock import from_micros, to_micros
from commonplace.errors import InvalidInputError
from commonplace.parts import checked_ttl
from commonplace.verbs.handle import Handle, fields_given

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from commonplace.record import Record
    from commonplace.scope import Scope, ScopeLike


class Keyed(Handle):
    """The verbs that frameworks with stores of values by key stand on."""

    def get_keys(
        self, places: Iterable[tuple[ScopeLike, str] | str], *, as_of: datetime | None = None
    ) -> list[Record | None]:
        """The records with these keys, each at its scope, in the order given; None for none.

        Args:
            places: pairs of a scope and a key, or keys alone in a view of one scope. The key is
                looked up at that scope, not below it. A record that has no key is found by its id.
            as_of: as they were at this moment; see `list`.

        Raises:
            InvalidInputError: a pair is malformed.
            OutsideViewError: a scope lies outside this view.
        """
        wanted = [self._place(pair) for pair in checked_iterable(places, "places")]
        moment = None if as_of is None else to_micros(as_of, "as_of")
        now = self._store.now() if moment is None else moment
        return self._store.reader.by_keys(wanted, now=now, as_of=moment)

    def exchange(
        self, records: Iterable[str | Record | Mapping[str, Any]], *, delete: Iterable[str] = ()
    ) -> list[Record]:
        """Delete some records and write others, all in one transaction.

        Args:
            records: what to write, as in `add_many`; what has the same id, or the same key at the
                same scope, is replaced.
            delete: the ids of records to delete; those that this view does not write are left.

        Returns:
            The written records in the order given.

        Raises:
            InvalidInputError: a record is malformed; nothing was changed.
            RefusedError: middleware does not let one of them be written; nothing was changed.
        """
        drafts = self._drafts(
            [fields_given(one, {}) for one in checked_iterable(records, "records")]
        )
        gone = checked_ids(delete, "delete")
        return self._store.writer.exchange(
            drafts, gone, self._selection([self._view.writable(None)])
        )

    def renew(self, expiries: Mapping[str, datetime | timedelta | None]) -> int:
        """Put off when records expire, without a new version of them and without an event.

        For records that live as long as they are used. Expired ones do not come back.

        Args:
            expiries: for each id the moment from which on the record is invisible, or the time
                until then; None for never.

        Returns:
            How many of them there were.

        Raises:
            InvalidInputError: not ids and aware moments or times.
            OutsideViewError: this view only reads.
        """
        if not isinstance(expiries, dict):
            raise InvalidInputError("expiries is a dict from id to the moment of expiry")
        now = self._store.now()
        moments = {checked_id(name): _expiry(given, now) for name, given in expiries.items()}
        return self._store.writer.renew(moments, self._selection([self._view.writable(None)]))

    def find_scopes(
        self,
        *,
        scope: ScopeLike | None = None,
        prefix: Sequence[str] = (),
        suffix: Sequence[str] = (),
        depth: int | None = None,
        limit: int = 1000,
        offset: int = 0,
    ) -> list[Scope]:
        """The scopes that hold records and match, ordered segment by segment.

        Unlike `scopes` it counts nothing, and finds by patterns, in which `"*"` stands for any one
        segment. Patterns and depth begin at `scope`.

        Args:
            scope: only this scope and those below it; the view's own, if it reads one, if left out.
            prefix: how the segments begin.
            suffix: how they end.
            depth: cut what is found after so many segments; each place is then named once.
            limit: at most so many.
            offset: after so many.

        Raises:
            InvalidInputError: an argument is malformed.
            OutsideViewError: the scope lies outside this view.
        """
        base = self._view.readable(self._only_scope() if scope is None else scope)
        if depth is not None:
            checked_offset(depth, "depth")
        return self._store.reader.find_scopes(
            base,
            prefix=tuple(checked_ids(list(checked_iterable(prefix, "prefix")), "prefix")),
            suffix=tuple(checked_ids(list(checked_iterable(suffix, "suffix")), "suffix")),
            depth=depth,
            limit=checked_limit(limit),
            offset=checked_offset(offset),
            now=self._store.now(),
        )

    def _place(self, pair: object) -> tuple[Scope, str]:
        if isinstance(pair, str):
            return self._only_scope(), checked_id(pair, "key")
        if not isinstance(pair, tuple) or len(cast("tuple[Any, ...]", pair)) != 2:  # noqa: PLR2004 - a pair has two
            raise InvalidInputError("places are pairs of a scope and a key, or keys")
        scope, key = cast("tuple[Any, Any]", pair)
        return self._view.readable(scope), checked_id(key, "key")


def _expiry(given: datetime | timedelta | None, now: int) -> int | None:
    if isinstance(given, timedelta):
        given = from_micros(now) + checked_ttl(given)
    return None if given is None else to_micros(given, "expires_at")
