"""Where recalled memories stand among the messages of a model context."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from autogen_core import Image
from autogen_core.model_context import ChatCompletionContext
from autogen_core.models import SystemMessage, UserMessage

from autogen_commonplace.chat_context import CommonplaceChatCompletionContext

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from autogen_core.models import LLMMessage

State = dict[str, Any]
M = TypeVar("M", bound="LLMMessage | dict[str, Any]")
"""A message as it is, or as it was dumped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """How a block of memories is put among messages, and how it is known again.

    Attributes:
        source: who says the block. Model clients pass it on as a name, so it is of letters,
            digits, `_` and `-`, at most 64.
        role: `user`, or `system`, which Claude and Gemini models do not take at that place.
        placement: before the newest message, or after it.
        keep: whether a new block takes the former one's place.
    """

    source: str
    role: Literal["user", "system"]
    placement: Literal["before_last", "append"]
    keep: Literal["latest", "all"]

    def message(self, text: str) -> UserMessage | SystemMessage:
        """The block as a message."""
        if self.role == "system":
            return SystemMessage(content=f"{self.source}:\n{text}")
        return UserMessage(content=text, source=self.source)

    def is_block(self, message: LLMMessage | State) -> bool:
        """Whether a message, as it is or as it was dumped, is a block of this placing."""
        if _part(message, "type") == "SystemMessage":
            return str(_part(message, "content")).startswith(f"{self.source}:\n")
        of_user = _part(message, "type") == "UserMessage"
        return of_user and _part(message, "source") == self.source

    def placed(self, messages: Sequence[M], block: M | None) -> list[M]:
        """The messages with the block, without its former ones unless all are kept."""
        keep_all = self.keep == "all"
        kept = [message for message in messages if keep_all or not self.is_block(message)]
        if block is None:
            return kept
        place = len(kept) if self.placement == "append" else _before_last(kept)
        return [*kept[:place], block, *kept[place:]]


def _before_last(messages: Sequence[LLMMessage | State]) -> int:
    """The place before the newest message; never between a tool call and its result."""
    place = max(len(messages) - 1, 0)
    while place and _part(messages[place], "type") == "FunctionExecutionResultMessage":
        place -= 1
    return place


def _part(message: LLMMessage | State, name: str) -> Any:
    return message.get(name) if isinstance(message, dict) else getattr(message, name, None)


async def place(context: ChatCompletionContext, text: str | None, placing: Placing) -> None:
    """Put the text into the context, in place of the former one; None to leave only that out.

    Goes through the context's state, the public way to all its messages. A context whose state
    has no list of messages gets the block at its end.
    """
    block = None if text is None else placing.message(text)
    if isinstance(context, CommonplaceChatCompletionContext):
        context.show_recalled(placing, block)
        return
    heavy = await _is_heavy(context)
    state = dict(await _apart(context.save_state(), heavy=heavy))
    messages = state.get("messages")
    if not isinstance(messages, list):
        if block is not None:
            await context.add_message(block)
        return
    before = cast("list[State]", messages)
    after = placing.placed(before, None if block is None else block.model_dump())
    if after != before:
        await _apart(context.load_state({**state, "messages": after}), heavy=heavy)


async def _is_heavy(context: ChatCompletionContext) -> bool:
    """Whether its state takes long to make: images are encoded anew each time."""
    if type(context).save_state is not ChatCompletionContext.save_state:
        return False  # its own way may belong to the event loop
    return any(_has_image(message) for message in await context.get_messages())


def _has_image(message: LLMMessage) -> bool:
    parts = message.content if isinstance(message, UserMessage) else ()
    return any(isinstance(part, Image) for part in parts)


async def _apart(work: Coroutine[Any, Any, Any], *, heavy: bool) -> Any:
    return await asyncio.to_thread(asyncio.run, work) if heavy else await work
