"""Messages in the forms of the frameworks: what each of their classes says of itself."""

from __future__ import annotations

from typing import Any

from autogen_agentchat import messages as agentchat
from autogen_core import FunctionCall, Image
from autogen_core.code_executor import CodeBlock, CodeResult
from autogen_core.memory import MemoryContent
from autogen_core.models import (
    AssistantMessage,
    FunctionExecutionResult,
    FunctionExecutionResultMessage,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from langchain_core import messages as langchain
from langchain_core.messages import message_to_dict
from PIL.Image import new as new_image
from pydantic import BaseModel

PLAIN: list[dict[str, Any]] = [
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": None},
    {"role": "Ana", "content": "", "name": "Ana"},
    {"role": "user", "content": [{"type": "text", "text": "a"}, {"n": [1, 2.5, None, True]}]},
    {"role": "user", "content": {"text": "nested", "n": 2**70}},
    {"role": "system", "content": 7},
]
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
OPENAI_CHAT: list[dict[str, Any]] = [
    {"role": "developer", "content": "Be brief."},
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]},
    {"role": "assistant", "content": None, "refusal": None, "tool_calls": [CALL]},
    {"role": "assistant", "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "42"},
    {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
    {"role": "function", "name": "f", "content": "42"},
    {"role": "assistant", "content": "no", "refusal": "I may not", "audio": {"id": "a"}},
]
RESPONSES: list[dict[str, Any]] = [
    {
        "type": "message",
        "id": "msg_1",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_text", "text": "What is it?"}],
    },
    {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "so"}]},
    {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "f",
        "arguments": "{}",
        "status": "completed",
    },
    {"type": "function_call_output", "call_id": "call_1", "output": "42"},
    {"type": "file_search_call", "id": "fs_1", "queries": ["q"], "status": "completed"},
    {"type": "computer_call", "id": "cu_1", "call_id": "c2", "action": {"type": "click"}},
    {"type": "computer_call_output", "call_id": "c2", "output": {"type": "computer_screenshot"}},
    {"type": "custom_tool_call", "id": "ct_1", "call_id": "c3", "name": "g", "input": "x"},
    {"type": "custom_tool_call_output", "call_id": "c3", "output": "y"},
]
ANTHROPIC: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "text", "text": "Look", "cache_control": None}]},
    {
        "role": "assistant",
        "content": [
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
        ],
    },
    {
        "role": "user",
        "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "42"}],
    },
    {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "text", "text": "Done"}],
        "model": "m",
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1},
    },
]
_TOOL_CALL = langchain.ToolCall(name="f", args={"a": 1}, id="call_1", type="tool_call")
_BLOCKS: list[Any] = [{"type": "text", "text": "Hi"}, {"type": "image", "url": "data:,"}]
LANGCHAIN_MESSAGES: list[Any] = [
    langchain.HumanMessage("Hello", name="Ana", id="h1"),
    langchain.HumanMessage(_BLOCKS, additional_kwargs={"k": [1]}),
    langchain.SystemMessage("Be brief."),
    langchain.AIMessage("", tool_calls=[_TOOL_CALL], response_metadata={"m": 1}),
    langchain.AIMessage(
        "Hi", usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    ),
    langchain.ToolMessage("42", tool_call_id="call_1", artifact={"raw": [1]}, status="error"),
    langchain.FunctionMessage(content="42", name="f"),
    langchain.ChatMessage(content="Hello", role="critic"),
    langchain.RemoveMessage("r1"),
    langchain.AIMessageChunk(content="Hi", id="c1"),
    langchain.HumanMessageChunk(content="Hi"),
    langchain.SystemMessageChunk(content="Hi"),
    langchain.ToolMessageChunk(content="Hi", tool_call_id="call_1"),
    langchain.FunctionMessageChunk(content="Hi", name="f"),
    langchain.ChatMessageChunk(content="Hi", role="critic"),
]
LANGCHAIN = [message_to_dict(message) for message in LANGCHAIN_MESSAGES]


class Answer(BaseModel):
    """A structured answer."""

    words: list[str]


_AUTOGEN_CALL = FunctionCall(id="call_1", arguments="{}", name="f")
_AUTOGEN_RESULT = FunctionExecutionResult(content="42", name="f", call_id="call_1", is_error=False)
_USAGE = RequestUsage(prompt_tokens=1, completion_tokens=2)
AUTOGEN_CHAT: list[BaseModel] = [
    agentchat.TextMessage(source="user", content="Hello", metadata={"k": "v"}),
    agentchat.TextMessage(source="writer", content="Hi", models_usage=_USAGE),
    agentchat.MultiModalMessage(source="user", content=["Look", Image(new_image("RGB", (1, 1)))]),
    agentchat.StopMessage(source="writer", content="Stop"),
    agentchat.HandoffMessage(
        source="writer",
        target="critic",
        content="Go on",
        context=[UserMessage(content="x", source="u")],
    ),
    agentchat.StructuredMessage[Answer](source="writer", content=Answer(words=["a"])),
    agentchat.ToolCallRequestEvent(source="writer", content=[_AUTOGEN_CALL]),
    agentchat.ToolCallExecutionEvent(source="writer", content=[_AUTOGEN_RESULT]),
    agentchat.ToolCallSummaryMessage(
        source="writer", content="42", tool_calls=[_AUTOGEN_CALL], results=[_AUTOGEN_RESULT]
    ),
    agentchat.MemoryQueryEvent(
        source="writer", content=[MemoryContent(content="tea", mime_type="text/plain")]
    ),
    agentchat.UserInputRequestedEvent(source="user", request_id="r1"),
    agentchat.ModelClientStreamingChunkEvent(source="writer", content="Hel"),
    agentchat.ThoughtEvent(source="writer", content="hm"),
    agentchat.SelectSpeakerEvent(source="manager", content=["writer"]),
    agentchat.CodeGenerationEvent(
        source="coder",
        retry_attempt=0,
        content="```\n1\n```",
        code_blocks=[CodeBlock(code="1", language="python")],
    ),
    agentchat.CodeExecutionEvent(
        source="coder", retry_attempt=0, result=CodeResult(exit_code=0, output="1")
    ),
]
AUTOGEN_MODELS: list[BaseModel] = [
    SystemMessage(content="Be brief."),
    UserMessage(content="Hello", source="user"),
    UserMessage(content=["Look", Image(new_image("RGB", (1, 1)))], source="Ana"),
    AssistantMessage(content="Hi", source="writer", thought="hm"),
    AssistantMessage(content=[_AUTOGEN_CALL], source="writer"),
    FunctionExecutionResultMessage(content=[_AUTOGEN_RESULT]),
]
AUTOGEN = [message.model_dump(mode="json") for message in (*AUTOGEN_CHAT, *AUTOGEN_MODELS)]

EVERY = {
    "plain": PLAIN,
    "OpenAI chat": OPENAI_CHAT,
    "OpenAI Responses": RESPONSES,
    "Anthropic": ANTHROPIC,
    "LangChain": LANGCHAIN,
    "AutoGen": AUTOGEN,
}
