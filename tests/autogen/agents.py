"""What the tests of agents share: scripted models, and what they were sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from autogen_agentchat.agents import AssistantAgent
from autogen_core.memory import MemoryContent, MemoryMimeType
from autogen_core.models import UserMessage
from autogen_ext.models.replay import ReplayChatCompletionClient

if TYPE_CHECKING:
    from autogen_core.memory import Memory
    from autogen_core.models import LLMMessage

REPLIES = [f"reply {number}" for number in range(40)]


def text(content: str, metadata: dict[str, Any] | None = None) -> MemoryContent:
    return MemoryContent(content=content, mime_type=MemoryMimeType.TEXT, metadata=metadata)


def model() -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(REPLIES)


def agent(client: ReplayChatCompletionClient, *memories: Memory, **options: Any) -> AssistantAgent:
    return AssistantAgent("helper", model_client=client, memory=list(memories), **options)


def sent(client: ReplayChatCompletionClient, call: int = -1) -> list[LLMMessage]:
    """The messages of one call of the model."""
    return cast("list[LLMMessage]", client.create_calls[call]["messages"])


def is_block(message: LLMMessage) -> bool:
    return isinstance(message, UserMessage) and message.source.startswith("memory_")


def blocks(messages: list[LLMMessage]) -> list[str]:
    """The texts of the blocks of memories."""
    return [str(message.content) for message in messages if is_block(message)]
