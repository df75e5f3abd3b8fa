"""Our own form of conversations, without loss: a line for each thread, then one for each message.

```json
{"thread": {"key": "support", "scope": "users/alice", "messages": 2, ...}}
{"message": {"role": "user", "content": "hello", ...}}
{"message": {"role": "assistant", "content": "hi", ...}}
```

How many messages a thread says it has is how many lines must follow: so a lost line is noticed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from commonplace.errors import InvalidInputError
from commonplace.jsonvalue import dump_json, parse_json
from commonplace.moving.conversations import BrokenConversationError, Conversation, Said, head_of
from commonplace.moving.reports import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from commonplace.message import Message, ThreadInfo
    from commonplace.moving.conversations import Read
    from commonplace.moving.files import Source


def thread_line(info: ThreadInfo, messages: int) -> str:
    """The line of a thread that so many lines of messages follow."""
    return dump_json({"thread": {**info.to_dict(), "messages": messages}})


def message_line(message: Message) -> str:
    """The line of a message."""
    return dump_json({"message": message.to_dict()})


def read_lines(source: Source) -> Read:
    """The conversations in a file of our own."""
    return _Lines(source).conversations()


class _Line:
    """One line: what it says under which name, or why it cannot be read."""

    def __init__(self, number: int, raw: bytes) -> None:
        self.number = number
        self.kind = ""
        self.said: Any = None
        self.refusal: Refusal | None = None
        try:
            self.kind, self.said = _parsed(raw)
        except InvalidInputError as error:
            self.refusal = Refusal(line=number, field=None, reason=str(error))


class _Lines:
    """The lines of a file, read once, one ahead."""

    def __init__(self, source: Source) -> None:
        numbered = enumerate(source.lines(), 1)
        self._lines = (_Line(number, raw) for number, raw in numbered if raw.strip())
        self._next = next(self._lines, None)
        self._whole = True

    def conversations(self) -> Read:
        while (line := self._take()) is not None:
            if line.kind == "thread":
                yield from self._conversation(line)
                continue
            yield line.refusal or Refusal(
                line=line.number, field=None, reason="a message whose thread was not read"
            )
            self._skip()

    def _conversation(self, line: _Line) -> Iterator[Conversation | Refusal]:
        try:
            head, held = head_of(line.said), _held(line.said)
        except InvalidInputError as error:
            yield Refusal(line=line.number, field="thread", reason=str(error))
            self._skip()
            return
        self._whole = False
        yield Conversation(line.number, head, self._messages(line.number, held))
        if not self._whole:  # nobody wanted the rest
            self._skip()

    def _messages(self, first: int, held: int | None) -> Iterator[Said]:
        """The messages of a thread, as many as it says or, if it does not, as there are."""
        read = 0
        while read != held and self._next is not None and self._next.kind != "thread":
            line = cast("_Line", self._take())
            if line.refusal is not None:
                raise BrokenConversationError(line.refusal)
            yield Said(line.number, line.said)
            read += 1
        if held is not None and read != held:
            reason = f"the thread has {held:,} messages, and only {read:,} of them follow"
            raise BrokenConversationError(Refusal(line=first, field="messages", reason=reason))
        self._whole = True

    def _skip(self) -> None:
        """Pass over what belongs to a thread that cannot be read."""
        while self._next is not None and self._next.kind != "thread":
            self._take()

    def _take(self) -> _Line | None:
        taken, self._next = self._next, next(self._lines, None)
        return taken


def _parsed(raw: bytes) -> tuple[str, Any]:
    try:
        said = parse_json(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise InvalidInputError("not UTF-8") from None
    if isinstance(said, dict) and len(cast("dict[str, Any]", said)) == 1:
        ((kind, part),) = cast("dict[str, Any]", said).items()
        if kind in {"thread", "message"}:
            return kind, part
    raise InvalidInputError('a line is {"thread": ...} or {"message": ...}')


def _held(said: dict[str, Any]) -> int | None:
    held = said.get("messages")
    if held is None:
        return None
    if isinstance(held, bool) or not isinstance(held, int) or held < 0:
        raise InvalidInputError("a thread's messages is how many lines of messages follow")
    return held
