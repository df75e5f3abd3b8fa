"""The forms in which messages are given, and the parts that all of them have.

Understood are plain role and content; OpenAI chat messages and items of its Responses; Anthropic
messages; LangChain's `message_to_dict`; AutoGen's `model_dump(mode="json")`; and the objects that
these frameworks have for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from commonplace.errors import InvalidInputError

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
_SETTINGS = ("role_type", "token_count", "ttl", "expires_at")
_LANGCHAIN_ROLES = {
    "human": "user",
    "HumanMessageChunk": "user",
    "ai": "assistant",
    "AIMessageChunk": "assistant",
    "system": "system",
    "SystemMessageChunk": "system",
    "tool": "tool",
    "ToolMessageChunk": "tool",
    "function": "tool",
    "FunctionMessageChunk": "tool",
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
    message = _dict_of(given)
    for form in (_langchain, _autogen, _with_role, _response_item):
        if (found := form(message)) is not None:
            return found
    raise InvalidInputError(
        "a message dict has 'role' and 'content', or is an OpenAI, LangChain or AutoGen message"
    )


def is_framework_message(given: object) -> bool:
    """Whether it is an object, of Pydantic, such as LangChain, AutoGen and OpenAI have."""
    return hasattr(given, "model_dump") and not isinstance(given, type)


def revised(original: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any] | None:
    """A message in its form with another content, role or name; None if that has no place for it.

    All else that it says stays, such as the tool calls it makes.
    """
    form = dict(original)
    said = form
    if _langchain(form) is not None:
        said = form["data"] = dict(form["data"])
    if "role" in changes and "role" not in said:
        return None
    for name, part in changes.items():
        said[_place_of(name, said)] = part
    try:
        parts = parts_of(form)
    except InvalidInputError:
        return None
    shown = {"content": parts.content, "role": parts.role, "name": parts.own.get("name")}
    return form if shown | dict(changes) == shown else None


def _dict_of(given: object) -> dict[str, Any]:
    """A message's dict; of an object of LangChain, AutoGen or OpenAI, the one it dumps as."""
    if isinstance(given, Mapping):
        return dict(cast("Mapping[str, Any]", given))
    message = cast("Any", given)
    if not is_framework_message(given):
        raise InvalidInputError(
            f"a message is a Message, a framework's message, a dict, a (role, content) pair or a "
            f"text of the user, not {type(given).__name__}"
        )
    try:
        if hasattr(given, "additional_kwargs"):  # LangChain's `message_to_dict`
            return {"type": message.type, "data": message.model_dump()}
        return message.model_dump(mode="json", exclude_none=hasattr(given, "role"))
    except (TypeError, ValueError):
        raise InvalidInputError(f"a {type(given).__name__} cannot be written as JSON") from None


def _place_of(name: str, said: Mapping[str, Any]) -> str:
    """Where a form keeps what we call `name`."""
    others = {"content": ("content", "output", "result", "parts"), "name": ("name", "source")}
    return next((place for place in others.get(name, ()) if place in said), name)


def _pair(given: list[object]) -> Parts:
    if len(given) == 2 and isinstance(given[0], str):  # noqa: PLR2004 - a pair
        return Parts(given[0], given[1], None, {})
    raise InvalidInputError("a message in a tuple is a pair of a role and a content")


def _langchain(message: dict[str, Any]) -> Parts | None:
    data = message.get("data")
    kind = message.get("type")
    if not isinstance(data, dict) or not isinstance(kind, str) or "content" not in data:
        return None
    said = cast("dict[str, Any]", data)
    role = said["role"] if "role" in said else _LANGCHAIN_ROLES.get(kind, kind)
    return Parts(str(role), said["content"], message, _named(said))


def _autogen(message: dict[str, Any]) -> Parts | None:
    kind, speaker = message.get("type"), message.get("source")
    if not isinstance(kind, str) or not (message.keys() & {"content", "result"}):
        return None
    content = message.get("content", message.get("result"))
    named = {"name": speaker} | _named(message) if isinstance(speaker, str) else _named(message)
    if kind in _AUTOGEN_ROLES:
        return Parts(_AUTOGEN_ROLES[kind], content, message, named)
    if not isinstance(speaker, str) or "role" in message:
        return None
    return Parts("user" if speaker == "user" else "assistant", content, message, named)


def _with_role(message: dict[str, Any]) -> Parts | None:
    role = message.get("role")
    if not isinstance(role, str) or not (message.keys() & {"content", "tool_calls", "parts"}):
        return None
    content = message.get("content", message.get("parts"))
    own = {name: part for name, part in message.items() if name in _OWN}
    if (original := message.get("original")) is not None:  # what `Message.to_dict` gave
        if not isinstance(original, dict):
            raise InvalidInputError(
                f"a message's original is a dict, not {type(original).__name__}"
            )
        return Parts(role, content, cast("dict[str, Any]", original), own)
    if message.keys() <= _OWN:
        return Parts(role, content, None, own)
    said = {name: message[name] for name in _SETTINGS if name in message}
    return Parts(role, content, message, _named(message) | said)


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
