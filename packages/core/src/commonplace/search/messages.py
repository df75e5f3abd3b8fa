"""Where messages stand in their threads, and those of hot scopes kept in memory."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from commonplace.search.cache import BlockCache
from commonplace.search.context import Talk, in_context, sessions
from commonplace.search.moments import closeness, spans

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from commonplace.ledger import Snapshot, Standing
    from commonplace.search.context import ContextWeights
    from commonplace.search.scoring import Scored
    from commonplace.search.view import View

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

_ALL = 0
"""Stands for the space in the places of a `MessageCache`."""

_LETTERS_A_WORD = 11.0
"""How many characters of text there are to a word that tells something, in English talk."""

_ROLES = frozenset({"user", "assistant", "system", "tool", "human", "ai", "model", "developer"})
_MICROS = 1_000_000


@dataclass(frozen=True, slots=True)
class MessageBlock:
    """Some messages, in the order of their threads and of their positions there.

    Attributes:
        pks: the record of each.
        thread: a number for its thread; the same for no other.
        time: when it was written, in microseconds.
        speaker: a number for who speaks, into `names`.
        length: how many characters it has.
        asks: whether it is a question.
        names: the speakers.
    """

    pks: Ints
    thread: Ints
    time: Ints
    speaker: Ints
    length: Ints
    asks: Flags
    names: tuple[str, ...]

    @classmethod
    def of(cls, standings: Sequence[Standing]) -> MessageBlock:
        """The block of these messages, given in order."""
        threads = {name: n for n, name in enumerate(dict.fromkeys(s.thread for s in standings))}
        names = {name: n for n, name in enumerate(dict.fromkeys(s.speaker for s in standings))}
        columns = np.array(
            [
                (s.pk, threads[s.thread], s.time, names[s.speaker], s.length, s.asks)
                for s in standings
            ],
            dtype=np.int64,
        ).reshape(-1, 6)
        pks, thread, time, speaker, length, asks = columns.T
        return cls(pks, thread, time, speaker, length, asks != 0, tuple(names))

    @property
    def nbytes(self) -> int:
        """How much memory it takes."""
        return 6 * self.pks.nbytes + sum(map(len, self.names))

    def take(self, chosen: Flags) -> MessageBlock:
        """Those that are chosen."""
        return replace(
            self,
            pks=self.pks[chosen],
            thread=self.thread[chosen],
            time=self.time[chosen],
            speaker=self.speaker[chosen],
            length=self.length[chosen],
            asks=self.asks[chosen],
        )

    def patched(self, gone: Ints, new: MessageBlock) -> MessageBlock:  # noqa: ARG002 - the port
        """The new one: it is always read whole."""
        return new

    @classmethod
    def joined(cls, blocks: Sequence[MessageBlock]) -> MessageBlock:
        """The messages of several blocks as one."""
        if len(blocks) == 1:
            return blocks[0]
        names = {
            name: n for n, name in enumerate(dict.fromkeys(n for b in blocks for n in b.names))
        }
        begun = np.cumsum([0, *(int(b.thread.max(initial=-1)) + 1 for b in blocks)])
        numbered = [np.array([names[n] for n in b.names], dtype=np.int64) for b in blocks]
        return cls(
            np.concatenate([b.pks for b in blocks]),
            np.concatenate([b.thread + n for n, b in zip(begun[:-1], blocks, strict=True)]),
            np.concatenate([b.time for b in blocks]),
            np.concatenate([n[b.speaker] for n, b in zip(numbered, blocks, strict=True)]),
            np.concatenate([b.length for b in blocks]),
            np.concatenate([b.asks for b in blocks]),
            tuple(names),
        )


class MessageCache(BlockCache[MessageBlock]):
    """Where messages stand, by scope. What changes in a scope is read anew."""

    def block(self, view: View) -> MessageBlock | None:
        """The messages of a view, or None if there are none, or too many scopes to look into."""
        places = view.places
        if not self._budget or places is None or not view.snapshot.threads.any():
            return None
        found = [block for block in self._each(view.snapshot, _ALL, places) if len(block.pks)]
        if not found:
            return None
        block = MessageBlock.joined(found)
        return block if view.keep is None else block.take(view.keep(block.pks))

    def _read(
        self,
        snapshot: Snapshot,
        place: tuple[int, int],
        among: Iterable[int] | None = None,  # noqa: ARG002 - positions are read together
    ) -> MessageBlock:
        return MessageBlock.of(snapshot.threads.standings(place[1]))


def speakers_named(names: Iterable[str], question: str) -> list[str]:
    """Those of the speakers that a question names."""
    asked = set(re.findall(r"\w+", question.casefold()))
    return [
        name
        for name in names
        if name.casefold() not in _ROLES
        and (words := re.findall(r"\w+", name.casefold()))
        and (words[0] in asked or asked.issuperset(words))
    ]


def without(names: Iterable[str], question: str) -> str:
    """The question without the names; itself if nothing much would be left."""
    words = {word for name in names for word in re.findall(r"\w+", name.casefold())}
    kept = [
        part
        for part in question.split()
        if not words.intersection(re.findall(r"\w+", part.casefold())[:1])
    ]
    return " ".join(kept) if len(kept) > 1 else question


def contextual(
    scored: Scored, block: MessageBlock, question: str, now: int, weights: ContextWeights
) -> Scored:
    """The same candidates, the messages among them scored in their context.

    Their scores are scaled so that the best message keeps the score it had: what is no message is
    neither helped nor hurt.
    """
    if not len(scored.pks):
        return scored
    order = np.argsort(scored.pks)
    places = np.searchsorted(scored.pks[order], block.pks)
    held = scored.pks[order][np.minimum(places, len(order) - 1)] == block.pks
    block, rows = block.take(held), order[places[held]]
    base = scored.score[rows]
    if not len(rows) or base.max() <= 0:
        return scored
    parts = in_context(base, _talk(block, question, now), weights)
    total = base + np.sum(list(parts.values()), axis=0)
    if total.max() <= 0:  # weights that only take off leave nothing to scale by
        return scored
    scale = float(base.max() / total.max())
    return scored.with_context(rows, scale, parts)


def _talk(block: MessageBlock, question: str, now: int) -> Talk:
    named = speakers_named(block.names, question)
    spoken = block.speaker == block.names.index(named[0]) if len(named) == 1 else None
    moment = datetime.fromtimestamp(now / _MICROS, UTC)
    first, last = _year(block.time.min()), _year(block.time.max())
    wanted = spans(question, moment, range(first, last + 1))
    return Talk(
        session=sessions(block.thread, block.time),
        speaker=block.speaker,
        asks=block.asks,
        words=block.length / _LETTERS_A_WORD,
        named=np.zeros(0) if spoken is None else spoken.astype(np.float64),
        timely=closeness(block.time, wanted) if wanted else np.zeros(0),
    )


def _year(time: int) -> int:
    return datetime.fromtimestamp(int(time) / _MICROS, UTC).year
