"""Watching: `events`, `on`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from commonplace import limits
from commonplace.arguments import (
    checked_choice,
    checked_id,
    checked_limit,
    checked_offset,
    checked_operations,
)
from commonplace.errors import InvalidInputError, LimitExceededError
from commonplace.events import Watch
from commonplace.jsonvalue import dump_json
from commonplace.verbs.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace.events import Handler, Subscription
    from commonplace.record import Event
    from commonplace.view import View


class Watching(Handle):
    """The verbs that tell what happens."""

    def events(
        self, *, after: int = 0, operations: str | Sequence[str] = (), limit: int = 1000
    ) -> list[Event]:
        """What happened in this view, oldest first: the journal, page by page.

        A record that moved out of the view shows as its `move`, and no more after it.

        Args:
            after: only events with a larger sequence number; the last one's, for the next page.
            operations: only these, such as `["add", "delete"]`; `Event.operation` names them all.
            limit: at most so many.

        Raises:
            InvalidInputError: an argument is malformed.
        """
        return self._store.reader.events(
            self._selection(),
            checked_operations(operations),
            after=checked_offset(after, "after"),
            limit=checked_limit(limit),
        )

    def on(
        self,
        operations: str | Sequence[str],
        handler: Handler,
        *,
        name: str | None = None,
        after: int | None = None,
        on_error: Literal["skip", "stop"] = "skip",
    ) -> Subscription:
        """Have a handler told of what happens in this view, after it is committed.

        The handler is called with one `Event` at a time, in order, in a thread of its own. It
        never holds up a write, and may itself use the memory. With a name it is told of every
        event at least once: after a crash, those whose handling was not yet recorded come again.

        Args:
            operations: `"add"`, `["update", "delete"]`, or `"*"` for all; `Event.operation` names
                them all.
            handler: a function of an event, or a coroutine function. Coroutines run in an event
                loop of the subscription's own thread, those given to an `AsyncMemory` too. What
                it raises is counted and logged by its type.
            name: keep the position under this name, and go on there the next time; each view has
                names of its own. A new name, and a handler without one, starts from now. One
                process at a time should use a name: of two, each is told of everything.
            after: start after this sequence number instead; 0 for everything there ever was.
            on_error: `"skip"` goes on after an event that the handler failed at; `"stop"` ends
                the subscription before it, so that it comes again on resuming.

        Raises:
            InvalidInputError: an argument is malformed.
            ConflictError: a subscription of this name is open.
        """
        if not callable(handler):
            raise InvalidInputError("a handler is a function of an event")
        wanted = checked_operations(operations)
        if not wanted and not isinstance(operations, str):
            raise InvalidInputError("name an operation at least, or '*' for all of them")
        checked_choice(on_error, ("skip", "stop"), "on_error")
        watch = Watch(
            handler=handler,
            scopes=self._view.read,
            operations=wanted,
            name=None if name is None else _cursor(name, self._view),
            after=None if after is None else checked_offset(after, "after"),
            on_error=on_error,
        )
        return self._store.subscribe(watch)


def _cursor(name: str, view: View) -> str:
    """What the position is kept under: two views that use one name must not share it."""
    if not checked_id(name, "name"):
        raise InvalidInputError("name may not be empty; leave it out to keep no position")
    if len(name) > limits.MAX_KEY_CHARACTERS:
        raise LimitExceededError(f"name has at most {limits.MAX_KEY_CHARACTERS:,} characters")
    return dump_json([name, *(scope.path for scope in view.read)])
