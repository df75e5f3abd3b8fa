"""The journal tells of links; what follows it for the sake of vectors passes them by."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sqlalchemy import text
from tests.pgserver import index_at, ledger_at

from commonplace import HashingEmbedder, Memory, PrecomputedEmbedder
from commonplace.index.follower import Follower
from commonplace.ledger import Ledger

if TYPE_CHECKING:
    from pathlib import Path

EMBEDDER = PrecomputedEmbedder("t", 4)


def journal(path: Path) -> list[dict[str, Any]]:
    """The whole journal, as it lies in the ledger."""
    with contextlib.closing(ledger_at(path)) as ledger, ledger.write() as transaction:
        query = text("SELECT * FROM journal ORDER BY seq")
        rows = transaction._connection.execute(query).all()  # pyright: ignore[reportPrivateUsage] - events do not say all
        return [row._asdict() for row in rows]


def test_linking_and_unlinking_are_logged_with_the_other_end_and_no_text(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        memory.add_many([{"id": "a", "scope": "x"}, {"id": "b"}])
        memory.update("a", content="secret words")
        before = len(journal(path))
        memory.link("a", "b", "causes", reason="secret reason", metadata={"secret": 1})
        memory.link("a", "b", "about")
        memory.unlink("a", "b")
        memory.unlink("a", "b")
    added, updated, *_ = (one for one in journal(path) if one["record_id"] == "a")
    events = journal(path)[before:]
    assert [(event["operation"], json.loads(event["detail"])) for event in events] == [
        ("link", {"target": "b", "type": "causes"}),
        ("link", {"target": "b", "type": "about"}),
        ("unlink", {"target": "b", "type": "causes"}),
        ("unlink", {"target": "b", "type": "about"}),
    ]
    for event in events:
        assert (event["record_id"], event["version"], event["vectors"]) == ("a", 2, 0)
        assert event["record_pk"] == added["record_pk"]
        assert event["scope_id"] == added["scope_id"]
        assert event["at"] > updated["at"]
        assert "secret" not in json.dumps(event)
    assert added["detail"] is None


def test_a_refused_link_leaves_no_trace(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        memory.add("x", id="a")
        before = journal(path)
        for target in ("nobody", "a"):
            try:
                memory.link("a", target)
            except (KeyError, ValueError):
                pass
            else:
                raise AssertionError(target)
        assert journal(path) == before


def test_links_that_go_with_a_record_have_no_event_of_their_own(path: Path) -> None:
    with Memory(path, embedder=EMBEDDER) as memory:
        memory.add_many([{"id": "a"}, {"id": "b"}])
        memory.link("a", "b")
        memory.delete("b")
        assert memory.links("a") == []
    assert [one["operation"] for one in journal(path)] == ["add", "add", "link", "delete"]


def test_a_link_changes_no_record_for_whoever_follows(path: Path) -> None:
    with Memory(path, embedder=EMBEDDER) as memory:
        memory.add_many([{"id": name, "vector": [1, 2, 3, 4]} for name in "ab"])
        memory.link("a", "b")
        memory.unlink("a", "b")
    ledger = ledger_at(path)
    with ledger.read() as snapshot:
        assert [change.of_record for change in snapshot.changes(0, 10)] == [
            True,
            True,
            False,
            False,
        ]
        assert len(snapshot.changed(0, 10)) == 2
        assert snapshot.changed(2, 10) == []
        assert snapshot.head() == 4
    ledger.close()


@pytest.mark.files
def test_the_index_passes_links_by_and_gets_to_the_end(path: Path) -> None:
    """An entry that is taken out of the index behind its back is not put there again by a link."""
    from commonplace.index.chroma import ChromaIndex  # noqa: PLC0415 - it takes 1.5 s

    with Memory(path, embedder=EMBEDDER, index="exact") as memory:
        memory.add_many([{"id": name, "vector": [1, 2, 3, 4]} for name in "ab"])
        ledger = Ledger.open(path)
        chroma = ChromaIndex.embedded(path / "index")
        follower = Follower(ledger, chroma)
        assert follower.step(100)
        with ledger.read() as snapshot:
            (space,) = snapshot.spaces().values()
        assert chroma.count(space) == 2
        chroma.delete(space, ["a"])
        memory.link("a", "b")
        memory.unlink("a", "b")
        assert follower.step(100)
        assert not follower.step(100)
        assert chroma.count(space) == 1
        memory.update("a", content="changed", vector=[1, 1, 1, 1])
        assert follower.step(100)
        assert chroma.count(space) == 2
        chroma.close()
        ledger.close()


def test_searches_and_the_index_are_as_they_were(path: Path) -> None:
    random = np.random.default_rng(1)
    with Memory(path, embedder=EMBEDDER, index=index_at(path)) as memory:
        memory.add_many(
            {"id": f"r{n}", "content": f"number {n}", "vector": random.standard_normal(4)}
            for n in range(50)
        )
        memory.flush()
        before = memory.search(vector=[1, 2, 3, 4])
        for n in range(49):
            memory.link(f"r{n}", f"r{n + 1}")
        assert memory.search(vector=[1, 2, 3, 4]) == before
        memory.flush()
        assert memory.search(vector=[1, 2, 3, 4]) == before
        stats = memory.stats()
        assert stats.head == stats.spaces[0].applied == 99
        assert memory.verify().ok
