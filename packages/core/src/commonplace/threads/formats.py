"""The forms in which messages are given, and the parts that all of them have.

Understood are plain role and content; OpenAI chat messages and items of its Responses; Anthropic
messages; LangChain's `message_to_dict`; AutoGen's `model_dump(mode="json")`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from commonplace.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_OWN = frozenset(
    {
        "id",
        "role",
        "role_type",
        "name",
        "content",
        "metadata",
        "created_at",
        "expires_at",
        "token_count",
        "position",
        "record_id",
        "source",
        "original",
        "ttl",
    }
)
_LANGCHAIN_ROLES = {
    "human": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "tool",
}
_AUTOGEN_ROLES = {
    "SystemMessage": "system",
    "UserMessage": "user",
    "AssistantMessage": "assistant",
    "FunctionExecutionResultMessage": "tool",
    "ToolCallExecutionEvent": "tool",
}


class Parts(NamedTuple):
    """What a message in any form says: `own` are the fields that `Thread.add` knows by name."""

    role: str
    content: Any
    original: dict[str, Any] | None
    own: Mapping[str, Any]


def parts_of(given: object) -> Parts:
    """The parts of a message in any of the forms.

    Raises:
        InvalidInputError: it is in none of them.
    """
    if isinstance(given, str):
        return Parts("user", given, None, {})
    if isinstance(given, tuple | list):
        return _pair(cast("list[object]", list(cast("Any", given))))
    if not isinstance(given, dict):
        raise InvalidInputError(
            f"a message is a Message, a dict, a (role, content) pair or a text of the user, not "
            f"{type(given).__name__}; give a framework's message as its dict"
        )
    message = cast("dict[str, Any]", given)
    for form in (_langchain, _autogen, _with_role, _response_item):
        if (found := form(message)) is not None:
            return found
    raise InvalidInputError(
        "a message dict has 'role' and 'content', or is an OpenAI, LangChain or AutoGen message"
    )


def _pair(given: list[object]) -> Parts:
    if len(given) == 2 and isinstance(given[0], str):  # noqa: PLR2004 - a pair
        return Parts(given[0], given[1], None, {})
    raise InvalidInputError("a message in a tuple is a pair of a role and a content")


def _langchain(message: dict[str, Any]) -> Parts | None:
    data = message.get("data")
    kind = message.get("type")
    if not isinstance(data, dict) or not isinstance(kind, str):
        return None
    said = cast("dict[str, Any]", data)
    role = said.get("role") if kind == "chat" else _LANGCHAIN_ROLES.get(kind, kind)
    return Parts(str(role), said.get("content"), message, _named(said))


def _autogen(message: dict[str, Any]) -> Parts | None:
    kind, speaker = message.get("type"), message.get("source")
    if not isinstance(kind, str) or "content" not in message:
        return None
    if kind in _AUTOGEN_ROLES:
        named = {"name": speaker} if isinstance(speaker, str) else {}
        return Parts(_AUTOGEN_ROLES[kind], message["content"], message, named)
    if not isinstance(speaker, str) or "role" in message:
        return None
    role = "user" if speaker == "user" else "assistant"
    return Parts(role, message["content"], message, {"name": speaker} | _named(message))


def _with_role(message: dict[str, Any]) -> Parts | None:
    role = message.get("role")
    if not isinstance(role, str) or not (message.keys() & {"content", "tool_calls", "parts"}):
        return None
    content = message.get("content", message.get("parts"))
    own = {name: part for name, part in message.items() if name in _OWN}
    if isinstance(message.get("original"), dict):  # what `Message.to_dict` gave
        return Parts(role, content, cast("dict[str, Any]", message["original"]), own)
    whole = message.keys() <= _OWN
    return Parts(role, content, None if whole else message, own if whole else _named(message))


def _response_item(message: dict[str, Any]) -> Parts | None:
    """An item of OpenAI's Responses that is no message: a call, its output, a line of thought."""
    kind = message.get("type")
    if not isinstance(kind, str):
        return None
    is_output = kind.endswith("_output")
    if not is_output and not kind.endswith("_call") and kind != "reasoning":
        return None
    content = message.get("output") if is_output else message.get("summary")
    return Parts("tool" if is_output else "assistant", content, message, _named(message))


def _named(message: Mapping[str, Any]) -> dict[str, Any]:
    """The id, the name, the metadata and the time that a framework gave a message."""
    found: dict[str, Any] = {
        name: message[name]
        for name in ("id", "name", "created_at")
        if isinstance(message.get(name), str) and message[name]
    }
    metadata = message.get("metadata")
    return found | ({"metadata": metadata} if isinstance(metadata, dict) else {})
