"""A message of any framework as messages of OpenAI's chat format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from commonplace.jsonvalue import dump_json
from commonplace.message import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from commonplace.message import Message

CARRIED = frozenset({"tools", "parallel_tool_calls", "functions"})
"""What a line says of a conversation besides its messages, if the thread's metadata says it."""
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
_BLOCKS = frozenset({"text", "image_url", "input_audio", "file", "refusal"})


def chat_messages(message: Message) -> list[dict[str, Any]]:
    """The messages of OpenAI's chat format that say what a message says.

    One that is in that format comes out as it went in. Of another framework's come its text, its
    tool calls and their results, each of which is a message here.
    """
    given = cast("dict[str, Any]", message.given)
    if _is_chat(given):
        return [given]
    if message.original is not None and message.original.get("type") == "reasoning":
        return []
    parts = list(_parts(message))
    results = [one for part in parts for one in _results(part)]
    calls = [one for part in parts for one in _calls(part)]
    text = _text(message.content)
    if results:
        beside = [{"role": "user", "content": text}] if text and _blocks(message) else []
        return [*results, *beside]
    said: dict[str, Any] = {**_speaker(message), "content": text}
    if calls:
        said |= {"role": "assistant", "content": text or None, "tool_calls": calls}
    return [said]


def _is_chat(given: Mapping[str, Any]) -> bool:
    """Whether it is such a message already."""
    content = given.get("content")
    if given.get("role") not in _ROLES or "type" in given or "data" in given:
        return False
    if isinstance(content, list):
        return all(
            isinstance(block, dict) and cast("dict[str, Any]", block).get("type") in _BLOCKS
            for block in cast("list[object]", content)
        )
    return isinstance(content, str) or "tool_calls" in given


def _speaker(message: Message) -> dict[str, Any]:
    if message.kind not in _ROLES:
        return {"role": "user", "name": message.name or message.role}
    name = message.name or (message.role if message.role_type is not None else None)
    return {"role": message.kind} | ({"name": name} if name else {})


def _parts(message: Message) -> Iterator[Mapping[str, Any]]:
    """The objects in which a message may speak of tools."""
    original = message.original or {}
    yield original
    if isinstance(data := original.get("data"), dict):
        yield data
    yield from _blocks(message)


def _blocks(message: Message) -> list[dict[str, Any]]:
    content = message.content
    found = content if isinstance(content, list) else []
    return [cast("dict[str, Any]", block) for block in found if isinstance(block, dict)]


def _calls(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The tool calls that a part makes: LangChain's, Anthropic's, AutoGen's, those of Responses."""
    listed = part.get("tool_calls")
    for call in cast("list[Any]", listed) if isinstance(listed, list) else []:
        yield call if "function" in call else _call(call.get("id"), call["name"], call.get("args"))
    if part.get("type") == "tool_use":
        yield _call(part.get("id"), part.get("name"), part.get("input"))
    elif part.get("type") == "function_call":
        yield _call(part.get("call_id"), part.get("name"), part.get("arguments"))
    elif "arguments" in part and "name" in part and "id" in part:
        yield _call(part["id"], part["name"], part["arguments"])


def _call(call_id: object, name: object, arguments: Any) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else dump_json(arguments or {})
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": text}}


def _results(part: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The results of tool calls that a part brings."""
    if "tool_call_id" in part:
        yield _result(part["tool_call_id"], part.get("content"))
    elif part.get("type") == "tool_result":
        yield _result(part.get("tool_use_id"), part.get("content"))
    elif part.get("type") == "function_call_output":
        yield _result(part.get("call_id"), part.get("output"))
    elif "call_id" in part and "is_error" in part:
        yield _result(part["call_id"], part.get("content"))


def _result(call_id: object, content: object) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": text_of(content)}


def _text(content: object) -> str:
    """The words of a message but those of tools' results, which are messages of their own."""
    if not isinstance(content, list):
        return text_of(content)
    blocks = cast("list[Any]", content)
    return text_of([block for block in blocks if not _is_result(block)])


def _is_result(block: Any) -> bool:
    return isinstance(block, dict) and any(_results(cast("dict[str, Any]", block)))
