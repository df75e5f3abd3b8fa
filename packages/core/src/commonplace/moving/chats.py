"""Conversations as OpenAI's chat format has them, and as files for fine-tuning hold them.

Read are a line for each conversation (`{"messages": [...]}`, or just the list), a JSON array of
such conversations, and a JSON array of messages. Written is a line for each conversation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from commonplace.errors import InvalidInputError
from commonplace.jsonvalue import parse_json
from commonplace.moving.conversations import Conversation, Said, digest_of, head_of
from commonplace.moving.jsonstream import Values
from commonplace.moving.reports import Refusal

if TYPE_CHECKING:
    from commonplace.moving.conversations import Read
    from commonplace.moving.files import Source


def read_chats(source: Source) -> Read:
    """The conversations in a file of OpenAI's chat format."""
    begin = next((line.strip() for line in source.lines() if line.strip()), b"")
    begin = begin.removeprefix(b"\xef\xbb\xbf")
    if begin.startswith(b"[") or begin == b"{":  # not a line for each
        return _of_values(Values(source.chunks()))
    return _of_lines(source)


def _of_lines(source: Source) -> Read:
    for number, raw in enumerate(source.lines(), 1):
        if raw.strip():
            try:
                yield _conversation(number, parse_json(raw.decode("utf-8-sig")))
            except UnicodeDecodeError:
                yield Refusal(line=number, field=None, reason="not UTF-8")
            except InvalidInputError as error:
                yield Refusal(line=number, field=None, reason=str(error))


def _of_values(values: Values) -> Read:
    try:
        while begin := values.peek():
            if begin == "[":
                yield from _of_array(values)
            else:
                yield _checked(values.line, values.value())
    except InvalidInputError as error:
        reason = f"{error}; nothing after it was read"
        yield Refusal(line=values.line, field=None, reason=reason)


def _of_array(values: Values) -> Read:
    """The conversations in an array; or the one that it is, if it holds messages."""
    first = values.line
    messages: list[Any] = []
    for _ in values.elements():
        line, said = values.line, values.value()
        if isinstance(said, list) or (isinstance(said, dict) and "messages" in said):
            yield _checked(line, cast("object", said))
        else:
            messages.append(said)
    if messages:
        yield _checked(first, messages)


def _checked(line: int, said: object) -> Conversation | Refusal:
    try:
        return _conversation(line, said)
    except InvalidInputError as error:
        return Refusal(line=line, field=None, reason=str(error))


def _conversation(line: int, said: object) -> Conversation:
    """A conversation from its messages, or from an object that holds them.

    One that has no `id` is named by what is said in it: it is the same thread whenever it is read.
    """
    beside = dict(cast("dict[str, Any]", said)) if isinstance(said, dict) else {}
    messages = beside.pop("messages", None) if isinstance(said, dict) else said
    if not isinstance(messages, list) or not messages:
        raise InvalidInputError('a conversation is {"messages": [...]}, with messages in it')
    given = cast("list[Any]", messages)
    key, metadata = beside.pop("id", None), beside.pop("metadata", None)
    if not isinstance(metadata, dict | None):
        raise InvalidInputError("metadata is an object")
    if not isinstance(key, str) or not key:
        key = f"chat-{digest_of(*given)}"
    head = head_of({"key": key, "metadata": {**beside, **cast("dict[str, Any]", metadata or {})}})
    return Conversation(line, head, [Said(line, message) for message in given])
