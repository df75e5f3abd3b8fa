"""LangChain's fake chat model, with tools, and with a note of what it was shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolCall
from pydantic import Field

from langchain import agents

if TYPE_CHECKING:
    from langchain_core.outputs import ChatResult


class Scripted(GenericFakeChatModel):
    """Says what the script says, call after call."""

    shown: list[list[BaseMessage]] = Field(default_factory=list[list[BaseMessage]])

    def bind_tools(self, tools: Any, **_kwargs: Any) -> Any:  # noqa: ARG002 - it says what the script says
        return self

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        self.shown.append(messages)
        return super()._generate(messages, *args, **kwargs)


def scripted(*answers: str | AIMessage) -> Scripted:
    return Scripted(messages=iter(answers))


def calling(name: str, **args: Any) -> AIMessage:
    """An answer that calls a tool."""
    return AIMessage("", tool_calls=[ToolCall(name=name, args=args, id="call", type="tool_call")])


def agent(model: Scripted, *middleware: Any, tools: Any = (), **options: Any) -> Any:
    """LangChain's agent; its own types are not all known to the type checker."""
    create = cast("Any", agents).create_agent
    return create(model, list(tools), middleware=list(middleware), **options)
