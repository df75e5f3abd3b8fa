"""Links with a missing end are found and removed; those that are whole stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.pgserver import tell_ledger

from commonplace import HashingEmbedder, Memory

if TYPE_CHECKING:
    from pathlib import Path


def test_loose_links_are_a_problem_and_are_mended(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        memory.add_many([{"id": name} for name in "abc"])
        memory.link("a", "b")
        memory.link("a", "c")
        memory.link("c", "b")
        assert memory.verify().ok
    tell_ledger(path, "UPDATE links SET target_id = 'gone' WHERE target_id = 'c'")
    tell_ledger(path, "UPDATE links SET source_id = 'gone' WHERE source_id = 'c'")
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        assert memory.verify().problems == ("2 links with a missing end",)
        assert [link.target_id for link in memory.links(["a", "b", "c"])] == ["b"]
        report = memory.repair()
        assert report.ok
        assert report.mended == ("links with a missing end removed: 2",)
        assert memory.verify().ok
        assert [link.target_id for link in memory.links("a")] == ["b"]
