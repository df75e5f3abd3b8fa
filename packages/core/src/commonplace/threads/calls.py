"""Tool calls and their results: which messages belong together, in every form of message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from commonplace.message import Message

_RESULT_BLOCKS = frozenset({"tool_result", "function_call_output", "custom_tool_call_output"})


def called(message: Message) -> set[str]:
    """The ids of the tool calls that a message makes."""
    return set(_calls(message))


def answered(message: Message) -> set[str]:
    """The ids of the tool calls whose results a message brings."""
    return set(_answers(message))


def without_orphans(messages: Sequence[Message]) -> list[Message]:
    """The messages without those at the start that answer calls made before it.

    Every provider refuses a result whose call it does not see.
    """
    seen: set[str] = set()
    kept: list[Message] = []
    for message in messages:
        answers = answered(message)
        if answers - seen and not called(message):
            continue
        seen |= called(message)
        kept.append(message)
    return kept


def _calls(message: Message) -> Iterator[str]:
    for part in _parts(message):
        for call in _dicts(part.get("tool_calls")):
            yield from _texts(call, "id")
        kind = part.get("type")
        if kind == "tool_use":
            yield from _texts(part, "id")
        elif isinstance(kind, str) and kind.endswith("_call"):
            yield from _texts(part, "call_id", "id")
        elif "arguments" in part and "name" in part:  # AutoGen's FunctionCall
            yield from _texts(part, "id")


def _answers(message: Message) -> Iterator[str]:
    for part in _parts(message):
        kind = part.get("type")
        if "tool_call_id" in part:
            yield from _texts(part, "tool_call_id")
        elif kind == "tool_result":
            yield from _texts(part, "tool_use_id")
        elif kind in _RESULT_BLOCKS or (isinstance(kind, str) and kind.endswith("_call_output")):
            yield from _texts(part, "call_id")
        elif "call_id" in part and "arguments" not in part and "is_error" in part:
            yield from _texts(part, "call_id")  # AutoGen's FunctionExecutionResult


def _parts(message: Message) -> Iterator[Mapping[str, Any]]:
    """The dicts in which a message may speak of calls."""
    if message.original is not None:
        yield message.original
        yield from _dicts([message.original.get("data")])
    yield message.metadata
    yield from _dicts(message.content)


def _dicts(given: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(given, list):
        for one in cast("list[object]", given):
            if isinstance(one, dict):
                yield cast("dict[str, Any]", one)


def _texts(part: Mapping[str, Any], *names: str) -> Iterator[str]:
    """The first text under one of the names."""
    for name in names:
        if isinstance(part.get(name), str):
            yield part[name]
            return
