"""What two sides have in common, and what not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace.comparing.sides import Side
    from commonplace.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A record that both sides have, in different states.

    Attributes:
        id: its id here.
        other_id: its id there.
        fields: what differs.
        newer: which of the two was written later.
    """

    id: str
    other_id: str
    fields: tuple[str, ...]
    newer: Literal["here", "there"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """How another memory differs from this one.

    Attributes:
        added: the ids of records that only the other one has.
        removed: the ids of records that only this one has.
        changed: records that both have, in different states.
        same: how many both have in the same state.
    """

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[Change, ...]
    same: int

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not (self.added or self.removed or self.changed)

    def to_dict(self) -> dict[str, Any]:
        """The difference as JSON."""
        return asdict(self)


def difference(here: Side, there: Side, by: str) -> Diff:
    """What differs, by `id` or by `content`."""
    pairs = list(_by_id(here, there) if by == "id" else _by_content(here, there))
    both = [(one, other) for one, other in pairs if one and other]
    changes = [_change(here, one, there, other) for one, other in both]
    return Diff(
        added=tuple(other.id for one, other in pairs if other and not one),
        removed=tuple(one.id for one, other in pairs if one and not other),
        changed=tuple(change for change in changes if change.fields),
        same=sum(not change.fields for change in changes),
    )


def changed_fields(here: Side, one: Record, there: Side, other: Record) -> tuple[str, ...]:
    """The names of what differs between two records."""
    state, their = here.state(one), there.state(other)
    return tuple(name for name in state if state[name] != their[name])


def _change(here: Side, one: Record, there: Side, other: Record) -> Change:
    return Change(
        id=one.id,
        other_id=other.id,
        fields=changed_fields(here, one, there, other),
        newer="there" if other.updated_at > one.updated_at else "here",
    )


def _by_id(here: Side, there: Side) -> Iterator[tuple[Record | None, Record | None]]:
    """Both sides in step; they come in the order of the ids."""
    ours, theirs = here.records(), there.records()
    one, other = next(ours, None), next(theirs, None)
    while one or other:
        if other is None or (one is not None and one.id < other.id):
            yield one, None
            one = next(ours, None)
        elif one is None or other.id < one.id:
            yield None, other
            other = next(theirs, None)
        else:
            yield one, other
            one, other = next(ours, None), next(theirs, None)


def _by_content(here: Side, there: Side) -> Iterator[tuple[Record | None, Record | None]]:
    """Equal records first, then what only has its content in common, then the rest."""
    standing: dict[object, list[Record]] = {}
    for one in here.records():
        standing.setdefault(_state(here, one), []).append(one)
    unlike: list[Record] = []
    for other in there.records():
        same = standing.get(_state(there, other))
        if same:
            yield same.pop(0), other
        else:
            unlike.append(other)
    left: dict[object, list[Record]] = {}
    for one in chain.from_iterable(standing.values()):
        left.setdefault(_content(here, one), []).append(one)
    for other in unlike:
        near = left.get(_content(there, other))
        yield (near.pop(0) if near else None), other
    yield from ((one, None) for one in chain.from_iterable(left.values()))


def _state(side: Side, record: Record) -> object:
    return tuple(side.state(record).values())


def _content(side: Side, record: Record) -> object:
    return side.relative(record.scope), record.kind, record.key, record.content
