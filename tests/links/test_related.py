"""`related` and `path` against plain Python that tries every path, on small random graphs."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from commonplace import HashingEmbedder, Link, Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    Bulk = Callable[[Memory, Iterable[tuple[str, str, float]]], None]

NAMES = "abcdefg"
HIDDEN = {"f", "g"}
PAIRS = [(source, target) for source in NAMES for target in NAMES if source != target]
WEIGHTS = st.sampled_from([1.0, 0.9, 0.5, 1 / 3, 0.1])
GRAPHS = st.dictionaries(
    st.tuples(st.sampled_from(PAIRS), st.sampled_from(["x", "y"])), WEIGHTS, max_size=20
)
DIRECTIONS = st.sampled_from(["both", "out", "in"])
TYPES = st.sampled_from([(), ("x",), ("x", "y"), ("z",)])


@dataclass(frozen=True)
class Model:
    """The links that count, as steps: from where, to where, how strong."""

    steps: Sequence[tuple[str, str, float]]

    @classmethod
    def of(cls, graph: dict[Any, float], direction: str, types: Sequence[str]) -> Model:
        steps: list[tuple[str, str, float]] = []
        for ((source, target), kind), weight in graph.items():
            if (types and kind not in types) or {source, target} & HIDDEN:
                continue
            steps += [(source, target, weight)] if direction != "in" else []
            steps += [(target, source, weight)] if direction != "out" else []
        return cls(steps)

    def paths(self, start: str, hops: int) -> Iterator[list[tuple[str, str, float]]]:
        """Every path that passes no record twice."""
        begun: list[list[tuple[str, str, float]]] = [[]]
        for _ in range(hops):
            longer: list[list[tuple[str, str, float]]] = []
            for path, step in itertools.product(begun, self.steps):
                passed = {start, *(there for _, there, _ in path)}
                here = path[-1][1] if path else start
                if step[0] == here and step[1] not in passed:
                    longer.append([*path, step])
            yield from longer
            begun = longer

    def best(self, start: str, hops: int, decay: float) -> list[tuple[str, float, int]]:
        """Every record with the score and length of its best path, best first."""
        found: dict[str, tuple[float, int]] = {}
        for path in self.paths(start, hops):
            score = 1.0
            for _, _, weight in path:
                score = score * weight * decay
            here, rank = path[-1][1], (score, -len(path))
            found[here] = max(found.get(here, rank), rank)
        ranked = sorted(found.items(), key=lambda item: (-item[1][0], -item[1][1], item[0]))
        return [(name, score, -length) for name, (score, length) in ranked]


def built(graph: dict[Any, float]) -> Memory:
    memory = Memory(":memory:", embedder=HashingEmbedder(8))
    scopes = {name: "hidden" if name in HIDDEN else "seen/deep" for name in NAMES}
    memory.add_many([{"id": name, "scope": scopes[name], "embed": False} for name in NAMES])
    for ((source, target), kind), weight in graph.items():
        memory.link(source, target, kind, weight=weight)
    return memory


def check_path(path: Sequence[Link], start: str, end: str, direction: str) -> None:
    """The links lead from start to end, each walked in an allowed direction."""
    here = start
    for link in path:
        forth = link.source_id == here and direction in {"both", "out"}
        back = link.target_id == here and direction in {"both", "in"}
        assert forth or back
        here = link.target_id if forth else link.source_id
    assert here == end


@given(
    graph=GRAPHS,
    hops=st.integers(1, 5),
    direction=DIRECTIONS,
    types=TYPES,
    decay=st.sampled_from([1.0, 0.7, 0.5]),
    limit=st.integers(0, 6),
)
@settings(max_examples=60)
def test_related_finds_the_best_of_every_path(
    graph: dict[Any, float],
    hops: int,
    direction: Any,
    types: tuple[str, ...],
    decay: float,
    limit: int,
) -> None:
    with built(graph) as memory:
        found = memory.scope("seen").related(
            "a", hops=hops, types=types, direction=direction, decay=decay, limit=limit
        )
        assert memory.scope("seen").related("f", hops=hops) == []
    expected = Model.of(graph, direction, types).best("a", hops, decay)[:limit]
    assert [(one.id, one.score, one.hops) for one in found] == expected
    for one in found:
        check_path(one.path, "a", one.id, direction)
        score = 1.0
        for link in one.path:
            assert not types or link.type in types
            score = score * link.weight * decay
        assert score == one.score


@given(graph=GRAPHS, hops=st.integers(1, 6), direction=DIRECTIONS, types=TYPES)
@settings(max_examples=40)
def test_path_is_a_shortest_one(
    graph: dict[Any, float], hops: int, direction: Any, types: tuple[str, ...]
) -> None:
    model = Model.of(graph, direction, types)
    lengths: dict[str, int] = {"a": 0}
    for path in model.paths("a", hops):
        lengths[path[-1][1]] = min(lengths.get(path[-1][1], hops), len(path))
    with built(graph) as memory:
        for name in NAMES:
            found = memory.scope("seen").path(
                "a", name, types=types, direction=direction, max_hops=hops
            )
            assert (None if found is None else len(found)) == lengths.get(name)
            if found is not None:
                check_path(found, "a", name, direction)


@pytest.fixture
def trip(memory: Memory) -> Memory:
    for name, text in [
        ("lisbon", "the office moved to Lisbon"),
        ("porto", "Alice took the train to Porto"),
        ("cello", "Alice plays the cello"),
        ("bach", "the suites of Bach"),
    ]:
        memory.add(text, id=name)
    memory.link("porto", "lisbon", "about", weight=0.8, reason="same journey")
    memory.link("cello", "bach", "about", weight=0.5)
    memory.link("bach", "porto", weight=0.5)
    return memory


def test_what_related_says_of_a_record(trip: Memory) -> None:
    first, second, *others = trip.related("lisbon")
    assert not others
    assert (first.id, first.score, first.hops) == ("porto", 0.4, 1)
    assert first.content == "Alice took the train to Porto"
    assert first.path == tuple(trip.links("lisbon"))
    assert (second.id, second.hops, second.score) == ("bach", 2, 0.8 * 0.5 * 0.5 * 0.5)
    assert second.to_dict() == {
        "score": second.score,
        "hops": 2,
        "path": [link.to_dict() for link in second.path],
        "record": second.record.to_dict(),
    }
    assert "train" not in repr(first)
    assert trip.related("lisbon", hops=1) == [first]
    assert trip.related("lisbon", types="other") == trip.related("lisbon", direction="out") == []


def test_a_query_begins_with_its_hits_and_keeps_them(trip: Memory) -> None:
    hits = {hit.id: hit.score for hit in trip.search("cello", limit=5)}
    found = trip.related(query="cello", hops=3)
    assert {one.id for one in found} == {"lisbon", "porto", "cello", "bach"}
    for one in found:
        assert one.score >= hits.get(one.id, 0)
        if not one.hops:
            assert one.score == hits[one.id]
    assert found[0].id == "cello"
    assert found[0].path == ()
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert trip.related(query="cello", limit=1) == found[:1]


def test_a_hit_that_a_better_hit_leads_to_comes_by_the_link(memory: Memory) -> None:
    memory.add("cello suites", id="best", embed=["cello suites"])
    memory.add("cello among many other words that are here", id="worse")
    memory.link("best", "worse")
    scores = {hit.id: hit.score for hit in memory.search("cello suites")}
    found = {one.id: one for one in memory.related(query="cello suites", decay=1.0)}
    assert scores["worse"] < scores["best"]
    assert found["worse"].score == scores["best"]
    assert found["worse"].path == tuple(memory.links("worse"))


def test_a_query_that_finds_nothing_leads_nowhere(memory: Memory) -> None:
    assert memory.related(query="anything") == []


def test_archived_records_are_found_and_passed_through(path: Any) -> None:
    embedder = HashingEmbedder(8)
    with Memory(path, embedder=embedder) as memory:
        memory.add_many([{"id": name} for name in "abc"])
        memory.link("a", "b")
        memory.link("b", "c")
        assert memory.archive("b") == 1
        assert [record.id for record in memory.list(order_by="id")] == ["a", "c"]
        assert [one.id for one in memory.related("a")] == ["b", "c"]
        assert len(memory.links("a")) == 1


def test_a_cycle_ends(memory: Memory) -> None:
    memory.add_many([{"id": name} for name in "abc"])
    for source, target in (("a", "b"), ("b", "c"), ("c", "a"), ("b", "a")):
        memory.link(source, target)
    found = memory.related("a", hops=32, decay=1.0, direction="out")
    assert [(one.id, one.hops, one.score) for one in found] == [("b", 1, 1.0), ("c", 2, 1.0)]
    assert memory.path("a", "a") == ()
    assert len(memory.path("a", "c", direction="out", max_hops=32) or ()) == 2


@pytest.mark.nightly
def test_a_hub_of_20_000_links_is_harmless(on_disk: Memory, bulk: Bulk) -> None:
    count = 20_000
    on_disk.add("hub", id="hub")
    on_disk.add_many({"id": f"r{n:05}", "embed": False} for n in range(count))
    bulk(on_disk, ((f"r{n:05}", "hub", (n + 1) / count) for n in range(count)))
    strongest = [f"r{n:05}" for n in range(count - 1, count - 201, -1)]
    assert [one.id for one in on_disk.related("hub", limit=1000)] == strongest
    through = on_disk.related("r00000", decay=1.0, limit=1000, hops=3)
    assert [one.id for one in through][:3] == ["hub", *strongest[:2]]
    assert len(through) == 201
    # The weakest link of the hub is none that is followed from it, yet the path is found.
    assert len(on_disk.path("r00000", "r00001") or ()) == 2
    assert [link.source_id for link in on_disk.links("hub", limit=2, offset=100)] == strongest[
        100:102
    ]
    pages = [on_disk.links("hub", limit=7_000, offset=n) for n in (0, 7_000, 14_000, 21_000)]
    assert [len(page) for page in pages] == [7_000, 7_000, 6_000, 0]
    assert len({link.source_id for page in pages for link in page}) == count
    assert on_disk.delete("hub") == 1
    assert on_disk.links("r00000") == []


@pytest.mark.nightly
def test_no_more_than_10_000_links_are_read(on_disk: Memory, bulk: Bulk) -> None:
    """Sixty records with 199 links each: those of the nearest fifty or so, and no more."""
    leaves = {f"m{m:02}": [f"m{m:02}-{n:03}" for n in range(199)] for m in range(60)}
    on_disk.add_many([{"id": "start", "embed": False}])
    for middle, ends in leaves.items():
        on_disk.add_many([{"id": name, "embed": False} for name in (middle, *ends)])
        bulk(on_disk, ((middle, end, 1.0) for end in ends))
    bulk(on_disk, (("start", middle, (60 - n) / 60) for n, middle in enumerate(leaves)))
    found = on_disk.related("start", decay=1.0, limit=100_000, direction="out")
    assert len(found) == 10_000
    reached = Counter(one.id.split("-")[0] for one in found if one.hops == 2)
    assert reached.total() == 10_000 - 60
    assert [middle for middle in leaves if reached[middle] == 199][:49] == list(leaves)[:49]
