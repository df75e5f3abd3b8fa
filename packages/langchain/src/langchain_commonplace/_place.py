"""Where an agent's memories live: a scope that the run decides, never the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from langgraph.config import get_config
from langgraph.runtime import Runtime, get_runtime

from commonplace import InvalidInputError, Scope, Source

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig

    from commonplace import Memory

ScopeSource: TypeAlias = (
    "Scope | str | Sequence[str] | Callable[[Runtime[Any]], Scope | str | Sequence[str]]"
)
"""A scope, its path or its segments, or a function of the run that gives one.

A segment such as `{user_id}` stands for the entry of that name in the run's context, or else in
`config["configurable"]`.
"""

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Run:
    """The run in which something is called; outside a graph there is none, but a config maybe."""

    def __init__(self, runtime: Runtime[Any] | None = None) -> None:
        self._config = _config()
        self.runtime = _runtime() if runtime is None else runtime

    @property
    def thread_id(self) -> str | None:
        """The id of the conversation, if the run has one."""
        return self._text("thread_id")

    def source(self) -> Source:
        """What records say about where they came from."""
        name = self._config.get("metadata", {}).get("lc_agent_name")
        return Source(
            app="langchain",
            agent=name if isinstance(name, str) and name else None,
            user=self._text("user_id"),
            thread=self.thread_id,
        )

    def view(self, memory: Memory, scope: ScopeSource | None) -> Memory:
        """The memory, narrowed to the scope that is meant in this run.

        Raises:
            InvalidInputError: the run lacks what the scope is made of.
        """
        return memory if scope is None else memory.scope(self._scope(scope))

    def _scope(self, source: ScopeSource) -> Scope:
        if callable(source):
            if self.runtime is None:
                raise InvalidInputError("a scope that is a function is known only within a graph")
            return _as_scope(source(self.runtime))
        return Scope(*map(self._filled, _as_scope(source).segments))

    def _filled(self, segment: str) -> str:
        found = _PLACEHOLDER.fullmatch(segment)
        return self._named(found.group(1)) if found else segment

    def _named(self, name: str) -> str:
        if (text := self._text(name)) is None:
            raise InvalidInputError(
                f"this run has no {name!r} for the scope; give it in context= or in "
                f"config={{'configurable': {{{name!r}: ...}}}}"
            )
        return text

    def _text(self, name: str) -> str | None:
        found = _part(getattr(self.runtime, "context", None), name)
        if found is None:
            found = self._config.get("configurable", {}).get(name)
        return None if found is None else str(found)


def _as_scope(scope: Scope | str | Sequence[str]) -> Scope:
    return Scope.of(scope) if isinstance(scope, Scope | str) else Scope(*scope)


def _part(context: Any, name: str) -> Any:
    if isinstance(context, Mapping):
        return cast("Mapping[str, Any]", context).get(name)
    return getattr(context, name, None)


def _config() -> RunnableConfig:
    try:
        return get_config()
    except RuntimeError:  # outside every graph and chain
        return {}


def _runtime() -> Runtime[Any] | None:
    try:
        return get_runtime()
    except (RuntimeError, KeyError):  # outside a graph
        return None
