"""Conversations: `thread`, `threads`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonplace.arguments import checked_flag, checked_size
from commonplace.conversing import Target
from commonplace.parts import checked_parts
from commonplace.verbs.curating import Curating
from commonplace.verbs.linking import Linking
from commonplace.verbs.prompting import ThreadOptions
from commonplace.verbs.recalling import Recalling
from commonplace.verbs.thread import Thread, checked_key
from commonplace.verbs.threads import Threads
from commonplace.verbs.versioning import Versioning
from commonplace.verbs.writing import Writing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonplace.record import Source
    from commonplace.scope import ScopeLike


class Conversing(Writing, Recalling, Versioning, Linking, Curating):
    """The verbs for conversations."""

    @property
    def threads(self) -> Threads:
        """The conversations of this memory: `list`, `get`, `count`, `delete`, `sweep`, `stats`."""
        return Threads(self)

    def thread(
        self,
        name: str,
        *,
        scope: ScopeLike | None = None,
        source: Source | Mapping[str, Any] | None = None,
        summarizer: Any = None,
        summarize_every: int | None = None,
        summary_tokens: int = 400,
        extractor: Any = None,
        embed: bool = True,
    ) -> Thread:
        """One conversation: the thread with this key at the scope, or else the one with this id.

        Nothing is written before its first message. Two scopes may each have a thread of one key:
        what is called `support` in one user's scope is not what is called so in another's.

        Args:
            name: its key, or its id.
            scope: where the key is looked up, and where the thread is made if it is new; by
                default the scope this view writes, or the only one it reads.
            source: who writes messages that do not say so themselves.
            summarizer: sums up older messages; see `Thread.summarize`.
            summarize_every: sum up whenever so many messages were added since; None for never.
            summary_tokens: how long a summary may be.
            extractor: takes facts out of messages; see `Thread.extract`.
            embed: whether messages are found by a search.

        Raises:
            InvalidInputError: an argument is malformed.
            OutsideViewError: the scope lies outside this view.
        """
        options = ThreadOptions(
            source=checked_parts({"source": source})["source"],
            summarizer=summarizer,
            summarize_every=(
                None
                if summarize_every is None
                else checked_size(summarize_every, "summarize_every")
            ),
            summary_tokens=checked_size(summary_tokens, "summary_tokens"),
            extractor=extractor,
            embed=checked_flag(embed, "embed"),
        )
        target = Target(name=checked_key(name), home=self._home(scope), view=self._view)
        return Thread(self, self._store, target, options)
