"""Between AutoGen's messages and those of a thread: pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from autogen_core.models import AssistantMessage, LLMMessage, SystemMessage, UserMessage
from pydantic import TypeAdapter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonplace import Message

_ADAPTER: TypeAdapter[LLMMessage] = TypeAdapter(LLMMessage)
_ROLES = {
    "SystemMessage": "system",
    "UserMessage": "user",
    "AssistantMessage": "assistant",
    "FunctionExecutionResultMessage": "tool",
}


def dumped(message: LLMMessage) -> dict[str, Any]:
    """The message as JSON, the form that a thread keeps; images are base64 texts in it."""
    return message.model_dump(mode="json")


def identified(message: LLMMessage, message_id: str) -> dict[str, Any]:
    """The message as JSON with an id of ours, which AutoGen's form has no place for."""
    state = dumped(message)
    role = _ROLES[state["type"]]
    return {"id": message_id, "role": role, "content": state["content"], "original": state}


def loaded(state: Mapping[str, Any]) -> LLMMessage:
    """The message that `dumped` gave.

    Raises:
        ValueError: it is no message of a model.
    """
    return _ADAPTER.validate_python(state)


def read(messages: Iterable[Message]) -> list[LLMMessage]:
    """What a thread holds, as AutoGen's messages.

    Those that another framework wrote come as their text, who spoke as their source; those without
    a text, such as calls of tools, are left out.
    """
    return [found for message in messages if (found := _read(message)) is not None]


def _read(message: Message) -> LLMMessage | None:
    if message.original is not None and message.original.get("type") in _ROLES:
        return loaded(message.original)
    if not message.text:
        return None
    speaker = message.name or message.role
    if message.kind == "system":
        return SystemMessage(content=message.text)
    if message.kind == "assistant":
        return AssistantMessage(content=message.text, source=speaker)
    return UserMessage(content=message.text, source=speaker)
