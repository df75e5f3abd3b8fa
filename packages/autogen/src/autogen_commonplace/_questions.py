"""What is asked: the text of the messages that a turn is recalled by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autogen_core.models import FunctionExecutionResultMessage, LLMMessage, UserMessage

if TYPE_CHECKING:
    from collections.abc import Sequence


def last_user(messages: Sequence[LLMMessage]) -> str:
    """The text of the newest user message; in a team that is what another agent said, too."""
    return next((said(one) for one in reversed(messages) if isinstance(one, UserMessage)), "")


def last_message(messages: Sequence[LLMMessage]) -> str:
    """The text of the newest message."""
    return said(messages[-1]) if messages else ""


def said(message: LLMMessage) -> str:
    """The text of a message: without images and calls of tools, but with their results."""
    if isinstance(message.content, str):
        return message.content
    if isinstance(message, FunctionExecutionResultMessage):
        return "\n".join(result.content for result in message.content)
    return "\n".join(part for part in message.content if isinstance(part, str))
