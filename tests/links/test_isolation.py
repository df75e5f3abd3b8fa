"""A view never sees, counts or passes through another's records by way of links."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from commonplace import Memory, NotFoundError, OutsideViewError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Bulk = Callable[[Memory, Iterable[tuple[str, str, float]]], None]


@pytest.fixture
def tenants(memory: Memory) -> Memory:
    """Two tenants and what both read: a and b are linked through each other's records."""
    memory.add("tea", id="a1", scope="a")
    memory.add("teapot", id="a2", scope="a/deep")
    memory.add("tea of b", id="b1", scope="b")
    memory.add("teacup of a look-alike", id="ab", scope="ab")
    memory.add("shared tea", id="s", scope="shared")
    for source, target in [
        *(("a1", "b1"), ("b1", "a2"), ("a1", "s"), ("s", "b1"), ("a1", "ab"), ("ab", "a2"))
    ]:
        memory.link(source, target)
    return memory


def view_of(memory: Memory, name: str) -> Memory:
    return memory.view(read=[name, "shared"], write=name)


def test_links_to_what_is_outside_are_not_there(tenants: Memory) -> None:
    view = view_of(tenants, "a")
    assert [(link.source_id, link.target_id) for link in view.links("a1")] == [("a1", "s")]
    assert view.links("a1", direction="in") == view.links("a2") == []
    assert view.links("b1") == view.links("ab") == []
    assert len(view.links(["a1", "a2", "b1", "s", "ab"])) == 1
    assert len(view.links("a1", limit=1)) == 1
    assert len(tenants.links("a1")) == 3


def test_no_walk_leads_through_what_is_outside(tenants: Memory) -> None:
    view = view_of(tenants, "a")
    assert [found.id for found in view.related("a1", hops=5)] == ["s"]
    assert view.related("b1") == view.related("ab") == []
    assert view.path("a1", "a2") is None
    assert view.path("a1", "b1") is None
    assert view.path("b1", "b1") is None
    assert {found.id for found in view.related(query="tea", hops=5)} <= {"a1", "a2", "s"}
    assert len(tenants.path("a1", "a2") or ()) == 2
    assert {found.id for found in tenants.related("a1")} == {"a2", "b1", "s", "ab"}


@pytest.mark.parametrize("foreign", ["b1", "ab", "nobody"])
def test_nothing_outside_can_be_linked(tenants: Memory, foreign: str) -> None:
    view = view_of(tenants, "a")
    for source, target in (("a1", foreign), (foreign, "a1")):
        with pytest.raises(NotFoundError):
            view.link(source, target, "mine")
        assert view.unlink(source, target) == 0
    assert len(tenants.links("a1")) == 3


def test_the_source_must_be_writable_the_target_only_seen(tenants: Memory) -> None:
    view = view_of(tenants, "a")
    assert view.link("a1", "s", "about").target_id == "s"
    with pytest.raises(NotFoundError):
        view.link("s", "a1")
    tenants.link("s", "a1")
    assert view.unlink("s", "a1") == 0
    assert view.unlink("a1", "s") == 2
    assert [(link.source_id, link.target_id) for link in view.links("s")] == [("s", "a1")]


def test_a_view_that_only_reads_does_not_link(tenants: Memory) -> None:
    view = tenants.view(read=["a", "shared"])
    with pytest.raises(OutsideViewError):
        view.link("a1", "s")
    with pytest.raises(OutsideViewError):
        view.unlink("a1", "s")
    assert len(view.links("a1")) == 1


def test_moving_a_record_takes_its_links_along(tenants: Memory) -> None:
    view = view_of(tenants, "a")
    tenants.update("b1", scope="a")
    assert len(view.path("a1", "a2") or ()) == 2
    tenants.update("a2", scope="b")
    assert view.path("a1", "a2") is None
    assert tenants.verify().ok


def test_the_links_of_others_crowd_nothing_out(on_disk: Memory, bulk: Bulk) -> None:
    """Limits count what is seen: 11,000 stronger links of another tenant change nothing."""
    on_disk.add("shared", id="s", scope="shared")
    on_disk.add_many([{"id": f"a{n}", "scope": "a", "embed": False} for n in range(300)])
    on_disk.add_many([{"id": f"b{n}", "scope": "b", "embed": False} for n in range(11_000)])
    bulk(on_disk, ((f"b{n}", "s", 1.0) for n in range(11_000)))
    bulk(on_disk, ((f"a{n}", "s", 0.001 * (n + 1)) for n in range(300)))
    view = view_of(on_disk, "a")
    strongest = [f"a{n}" for n in range(299, -1, -1)]
    assert [link.source_id for link in view.links("s", limit=1000)] == strongest
    assert [link.source_id for link in view.links("s", limit=3, offset=2)] == strongest[2:5]
    assert [found.id for found in view.related("s", limit=1000)] == strongest[:200]
    assert [found.id for found in view.related("a0", limit=3)] == ["s", *strongest[:2]]
    assert len(view.path("a0", "a1") or ()) == 2
