"""What is asked of one scope takes no more work the more there is in others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.files  # it counts the steps of SQLite's machine
PAST = datetime(2020, 1, 1, tzinfo=UTC)


def steps(memory: Memory, call: Callable[[], Any]) -> int:
    """How many instructions of SQLite's machine a call takes."""
    call()  # statements are built, scopes and vectors are read
    taken = 0

    def step() -> None:
        nonlocal taken
        taken += 1

    ledger = memory._store._ledger  # pyright: ignore[reportPrivateUsage] - the work inside is meant
    with ledger.read() as snapshot:  # the connection that the next read is lent, too
        connection: Any = snapshot._connection  # pyright: ignore[reportPrivateUsage] - as above
        driver = connection._driver
    driver.set_progress_handler(step, 1)
    call()
    driver.set_progress_handler(None, 1)
    return taken


@pytest.mark.parametrize("cause", ["expires_at", "valid_to", "archived"])
def test_what_is_hidden_elsewhere_costs_a_scope_nothing(tmp_path: Path, cause: str) -> None:
    """Regression: a count and a search of one scope met all that was closed anywhere."""
    with Memory(tmp_path, embedder=HashingEmbedder(16), index="exact") as memory:

        def hide(scope: str, count: int) -> None:
            fields = {} if cause == "archived" else {cause: PAST}
            written = memory.add_many(
                [{"content": f"note {n}", "scope": scope, **fields} for n in range(count)]
            )
            if cause == "archived":
                for record in written:
                    memory.archive(record.id)

        memory.add_many(["tea", "coffee"], scope="mine")
        hide("mine/old", 3)
        calls: list[Callable[[], Any]] = [
            lambda: memory.count(scope="mine"),
            lambda: [hit.id for hit in memory.search("tea", scope="mine")],
        ]
        hide("other/old", 10)
        before = [steps(memory, call) for call in calls]
        hide("other/old", 300)
        after = [steps(memory, call) for call in calls]
        assert memory.count(scope="mine") == 2
        assert memory.count() == 2
        assert all(before)
        assert all(now < then + 100 for now, then in zip(after, before, strict=True))
