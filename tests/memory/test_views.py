"""Isolation: a view sees its scopes and nothing else, whatever the names and whatever the verb."""

from __future__ import annotations

from typing import Any

import pytest

from commonplace import Memory, NotFoundError, OutsideViewError, Scope

CONFUSABLE = [
    "acme",
    "acme-corp",
    "acme_corp",
    "acme corp",
    "Acme",
    "acm",
    "acme%",
    "a%",
    "_cme",
    "*",
    "%",
    "acme.",
    "..",
    ".",
    " ",
    "acme\0",
    "acme\n",
    "é",
    "e\u0301",
    "аcme",  # noqa: RUF001 - a Cyrillic letter, on purpose
    "s1",
    "1",
    "'; DROP TABLE records; --",
    '"',
    "\\",
    "x" * 200,
]


@pytest.fixture
def tenants(memory: Memory) -> Memory:
    for name in CONFUSABLE:
        scope = Scope("tenants", name)
        memory.add(f"secret plan of {name!r}", scope=scope, id=f"id {name!r}", key="k")
        memory.add("shared words plan", scope=scope / "below", tags=["t"], metadata={"n": 1})
    return memory


@pytest.mark.parametrize("name", CONFUSABLE)
def test_no_verb_reaches_another_tenant(tenants: Memory, name: str) -> None:
    own = Scope("tenants", name)
    view = tenants.scope(own)
    assert view.count() == len(view.list()) == 2
    assert all(own.contains(record.scope) for record in view.list())
    assert {info.scope for info in view.scopes()} == {own, own / "below"}
    for mode in ("hybrid", "dense", "lexical"):
        hits = view.search("secret plan shared words", mode=mode, limit=100)
        assert len(hits) == 2
        assert all(own.contains(hit.record.scope) for hit in hits)
    assert view.count(filter={"@kind": "fact"}) == 2
    assert view.count(filter={"n": 1}, tags=["t"]) == 1
    for other in CONFUSABLE:
        foreign = f"id {other!r}"
        found = view.get(foreign)
        assert (found is not None) == (other == name)
        if other != name:
            assert view.delete(foreign) == 0
            with pytest.raises(NotFoundError):
                view.update(foreign, content="mine now")
            with pytest.raises(OutsideViewError):
                view.add("x", scope=Scope("tenants", other))
            with pytest.raises(OutsideViewError):
                view.search("plan", scope=Scope("tenants", other))
    assert tenants.count() == 2 * len(CONFUSABLE)
    assert view.delete(everything=True) == 2
    assert tenants.count() == 2 * len(CONFUSABLE) - 2


def test_a_view_cannot_be_widened(memory: Memory) -> None:
    alice = memory.scope("users/alice")
    for scope in ("", "users", "users/bob", "users/alic", "users/alice2"):
        with pytest.raises(OutsideViewError):
            alice.scope(scope)
        with pytest.raises(OutsideViewError):
            alice.view(read=["users/alice", scope])
    assert alice.scope("users/alice/notes").count() == 0


def test_several_scopes_to_read_and_one_to_write(memory: Memory) -> None:
    memory.add("private", scope="agents/a")
    memory.add("room", scope="rooms/1")
    memory.add("public", scope="public")
    memory.add("hidden", scope="agents/b")
    view = memory.view(read=["agents/a", "rooms/1", "public", "public/x"], write="rooms/1")
    assert {record.content for record in view.list()} == {"private", "room", "public"}
    assert view.count() == 3
    assert {hit.content for hit in view.search("private room public hidden")} == {
        "private",
        "room",
        "public",
    }
    assert view.add("said").scope.path == "rooms/1"
    private = view.list(filter={"@content": "private"})[0]
    assert view.delete(private.id) == 0
    with pytest.raises(NotFoundError):
        view.update(private.id, content="changed")
    with pytest.raises(OutsideViewError):
        view.update(view.list(scope="rooms/1")[0].id, scope="public")
    with pytest.raises(OutsideViewError):
        memory.view(read=["public"]).add("x")


@pytest.mark.parametrize(
    "choice",
    [
        {"if_exists": "keep"},
        {"dedupe": True},
        {"on_duplicate": "skip"},
        {"on_duplicate": "merge"},
    ],
)
def test_what_a_view_writes_but_does_not_read_is_not_given_back(
    memory: Memory, choice: Any
) -> None:
    secret = memory.add("secret", key="k", tags=["secret"], scope="inbox")
    view = memory.view(read=["public"], write="inbox")
    for content in ("secret", "a guess"):
        with pytest.raises(OutsideViewError):
            view.add(content, key="k", **choice)
        with pytest.raises(OutsideViewError):
            view.add_many([{"content": content, "key": "k"}], **choice)
    assert memory.list() == [secret]
    assert view.add("a letter").scope.path == "inbox"


def test_moving_a_record_moves_it_between_views(memory: Memory) -> None:
    record = memory.add("a plan", scope="a")
    memory.update(record.id, scope="b")
    assert memory.scope("a").get(record.id) is None
    assert memory.scope("a").search("plan") == []
    assert memory.scope("b").search("plan")[0].id == record.id
    assert [info.scope.path for info in memory.scopes()] == ["b"]
    assert memory.verify().ok
