"""`Thread`: one conversation, seen through a view."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from commonplace import limits
from commonplace.analytics import ThreadStats
from commonplace.arguments import (
    checked_id,
    checked_ids,
    checked_limit,
    checked_offset,
    checked_size,
)
from commonplace.clock import to_micros
from commonplace.conversing import PLAIN, ThreadSettings
from commonplace.errors import InvalidInputError, NotFoundError
from commonplace.jsonvalue import dump_json
from commonplace.ledger import Window
from commonplace.parts import checked_name, checked_parts, checked_ttl
from commonplace.record import Hits
from commonplace.telemetry import traced
from commonplace.threads.drafts import as_list, message_draft
from commonplace.threads.formats import revised
from commonplace.verbs.extracting import Extracting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime, timedelta

    from commonplace.message import Message, ThreadInfo
    from commonplace.scope import ScopeLike
    from commonplace.threads.drafts import MessageDraft, MessageLike

_MICROS = 1_000_000


class ThreadChanges(TypedDict, total=False):
    """What `create` says of a thread and `update` may change."""

    metadata: Mapping[str, Any] | None
    ttl: timedelta | float | None
    max_messages: int | None
    message_ttl: timedelta | float | None


class MessageChanges(TypedDict, total=False):
    """What `update_message` may change."""

    content: Any
    role: str
    role_type: str | None
    name: str | None
    metadata: Mapping[str, Any] | None
    token_count: int
    original: Mapping[str, Any] | None


class Thread(Extracting):
    """One conversation: ordered messages in a scope. `Memory.thread` gives it.

    Making one writes nothing. A thread is there from its first message on, or from `create`.
    """

    def create(self, **settings: Unpack[ThreadChanges]) -> ThreadInfo:
        """Make it, if it is not there.

        Args:
            **settings: `metadata`, a JSON object; `ttl` (seconds or timedelta), after which it and
                its messages are forgotten; `max_messages`, how many it keeps: the oldest go, for
                good; `message_ttl`, after which each message is forgotten.

        Returns:
            The thread as it is; one that was there already is not changed.

        Raises:
            InvalidInputError: a setting is malformed.
            OutsideViewError: its scope lies outside what this view writes.
        """
        wanted = thread_settings(settings, self._now())
        made = self._conversations.create(self._target, wanted)
        return made or self._present()

    def update(self, *, key: str | None = None, **changes: Unpack[ThreadChanges]) -> ThreadInfo:
        """Change its metadata, its limits, or its key.

        New limits hold for messages to come; `ttl` counts from now on and is not told to messages
        that are there. None takes a limit off.

        Raises:
            NotFoundError: it is not there, or may not be written.
            ConflictError: another thread of the scope has the key.
            InvalidInputError: nothing to change was named, or a part is malformed.
        """
        if not changes and key is None:
            raise InvalidInputError("say what to change, such as metadata= or max_messages=")
        named: dict[str, Any] = {} if key is None else {"key": checked_key(key)}
        wanted = thread_settings(changes, self._now())
        for given, column in _COLUMNS.items():
            if given in changes:
                named[column] = getattr(wanted, column)
        if "metadata" in named:
            named["metadata"] = dump_json(named["metadata"])
        info = self._conversations.change(self._target, named)
        if key is not None and self._target.name != info.id:
            self._target = replace(self._target, name=info.key or info.id)
        return info

    def add(self, messages: MessageLike | Iterable[MessageLike]) -> list[Message]:
        """Write messages at its end, all of them or none; it is made if it is new.

        A message is a dict with `role` and `content` (text or content blocks) and, if wanted, `id`,
        `name`, `role_type`, `metadata`, `created_at`, `ttl` or `expires_at`, `token_count`; an
        OpenAI, Anthropic, LangChain or AutoGen message, as its object or as its dict, which
        `Message.given` gives back equal; a `(role, content)` pair; a `Message`; or a text, which
        the user said.

        A message whose `id` is in the thread already takes its place there: adding the same
        messages twice changes nothing.

        Returns:
            The messages as they now are, in the order given.

        Raises:
            InvalidInputError: one of them is malformed; nothing was written.
            ThreadEndedError: it has ended; `reopen` it.
            RefusedError: middleware does not let one of them be written; nothing was written.
        """
        drafts = self._drafts(messages)
        if not drafts:
            return []
        added = self._conversations.add(self._target, drafts)
        if self._options.summarize_every is not None:
            last = max(message.position for message in added)
            self._summarize_if_due(self._options.summarize_every, last)
        return added

    def replace(self, messages: Iterable[MessageLike]) -> list[Message]:
        """Make these its messages, in one transaction; those that keep their ids keep their places.

        Raises:
            InvalidInputError: one of them is malformed; nothing was changed.
            ThreadEndedError: it has ended.
        """
        return self._conversations.add(self._target, self._drafts(messages), instead=True)

    def messages(
        self,
        *,
        limit: int | None = None,
        before: int | str | None = None,
        after: int | str | None = None,
        since: datetime | None = None,
        roles: Sequence[str] | str = (),
    ) -> list[Message]:
        """Its messages in order; all of them unless asked otherwise.

        Args:
            limit: at most so many, the latest ones; with `after` and no `before` the first ones.
            before: only those before this position, or before the message with this id.
            after: only those after it.
            since: only those written at this moment or later.
            roles: only those of these roles or role types.

        Raises:
            NotFoundError: no message has the id of `before` or `after`.
        """
        window = Window(
            limit=None if limit is None else checked_limit(limit),
            before=self._position(before, "before"),
            after=self._position(after, "after"),
            since=None if since is None else to_micros(since, "since"),
            roles=tuple(checked_ids(roles, "roles")),
            latest=after is None or before is not None,
        )
        return self._conversations.messages(self._target, window)

    def get(self, message_id: str) -> Message | None:
        """The message with this id, or None."""
        found = self._conversations.message(self._target, checked_id(message_id))
        return None if found is None else found[0]

    def update_message(self, message_id: str, **changes: Unpack[MessageChanges]) -> Message:
        """Change a message where it stands; its record's history keeps what it was.

        Raises:
            NotFoundError: it has no such message.
            ConflictError: the message was changed by another meanwhile.
            InvalidInputError: nothing to change was named, or a part is malformed.
            ThreadEndedError: it has ended.
        """
        if not changes:
            raise InvalidInputError("say what to change, such as content=")
        if unknown := sorted(set(changes) - set(MessageChanges.__annotations__)):
            raise InvalidInputError(
                f"a message's {unknown[0]!r} is not changed; "
                f"{sorted(MessageChanges.__annotations__)} are"
            )
        found = self._conversations.message(self._target, checked_id(message_id))
        if found is None:
            raise NotFoundError(f"thread {self.name!r} has no message {message_id!r}")
        message, version = found
        parts = {**message.to_dict(), **changes}
        shown: dict[str, Any] = {name: part for name, part in changes.items() if name in _SHOWN}
        if message.original is not None and shown and "original" not in changes:
            parts["original"] = revised(message.original, shown)
        if "content" in changes and "token_count" not in changes:
            parts["token_count"] = None
        draft = self._draft(parts)
        expected = {message.id: version}
        return self._conversations.add(self._target, [draft], expected=expected)[0]

    def delete_messages(self, ids: str | Iterable[str]) -> int:
        """Remove messages by id; how many were there. Their last states stay in the history.

        Raises:
            NotFoundError: the thread is not there, or may not be written.
            ThreadEndedError: it has ended.
        """
        wanted = checked_ids(ids)
        return len(self._conversations.remove(self._target, wanted)) if wanted else 0

    def pop(self) -> Message | None:
        """Remove its last message and give it back; None if it has none.

        Raises:
            ThreadEndedError: it has ended.
        """
        return self._conversations.pop(self._target)

    def clear(self) -> int:
        """Remove all its messages and its summary; it stays. How many messages there were.

        Raises:
            ThreadEndedError: it has ended.
        """
        return self._conversations.clear(self._target)

    def end(self) -> ThreadInfo:
        """End it: writing to it is an error from now on, reading is not.

        Raises:
            NotFoundError: it is not there, or may not be written.
        """
        return self._conversations.change(self._target, {"ended_at": self._now()})

    def reopen(self) -> ThreadInfo:
        """Let it take messages again.

        Raises:
            NotFoundError: it is not there, or may not be written.
        """
        return self._conversations.change(self._target, {"ended_at": None})

    def delete(self) -> bool:
        """Remove it with its messages and its summary; whether it was there.

        Facts taken from it stay. The last states of its messages stay in the history until `purge`.
        """
        return self._conversations.delete(self._target)

    def branch(
        self, key: str, *, at: int | str | None = None, scope: ScopeLike | None = None
    ) -> Thread:
        """A new thread that begins with this one's messages.

        Args:
            key: the new thread's name.
            at: the position or the id of the last message that comes along; None for all.
            scope: where the new one lives; by default where this one does.

        Raises:
            NotFoundError: there is no such thread or message.
            ConflictError: the scope has a thread of this name.
        """
        info = self._present()
        last = self._position(at, "at")
        window = Window(before=None if last is None else last + 1)
        copied = self._conversations.messages(self._target, window)
        home = self._target.view.readable(info.scope if scope is None else scope)
        target = replace(self._target, name=checked_key(key), home=home)
        other = Thread(self._memory, self._store, target, self._options)
        other._begin(copied, info)
        return other

    def search(self, query: str | None = None, **options: Any) -> Hits:
        """The messages of this thread nearest to a query; the options are those of `search`."""
        info = self.info()
        if info is None:
            return Hits()
        return self._memory.search(query, threads=[info.id], **options)

    def stats(self) -> ThreadStats:
        """Its messages by role and by day, their tokens, and when the first and the last came.

        Expired messages are not counted. All is zero if the thread is not there yet.
        """
        info = self.info()
        if info is None:
            return ThreadStats()
        return self._conversations.stats(self._memory._selection(), info.id)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - of one house

    def __repr__(self) -> str:
        return f"<Thread {self.name!r} of {self._memory!r}>"

    def _begin(self, messages: Sequence[Message], like: ThreadInfo) -> None:
        drafts = self._drafts(messages)
        settings = ThreadSettings(
            metadata=like.metadata,
            max_messages=like.max_messages,
            message_ttl=None if like.message_ttl is None else round(like.message_ttl * _MICROS),
        )
        self._conversations.begin(self._target, drafts, settings)

    def _drafts(self, messages: MessageLike | Iterable[MessageLike]) -> list[MessageDraft]:
        return [self._draft(message) for message in as_list(messages)]

    def _draft(self, message: MessageLike) -> MessageDraft:
        source = self._options.source
        if source.thread is None:
            source = replace(source, thread=self.name)
        return message_draft(
            message,
            scope=self._home(),
            now=self._now(),
            fresh_id=self._store.new_id(),
            source=source,
            embed=self._options.embed,
        )

    def _home(self) -> Any:
        return self._target.view.writable(self._target.home)

    def _position(self, given: int | str | None, name: str) -> int | None:
        if given is None:
            return None
        if not isinstance(given, str):
            return checked_offset(given, name)
        found = self.get(given)
        if found is None:
            raise NotFoundError(f"thread {self.name!r} has no message {given!r}")
        return found.position


_SHOWN = {"content", "role", "name"}
"""What a message's form says too."""
_COLUMNS = {
    "metadata": "metadata",
    "ttl": "expires_at",
    "max_messages": "max_messages",
    "message_ttl": "message_ttl",
}


def thread_settings(given: ThreadChanges, now: int) -> ThreadSettings:
    """The settings of a thread, checked.

    Raises:
        InvalidInputError: one is malformed, or has an unknown name.
    """
    if unknown := sorted(set(given) - set(ThreadChanges.__annotations__)):
        raise InvalidInputError(
            f"a thread has no {unknown[0]!r}; it has {sorted(ThreadChanges.__annotations__)}"
        )
    if not given:
        return PLAIN
    most, ttl, message_ttl = (given.get(name) for name in ("max_messages", "ttl", "message_ttl"))
    return ThreadSettings(
        metadata=checked_parts({"metadata": given.get("metadata")})["metadata"],
        expires_at=None if ttl is None else now + _micros(ttl),
        max_messages=None if most is None else checked_size(most, "max_messages"),
        message_ttl=None if message_ttl is None else _micros(message_ttl),
    )


def checked_key(key: object) -> str:
    """The key of a thread.

    Raises:
        InvalidInputError: it is no text, or empty.
    """
    name = checked_name(key, "key", limits.MAX_KEY_CHARACTERS)
    if not name:
        raise InvalidInputError("a thread's key may not be empty")
    return name


def _micros(ttl: object) -> int:
    return round(checked_ttl(ttl).total_seconds() * _MICROS)


traced(Thread, "commonplace.thread")
