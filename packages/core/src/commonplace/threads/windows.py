"""`Context`: the messages of a thread that go into a prompt, and the rules that choose them."""

from __future__ import annotations

from itertools import dropwhile, takewhile
from typing import TYPE_CHECKING, NamedTuple

from commonplace.ledger import Window
from commonplace.threads.calls import without_orphans

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import TypeAlias

    from commonplace.message import Message
    from commonplace.threads.tokens import TokenCounter

    Read: TypeAlias = Callable[[Window], list[Message]]
    """The messages of one thread that a window shows, in order."""

NOWHERE = -1
"""The position of a summary, which is no message of the thread."""
_READ_AT_ONCE = 1000
_A_FEW = 8
_MORE = 4


class Context(list["Message"]):
    """The messages to put into a prompt, in order.

    Attributes:
        tokens: how many tokens they take.
        omitted: how many messages of the thread are not among them, those that were summed up
            included.
    """

    def __init__(self, messages: Iterable[Message], *, tokens: int, omitted: int) -> None:
        super().__init__(messages)
        self.tokens = tokens
        self.omitted = omitted


class Room(NamedTuple):
    """How much a prompt holds: so many messages, and so many tokens; None for any number."""

    messages: int | None
    tokens: int | None

    def less(self, tokens: int) -> Room:
        """The room that is left when so many tokens are taken."""
        left = None if self.tokens is None else max(self.tokens - tokens, 0)
        return Room(self.messages, left)

    @property
    def half(self) -> Room:
        """Half of it, at least one message."""
        messages = None if self.messages is None else max(self.messages // 2, 1)
        return Room(messages, None if self.tokens is None else self.tokens // 2)


def counted(count: TokenCounter | None) -> TokenCounter:
    """The counter to use: what was counted when a message was written, if none is given."""
    return count or (lambda message: message.token_count)


def opening(read: Read) -> list[Message]:
    """The system message that a thread begins with, if it does.

    Later ones belong to the conversation (LangChain's `trim_messages` keeps the first alone too).
    """
    first = read(Window(limit=1, latest=False))
    return [message for message in first if message.kind == "system"]


def latest(
    read: Read, room: Room, count: TokenCounter, *, after: int | None, mean: float = 1.0
) -> list[Message]:
    """The newest messages that find room, without results whose calls do not.

    They are read from the end, so that the length of the thread does not matter.

    Args:
        read: reads the thread.
        room: for how much.
        count: how many tokens a message takes.
        after: only messages behind this position.
        mean: how many tokens a message takes on average: about so many are read at first.
    """
    chosen: list[Message] = []
    spent, before, size = 0, None, _first_read(room, mean)
    while True:
        page = read(Window(limit=size, before=before, after=after))
        for message in reversed(page):
            spent += count(message)
            full = room.messages is not None and len(chosen) >= room.messages
            if full or (room.tokens is not None and spent > room.tokens):
                return without_orphans(chosen[::-1])
            chosen.append(message)
        if len(page) < size:
            return without_orphans(chosen[::-1])
        before, size = page[0].position, size * _MORE


def fits(messages: Sequence[Message], room: Room, count: TokenCounter) -> bool:
    """Whether all the messages find room."""
    enough = room.messages is None or len(messages) <= room.messages
    return enough and (room.tokens is None or sum(map(count, messages)) <= room.tokens)


def starting_on(chosen: list[Message], roles: Sequence[str]) -> list[Message]:
    """The messages from the first one of these roles on; those that stand apart stay.

    Args:
        chosen: the newest messages, maybe behind a summary or the opening system message.
        roles: roles or role types; empty for any.
    """
    if not roles:
        return chosen
    wanted = set(roles)
    apart = list(takewhile(lambda one: one.position == NOWHERE or one.kind == "system", chosen))
    behind = chosen[len(apart) :]
    rest = dropwhile(lambda one: not {one.role, one.kind} & wanted, behind)
    return [*apart, *without_orphans(list(rest))]


def _first_read(room: Room, mean: float) -> int:
    """About how many messages find room, and a few more."""
    fitting = _READ_AT_ONCE if room.tokens is None else int(room.tokens / max(mean, 1.0))
    most = fitting if room.messages is None else room.messages
    return min(most, fitting) + _A_FEW
