"""Fifth act: closed and opened again, the memory gives the same answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from commonplace.cli.demo.recall import search

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonplace.cli.demo.stage import Stage


def reopen(stage: Stage) -> dict[str, Any]:
    """Compare the hits of every question before and after, by id and score; weigh the files."""
    before = _answers(stage)
    closing = _timed(stage.memory.close)
    opening = _timed(stage.open)
    after = _answers(stage)
    stats = stage.memory.stats()
    stage.say(
        f"Closed in {closing:.0f} ms, opened in {opening:.0f} ms: "
        f"{'the same' if before == after else 'OTHER'} hits for all {len(before)} questions."
    )
    size = stats.ledger_bytes + stats.index_bytes
    stage.say(
        f"{stats.records:,} records take {size / 1e6:.1f} MB "
        f"(ledger {stats.ledger_bytes / 1e6:.1f}, index {stats.index_bytes / 1e6:.1f})."
    )
    return {
        "close_ms": round(closing, 1),
        "open_ms": round(opening, 1),
        "ok": before == after,
        "records": stats.records,
        "ledger_bytes": stats.ledger_bytes,
        "index_bytes": stats.index_bytes,
    }


def _answers(stage: Stage) -> list[list[tuple[str, float]]]:
    return [
        [(hit.id, round(hit.score, 6)) for hit in search(stage, question)]
        for question in stage.conversations.questions
    ]


def _timed(step: Callable[[], object]) -> float:
    """How many milliseconds a step takes."""
    started = time.perf_counter()
    step()
    return (time.perf_counter() - started) * 1000
