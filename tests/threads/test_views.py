"""Threads of one user are nobody else's, whatever they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.threads.scripted import Saying

from commonplace import InvalidInputError, NotFoundError, OutsideViewError

if TYPE_CHECKING:
    from collections.abc import Callable

    from commonplace import Memory, Thread


def texts(thread: Thread) -> list[str]:
    return [message.text for message in thread.messages()]


def test_threads_of_one_name_in_two_scopes_are_two(memory: Memory) -> None:
    ana, bob = memory.scope("users/ana"), memory.scope("users/bob")
    ana.thread("support").add({"role": "user", "content": "hers", "id": "m"})
    bob.thread("support").add({"role": "user", "content": "his", "id": "m"})
    assert (texts(ana.thread("support")), texts(bob.thread("support"))) == (["hers"], ["his"])
    ana.thread("support").delete_messages("m")
    assert texts(bob.thread("support")) == ["his"]
    ana.thread("support").delete()
    assert texts(bob.thread("support")) == ["his"]
    assert (ana.threads.count(), bob.threads.count(), memory.threads.count()) == (0, 1, 1)
    assert texts(memory.thread("support", scope="users/bob")) == ["his"]
    assert memory.thread("support").messages() == []


@pytest.mark.parametrize(
    "other", ["users/ana-corp", "users/an", "users", "users/ana/x", "", "USERS/ANA"]
)
def test_names_that_look_alike_are_other_threads(memory: Memory, other: str) -> None:
    memory.thread("t", scope="users/ana").add("hers")
    assert memory.thread("t", scope=other).messages() == []
    memory.thread("t", scope=other).add("another's")
    assert texts(memory.thread("t", scope="users/ana")) == ["hers"]


USES: list[Callable[[Thread], object]] = [
    lambda thread: thread.update(metadata={"n": 1}),
    lambda thread: thread.update_message("m", content="x"),
    lambda thread: thread.delete_messages("m"),
    lambda thread: thread.end(),
    lambda thread: thread.reopen(),
    lambda thread: thread.branch("b"),
]


@pytest.mark.parametrize("use", USES)
def test_an_id_from_outside_the_view_does_not_exist(
    memory: Memory, use: Callable[[Thread], object]
) -> None:
    info = memory.thread("t", scope="users/ana").create()
    memory.thread("t", scope="users/ana").add({"role": "user", "content": "hers", "id": "m"})
    bob = memory.scope("users/bob")
    thread = bob.thread(info.id)
    assert bob.threads.get(info.id) is None
    assert (thread.info(), thread.messages(), thread.get("m"), thread.pop()) == (
        None,
        [],
        None,
        None,
    )
    assert (thread.clear(), thread.delete(), bob.threads.delete(info.id)) == (0, False, 0)
    assert (list(thread.search("hers")), thread.summary(), thread.summarize()) == ([], None, None)
    assert list(bob.search("hers", threads=info.id)) == []
    assert list(bob.search("hers", threads=[info.id, "t"])) == []
    assert (bob.count(threads=info.id), bob.list(threads=[info.id])) == (0, [])
    with pytest.raises(NotFoundError) as unknown:
        use(thread)
    with pytest.raises(NotFoundError) as nobody:
        use(bob.thread("0" * 36))
    assert str(unknown.value).replace(info.id, "0" * 36) == str(nobody.value)
    assert memory.thread(info.id).info() is not None
    assert texts(memory.thread(info.id)) == ["hers"]


def test_writing_under_an_id_from_outside_makes_a_thread_of_that_name(memory: Memory) -> None:
    info = memory.thread("t", scope="users/ana").create()
    bob = memory.scope("users/bob")
    bob.thread(info.id).add("his")
    assert texts(bob.thread(info.id)) == ["his"]
    assert texts(memory.thread("t", scope="users/ana")) == []
    assert bob.threads.list()[0].key == info.id
    assert texts(memory.thread(info.id)) == []  # the id; the key is looked up at its own scope
    assert texts(memory.thread(info.id, scope="users/bob")) == ["his"]


def test_a_view_names_no_scope_outside(memory: Memory) -> None:
    bob = memory.scope("users/bob")
    memory.thread("t", scope="users/ana").add("hers")
    with pytest.raises(OutsideViewError):
        bob.thread("t", scope="users/ana")
    with pytest.raises(OutsideViewError):
        bob.threads.get("t", scope="users/ana")
    for verb in (bob.threads.list, bob.threads.count):
        with pytest.raises(OutsideViewError):
            verb(scope="users/ana")
    with pytest.raises(OutsideViewError):
        bob.threads.delete("t", scope="users/ana")
    bob.thread("t").add("his")
    with pytest.raises(OutsideViewError):
        bob.thread("t").branch("b", scope="users/ana")
    with pytest.raises(OutsideViewError):
        bob.search("x", threads="t", scope="users/ana")


WRITES: list[Callable[[Thread], Any]] = [
    lambda thread: thread.add("x"),
    lambda thread: thread.add({"role": "user", "content": "x", "id": "m"}),
    lambda thread: thread.replace([]),
    lambda thread: thread.update(metadata={}),
    lambda thread: thread.update_message("m", content="x"),
    lambda thread: thread.delete_messages("m"),
    lambda thread: thread.pop(),
    lambda thread: thread.clear(),
    lambda thread: thread.end(),
    lambda thread: thread.reopen(),
    lambda thread: thread.delete(),
    lambda thread: thread.branch("b"),
    lambda thread: thread.summarize(),
    lambda thread: thread.extract(Saying(["a fact"])),
    lambda thread: thread.context(limit=1, summary=True),
]


@pytest.mark.parametrize("write", WRITES)
def test_a_view_that_only_reads_reads(memory: Memory, write: Callable[[Thread], Any]) -> None:
    thread = memory.thread("t", scope="a")
    thread.add([{"role": "user", "content": f"hello {n}", "id": f"m{n}"} for n in range(3)])
    thread.add({"role": "user", "content": "hello", "id": "m"})
    before = (thread.info(), thread.messages(), memory.list())
    reader = memory.view(read=["a"])
    seen = reader.thread("t")
    assert (seen.info(), seen.messages()) == before[:2]
    assert len(seen.search("hello")) == 4
    assert len(seen.context(limit=2)) == 2
    assert seen.get("m") is not None
    with pytest.raises((OutsideViewError, NotFoundError)):
        write(seen)
    with pytest.raises(OutsideViewError):
        reader.threads.sweep()
    with pytest.raises(OutsideViewError):
        reader.threads.get_or_create("new")
    assert (thread.info(), thread.messages(), memory.list()) == before


@pytest.mark.parametrize("write", WRITES)
def test_a_view_writes_no_thread_that_it_only_reads(
    memory: Memory, write: Callable[[Thread], Any]
) -> None:
    thread = memory.thread("t", scope="room")
    thread.add([{"role": "user", "content": f"hello {n}", "id": f"m{n}"} for n in range(3)])
    thread.add({"role": "user", "content": "hello", "id": "m"})
    before = (thread.info(), thread.messages(), memory.list())
    ana = memory.view(read=["room", "users/ana"], write="users/ana")
    with pytest.raises((OutsideViewError, NotFoundError)):
        write(ana.thread("t", scope="room"))
    assert (thread.info(), thread.messages(), memory.list()) == before
    info = thread.info()
    assert info is not None
    assert len(ana.thread(info.id).messages()) == 4


def test_a_thread_is_read_where_it_is_written(memory: Memory) -> None:
    """Regression: the first message was written, and the second met a conflict with it."""
    blind = memory.view(read=["a"], write="b")
    for _ in range(2):
        with pytest.raises(OutsideViewError):
            blind.thread("t").add("x")
    assert memory.threads.count() == memory.count() == 0


def test_several_scopes_to_read(memory: Memory) -> None:
    ids: list[str] = []
    for scope in ("a", "b", "c"):
        memory.thread("t", scope=scope).add(f"tea of {scope}")
        info = memory.threads.get("t", scope=scope)
        assert info is not None
        ids.append(info.id)
    both = memory.view(read=["a", "b"])
    assert sorted(one.scope.path for one in both.threads.list()) == ["a", "b"]
    assert texts(both.thread("t", scope="b")) == ["tea of b"]
    with pytest.raises(InvalidInputError, match="scope"):
        both.thread("t")
    found = both.search("tea", threads=ids, kinds="message")
    assert sorted(hit.record.content for hit in found) == ["tea of a", "tea of b"]
    assert both.count(threads=ids) == 2


def test_scopes_below_are_seen_and_the_rest_is_not(memory: Memory) -> None:
    memory.thread("t", scope="a/b").add("x")
    memory.thread("u", scope="ab").add("y")
    view = memory.scope("a")
    assert [one.key for one in view.threads.list()] == ["t"]
    assert view.threads.list(recursive=False) == []
    assert (
        view.threads.delete(older_than=memory.thread("u", scope="ab").messages()[0].created_at) == 1
    )
    assert memory.threads.count() == 1
    memory.thread("t", scope="a/b").add("x")
    memory.scope("ab").delete(everything=True)
    assert (memory.thread("u", scope="ab").messages(), memory.count()) == ([], 1)
