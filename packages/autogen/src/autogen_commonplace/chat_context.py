"""`CommonplaceChatCompletionContext`: a model context that is kept, over a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from autogen_core import Component
from autogen_core.model_context import ChatCompletionContext

from autogen_commonplace._messages import dumped, identified, loaded, read
from autogen_commonplace._opening import Opening
from autogen_commonplace._threads import in_thread
from autogen_commonplace.config import (
    CommonplaceChatCompletionContextConfig,
    arguments_of,
    checked_config,
)
from commonplace import Source
from commonplace.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from autogen_core.models import LLMMessage

    from autogen_commonplace._placing import Placing
    from commonplace import Memory, Scope, Thread


class CommonplaceChatCompletionContext(
    ChatCompletionContext, Component[CommonplaceChatCompletionContextConfig]
):
    """The messages of an agent, kept in a thread of a Commonplace memory.

    Each message is written when it is added, and is there after a restart. What the model is shown
    is all of them, the last ones, as many as a budget of tokens holds, or these with a summary of
    what is older in front. The whole conversation is kept in any case. A result of a tool is never
    shown without its call. All work is done in threads; the event loop is never blocked.

    What a `CommonplaceMemory` recalls is shown with them and not kept: only the latest block, for
    as long as this object lives.

    Args:
        memory: as in `CommonplaceMemory`.
        thread: which conversation: any name, unique within its scope.
        scope: where it lives; by default `users/<user>` if a user is named, else where the memory
            or view that was given writes.
        user: the person it is held with; it is kept in the source of what is added.
        agent: the agent whose context it is; it is kept in the same place.
        limit: show at most so many messages, the newest, and the system message that the thread
            begins with.
        max_tokens: show as many as this budget holds, as estimated when they were written.
        summary: show a summary of what does not find room in front of the rest. With a limit that
            makes a conversation without end. It is made of the sentences that most others are
            like, with no model.
        searchable: whether its messages are found by searches of the memory. A memory of the same
            scope then recalls the question itself, too: narrow it by its kinds.
        initial_messages: what a new thread begins with; one that is there already is not changed.
        embedder: as in `CommonplaceMemory`.
        index: as in `CommonplaceMemory`.

    Raises:
        InvalidInputError: an argument is malformed.
    """

    component_config_schema = CommonplaceChatCompletionContextConfig
    component_provider_override = "autogen_commonplace.CommonplaceChatCompletionContext"
    component_description = "The messages of an agent, kept in a thread of a Commonplace memory."

    def __init__(
        self,
        memory: Memory | str | Path,
        thread: str,
        *,
        scope: Scope | str | None = None,
        user: str | None = None,
        agent: str | None = None,
        limit: int | None = None,
        max_tokens: int | None = None,
        summary: bool = False,
        searchable: bool = False,
        initial_messages: Sequence[LLMMessage] | None = None,
        embedder: Any = None,
        index: str = "auto",
    ) -> None:
        super().__init__(None if initial_messages is None else list(initial_messages))
        self._config = checked_config(
            CommonplaceChatCompletionContextConfig,
            memory,
            thread=thread,
            embedder=embedder,
            index=index,
            scope=scope,
            user=user,
            agent=agent,
            limit=limit,
            max_tokens=max_tokens,
            summary=summary,
            searchable=searchable,
            initial_messages=self._initial_messages,
        )
        self._opening = Opening(memory, self._config, embedder)
        self._source = Source(app="autogen", agent=agent, user=user, thread=thread)
        self._recalled: dict[str, tuple[Placing, LLMMessage]] = {}

    async def add_message(self, message: LLMMessage) -> None:
        """Write a message at the end. When this returns, it survives the process being killed."""
        await in_thread(lambda: self._begun().add(dumped(message)))

    async def get_messages(self) -> list[LLMMessage]:
        """The messages to show to the model."""
        shown = await in_thread(self._shown)
        for placing, block in self._recalled.values():
            shown = placing.placed(shown, block)
        return shown

    async def clear(self) -> None:
        """Remove all messages, the initial ones too. Their last states stay in the history."""
        self._recalled.clear()
        await in_thread(lambda: self._thread().clear())

    async def save_state(self) -> Mapping[str, Any]:
        """All messages of the thread, as JSON, however few are shown; of any context's form."""
        return {"messages": await in_thread(lambda: list(map(dumped, self._all())))}

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Make the thread hold these messages; one that does already is not written.

        Raises:
            InvalidInputError: the state has no list of messages.
            ValueError: one of them is no message of a model.
        """
        messages: Any = state.get("messages")
        if not isinstance(messages, list):
            raise InvalidInputError("the state of a context has a list of messages")
        self._recalled.clear()

        def replace() -> None:
            wanted = [dumped(loaded(one)) for one in messages]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - checked by `loaded`
            if wanted != list(map(dumped, self._all())):
                self._thread().replace(wanted)

        await in_thread(replace)

    async def close(self) -> None:
        """Close the files that were opened here. All data stay; the next call opens them again."""
        await in_thread(self._opening.close)

    def show_recalled(self, placing: Placing, block: LLMMessage | None) -> None:
        """Show a block of memories among the messages from now on, in place of its former one."""
        self._recalled.pop(placing.source, None)
        if block is not None:
            self._recalled[placing.source] = (placing, block)

    def _shown(self) -> list[LLMMessage]:
        config = self._config
        context = self._begun().context(
            limit=config.limit, max_tokens=config.max_tokens, summary=config.summary
        )
        return read(context)

    def _all(self) -> list[LLMMessage]:
        return read(self._begun().messages())

    def _begun(self) -> Thread:
        """The thread, with what it begins with if it is new.

        The ids of the initial messages make that the same for two who begin it at once.
        """
        thread = self._thread()
        if self._initial_messages and thread.info() is None:
            thread.add(
                identified(message, f"initial-{number}")
                for number, message in enumerate(self._initial_messages)
            )
        return thread

    def _thread(self) -> Thread:
        config = self._config
        memory = self._opening.memory()
        return memory.thread(config.thread, source=self._source, embed=config.searchable)

    def _to_config(self) -> CommonplaceChatCompletionContextConfig:
        self._opening.check_described()
        return self._config

    @classmethod
    def _from_config(cls, config: CommonplaceChatCompletionContextConfig) -> Self:
        return cls(**arguments_of(config))
