"""A chat model that says what it was told to say."""


# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportArgumentType=false, reportMissingTypeArgument=false
# Much of the frameworks' interface is not typed through.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

if TYPE_CHECKING:
    from collections.abc import Iterable


class ScriptedModel(GenericFakeChatModel):
    """LangChain's own fake model, which also takes tools."""

    def bind_tools(self, tools: Any, **more: Any) -> Any:  # noqa: ARG002 - LangChain's signature
        return self


def scripted(messages: Iterable[AIMessage | str]) -> ScriptedModel:
    return ScriptedModel(messages=iter(messages))


def calling(name: str, **arguments: Any) -> AIMessage:
    """An answer that calls one tool."""
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": f"call-{name}"}])
