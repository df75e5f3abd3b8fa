"""`archive` puts records aside; `purge` forgets their former states for good."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import HashingEmbedder, InvalidInputError, Memory, OutsideViewError, Scope

if TYPE_CHECKING:
    from pathlib import Path

MODES = ("dense", "lexical", "hybrid")


def test_archived_records_are_out_of_sight_until_asked_for(timed: Memory) -> None:
    timed.add("green tea", id="1", key="k", tags=["x"])
    kept = timed.add("black tea", id="2")
    assert timed.archive("1") == 1
    assert timed.list() == [kept]
    assert timed.count() == 1
    assert timed.count(tags="x") == 0
    for mode in MODES:
        assert [hit.id for hit in timed.search("tea", mode=mode)] == ["2"]
        asked = timed.search("green tea", mode=mode, include_archived=True)
        assert [hit.id for hit in asked] == ["1", "2"]
    assert timed.search() == timed.search(limit=1)
    archived = timed.get("1")
    assert archived is not None
    assert archived.archived_at == archived.updated_at
    assert timed.get(key="k", scope="") == archived
    assert {one.id for one in timed.list(include_archived=True)} == {"1", "2"}
    assert timed.count(include_archived=True) == 2


def test_archived_records_are_updated_and_deleted_like_others(timed: Memory) -> None:
    timed.add("tea", id="1")
    timed.archive("1")
    changed = timed.update("1", content="coffee")
    assert changed.archived_at is not None
    assert timed.search("coffee") == []
    assert timed.delete("1") == 1
    assert timed.get("1") is None


def test_only_what_was_archived_by_this_call_counts(timed: Memory) -> None:
    timed.add_many([{"id": "1"}, {"id": "2"}, {"id": "3"}])
    assert timed.archive(["1", "2", "2", "nobody"]) == 2
    assert timed.archive(["1", "2", "3"]) == 1
    assert timed.archive([]) == 0
    assert timed.count() == 0


def test_writing_an_archived_record_anew_brings_it_back(timed: Memory) -> None:
    timed.add("tea", id="1")
    timed.archive("1")
    assert timed.add("coffee", id="1").archived_at is None
    assert timed.count() == 1


def test_a_view_archives_only_what_it_writes(timed: Memory) -> None:
    timed.add_many([{"id": "1", "scope": "a"}, {"id": "2", "scope": "ab"}, {"id": "3"}])
    assert timed.scope("a").archive(["1", "2", "3"]) == 1
    assert timed.view(read=["a", "ab"], write="a").archive(["2"]) == 0
    with pytest.raises(OutsideViewError):
        timed.view(read=["ab"]).archive("2")
    assert timed.count() == 2


def test_the_past_knows_when_a_record_was_archived(timed: Memory, clock: Any) -> None:
    timed.add("tea", id="1")
    before = clock.wait(1)
    timed.archive("1")
    after = clock.wait(1)
    timed.restore("1")
    assert timed.count(as_of=before) == timed.count() == 1
    assert timed.count(as_of=after) == len(timed.search("tea", as_of=after)) == 0
    assert timed.count(as_of=after, include_archived=True) == 1


def lived(memory: Memory, clock: Any) -> datetime:
    """Two records with three former states each, at `a`, at `b` and gone; a moment between."""
    for name in ("1", "2"):
        memory.add(f"secret {name}", id=name, scope="a")
        clock.wait(1)
        memory.update(name, scope="b")
        clock.wait(1)
    middle = clock.wait(1)
    for name in ("1", "2"):
        memory.update(name, content="open")
        clock.wait(1)
    memory.delete("2")
    return middle


def kept(memory: Memory, name: str) -> list[int]:
    return [state.record.version for state in memory.history(name)]


def test_purge_forgets_everything_only_when_told(timed: Memory, clock: Any) -> None:
    middle = lived(timed, clock)
    with pytest.raises(InvalidInputError):
        timed.purge()
    assert timed.purge([]) == 0
    assert (kept(timed, "1"), kept(timed, "2")) == ([1, 2, 3], [1, 2, 3])
    assert timed.purge(everything=True) == 5
    assert (kept(timed, "1"), kept(timed, "2")) == ([3], [])
    present = timed.get("1")
    assert timed.list() == [present]
    assert timed.list(as_of=middle) == timed.search("secret", as_of=middle) == []
    assert [hit.id for hit in timed.search("open")] == ["1"]
    assert timed.purge(everything=True) == 0


def test_a_scope_that_is_all_there_is_forgets_nothing_by_itself(timed: Memory, clock: Any) -> None:
    lived(timed, clock)
    for view, scope in [(timed, ""), (timed, Scope()), (timed.scope("a"), "a")]:
        for dry_run in (True, False):
            with pytest.raises(InvalidInputError, match="everything=True"):
                view.purge(scope=scope, dry_run=dry_run)
        assert view.purge([], scope=scope) == 0
    assert (kept(timed, "1"), kept(timed, "2")) == ([1, 2, 3], [1, 2, 3])
    assert timed.scope("a").purge(scope="a", everything=True) == 2
    assert timed.purge("1", scope="") == 1
    assert timed.purge(scope="", everything=True) == 2


def test_purge_by_ids_by_scope_and_by_time(timed: Memory, clock: Any) -> None:
    middle = lived(timed, clock)
    assert timed.purge("1", scope="a") == 1
    assert (kept(timed, "1"), kept(timed, "2")) == ([2, 3], [1, 2, 3])
    assert timed.purge(before=middle) == 1
    assert (kept(timed, "1"), kept(timed, "2")) == ([2, 3], [2, 3])
    assert timed.purge(scope="a") == timed.purge(scope="nowhere") == timed.purge("nobody") == 0
    assert timed.purge(["1", "2"], before=clock.moment() + timedelta(seconds=1)) == 3
    assert (kept(timed, "1"), kept(timed, "2")) == ([3], [])


def test_a_state_that_ended_at_the_moment_stays(timed: Memory) -> None:
    timed.add("tea", id="1")
    ended = timed.update("1", content="coffee").updated_at
    assert timed.purge(before=ended) == 0
    assert timed.purge(before=ended + timedelta(microseconds=1)) == 1


def test_the_numbers_of_a_record_stay_after_a_purge(timed: Memory) -> None:
    timed.add("tea", id="1")
    timed.update("1", content="coffee")
    timed.purge("1")
    assert timed.update("1", content="water").version == 3


def test_a_view_purges_only_what_lay_in_it(timed: Memory, clock: Any) -> None:
    lived(timed, clock)
    assert timed.scope("a").purge(everything=True) == 2
    assert timed.scope("c").purge(["1", "2"]) == 0
    assert (kept(timed, "1"), kept(timed, "2")) == ([2, 3], [2, 3])
    with pytest.raises(OutsideViewError):
        timed.scope("a").purge(scope="b")
    with pytest.raises(OutsideViewError):
        timed.view(read=["b"]).purge(everything=True)
    assert timed.view(read=["a", "b"], write="a").purge(["1", "2"]) == 0


@pytest.mark.parametrize(
    "arguments",
    [{"everything": 1}, {"ids": 5}, {"ids": [1]}, {"before": datetime(2024, 1, 1)}, {"before": 3}],  # noqa: DTZ001 - naive on purpose
)
def test_malformed_arguments_of_purge_are_refused(timed: Memory, arguments: Any) -> None:
    timed.add("tea", id="1")
    timed.update("1", content="coffee")
    with pytest.raises(InvalidInputError):
        timed.purge(**arguments)
    assert kept(timed, "1") == [1, 2]


def test_purged_states_are_gone_after_a_restart(path: Path) -> None:
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        memory.add("tea", id="1", vectors={"other": [1.0, 2.0]})
        memory.delete("1")
        assert memory.purge("1") == 1
    with Memory(path, embedder=HashingEmbedder(8)) as memory:
        assert memory.history("1") == []
        assert memory.add("tea", id="1").version == 1
        assert memory.verify().ok
