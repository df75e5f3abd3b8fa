"""`merge`: what another memory, or another scope of the same one, has is brought in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from tests.comparing.checked import contents, counts, merge

from commonplace import (
    HashingEmbedder,
    InvalidInputError,
    Memory,
    ModelMismatchError,
    OutsideViewError,
)

STRATEGIES = ("newest", "source", "target", "both")


def apart(here: Memory, there: Memory, clock: Any) -> None:
    """Two records that both have and see differently, each newer on one side; one of each."""
    here.add("written here first", id="1", scope="a", importance=0.3)
    there.add("written there first", id="2", scope="a", tags=["there"])
    clock.wait(10)
    there.add("written there last", id="1", scope="a", tags=["there"])
    here.add("written here last", id="2", scope="a")
    here.add("only here", id="here")
    there.add("only there", id="there", scope="b/c", key="k")
    for memory in (here, there):
        memory.add("both", id="both")


@pytest.mark.parametrize(
    ("strategy", "report", "found"),
    [
        ("newest", {"updated": 1, "kept": 1}, ["written here last", "written there last"]),
        ("source", {"updated": 2}, ["written there first", "written there last"]),
        ("target", {"kept": 2}, ["written here first", "written here last"]),
        (
            "both",
            {"doubled": 2},
            [
                "written here first",
                "written here last",
                "written there first",
                "written there last",
            ],
        ),
    ],
)
def test_strategies(
    here: Memory, there: Memory, clock: Any, strategy: Any, report: Any, found: list[str]
) -> None:
    apart(here, there, clock)
    before = there.list(order_by="id")
    assert merge(here, there, strategy) == {"added": 1, "same": 1, **report}
    assert contents(here, scope="a") == found
    brought = here.get("there")
    assert brought is not None
    assert (brought.content, brought.key, brought.scope.path) == ("only there", "k", "b/c")
    assert here.get("here") is not None
    assert there.list(order_by="id") == before


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_into_an_empty_memory_makes_an_equal_one(
    here: Memory, there: Memory, strategy: Any, clock: Any
) -> None:
    full: dict[str, Any] = {
        "key": "k",
        "kind": "summary",
        "value": {"n": [1, None, 2**70, True]},
        "tags": ["x", "y"],
        "metadata": {"m": 1.5},
        "importance": 0.9,
        "source": {"app": "test", "trust": 0.5},
        "valid_from": clock.moment(),
        "valid_to": clock.moment() + timedelta(days=1),
        "expires_at": clock.moment() + timedelta(days=2),
    }
    there.add("green tea", id="1", scope="a/é", **full)
    there.add_many([{"id": "2"}, {"id": "3", "content": "x"}])
    there.archive("3")
    there.supersede("2", {"content": "new", "id": "4"}, reason="why")
    clock.wait(10)
    assert merge(here, there, strategy) == {"added": 4, "links": 1}
    assert here.diff(there).empty
    first, copy = there.get("1"), here.get("1")
    assert first is not None
    assert copy is not None
    assert copy.created_at == first.created_at
    assert [link.to_dict() for link in here.links("4")] == [
        link.to_dict() for link in there.links("4")
    ]
    assert len(here.history("4")) == 1


def test_what_is_updated_keeps_its_id_and_gets_the_whole_state(
    here: Memory, there: Memory, clock: Any
) -> None:
    late = clock.moment() + timedelta(days=1)
    here.add("tea", id="1", scope="a", key="k", tags=["x"], value=1, expires_at=late)
    there.add("coffee", id="1", scope="b/c", metadata={"m": 1})
    before = here.get("1")
    assert merge(here, there, "source") == {"updated": 1}
    assert here.diff(there).empty
    assert here.history("1")[0].record == before
    there.archive("1")
    assert merge(here, there) == {"updated": 1}
    assert here.count() == 0
    there.restore("1")
    assert merge(here, there) == {"updated": 1}
    assert here.count() == 1


def test_both_doubles_once_whichever_was_made_first(
    here: Memory, there: Memory, clock: Any
) -> None:
    there.add("tea", id="1", tags=["there"])
    clock.wait(10)
    here.add("tea", id="1", tags=["here"])
    there.add("more", id="2")
    there.link("1", "2")
    assert merge(here, there, "both") == {"added": 1, "doubled": 1, "links": 1}
    assert here.count() == 3


def test_vectors_come_along_and_nothing_is_embedded(here: Memory, there: Memory) -> None:
    rows = np.eye(2, 32, dtype=np.float32)
    there.add("tea", id="1", vector=rows, vectors={"other": [3.0, 4.0]})
    there.add("hidden", id="2", embed=False)
    there.add("unworded", id="3", embed=False, vector=[2.0] * 32)
    merge(here, there)
    for row in rows:
        assert here.search(vector=row)[0].similarity == pytest.approx(1.0)
    assert [hit.id for hit in here.search(vector=[3.0, 4.0], space="other")] == ["1"]
    assert here.search(vector=[1.0] * 32)[0].id == "3"
    assert here.search("hidden unworded", mode="lexical") == []
    assert {hit.id for hit in here.search("hidden", mode="dense")} == {"1", "3"}


def test_another_embedder_s_vectors_are_made_anew(there: Memory, clock: Any) -> None:
    there.add("green tea", id="1", vectors={"other": [3.0, 4.0]})
    there.add("hidden", id="2", embed=False)
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock) as memory:
        merge(memory, there)
        assert memory.search("green tea", mode="dense")[0].similarity == pytest.approx(1.0)
        assert memory.search(vector=[3.0, 4.0], space="other")[0].id == "1"
        assert memory.search("hidden", mode="lexical") == []
        assert memory.diff(there).empty
        assert memory.verify().problems == ()


def test_a_space_of_another_length_is_an_error_and_nothing_is_written(
    here: Memory, there: Memory
) -> None:
    here.add("tea", id="1", vectors={"other": [1.0, 2.0, 3.0]})
    there.add("coffee", id="1", scope="b")
    there.add("coffee", id="2", vectors={"other": [1.0, 2.0]})
    before = here.list()
    with pytest.raises(ModelMismatchError):
        here.merge(there, strategy="source")
    assert here.list() == before


def test_links_come_along_between_what_was_matched(here: Memory, there: Memory) -> None:
    here.add("a", id="ours", key="k")
    here.add("b", id="b")
    here.link("ours", "b", "about", weight=0.2)
    there.add("a", id="theirs", key="k")
    there.add_many([{"id": "b", "content": "b"}, {"id": "c"}, {"id": "outside", "scope": "x"}])
    there.link("theirs", "b", "about", weight=0.7, reason="why", metadata={"n": 1})
    there.link("c", "theirs", "causes")
    there.link("c", "outside")
    assert merge(here, there)["links"] == 3
    found = {(link.source_id, link.target_id): link for link in here.links(["ours", "b", "c"])}
    assert set(found) == {("ours", "b"), ("c", "ours"), ("c", "outside")}
    link = found["ours", "b"]
    assert (link.weight, link.reason, link.metadata) == (0.7, "why", {"n": 1})
    there.link("theirs", "b", "about", weight=0.7, reason="why", metadata={"n": 2})
    assert here.merge(there).links == 1


def test_an_expired_record_does_not_stand_in_the_way(
    here: Memory, there: Memory, clock: Any
) -> None:
    here.add("gone", id="1", ttl=1)
    there.add("tea", id="1")
    clock.wait(5)
    assert merge(here, there) == {"added": 1}
    assert [one.id for one in here.list()] == ["1"]


def test_what_was_deleted_here_comes_back(here: Memory, there: Memory) -> None:
    there.add("tea", id="1")
    merge(here, there)
    here.delete("1")
    assert merge(here, there) == {"added": 1}
    assert [state.record.version for state in here.history("1")] == [1, 2]


def test_more_records_than_are_read_at_once(here: Memory, there: Memory) -> None:
    records: list[Any] = [{"id": f"{n}", "content": f"{n}", "embed": False} for n in range(501)]
    there.add_many(records)
    there.link("0", "99")
    assert counts(here.merge(there)) == {"added": 501, "links": 1}
    assert here.diff(there).same == 501


def test_what_cannot_be_merged_is_refused(here: Memory, there: Memory) -> None:
    there.add("tea", id="1")
    wrong: Any
    for wrong in (None, "path", 5):
        with pytest.raises(InvalidInputError):
            here.merge(wrong)
    for wrong in ("oldest", None):
        with pytest.raises(InvalidInputError):
            here.merge(there, strategy=wrong)
    wrong = 1
    with pytest.raises(InvalidInputError):
        here.merge(there, dry_run=wrong)
    with pytest.raises(InvalidInputError):
        here.merge(there.view(read=["a", "b"]))
    for view in (here.view(read=["a"]), here.view(read=["a"], write="a/b")):
        with pytest.raises(OutsideViewError):
            view.merge(there)
    assert here.count() == 0
