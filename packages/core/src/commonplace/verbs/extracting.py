"""Facts out of a conversation: `extract`."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from commonplace.arguments import checked_iterable, checked_offset, checked_size
from commonplace.failpoints import reach
from commonplace.ledger import Window
from commonplace.threads.extracting import Extraction, as_extractor, as_fact
from commonplace.verbs.prompting import Prompting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace.message import Message, ThreadInfo
    from commonplace.record import Record
    from commonplace.threads.extracting import Fact

TOLD_BY = "told-by"
"""The type of the links from a fact to the messages that tell it."""
_EXTRACTED_AT_ONCE = 20
_KNOWN = 20
_QUERY_CHARACTERS = 2000


class Extracting(Prompting):
    """One conversation: the facts in it."""

    def extract(
        self, extractor: Any = None, *, before: int | None = None, known: int = _KNOWN
    ) -> Extraction:
        """Take facts out of the messages from which none were taken yet.

        Each becomes a record of kind `fact` in the thread's scope, linked to the messages that tell
        it (`told-by`). What is known already, word for word, is not written again; a fact that
        replaces another closes it (`valid_to`, a `supersedes` link with the reason), as
        `Memory.supersede` does. Nothing is rewritten in place. Where it is interrupted, calling it
        again goes on behind the last lot of messages that was done.

        Args:
            extractor: a function of the new messages and the nearest known facts that gives facts
                (`Fact`, dicts or texts), or a LangChain chat model that can give structured output;
                by default the one the thread was asked for with.
            before: only messages before this position.
            known: how many known facts to show to the extractor.

        Raises:
            InvalidInputError: there is no extractor, or it gave what is no fact.
            OutsideViewError: this view only reads.
        """
        take = as_extractor(self._options.extractor if extractor is None else extractor)
        shown = checked_size(known, "known")
        info = self.info()
        if info is None:
            return Extraction()
        done = self._conversations.extracted(self._target)
        until = None if before is None else checked_offset(before, "before")
        new = self._read(Window(after=done - 1, before=until, latest=False))
        total = Extraction()
        for start in range(0, len(new), _EXTRACTED_AT_ONCE):
            some = new[start : start + _EXTRACTED_AT_ONCE]
            facts = self._known_facts(some, info, shown)
            found = [as_fact(fact) for fact in checked_iterable(take(some, facts), "facts")]
            total = _together(total, self._write_facts(found, some, facts, info))
            reach("extract.after_lot")
            self._conversations.mark_extracted(self._target, some[-1].position + 1)
        return total

    def _known_facts(
        self, messages: Sequence[Message], info: ThreadInfo, number: int
    ) -> list[Record]:
        query = "\n".join(message.text for message in messages)[-_QUERY_CHARACTERS:]
        hits = self._memory.search(query, scope=info.scope, kinds="fact", limit=number)
        return [hit.record for hit in hits]

    def _write_facts(
        self,
        facts: Sequence[Fact],
        messages: Sequence[Message],
        known: Sequence[Record],
        info: ThreadInfo,
    ) -> Extraction:
        open_facts = {record.id for record in known}
        added: list[Record] = []
        replaced: dict[str, Record] = {}
        repeated = 0
        for fact in facts:
            fields: dict[str, Any] = {
                "scope": info.scope,
                "tags": fact.tags,
                "metadata": dict(fact.metadata),
                "importance": fact.importance,
                "source": replace(self._options.source, thread=info.key or info.id),
            }
            if fact.replaces in open_facts:
                new = {"content": fact.content, **fields}
                record = self._memory.supersede(str(fact.replaces), new, reason=fact.reason)
                open_facts.discard(str(fact.replaces))
                replaced[str(fact.replaces)] = record
                added.append(record)
            else:
                fresh_id = self._store.new_id()
                record = self._memory.add(fact.content, id=fresh_id, on_duplicate="skip", **fields)
                repeated += record.id != fresh_id
                added += [record] if record.id == fresh_id else []
            told = [one for one in messages if not fact.messages or one.id in fact.messages]
            self._link_all(record, told, TOLD_BY)
        return Extraction(
            messages=len(messages), added=tuple(added), replaced=replaced, known=repeated
        )


def _together(one: Extraction, other: Extraction) -> Extraction:
    return Extraction(
        messages=one.messages + other.messages,
        added=one.added + other.added,
        replaced={**one.replaced, **other.replaced},
        known=one.known + other.known,
    )
