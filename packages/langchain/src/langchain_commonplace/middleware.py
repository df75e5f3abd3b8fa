"""`CommonplaceMemoryMiddleware`: an agent that remembers across conversations."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

from langchain.agents.middleware import AgentMiddleware, AgentState
from langchain.agents.middleware.types import ContextT, PrivateStateAttr, ResponseT
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage, ToolMessage

from commonplace import AsyncMemory, AsyncThread, InvalidInputError, render
from langchain_commonplace._convert import message_fields
from langchain_commonplace._opening import MemoryLike, Opened
from langchain_commonplace._place import Run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from langchain.agents.middleware.types import ModelRequest, ModelResponse
    from langgraph.runtime import Runtime

    from commonplace import Hit, Thread
    from langchain_commonplace._place import ScopeSource

_LOG = logging.getLogger("commonplace")
_KEY = "commonplace_memory"
_LONGEST_QUERY = 4000
_MADE_BY = "lc_source"
"""LangChain's mark of messages that middleware put in place of others, such as a summary."""


class MemoryState(AgentState[Any]):
    """The agent's state and, hidden from its input and output, what was recalled for this turn."""

    commonplace_memory: NotRequired[Annotated[dict[str, dict[str, Any]], PrivateStateAttr]]


class CommonplaceMemoryMiddleware(Opened, AgentMiddleware[MemoryState, ContextT, ResponseT]):
    """Lets an agent recall before it answers, and remember after it did.

    Once per user turn, before the agent begins, the memory is searched for the last user message.
    What is found goes into every model call of the turn as quoted data, before that message; it is
    never written into the conversation, so it does not pile up there. After the run its new
    messages are kept in the thread of its `thread_id`, where every other face reads them, and the
    facts that an extractor takes out of them beside it.

    ```python
    memory_middleware = CommonplaceMemoryMiddleware(memory, scope="users/{user_id}")
    agent = create_agent(model, tools, middleware=[memory_middleware])
    config = {"configurable": {"user_id": "alice", "thread_id": "1"}}
    agent.invoke({"messages": [...]}, config)
    ```

    Args:
        memory: a `Memory`, which is never closed here, or the path of one, which `close` closes.
        scope: where the memories live: a scope, its path, its segments, or a function of the
            agent's `Runtime`. A segment such as `{user_id}` stands for the entry of that name in
            the run's context, or else in `config["configurable"]`.
        limit: how many memories are recalled at most. Messages of the thread itself are not: they
            are in the prompt already.
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
        keep_messages: whether new messages are kept. A run without a `thread_id` keeps none, and
            says so in the log. What tools give beside their answer, as artifact, is not kept.
        extractor: takes facts out of the new messages: a function of them and of the nearest known
            facts, or a LangChain chat model; see `Thread.extract`. None takes none.
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
        count_tokens: Callable[[str], int] | None = None,
        mode: Literal["hybrid", "dense", "lexical"] = "hybrid",
        kinds: Sequence[str] = (),
        tags: Sequence[str] = (),
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's name everywhere
        min_score: float | None = None,
        format: Literal["markdown", "json"] = "markdown",  # noqa: A002 - as in `render`
        place: Literal["message", "system"] = "message",
        keep_messages: bool = True,
        extractor: Any = None,
        name: str = "CommonplaceMemoryMiddleware",
    ) -> None:
        if place not in {"message", "system"}:
            raise InvalidInputError("place is one of 'message', 'system'")
        if extractor is not None and not keep_messages:
            raise InvalidInputError("an extractor reads the messages that are kept; keep them")
        self._scope = scope
        self._search: dict[str, Any] = {
            "limit": limit,
            "mode": mode,
            "kinds": kinds,
            "tags": tags,
            "min_score": min_score,
        }
        self._filter = filter
        self._rendering: dict[str, Any] = {
            "token_budget": token_budget,
            "count_tokens": count_tokens,
            "format": format,
        }
        render([], **self._rendering)  # refused now, not in the first run
        self._place = place
        self._keep = keep_messages
        self._extractor = extractor
        self._name = name
        self._open(memory)

    @property
    def name(self) -> str:
        """What tells it from others of its kind in one agent."""
        return self._name

    def before_agent(self, state: MemoryState, runtime: Runtime[ContextT]) -> dict[str, Any] | None:
        """Recall what the user's message calls for."""
        run = self._run(runtime)
        view = run.view(self._memory, self._scope)
        query = _query(state["messages"])
        hits: Sequence[Hit] = view.search(query, **self._wanted(run)) if query else []
        return self._recalled(state, hits)

    async def abefore_agent(
        self, state: MemoryState, runtime: Runtime[ContextT]
    ) -> dict[str, Any] | None:
        """See `before_agent`."""
        run = self._run(runtime)
        view = AsyncMemory(run.view(self._memory, self._scope))
        query = _query(state["messages"])
        found = view.search(query, **self._wanted(run)) if query else None
        return self._recalled(state, await found if found else [])

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
        """Keep what the run brought."""
        new = self._new(state)
        thread = self._thread(runtime)
        if thread and new:
            thread.add(new)
        if thread and self._extractor is not None:
            thread.extract(self._extractor)
        return self._done(state)

    async def aafter_agent(
        self, state: MemoryState, runtime: Runtime[ContextT]
    ) -> dict[str, Any] | None:
        """See `after_agent`; the extractor runs in a thread."""
        new = self._new(state)
        thread = self._thread(runtime)
        if thread and new:
            await AsyncThread(thread).add(new)
        if thread and self._extractor is not None:
            await AsyncThread(thread).extract(self._extractor)
        return self._done(state)

    def _run(self, runtime: Runtime[Any]) -> Run:
        run = Run(runtime)
        if self._extractor is not None and run.thread_id is None:
            raise InvalidInputError(
                "facts are taken out of a thread, and this run has none; give it a thread_id, as "
                "in config={'configurable': {'thread_id': ...}}"
            )
        return run

    def _wanted(self, run: Run) -> dict[str, Any]:
        """The options of the search: all but the messages that are in the prompt anyway."""
        given: list[Mapping[str, Any]] = [self._filter] if self._filter else []
        if run.thread_id is not None:
            own = {"@kind": "message", "@source.thread": run.thread_id}
            given.append({"$not": own})
        return {**self._search, "filter": {"$and": given} if given else None}

    def _thread(self, runtime: Runtime[Any]) -> Thread | None:
        run = Run(runtime)
        if not self._keep:
            return None
        if run.thread_id is None:
            _LOG.warning("%s keeps no messages: this run has no thread_id", self._name)
            return None
        view = run.view(self._memory, self._scope)
        return view.thread(run.thread_id, source=run.source())

    def _own_state(self, state: Mapping[str, Any]) -> dict[str, Any]:
        return state.get(_KEY, {}).get(self._name, {})

    def _updated(self, state: MemoryState, **parts: Any) -> dict[str, Any]:
        own = {**self._own_state(state), **parts}
        return {_KEY: {**state.get(_KEY, {}), self._name: own}}

    def _recalled(self, state: MemoryState, hits: Sequence[Hit]) -> dict[str, Any]:
        rendering = render(_telling(hits, _query(state["messages"])), **self._rendering)
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

    def _new(self, state: MemoryState) -> list[dict[str, Any]]:
        """The messages since the end of the run before; all of them if there is no trace of it."""
        messages: list[BaseMessage] = list(state["messages"])
        until = self._own_state(state).get("until")
        at = next((at for at, one in enumerate(messages) if until and one.id == until), -1)
        said = (one for one in messages[at + 1 :] if not one.additional_kwargs.get(_MADE_BY))
        return [message_fields(_without_artifact(one)) for one in said]

    def _with_memories(self, request: ModelRequest[ContextT]) -> ModelRequest[ContextT]:
        text = self._own_state(request.state).get("text")
        if not text:
            return request
        if self._place == "system":
            return request.override(system_message=_appended(request.system_message, text))
        messages = list(request.messages)
        messages.insert(_last_human(messages), HumanMessage(text))
        return request.override(messages=messages)


def _telling(hits: Sequence[Hit], query: str) -> list[Hit]:
    """The hits without repeats, and without what only asks the same."""
    told: dict[str, Hit] = {}
    for hit in hits:
        if hit.record.text.strip() != query.strip():
            told.setdefault(hit.record.text, hit)
    return list(told.values())


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


def _without_artifact(message: BaseMessage) -> BaseMessage:
    if isinstance(message, ToolMessage) and message.artifact is not None:
        return message.model_copy(update={"artifact": None})
    return message
