"""`CommonplaceMemory`: a Commonplace memory as AutoGen's `Memory` component."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Literal, Self, TypeAlias

from autogen_core import EVENT_LOGGER_NAME, CancellationToken, Component
from autogen_core.memory import Memory as AutoGenMemory
from autogen_core.memory import MemoryContent, MemoryQueryResult, UpdateContextResult

from autogen_commonplace._convert import (
    changes_of,
    from_hit,
    from_record,
    own_metadata,
    text_of,
    to_fields,
    told_of,
)
from autogen_commonplace._opening import Opening
from autogen_commonplace._placing import Placing, place
from autogen_commonplace._questions import last_message, last_user
from autogen_commonplace._threads import in_thread
from autogen_commonplace.config import CommonplaceMemoryConfig, arguments_of, checked_config
from autogen_commonplace.events import RecallFailedEvent
from commonplace import Source, render
from commonplace.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from autogen_core.model_context import ChatCompletionContext
    from autogen_core.models import LLMMessage

    from commonplace import Hit, Memory, Scope

QueryFrom: TypeAlias = (
    "Literal['last_user', 'last_message'] | Callable[[Sequence[LLMMessage]], str]"
)
"""Where the question comes from that an agent's turn is recalled by."""
_QUESTIONS = {"last_user": last_user, "last_message": last_message}
_NO_MESSAGES = {"@kind": {"$ne": "message"}}
_LONGEST_QUESTION = 64_000
_SEARCHES = frozenset(
    {
        "as_of",
        "dense_weight",
        "filter",
        "include_archived",
        "include_closed",
        "kinds",
        "mode",
        "offset",
        "recursive",
        "scope",
        "tags",
        "valid_at",
    }
)
"""The arguments of `commonplace.Memory.search` that `query` passes on."""
_events = logging.getLogger(EVENT_LOGGER_NAME)


class CommonplaceMemory(AutoGenMemory, Component[CommonplaceMemoryConfig]):
    """What an AutoGen agent remembers, in a Commonplace memory.

    On each turn of its agent, what belongs to the question is put before the newest message, as
    data in a user message, in place of what was put there before. Contents of every type come
    back as they were. All work is done in threads; the event loop is never blocked.

    Args:
        memory: the directory of the memory, opened when it is first needed and closed by `close`;
            or an open `commonplace.Memory`, or a view of one, which is never closed here. A text
            `"env:NAME"` stands for the environment variable `NAME`.
        scope: where in the memory this lives; by default `users/<user>` if a user is named, else
            all of the memory or view that was given.
        user: the person it is for; it is kept in the source of what is added.
        agent: the agent that writes; it is kept in the same place.
        name: what the model sees as the name of the block's sender, after `memory_`; letters,
            digits, `_` and `-`, at most 50. Memories of one agent need different names; the
            default tells scopes apart, not directories.
        k: at most so many memories are recalled, 1 to 1,000.
        threshold: only memories whose cosine with the question is at least this, -1 to 1. They
            are ranked by the cosine alone then.
        mode: how they are ranked, as in `commonplace.Memory.search`.
        filter: which memories may be recalled, as in `commonplace.Memory.search`.
        kinds: only these kinds.
        tags: only memories with one of these tags.
        role: `"user"`; `"system"` gives the block more authority than data should have, and at
            this place Claude and Gemini models refuse it.
        placement: `"before_last"`, or `"append"`: the block is then the newest message.
        keep: `"latest"` block only, or `"all"`, so that the context grows by one with each turn.
        query_from: the question: the newest user message, the newest message of any kind, or
            what a function makes of the messages; no text means nothing is recalled.
        on_error: `"log"` lets the agent go on without memories when they cannot be recalled, and
            logs a `RecallFailedEvent`; `"raise"` ends its run.
        token_budget: how many tokens the block may have, about; what does not fit is left out.
        header: what the block says before the memories, above the words that they are data.
        embedder: as in `commonplace.Memory`, for a memory that is opened here; or an
            `EmbedderConfig`, so that this can be dumped.
        index: as in `commonplace.Memory`, for a memory that is opened here.

    Raises:
        InvalidInputError: an argument is malformed.
    """

    component_config_schema = CommonplaceMemoryConfig
    component_provider_override = "autogen_commonplace.CommonplaceMemory"
    component_description = "What an agent remembers, in a Commonplace memory."

    def __init__(
        self,
        memory: Memory | str | Path,
        *,
        scope: Scope | str | None = None,
        user: str | None = None,
        agent: str | None = None,
        name: str | None = None,
        k: int = 5,
        threshold: float | None = None,
        mode: Literal["hybrid", "dense", "lexical"] = "hybrid",
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's name everywhere
        kinds: Sequence[str] = (),
        tags: Sequence[str] = (),
        role: Literal["user", "system"] = "user",
        placement: Literal["before_last", "append"] = "before_last",
        keep: Literal["latest", "all"] = "latest",
        query_from: QueryFrom = "last_user",
        on_error: Literal["log", "raise"] = "log",
        token_budget: int = 2000,
        header: str = "",
        embedder: Any = None,
        index: str = "auto",
    ) -> None:
        self._config = checked_config(
            CommonplaceMemoryConfig,
            memory,
            embedder=embedder,
            index=index,
            scope=scope,
            user=user,
            agent=agent,
            name=name,
            k=k,
            threshold=threshold,
            mode=mode,
            filter=None if filter is None else dict(filter),
            kinds=tuple(kinds),
            tags=tuple(tags),
            role=role,
            placement=placement,
            keep=keep,
            query_from=query_from if isinstance(query_from, str) else "last_user",
            on_error=on_error,
            token_budget=token_budget,
            header=header,
        )
        self._ask = _QUESTIONS[query_from] if isinstance(query_from, str) else query_from
        self._opening = Opening(memory, self._config, embedder)
        self._source = Source(app="autogen", agent=agent, user=user)
        self._placing = Placing(
            source=f"memory_{self.name}", role=role, placement=placement, keep=keep
        )

    @property
    def name(self) -> str:
        """What its blocks are signed with, after `memory_`."""
        return self._config.name or self._opening.label

    async def add(
        self, content: MemoryContent, cancellation_token: CancellationToken | None = None
    ) -> None:
        """Remember something. When it returns, it survives the process being killed.

        Bytes and images are found by the text `caption` in their metadata, bytes of a textual
        MIME type by themselves too; without either they are reached by id and by an empty query.

        Args:
            content: text, a dict of JSON, bytes or an image; neither it nor its metadata is
                changed.
            cancellation_token: cancelled before the write begins, nothing is written; later, it
                is written whole.

        Raises:
            InvalidInputError: a part is malformed or too large; nothing was written.
            asyncio.CancelledError: it was cancelled.
        """
        await self.add_many([content], cancellation_token=cancellation_token)

    async def add_many(
        self,
        contents: Iterable[MemoryContent],
        *,
        ids: Iterable[str] | None = None,
        cancellation_token: CancellationToken | None = None,
    ) -> list[str]:
        """Remember many things in one transaction: all of them or none.

        Args:
            contents: as in `add`.
            ids: an id for each, so that a repeated call writes nothing twice; new ones if None.
            cancellation_token: as in `add`.

        Returns:
            Their ids, in the order given.

        Raises:
            InvalidInputError: one of them is malformed, or there is not one id for each; nothing
                was written.
            asyncio.CancelledError: it was cancelled.
        """
        given = list(contents)
        named = [None] * len(given) if ids is None else list(ids)
        if len(named) != len(given):
            raise InvalidInputError(
                f"give one id for each: {len(given)} contents, not {len(named)}"
            )

        def write() -> list[str]:
            records: list[Mapping[str, Any]] = []
            for content, record_id in zip(given, named, strict=True):
                text, fields = to_fields(content)
                records.append({**fields, "content": text, "id": record_id, "source": self._source})
            return [record.id for record in self._opening.memory().add_many(records)]

        return await in_thread(write, cancellation_token)

    async def get(self, id: str) -> MemoryContent | None:  # noqa: A002 - the field's name everywhere
        """The memory with this id, or None if there is none here."""

        def read() -> MemoryContent | None:
            record = self._opening.memory().get(id)
            return None if record is None else from_record(record)

        return await in_thread(read)

    async def update(
        self,
        id: str,  # noqa: A002 - the field's name everywhere
        content: MemoryContent,
        cancellation_token: CancellationToken | None = None,
    ) -> None:
        """Put another content, MIME type and metadata in the place of a memory's.

        What `query` or `get` gave can be changed and given back: what they say of the record in
        the metadata is not written. Of a record that another framework wrote, the text and the
        metadata are changed; the value that it stored stays.

        Raises:
            NotFoundError: there is none with this id here.
            InvalidInputError: a part is malformed or too large, or another framework's record is
                to hold anything but a text; nothing was written.
            asyncio.CancelledError: it was cancelled.
        """

        def write() -> None:
            memory = self._opening.memory()
            changes = changes_of(own_metadata(content, id), memory.get(id), self._source)
            memory.update(id, **changes)

        await in_thread(write, cancellation_token)

    async def delete(
        self, ids: str | Iterable[str], cancellation_token: CancellationToken | None = None
    ) -> int:
        """Forget the memories with these ids; how many there were.

        Raises:
            asyncio.CancelledError: it was cancelled.
        """
        named = [ids] if isinstance(ids, str) else list(ids)
        return await in_thread(lambda: self._opening.memory().delete(named), cancellation_token)

    async def query(
        self,
        query: str | MemoryContent,
        cancellation_token: CancellationToken | None = None,
        **kwargs: Any,
    ) -> MemoryQueryResult:
        """The memories nearest to a query, best first.

        Args:
            query: what to look for; of a content the text that it is found by, its first 64,000
                characters. The empty text lists the newest.
            cancellation_token: cancels the wait.
            **kwargs: `k` and `threshold` in place of this memory's, and `as_of`, `dense_weight`,
                `filter`, `include_archived`, `include_closed`, `kinds`, `mode`, `offset`,
                `recursive`, `scope`, `tags` and `valid_at` of `commonplace.Memory.search`.

        Returns:
            The memories. Beside the metadata given with it, each has its `id`, the `score` it was
            ranked by, its `similarity` (the cosine, or None) and `created_at` (ISO 8601, UTC).
            Metadata of the caller's under one of these names stand under `own`. What another
            framework wrote comes as its text.

        Raises:
            InvalidInputError: an argument is malformed, or the content has no text to look for.
            asyncio.CancelledError: it was cancelled.
        """
        if unknown := sorted(set(kwargs) - _SEARCHES - {"k", "threshold"}):
            raise InvalidInputError(f"query has no {unknown[0]!r}; it has {sorted(_SEARCHES)}")
        text = query if isinstance(query, str) else text_of(query)[:_LONGEST_QUESTION]
        if not text.strip() and not isinstance(query, str):
            raise InvalidInputError("this content has no text to look for; give it a caption")

        def search() -> list[MemoryContent]:
            return [from_hit(hit) for hit in self._search(text, kwargs)]

        return MemoryQueryResult(results=await in_thread(search, cancellation_token))

    async def update_context(self, model_context: ChatCompletionContext) -> UpdateContextResult:
        """Recall what belongs to the question, and put it among the messages.

        Returns:
            What was put there. Of bytes it has the text, so that the state of a team can be saved.

        Raises:
            Exception: it failed, with `on_error="raise"`.
        """
        try:
            results = await self._recalled(model_context)
        except Exception as error:
            if self._config.on_error == "raise":
                raise
            _events.warning(RecallFailedEvent(memory=self.name, error=error))
            results = []
        return UpdateContextResult(memories=MemoryQueryResult(results=results))

    async def clear(self) -> None:
        """Forget all in the scope of this memory, whoever wrote it, and nothing else.

        The messages of conversations stay. The last states of what is forgotten stay in the
        history until `commonplace.Memory.purge`.
        """
        await in_thread(lambda: self._opening.memory().delete(filter=_NO_MESSAGES))

    async def close(self) -> None:
        """Close the files that were opened here. All data stay; the next call opens them again."""
        await in_thread(self._opening.close)

    async def _recalled(self, context: ChatCompletionContext) -> list[MemoryContent]:
        messages = await context.get_messages()
        question = self._ask([one for one in messages if not self._placing.is_block(one)])
        results, text = await in_thread(lambda: self._recall(question[:_LONGEST_QUESTION]))
        await place(context, text, self._placing)
        return results

    def _recall(self, question: str) -> tuple[list[MemoryContent], str | None]:
        """What belongs to the question and fits into the block, and the block."""
        if not question.strip():
            return [], None
        hits = self._search(question, {})
        rendering = render(hits, token_budget=self._config.token_budget)
        if not rendering.text:
            return [], None
        shown = {record.id for record in rendering.shown}
        header = f"{self._config.header}\n\n" if self._config.header else ""
        return [told_of(hit) for hit in hits if hit.id in shown], header + rendering.text

    def _search(self, text: str, given: Mapping[str, Any]) -> Sequence[Hit]:
        config = self._config
        threshold = given.get("threshold", config.threshold)
        arguments: dict[str, Any] = {
            "mode": config.mode if threshold is None else "dense",
            "filter": config.filter,
            "kinds": config.kinds,
            "tags": config.tags,
            "limit": given.get("k", config.k),
            "min_score": threshold,
        }
        arguments |= {name: part for name, part in given.items() if name in _SEARCHES}
        return self._opening.memory().search(text, **arguments)

    def _to_config(self) -> CommonplaceMemoryConfig:
        self._opening.check_described()
        if self._ask not in _QUESTIONS.values():
            raise InvalidInputError(
                "a function as query_from cannot be dumped; use 'last_user' or 'last_message'"
            )
        return self._config

    @classmethod
    def _from_config(cls, config: CommonplaceMemoryConfig) -> Self:
        return cls(**arguments_of(config))
