"""`Transaction.links.move`: what a merge of two records does with their links."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.pgserver import ledger_at

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def filled(path: Path) -> Memory:
    memory = Memory(path, embedder=HashingEmbedder(8))
    memory.add_many([{"id": name} for name in ("old", "new", "a", "b")])
    return memory


def moved(path: Path) -> int:
    ledger = ledger_at(path)
    with ledger.write() as transaction:
        written = transaction.links.move("old", "new", now=5)
    ledger.close()
    return len(written)


def edges(memory: Memory, name: str) -> list[tuple[str, str, str, float]]:
    found = memory.links(name)
    return sorted((link.source_id, link.type, link.target_id, link.weight) for link in found)


def test_links_follow_with_all_they_carry(filled: Memory, path: Path) -> None:
    with filled as memory:
        out = memory.link("old", "a", "causes", weight=0.5, reason="r", metadata={"n": 1})
        memory.link("b", "old", weight=0.25)
        assert moved(path) == 2
        assert memory.links("old") == []
        assert edges(memory, "new") == [
            ("b", "related", "new", 0.25),
            ("new", "causes", "a", 0.5),
        ]
        (link,) = memory.links("a")
        assert (link.reason, link.metadata, link.created_at) == ("r", {"n": 1}, out.created_at)
        assert memory.verify().ok


def test_no_record_is_linked_with_itself(filled: Memory, path: Path) -> None:
    with filled as memory:
        memory.link("old", "new")
        memory.link("new", "old")
        memory.link("old", "new", "x")
        assert moved(path) == 0
        assert memory.links(["old", "new"]) == []


@pytest.mark.parametrize(("old", "new", "written"), [(0.9, 0.5, 1), (0.5, 0.9, 0), (0.5, 0.5, 0)])
def test_of_two_the_higher_weight_stays(
    filled: Memory, path: Path, old: float, new: float, written: int
) -> None:
    with filled as memory:
        memory.link("old", "a", weight=old, reason="old")
        memory.link("new", "a", weight=new, reason="new")
        memory.link("old", "a", "other", weight=0.1)
        assert moved(path) == written + 1
        assert edges(memory, "new") == [
            ("new", "other", "a", 0.1),
            ("new", "related", "a", max(old, new)),
        ]
        (link,) = memory.links("new", type="related")
        assert link.reason == ("old" if written else "new")


def test_what_was_written_is_logged(filled: Memory, path: Path) -> None:
    with filled as memory:
        memory.link("b", "old")
        memory.link("old", "new")
        moved(path)
    ledger = ledger_at(path)
    with ledger.read() as snapshot:
        last = snapshot.changes(0, 100)[-1]
        assert (last.operation, last.record_id) == ("link", "b")
        assert snapshot.head() == 4 + 2 + 1
    ledger.close()
