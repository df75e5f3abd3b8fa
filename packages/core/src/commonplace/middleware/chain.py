"""`Chain`: the middleware of a memory, applied in order, and what each returns checked."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from commonplace.arguments import checked_iterable
from commonplace.errors import CommonplaceError, InvalidInputError
from commonplace.middleware.port import ReadMiddleware, WriteMiddleware
from commonplace.parts import checked_embed, checked_parts
from commonplace.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from commonplace.drafts import Draft, Revision

_CHANGEABLE = ("content", "key", "kind", "value", "tags", "metadata", "importance", "source")
_FIXED = tuple(name for name in Record.__dataclass_fields__ if name not in _CHANGEABLE)


class Chain:
    """Middleware in the order from the caller to the store.

    What is written passes it first to last, what is read passes it last to first: so an object
    that does something on the way in can undo it on the way out.

    Args:
        middleware: objects with `before_write`, `after_read` or both.

    Raises:
        InvalidInputError: one of them has neither.
    """

    def __init__(self, middleware: Iterable[Any] = ()) -> None:
        given = list(checked_iterable(middleware, "middleware"))
        for one in given:
            _check(one)
        self._writes = [one for one in given if isinstance(one, WriteMiddleware)]
        self._reads = [one for one in reversed(given) if isinstance(one, ReadMiddleware)]

    @property
    def writes(self) -> bool:
        """Whether anything looks at what is written."""
        return bool(self._writes)

    @property
    def reads(self) -> bool:
        """Whether anything looks at what is read."""
        return bool(self._reads)

    def draft(self, draft: Draft) -> Draft:
        """What is to be written in place of a draft.

        Raises:
            RefusedError: it may not be written.
            InvalidInputError: middleware returned what is no record, or a malformed one, or
                changed what it may not.
        """
        if not self._writes:
            return draft
        written = self._written(draft.record)
        outdated = draft.copied and written.content != draft.record.content
        return replace(
            draft,
            record=written,
            embed=self._embed(draft.record, draft.embed),
            vectors={} if outdated else draft.vectors,
        )

    def revision(self, revision: Revision, state: Record) -> Revision:
        """The changes to make in place of a revision.

        Args:
            revision: the changes asked for.
            state: the record with them.

        Returns:
            The same with every part as the chain left it; the content is among them only if it
            was, or if the chain changed it.

        Raises:
            RefusedError: it may not be written.
            InvalidInputError: as in `draft`.
        """
        written = self._written(state)
        parts = {name: getattr(written, name) for name in _CHANGEABLE}
        if written.content == state.content:
            del parts["content"]
        return replace(
            revision, parts=revision.parts | parts, embed=self._embed(state, revision.embed)
        )

    def read(self, record: Record) -> Record:
        """What is given to the caller in place of a record.

        Raises:
            InvalidInputError: middleware returned what is no record, or another one.
        """
        for one in self._reads:
            record = _checked_return(one, "after_read", record, one.after_read(record), ("id",))
        return record

    def _written(self, record: Record) -> Record:
        for one in self._writes:
            returned = one.before_write(record)
            record = _checked_parts_of(
                one, _checked_return(one, "before_write", record, returned, _FIXED)
            )
        return record

    def _embed(self, record: Record, texts: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if not texts:
            return texts
        copies = (replace(record, content=text, value=None) for text in texts)
        return checked_embed([self._written(copy).content for copy in copies])


def _check(one: object) -> None:
    name = type(one).__name__
    if isinstance(one, type):
        raise InvalidInputError(f"middleware takes objects, not classes; call {one.__name__}()")
    if not isinstance(one, WriteMiddleware | ReadMiddleware):
        raise InvalidInputError(f"{name!r} is no middleware; it has no before_write or after_read")


def _checked_return(
    one: object, method: str, given: Record, returned: object, fixed: Iterable[str]
) -> Record:
    name = f"{type(one).__name__}.{method}"
    if not isinstance(returned, Record):
        raise InvalidInputError(f"{name} returns a Record, not {type(returned).__name__}")
    for part in fixed:
        if getattr(returned, part) != getattr(given, part):
            raise InvalidInputError(f"{name} changed {part!r}, which must stay as it is")
    return returned


def _checked_parts_of(one: object, record: Record) -> Record:
    """The record with its parts checked and copied, as if a caller had given them."""
    try:
        parts = checked_parts({name: getattr(record, name) for name in _CHANGEABLE})
    except CommonplaceError as error:
        error.add_note(f"It was returned by {type(one).__name__}.before_write.")
        raise
    return replace(record, **parts)
