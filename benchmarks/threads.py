"""Conversations: beside LangChain's, OpenAI Agents' and LangGraph's stores doing the same job."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from benchmarks.peer_threads import LangChainPeer, LangGraphPeer, OpenAIPeer
from benchmarks.report import Finding, Mark
from benchmarks.timing import alternated
from commonplace import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.report import Measured
    from commonplace import Thread

SECTION = "Conversations"
MESSAGES = 10_000
LONG = 100_000
SHORT = 100
LATEST = 20
BUDGET_TOKENS = 2_000
EACH = 20
AT_ONCE = 1_000
OURS = "commonplace"
UNSEARCHED = "commonplace, embed=False"
CORE = "the core's add"

_ADDING = Mark(ratio=1.0)
_READING = Mark(ratio=1 / 1.5)
_CONTEXT = Mark(limit=5.0)


def conversations(path: Path, rounds: int, tell: Callable[[str], None]) -> list[Finding]:
    """Appending to a thread, reading its end, and choosing what fits a prompt.

    Messages are embedded and indexed for full text here, unless `embed=False`, and not by the
    peers.

    Args:
        path: where the stores are made.
        rounds: how often the calls take turns.
        tell: is told how far it has come.
    """
    path.mkdir()
    with ExitStack() as opened:
        memory = opened.enter_context(Memory(path / "memory", index="exact"))
        peers = [
            opened.enter_context(closing(kind(path / f"{kind.__name__}.db")))
            for kind in (LangChainPeer, OpenAIPeer, LangGraphPeer)
        ]
        thread = memory.thread("bench")
        tell(f"threads of {MESSAGES:,} messages")
        for some in _lots(_texts(MESSAGES)):
            thread.add([("user", text) for text in some])
            for peer in peers:
                peer.add(some)
        adding = {
            OURS: _adding(thread),
            UNSEARCHED: _adding(memory.thread("unsearched", embed=False)),
            CORE: _core_adding(memory),
            **{peer.name: _peer_adding(peer) for peer in peers},
        }
        tell("appending to a thread")
        added = alternated(adding, rounds=rounds, each=EACH)
        reading: dict[str, Callable[[int], object]] = {
            OURS: lambda _: thread.messages(limit=LATEST),
            **{peer.name: _peer_reading(peer) for peer in peers},
        }
        tell("reading the end of a thread")
        read = alternated(reading, rounds=rounds, each=EACH)
        names = [peer.name for peer in peers]
        return [
            _finding("append a message", added[OURS], CORE, added[CORE], _ADDING),
            *(_finding("append a message", added[OURS], one, added[one]) for one in names),
            *(
                _finding("append, not searched", added[UNSEARCHED], one, added[one])
                for one in names
            ),
            *(_finding(f"latest {LATEST}", read[OURS], one, read[one]) for one in names),
            *_long(memory, rounds, tell),
        ]


def _long(memory: Memory, rounds: int, tell: Callable[[str], None]) -> list[Finding]:
    """The end of a long thread beside that of a short one, and a prompt from it."""
    tell(f"a thread of {LONG:,} messages")
    short, long = (memory.thread(name, embed=False) for name in ("short", "long"))
    short.add([("user", text) for text in _texts(SHORT)])
    for some in _lots(_texts(LONG)):
        long.add([("user", text) for text in some])
    middle = memory.thread("bench")
    calls: dict[str, Callable[[int], object]] = {
        "long": lambda _: long.messages(limit=LATEST),
        "short": lambda _: short.messages(limit=LATEST),
        "context": lambda _: middle.context(max_tokens=BUDGET_TOKENS),
    }
    found = alternated(calls, rounds=rounds, each=EACH)
    peer = f"of a thread of {SHORT}"
    what = f"context of {BUDGET_TOKENS:,} tokens"
    return [
        _finding(f"latest {LATEST}", found["long"], peer, found["short"], _READING, LONG),
        _finding(what, found["context"], "", None, _CONTEXT),
    ]


def said(number: int) -> str:
    """What is said in the message of this number."""
    return f"{_SAID[number % len(_SAID)]} That was the {number}th thing I said."


def _texts(number: int) -> list[str]:
    return [said(one) for one in range(number)]


def _lots(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + AT_ONCE] for start in range(0, len(texts), AT_ONCE))


def _adding(thread: Thread) -> Callable[[int], object]:
    return lambda number: thread.add(("user", f"{_SAID[number % len(_SAID)]} Call {number}."))


def _core_adding(memory: Memory) -> Callable[[int], object]:
    return lambda number: memory.add(f"{_SAID[number % len(_SAID)]} Call {number}.", scope="core")


def _peer_adding(peer: LangChainPeer | OpenAIPeer | LangGraphPeer) -> Callable[[int], object]:
    return lambda number: peer.add([f"{_SAID[number % len(_SAID)]} Call {number}."])


def _peer_reading(peer: LangChainPeer | OpenAIPeer | LangGraphPeer) -> Callable[[int], object]:
    return lambda _: peer.latest(LATEST)


def _finding(
    what: str,
    ours: Measured,
    peer: str,
    theirs: Measured | None,
    mark: Mark | None = None,
    records: int = MESSAGES,
) -> Finding:
    return Finding(
        section=SECTION,
        what=what,
        records=records,
        unit="ms",
        ours=ours,
        peer=peer,
        theirs=theirs,
        mark=mark,
    )


_SAID = (
    "I planted tomatoes in the garden behind the house last weekend.",
    "My sister Maria is coming to visit us in Porto in October.",
    "Can you remind me to call the dentist about Thursday?",
    "We decided to keep PostgreSQL and to drop the old reporting service.",
    "The train to Lisbon leaves at nine, so we should get up early.",
)
