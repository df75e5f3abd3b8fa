"""Commonplace as AutoGen memory and chat context."""

from __future__ import annotations

from autogen_commonplace._opening import register_embedder
from autogen_commonplace.chat_context import CommonplaceChatCompletionContext
from autogen_commonplace.config import (
    CommonplaceChatCompletionContextConfig,
    CommonplaceMemoryConfig,
    EmbedderConfig,
)
from autogen_commonplace.events import RecallFailedEvent
from autogen_commonplace.memory import CommonplaceMemory

__all__ = [
    "CommonplaceChatCompletionContext",
    "CommonplaceChatCompletionContextConfig",
    "CommonplaceMemory",
    "CommonplaceMemoryConfig",
    "EmbedderConfig",
    "RecallFailedEvent",
    "register_embedder",
]
