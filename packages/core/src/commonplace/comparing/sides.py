"""`Side`: one of two memories that are compared, read as if it began at its view's scope."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from commonplace.drafts import OWN_SPACE, Draft, draft, fields_of
from commonplace.filters import EVERYTHING, Compare, Field
from commonplace.ledger import Selection
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from commonplace.record import Link, Record
    from commonplace.store import Store

_AT_ONCE = 500
_STATE = (
    "scope",
    "key",
    "kind",
    "content",
    "value",
    "tags",
    "metadata",
    "importance",
    "source",
    "expires_at",
    "valid_from",
    "valid_to",
    "archived_at",
)


@dataclass(frozen=True, slots=True)
class Side:
    """A store, and the one scope of it that is looked at.

    Attributes:
        store: the store.
        base: the scope; everything is named relative to it.
    """

    store: Store
    base: Scope

    @property
    def selection(self) -> Selection:
        """Everything at the base and below it, closed and archived records too."""
        return Selection(scope_ids=self.store.scope_ids([self.base]), now=self.store.now())

    def pages(self) -> Iterator[list[Record]]:
        """Every record in the order of the ids, some at a time."""
        selection, last = self.selection, ""
        while True:
            after = Compare(Field("id"), "$gt", last) if last else EVERYTHING
            page = self.store.reader.page(replace(selection, filter=after), ("id",), _AT_ONCE, 0)
            if not page:
                return
            yield page
            last = page[-1].id

    def records(self) -> Iterator[Record]:
        """Every record in the order of the ids."""
        return (record for page in self.pages() for record in page)

    def by_id(self, ids: Sequence[str]) -> dict[str, Record]:
        """Those of the records with these ids that lie on this side."""
        return self.store.reader.by_id(ids, self.selection)

    def changed_ids(self, after: int, until: int) -> Iterator[str]:
        """The ids of what changed on this side, or left it, between two entries of the journal."""
        return self.store.reader.changed_ids(after, until, self.selection)

    def taken(self, name: str) -> bool:
        """Whether a record of the store has this id, on this side or not."""
        everything = Selection.everything(now=self.store.now())
        return name in self.store.reader.by_id([name], everything)

    def links(self, ids: Iterable[str]) -> list[Link]:
        """The links from or to these records whose both ends lie on this side."""
        found = self.store.linker.touching(ids)
        seen = self.by_id(
            sorted({end for link in found for end in (link.source_id, link.target_id)})
        )
        return [link for link in found if link.source_id in seen and link.target_id in seen]

    def relative(self, scope: Scope) -> tuple[str, ...]:
        """The segments of a scope below the base."""
        return scope.segments[len(self.base.segments) :]

    def place(self, other: Side, record: Record) -> Scope:
        """Where a record of the other side belongs on this one."""
        return Scope(*self.base.segments, *other.relative(record.scope))

    def state(self, record: Record) -> dict[str, Any]:
        """What makes two records the same, whatever their ids, versions and times of writing.

        Every part can be hashed; JSON is text, in which `true` is not `1`.
        """
        found: dict[str, Any] = {name: getattr(record, name) for name in _STATE}
        as_json = {name: json.dumps(found[name], sort_keys=True) for name in ("value", "metadata")}
        return {**found, **as_json, "scope": self.relative(record.scope)}

    def copied(
        self, other: Side, record: Record, name: str | None, *, keyless: bool = False
    ) -> Draft:
        """A record of the other side as it is to be written on this one.

        Its vectors come along; those of the memory's own space only if the same model made them,
        otherwise, and where middleware changes it, the content is embedded anew. What words did not
        find, they do not find here.

        Args:
            other: where the record is.
            record: the record.
            name: the id it gets here; None for a new one.
            keyless: whether its key is left behind.
        """
        vectors, by_words = other.store.reader.findable(record.id)
        if OWN_SPACE in vectors and other.store.reader.own_model() != self.store.model:
            del vectors[OWN_SPACE]
        fields: Any = fields_of(record) | {
            "id": name,
            "scope": self.place(other, record),
            "key": None if keyless else record.key,
            "vectors": vectors,
            "embed": by_words,
        }
        made = draft(
            record.content,
            fields,
            scope=self.base,
            now=self.store.now(),
            fresh_id=self.store.new_id(),
        )
        kept = replace(made.record, archived_at=record.archived_at)
        return replace(made, record=kept, copied=True)
