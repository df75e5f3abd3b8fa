"""`CommonplaceMemoryMiddleware`: an agent that remembers across conversations."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired, TypeAlias

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import ContextT, PrivateStateAttr, ResponseT
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import run_in_executor

from commonplace import AsyncMemory, InvalidInputError, render
from commonplace.rendering import estimate_tokens
from langchain_commonplace._opening import MemoryLike, Opened
from langchain_commonplace._place import Run

if TYPE_CHECKING:
    from langchain.agents.middleware.types import ModelRequest, ModelResponse
    from langgraph.runtime import Runtime

    from commonplace import Hits, Memory
    from langchain_commonplace._place import ScopeSource

Fact: TypeAlias = str | Mapping[str, Any]
"""A fact to remember: its text, or `content` and the other fields of `Memory.add`."""
Extractor: TypeAlias = Callable[[Sequence[BaseMessage]], Iterable[Fact] | Awaitable[Iterable[Fact]]]
"""What finds the facts worth remembering in the new messages of a run; it may be async."""

_KEY = "commonplace_memory"
_LONGEST_QUERY = 4000


class MemoryState(AgentState[Any]):
    """The agent's state and, hidden from its input and output, what was recalled for this turn."""

    commonplace_memory: NotRequired[Annotated[dict[str, dict[str, Any]], PrivateStateAttr]]


class CommonplaceMemoryMiddleware(Opened, AgentMiddleware[MemoryState, ContextT, ResponseT]):
    """Lets an agent recall before it answers, and remember after it did.

    Once per user turn, before the agent begins, the memory is searched for the last user message.
    What is found goes into every model call of the turn as quoted data, before that message; it is
    never written into the conversation, so it does not pile up there. After the run the new
    messages are kept, and the facts that an extractor finds in them.

    ```python
    memory_middleware = CommonplaceMemoryMiddleware(memory, scope="users/{user_id}")
    agent = create_agent(model, tools, middleware=[memory_middleware])
    agent.invoke({"messages": [...]}, config={"configurable": {"user_id": "alice"}})
    ```

    Args:
        memory: a `Memory`, which is never closed here, or the path of one, which `close` closes.
        scope: where the memories live: a scope, its path, its segments, or a function of the
            agent's `Runtime`. A segment such as `{user_id}` stands for the entry of that name in
            the run's context, or else in `config["configurable"]`.
        limit: how many memories are recalled at most.
        token_budget: how many tokens they may have in the prompt, as counted.
        count_tokens: counts the tokens of a text; about, by default.
        mode: `hybrid`, `dense` or `lexical`; see `Memory.search`.
        kinds: only these kinds of records are recalled.
        tags: only records with at least one of these tags are.
        filter: only records that match are; see the guide on filters.
        min_score: only records with at least this score are.
        format: how they are written: `markdown` or `json`.
        place: `message` puts them into a user message of their own, where text that somebody once
            wrote belongs; `system` appends them to the system message.
        extractor: finds the facts in the new messages of a run; None for none. A fact that is
            known already, word by word, is not added again.
        name: tells several of these in one agent apart.
    """

    state_schema = MemoryState

    def __init__(
        self,
        memory: MemoryLike,
        *,
        scope: ScopeSource | None = None,
        limit: int = 10,
        token_budget: int = 1000,
        count_tokens: Callable[[str], int] = estimate_tokens,
        mode: Literal["hybrid", "dense", "lexical"] = "hybrid",
        kinds: Sequence[str] = (),
        tags: Sequence[str] = (),
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's name everywhere
        min_score: float | None = None,
        format: Literal["markdown", "json"] = "markdown",  # noqa: A002 - as in `render`
        place: Literal["message", "system"] = "message",
        extractor: Extractor | None = None,
        name: str = "CommonplaceMemoryMiddleware",
    ) -> None:
        if place not in {"message", "system"}:
            raise InvalidInputError("place is one of 'message', 'system'")
        self._scope = scope
        self._search: dict[str, Any] = {
            "limit": limit,
            "mode": mode,
            "kinds": kinds,
            "tags": tags,
            "filter": filter,
            "min_score": min_score,
        }
        self._rendering: dict[str, Any] = {
            "token_budget": token_budget,
            "count_tokens": count_tokens,
            "format": format,
        }
        render([], **self._rendering)  # refused now, not in the first run
        self._place = place
        self._extractor = extractor
        self._name = name
        self._open(memory)

    @property
    def name(self) -> str:
        """What tells it from others of its kind in one agent."""
        return self._name

    def before_agent(self, state: MemoryState, runtime: Runtime[ContextT]) -> dict[str, Any] | None:
        """Recall what the user's message calls for."""
        view = self._view(runtime)
        query = _query(state["messages"])
        return self._recalled(state, view.search(query, **self._search) if query else None)

    async def abefore_agent(
        self, state: MemoryState, runtime: Runtime[ContextT]
    ) -> dict[str, Any] | None:
        """See `before_agent`."""
        view = AsyncMemory(self._view(runtime))
        query = _query(state["messages"])
        return self._recalled(state, await view.search(query, **self._search) if query else None)

    def wrap_model_call(
        self,
        request: ModelRequest[ContextT],
        handler: Callable[[ModelRequest[ContextT]], ModelResponse[ResponseT]],
    ) -> ModelResponse[ResponseT]:
        """Show the model what was recalled."""
        return handler(self._with_memories(request))

    async def awrap_model_call(
        self,
        request: ModelRequest[ContextT],
        handler: Callable[[ModelRequest[ContextT]], Awaitable[ModelResponse[ResponseT]]],
    ) -> ModelResponse[ResponseT]:
        """See `wrap_model_call`."""
        return await handler(self._with_memories(request))

    def after_agent(self, state: MemoryState, runtime: Runtime[ContextT]) -> dict[str, Any] | None:
        """Remember what the run brought."""
        new = self._new(state)
        if new and self._extractor is not None:
            found = self._extractor(new)
            if inspect.isawaitable(found):
                if inspect.iscoroutine(found):
                    found.close()
                raise InvalidInputError("the extractor is async; run the agent with ainvoke")
            self._view(runtime).add_many(_records(found), dedupe=True)
        return self._done(state)

    async def aafter_agent(
        self, state: MemoryState, runtime: Runtime[ContextT]
    ) -> dict[str, Any] | None:
        """See `after_agent`; an extractor that is not async runs in a thread."""
        new = self._new(state)
        if new and self._extractor is not None:
            found = await run_in_executor(None, self._extractor, new)
            if inspect.isawaitable(found):
                found = await found
            await AsyncMemory(self._view(runtime)).add_many(_records(found), dedupe=True)
        return self._done(state)

    def _view(self, runtime: Runtime[Any]) -> Memory:
        return Run(runtime).view(self._memory, self._scope)

    def _own_state(self, state: Mapping[str, Any]) -> dict[str, Any]:
        return state.get(_KEY, {}).get(self._name, {})

    def _updated(self, state: MemoryState, **parts: Any) -> dict[str, Any]:
        own = {**self._own_state(state), **parts}
        return {_KEY: {**state.get(_KEY, {}), self._name: own}}

    def _recalled(self, state: MemoryState, hits: Hits | None) -> dict[str, Any]:
        rendering = render(hits or [], **self._rendering)
        return self._updated(
            state,
            text=rendering.text,
            shown=[record.id for record in rendering.shown],
            left_out=[record.id for record in rendering.left_out],
        )

    def _done(self, state: MemoryState) -> dict[str, Any]:
        """What is kept for the next turn: up to which message all is remembered, and no text."""
        last = state["messages"][-1].id if state["messages"] else None
        return self._updated(state, text="", until=last)

    def _new(self, state: MemoryState) -> list[BaseMessage]:
        """The messages since the end of the run before, which lacks them if it was another's."""
        messages: list[BaseMessage] = list(state["messages"])
        until = self._own_state(state).get("until")
        at = next((at for at, one in enumerate(messages) if until and one.id == until), -1)
        return [one for one in messages[at + 1 :] if not isinstance(one, SystemMessage)]

    def _with_memories(self, request: ModelRequest[ContextT]) -> ModelRequest[ContextT]:
        text = self._own_state(request.state).get("text")
        if not text:
            return request
        if self._place == "system":
            return request.override(system_message=_appended(request.system_message, text))
        messages = list(request.messages)
        messages.insert(_last_human(messages), HumanMessage(text))
        return request.override(messages=messages)


def _query(messages: Sequence[BaseMessage]) -> str:
    """What the user said last."""
    spoken = [message for message in messages if isinstance(message, HumanMessage)]
    return spoken[-1].text[:_LONGEST_QUERY].strip() if spoken else ""


def _last_human(messages: Sequence[BaseMessage]) -> int:
    """Where the last user message stands; the beginning if there is none."""
    return max(
        (at for at, message in enumerate(messages) if isinstance(message, HumanMessage)), default=0
    )


def _appended(system: SystemMessage | None, text: str) -> SystemMessage:
    if system is None:
        return SystemMessage(text)
    if isinstance(system.content, str):
        return system.model_copy(update={"content": f"{system.content}\n\n{text}"})
    return system.model_copy(update={"content": [*system.content, {"type": "text", "text": text}]})


def _records(found: Iterable[Fact]) -> list[dict[str, Any]]:
    """Facts with their source, which the extractor may know better."""
    source = Run().source()
    return [
        {"source": source, **({"content": fact} if isinstance(fact, str) else fact)}
        for fact in found
    ]
