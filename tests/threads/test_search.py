"""Searching what was said: in one thread, in several, in all of a view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from commonplace import InvalidInputError

if TYPE_CHECKING:
    from commonplace import Memory


@pytest.fixture
def talks(memory: Memory) -> Memory:
    for scope, key in (("users/ana", "tea"), ("users/ana", "travel"), ("users/bob", "tea")):
        thread = memory.thread(key, scope=scope)
        thread.add([f"{key} of {scope}: green leaves", ("assistant", f"{key}: a slow train"), "x"])
    memory.add("green leaves, as a fact", scope="users/ana")
    return memory


def said(hits: Any) -> list[str]:
    return sorted(hit.record.content.partition(":")[0] for hit in hits)


def test_a_thread_searches_its_own_messages(talks: Memory) -> None:
    thread = talks.thread("tea", scope="users/ana")
    for mode in ("lexical", "dense", "hybrid"):
        hits = thread.search("green leaves", mode=mode, limit=50)
        assert hits[0].record.content == "tea of users/ana: green leaves"
        assert {hit.record.source.thread for hit in hits} == {"tea"}
    assert len(thread.search()) == 3
    assert len(thread.search("train", mode="lexical", limit=1)) == 1
    assert list(talks.thread("nobody's").search("green")) == []


def test_messages_of_a_view(talks: Memory) -> None:
    ana = talks.scope("users/ana")
    hits = ana.search("green leaves", kinds="message", mode="lexical")
    assert said(hits) == ["tea of users/ana", "travel of users/ana"]
    assert len(talks.search("green leaves", kinds="message", mode="lexical")) == 3
    assert len(ana.search("green leaves", mode="lexical")) == 3


def test_chosen_threads_by_key_and_by_id(talks: Memory) -> None:
    bobs = talks.threads.get("tea", scope="users/bob")
    assert bobs is not None
    by_key = talks.search("green", threads="tea", scope="users/ana", mode="lexical")
    assert said(by_key) == ["tea of users/ana"]
    by_id = talks.search("green", threads=bobs.id, mode="lexical")
    assert said(by_id) == ["tea of users/bob"]
    ana = talks.scope("users/ana")
    both = ana.search("green", threads=["tea", "travel"], mode="lexical")
    assert said(both) == ["tea of users/ana", "travel of users/ana"]
    assert len(ana.list(threads=["tea", "travel"])) == ana.count(threads=["tea", "travel"]) == 6
    assert ana.count(threads="tea", filter={"@content": {"$contains": "train"}}) == 1


@pytest.mark.parametrize("none", [[], "nobody's", ["nobody's", "nor theirs"]])
def test_no_thread_matches_nothing(talks: Memory, none: Any) -> None:
    ana = talks.scope("users/ana")
    for mode in ("lexical", "dense", "hybrid"):
        assert list(ana.search("green", threads=none, mode=mode)) == []
    assert list(ana.search(threads=none)) == []
    assert (ana.count(threads=none), ana.list(threads=none)) == (0, [])


def test_paging_through_threads(talks: Memory) -> None:
    ana = talks.scope("users/ana")
    options: dict[str, Any] = {"threads": ["tea", "travel"], "mode": "dense"}
    whole = ana.search("green", limit=10, **options)
    paged = [ana.search("green", limit=1, offset=n, **options)[0] for n in range(6)]
    assert [hit.id for hit in paged] == [hit.id for hit in whole]
    assert len(whole) == 6


def test_threads_have_no_past_and_are_named_by_texts(talks: Memory, clock: Any) -> None:
    with pytest.raises(InvalidInputError):
        talks.search("x", threads="tea", as_of=clock.moment())
    wrongs: list[Any] = [5, [5], [None]]
    for wrong in wrongs:
        with pytest.raises(InvalidInputError):
            talks.search("x", threads=wrong)


def test_what_is_not_embedded_is_not_found(memory: Memory) -> None:
    quiet = memory.thread("quiet", embed=False)
    quiet.add("green leaves")
    assert list(quiet.search("green", mode="lexical")) == []
    assert list(quiet.search("green", mode="dense")) == []
    assert len(quiet.search()) == 1


def test_a_scope_that_holds_nothing_but_what_is_not_embedded_is_searched(memory: Memory) -> None:
    """Regression: it was an `IndexError` if the memory had vectors elsewhere."""
    memory.add("green leaves", scope="elsewhere")
    memory.thread("quiet", scope="users/ana", embed=False).add("green leaves")
    assert list(memory.search("green", scope="users/ana")) == []


def test_a_changed_message_is_found_by_its_new_words(memory: Memory) -> None:
    thread = memory.thread("t")
    (message,) = thread.add([{"role": "user", "content": [{"type": "text", "text": "old words"}]}])
    thread.update_message(message.id, content=[{"type": "text", "text": "fresh leaves"}])
    assert list(thread.search("old", mode="lexical")) == []
    assert [hit.id for hit in thread.search("fresh", mode="lexical")] == [message.record_id]
    thread.pop()
    assert list(memory.search("fresh", mode="lexical")) == []
