from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

from commonplace import HashingEmbedder, Memory
from commonplace.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path


def test_the_connection_just_used_is_used_again(path: Path) -> None:
    """Regression: they took turns, and each met a cache that another's writes had made stale.

    A memory that several threads had read then wrote a tenth slower for good.
    """
    ledger = Ledger.open(path)
    used: list[int] = []

    def note() -> None:
        # Which connection it is shows nowhere else.
        with ledger.read() as snapshot:
            used.append(id(vars(snapshot._connection)["_driver"]))  # pyright: ignore[reportPrivateUsage]

    with ExitStack() as several:
        for _ in range(3):
            several.enter_context(ledger.read())
    note()
    thread = threading.Thread(target=note)
    thread.start()
    thread.join()
    note()
    assert len(set(used)) == 1
    ledger.close()


def test_a_glance_leaves_no_transaction_behind(path: Path) -> None:
    """Regression: the path of a scope not known yet is read by SQLAlchemy, which begins one."""
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        made = memory.add("tea", scope="users/alice")
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        assert memory.get(made.id) == made
        assert memory.list() == [made]
