"""What a maintenance run may forget: `Policy`, its steps, and its report. Plain values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from commonplace.arguments import checked_choice, checked_flag, checked_number, checked_offset
from commonplace.errors import InvalidInputError
from commonplace.filters import EVERYTHING, And, Compare, Field, Filter, parse_filter
from commonplace.parts import checked_kinds

if TYPE_CHECKING:
    from collections.abc import Mapping

_NO_LESS_THAN = 0.5
_BEFORE_ALL = -(2**62)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What may be put aside, merged or removed. Whatever is not named stays as it is.

    A record is forgotten if *all* that is given of `older_than`, `idle_for` and
    `less_important_than` is true of it; what is to be forgotten for one of several reasons takes
    several policies. The other rules stand each for itself.

    Attributes:
        older_than: forget records made longer ago.
        idle_for: forget records not written for so long; reading does not count.
        less_important_than: forget records below this importance, 0 to 1.
        at_most: forget what is too much in a scope that holds more records itself, the least
            important first and of those the least recently written. What a merge leaves over
            is seen by the next run.
        duplicates: merge records of one scope and kind: for `"text"` those whose texts are equal
            but for case and space, for a number from 0.5 to 1 also those whose vectors have at
            least this cosine, which negations and other numbers may have. The most important one
            stays, of several the newest; it gets the others' tags, metadata and links, and
            expires when the last of them would. Closed and archived records are left alone, and
            so is what would be too much for one record.
        expired: remove what has expired, and its history.
        history_older_than: remove former states that ended longer ago.
        kinds: only records of these kinds, for all but expiry and history.
        filter: only records that match, likewise.
        action: how records are forgotten: `"archive"` puts them aside, `"delete"` removes them;
            both can be undone by `restore` as long as the history is kept.
    """

    older_than: timedelta | None = None
    idle_for: timedelta | None = None
    less_important_than: float | None = None
    at_most: int | None = None
    duplicates: float | Literal["text"] | None = None
    expired: bool = False
    history_older_than: timedelta | None = None
    kinds: tuple[str, ...] = ()
    filter: Mapping[str, Any] | Filter | None = None
    action: Literal["archive", "delete"] = "archive"

    def checked(self) -> Policy:
        """This policy with its kinds and its filter parsed, if it makes sense.

        Raises:
            InvalidInputError: a part is of the wrong type or out of its range.
        """
        checked_choice(self.action, ("archive", "delete"), "action")
        checked_flag(self.expired, "expired")
        if self.at_most is not None:
            checked_offset(self.at_most, "at_most")
        if self.less_important_than is not None:
            _checked_share(self.less_important_than, 0, "less_important_than")
        if self.duplicates is not None and self.duplicates != "text":
            _checked_share(self.duplicates, _NO_LESS_THAN, "duplicates")
        return replace(self, kinds=checked_kinds(self.kinds), filter=self.narrowing)

    def forgotten(self, now: int) -> And | None:
        """The filter that the records to forget match; None if nothing is to be forgotten."""
        bounds = {
            "created_at": before(now, self.older_than, "older_than"),
            "updated_at": before(now, self.idle_for, "idle_for"),
            "importance": self.less_important_than,
        }
        tests = [
            Compare(Field(name), "$lt", bound)
            for name, bound in bounds.items()
            if bound is not None
        ]
        return And((*tests, self.narrowing)) if tests else None

    @property
    def narrowing(self) -> Filter:
        """The filter parsed."""
        return EVERYTHING if self.filter is None else parse_filter(self.filter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that a run does, or would do.

    Attributes:
        action: `archive`, `delete`, `merge` or `expire`.
        record_id: the record it is about.
        version: the version it was decided for; a record that changed since is left alone.
        scope: the path of its scope.
        reason: why, in words that hold no memory text.
        into: the record that stays, for a merge.
    """

    action: Literal["archive", "delete", "merge", "expire"]
    record_id: str
    version: int
    scope: str
    reason: str
    into: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintenanceReport:
    """What a run did, or would do.

    Attributes:
        dry_run: whether it only looked.
        steps: what it did, in order.
        skipped: how many steps were left out because a record had changed meanwhile.
        states: how many former states were removed, or would be.
    """

    dry_run: bool
    steps: tuple[Step, ...] = field(default=())
    skipped: int = 0
    states: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many steps there are of each action."""
        return dict(Counter(step.action for step in self.steps))

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON."""
        steps = [{name: getattr(step, name) for name in Step.__slots__} for step in self.steps]
        return {
            "dry_run": self.dry_run,
            "counts": self.counts,
            "skipped": self.skipped,
            "states": self.states,
            "steps": steps,
        }


def before(now: int, span: timedelta | None, name: str) -> int | None:
    """The moment so long ago, in microseconds; None for none.

    Raises:
        InvalidInputError: the span is no timedelta above zero.
    """
    if span is None:
        return None
    if not isinstance(span, timedelta) or span <= timedelta(0):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
        raise InvalidInputError(f"{name} is a timedelta above zero")
    return max(now - span // timedelta(microseconds=1), _BEFORE_ALL)


def _checked_share(number: object, least: float, name: str) -> None:
    if not least <= checked_number(number, name) <= 1:
        raise InvalidInputError(f"{name} is a number from {least} to 1")
