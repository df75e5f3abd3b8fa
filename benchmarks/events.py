"""Writing beside handlers of events: a write must not wait for them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from benchmarks.data import newcomers
from benchmarks.peer_commonplace import CommonplacePeer
from benchmarks.report import Finding, Mark
from benchmarks.timing import WARM_UP, alternated

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from commonplace import Event

SECTION = "One write beside handlers of events"
EACH = 20
SLOW = "a handler that takes a second"
FAST = "a handler that returns at once, its position kept"

_WITHIN = 1 / 1.1


def beside_handlers(workspace: Path, rounds: int) -> list[Finding]:
    """One write into memories with a slow handler, a fast one, and none."""
    workspace.mkdir()
    stores = {
        name: CommonplacePeer(workspace / name.replace(" ", "-")) for name in (SLOW, FAST, "none")
    }
    stores[SLOW].memory.on("*", _takes_a_second)
    stores[FAST].memory.on("*", _returns_at_once, name="fast")
    rows = newcomers(WARM_UP + rounds * EACH, "events")

    def writing(store: CommonplacePeer) -> Callable[[int], object]:
        return lambda number: store.put(rows[number])

    calls = {name: writing(store) for name, store in stores.items()}
    found = alternated(calls, rounds=rounds, each=EACH)
    for store in stores.values():
        store.close()
    return [
        Finding(
            section=SECTION,
            what=what,
            records=0,
            unit="ms",
            ours=found[what],
            peer="Commonplace without a handler",
            theirs=found["none"],
            mark=mark,
        )
        for what, mark in ((SLOW, Mark(ratio=_WITHIN)), (FAST, None))
    ]


def _takes_a_second(_: Event) -> None:
    time.sleep(1)


def _returns_at_once(_: Event) -> None:
    pass
