"""Writing to a thread: whole or not at all, each message once, and only while it runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from tests.threads.forms import EVERY

from commonplace import (
    ConflictError,
    EmbedderError,
    HashingEmbedder,
    InvalidInputError,
    LimitExceededError,
    Memory,
    NotFoundError,
    Redaction,
    SizeLimits,
    ThreadEndedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from commonplace import Record, Thread
    from commonplace.testing import FakeClock


def texts(thread: Thread) -> list[str]:
    return [message.text for message in thread.messages()]


def said(number: int, **parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": f"text {number}", "id": f"m{number}", **parts}


def test_adding_the_same_messages_twice_changes_nothing(memory: Memory) -> None:
    thread = memory.thread("t")
    first = thread.add([said(1), said(2), "without an id"])
    info, events = thread.info(), len(memory.events())
    assert thread.add([said(1), said(2)]) == first[:2]
    assert thread.add(first) == first
    assert (thread.info(), len(memory.events())) == (info, events)


def test_a_message_of_no_id_of_its_own_is_known_by_its_records(memory: Memory) -> None:
    thread = memory.thread("t")
    (message,) = thread.add("hello")
    changed = thread.update_message(message.id, content="hello there")
    assert (changed.id, changed.position) == (message.id, 0)
    assert thread.get(message.id) == changed
    assert thread.messages() == [changed]
    assert [one.record.content for one in memory.history(message.record_id)] == [
        "hello",
        "hello there",
    ]


def test_a_message_with_a_known_id_takes_its_place(memory: Memory, clock: FakeClock) -> None:
    thread = memory.thread("t")
    thread.add([said(1), said(2), said(3)])
    clock.wait(10)
    before = thread.info()
    (changed,) = thread.add({"role": "assistant", "content": "changed", "id": "m2", "name": "Bo"})
    assert (changed.position, changed.role, changed.name) == (1, "assistant", "Bo")
    assert texts(thread) == ["text 1", "changed", "text 3"]
    after = thread.info()
    assert before is not None
    assert after is not None
    assert (after.messages, after.updated_at > before.updated_at) == (3, True)
    assert after.tokens == sum(message.token_count for message in thread.messages())


def test_true_in_place_of_one_is_a_change(memory: Memory) -> None:
    """Regression: what Python calls equal was taken for the same."""
    thread = memory.thread("t")
    thread.add({"role": "user", "content": {"n": 1}, "metadata": {"n": 1}, "id": "a"})
    thread.add({"role": "user", "content": {"n": True}, "metadata": {"n": 1.0}, "id": "a"})
    (message,) = thread.messages()
    assert repr((message.content, message.metadata)) == "({'n': True}, {'n': 1.0})"


def test_an_id_twice_in_a_batch_is_one_message_where_it_was_first(memory: Memory) -> None:
    """As if they had been added one after the other."""
    thread = memory.thread("t")
    batch = [said(1), said(2), said(1, content="again"), "x", said(2, content="again")]
    added = thread.add(batch)
    assert texts(thread) == ["again", "again", "x"]
    assert [message.position for message in added] == [0, 1, 0, 2, 1]
    one_by_one = memory.thread("one by one")
    for message in batch:
        one_by_one.add(message)
    assert texts(one_by_one) == texts(thread)


def test_ids_belong_to_their_thread(memory: Memory) -> None:
    one, other = memory.thread("one"), memory.thread("other")
    one.add(said(1))
    other.add(said(1, content="another"))
    assert (texts(one), texts(other)) == (["text 1"], ["another"])
    one.delete_messages("m1")
    assert (texts(one), texts(other)) == ([], ["another"])


def test_positions_only_grow(memory: Memory) -> None:
    thread = memory.thread("t")
    positions = [message.position for message in thread.add(["a", "b", "c"])]
    popped = thread.pop()
    assert popped is not None
    assert popped.text == "c"
    positions += [message.position for message in thread.add(["d"])]
    assert thread.clear() == 3
    positions += [message.position for message in thread.add(["e", "f"])]
    assert positions == [0, 1, 2, 3, 4, 5]
    assert [message.position for message in thread.messages()] == [4, 5]
    assert texts(thread) == ["e", "f"]


def test_popping_what_is_not_there(memory: Memory) -> None:
    thread = memory.thread("t")
    assert (thread.pop(), thread.clear(), thread.delete(), thread.messages()) == (
        None,
        0,
        False,
        [],
    )
    thread.create()
    assert (thread.pop(), thread.clear()) == (None, 0)
    with pytest.raises(NotFoundError):
        memory.thread("nobody's").delete_messages("m1")
    assert thread.delete_messages([]) == thread.delete_messages(["nobody's"]) == 0


class Failing(HashingEmbedder):
    """Fails at a text."""

    def embed_documents(self, texts: Sequence[str]) -> NDArray[Any]:
        if any("fail" in text for text in texts):
            raise RuntimeError(len(texts))
        return super().embed_documents(texts)


class Refusing:
    """Raises as a record that says so is written."""

    def before_write(self, record: Record) -> Record:
        if "fail" in record.content:
            raise LimitExceededError("not this one")
        return record


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"embedder": Failing(16)}, EmbedderError),
        ({"embedder": HashingEmbedder(16), "middleware": [Refusing()]}, LimitExceededError),
    ],
)
def test_a_batch_is_all_or_nothing(options: Any, error: type[Exception], clock: FakeClock) -> None:
    with Memory(":memory:", clock=clock, **options) as memory:
        thread = memory.thread("t")
        with pytest.raises(error):
            thread.add(["one", "this will fail", "three"])
        assert (thread.info(), memory.count(), memory.scopes()) == (None, 0, [])
        thread.add([said(1), said(2)])
        info = thread.info()
        with pytest.raises(error):
            thread.add([said(3), said(1, content="changed"), "this will fail"])
        with pytest.raises(error):
            thread.replace([said(3), "this will fail"])
        with pytest.raises(error):
            thread.update_message("m1", content="this will fail")
        assert (texts(thread), thread.info()) == (["text 1", "text 2"], info)
        assert memory.verify().ok


WRITES: list[Callable[[Thread], object]] = [
    lambda thread: thread.add("more"),
    lambda thread: thread.add(said(1)),
    lambda thread: thread.replace([]),
    lambda thread: thread.update_message("m1", content="changed"),
    lambda thread: thread.delete_messages("m1"),
    lambda thread: thread.pop(),
    lambda thread: thread.clear(),
]


@pytest.mark.parametrize("write", WRITES)
def test_an_ended_thread_takes_no_write_until_it_is_reopened(
    memory: Memory, write: Callable[[Thread], object]
) -> None:
    thread = memory.thread("t")
    thread.add([said(1), said(2)])
    ended = thread.end()
    assert ended.ended_at is not None
    before = thread.messages()
    with pytest.raises(ThreadEndedError, match="reopen") as refused:
        write(thread)
    assert "text 1" not in str(refused.value)
    assert thread.messages() == before
    assert [one.id for one in memory.threads.list(active=False)] == [ended.id]
    assert thread.reopen().ended_at is None
    write(thread)
    assert memory.threads.list(active=False) == []


def test_ending_takes_a_thread_and_deleting_needs_none_to_run(memory: Memory) -> None:
    with pytest.raises(NotFoundError):
        memory.thread("t").end()
    memory.thread("t").add("x")
    memory.thread("t").end()
    assert memory.thread("t").delete() is True
    assert (memory.threads.list(), memory.count()) == ([], 0)


def test_replacing_keeps_the_places_of_what_stays(memory: Memory) -> None:
    thread = memory.thread("t")
    thread.add([said(1), said(2), said(3)])
    thread.replace([said(4), said(2)])
    assert [(one.id, one.position) for one in thread.messages()] == [("m2", 1), ("m4", 3)]
    assert thread.replace([]) == []
    assert thread.messages() == []


def test_changing_a_message(memory: Memory) -> None:
    thread = memory.thread("t")
    call = {
        "role": "assistant",
        "content": "I look",
        "tool_calls": [{"id": "c", "type": "function"}],
    }
    (message,) = thread.add({**call, "id": "a"})
    named = thread.update_message("a", metadata={"seen": True}, token_count=99)
    assert (named.metadata, named.token_count, named.given) == (
        {"seen": True},
        99,
        message.given,
    )
    changed = thread.update_message("a", content="I look it up")
    assert changed.given == {**message.given, "content": "I look it up"}  # it makes the same call
    assert changed.token_count < 99
    with pytest.raises(NotFoundError):
        thread.update_message("b", content="x")
    with pytest.raises(InvalidInputError):
        thread.update_message("a")
    wrongs: list[dict[str, Any]] = [
        {"id": "b"},
        {"position": 7},
        {"created_at": datetime.now(UTC)},
        {"words": "x"},
    ]
    for wrong in wrongs:
        with pytest.raises(InvalidInputError):
            thread.update_message("a", **wrong)
    assert thread.messages() == [changed]


def test_what_a_changed_message_was_given_as_says_the_change(memory: Memory) -> None:
    """Regression: a new role or name was not seen in what goes into a prompt."""
    thread = memory.thread("t")
    for form, messages in EVERY.items():
        for number, given in enumerate(messages):
            (message,) = memory.thread(f"{form} {number}").add(given)
            thread = memory.thread(f"{form} {number}")
            changed = thread.update_message(message.id, content="changed")
            assert (changed.content, changed.text) == ("changed", "changed")
            assert "'changed'" in repr(changed.given)
            assert changed.role == message.role
            renamed = thread.update_message(message.id, name="Bo", role="critic")
            assert (renamed.name, renamed.role, renamed.content) == ("Bo", "critic", "changed")
            if "role" in given:
                assert renamed.given.items() >= {"role": "critic", "name": "Bo"}.items()
            assert thread.messages() == [renamed]


def test_a_message_changed_as_a_record_says_what_it_then_says(memory: Memory) -> None:
    """Regression: its thread went on to show the words that are no more."""
    thread = memory.thread("t")
    blocks = [{"type": "text", "text": "old words"}]
    (one, other) = thread.add(
        [{"role": "user", "content": blocks}, {"role": "user", "content": "old words", "x": 1}]
    )
    for message in (one, other):
        memory.update(message.record_id, content="new words")
    assert [message.given for message in thread.messages()] == [
        {"role": "user", "content": "new words"}
    ] * 2
    memory.update(one.record_id, value={"original": {"no": "form"}})
    memory.update(other.record_id, value=7)
    assert texts(thread) == ["new words"] * 2


def test_a_record_removed_leaves_its_thread(memory: Memory) -> None:
    thread = memory.thread("t")
    added = thread.add(["one", "two", "three"])
    memory.delete(added[1].record_id)
    info = thread.info()
    assert info is not None
    assert (texts(thread), info.messages) == (["one", "three"], 2)
    memory.restore(added[1].record_id)  # it is a record again, and no message of the thread
    assert texts(thread) == ["one", "three"]
    assert memory.delete(kinds="message") == 3
    assert thread.messages() == []


def test_a_message_stays_in_the_scope_of_its_thread(memory: Memory) -> None:
    thread = memory.thread("t", scope="a")
    (message,) = thread.add("hello")
    before = memory.get(message.record_id)
    with pytest.raises(ConflictError, match="thread"):
        memory.update(message.record_id, scope="b")
    assert memory.get(message.record_id) == before
    shared = memory.share(message.record_id, "b")
    assert thread.messages() == [message]
    assert shared.id != message.record_id


def test_branching(memory: Memory) -> None:
    thread = memory.thread("t", scope="a", embed=False)
    thread.create(metadata={"topic": "tea"}, max_messages=10)
    added = thread.add([said(1, metadata={"n": 1}), {"role": "tool", "content": "42", "x": 1}, "c"])
    branch = thread.branch("b", at=added[1].id)
    assert [(m.id, m.given) for m in branch.messages()] == [(m.id, m.given) for m in added[:2]]
    assert [m.created_at for m in branch.messages()] == [m.created_at for m in added[:2]]
    info = branch.info()
    assert info is not None
    assert (info.scope.path, info.metadata, info.max_messages) == ("a", {"topic": "tea"}, 10)
    branch.add("its own")
    assert len(thread.messages()) == 3
    assert texts(thread.branch("whole")) == texts(thread)
    assert texts(thread.branch("first", at=0)) == ["text 1"]
    with pytest.raises(ConflictError):
        thread.branch("b")
    with pytest.raises(NotFoundError):
        thread.branch("x", at="nobody's")
    with pytest.raises(NotFoundError):
        memory.thread("nobody's").branch("x")
    assert len(memory.threads.list()) == 4


def test_a_branch_is_kept_out_of_search_as_its_thread_is(memory: Memory) -> None:
    """Regression: it was embedded although the thread was asked for with `embed=False`."""
    thread = memory.thread("t", embed=False)
    thread.add("green tea")
    thread.branch("b").add("black tea")
    assert list(memory.search("tea", mode="lexical")) == []
    assert list(memory.search("tea", mode="dense")) == []


def test_making_changing_and_listing_threads(memory: Memory, clock: FakeClock) -> None:
    made = memory.threads.get_or_create("a", scope="s", metadata={"topic": "tea"})
    assert memory.threads.get_or_create("a", scope="s", metadata={"topic": "x"}) == made
    assert memory.threads.get(made.id) == memory.threads.get("a", scope="s") == made
    assert memory.threads.get("a") is None
    clock.wait(10)
    memory.thread("b", scope="s/t").add("hello")
    assert [one.key for one in memory.threads.list()] == ["b", "a"]
    assert [one.key for one in memory.threads.list(scope="s", recursive=False)] == ["a"]
    assert [one.key for one in memory.threads.list(limit=1, offset=1)] == ["a"]
    assert [one.key for one in memory.threads.list(filter={"topic": "tea"})] == ["a"]
    assert memory.threads.count(filter={"@metadata.topic": {"$exists": False}}) == 1
    since = made.updated_at + timedelta(seconds=5)
    assert [one.key for one in memory.threads.list(since=since)] == ["b"]
    thread = memory.thread("a", scope="s")
    changed = thread.update(key="c", metadata=None, max_messages=2)
    assert (changed.key, changed.metadata, changed.max_messages) == ("c", {}, 2)
    assert (thread.name, thread.info()) == ("c", changed)
    assert memory.threads.get("a", scope="s") is None
    memory.thread("d", scope="s").create()
    with pytest.raises(ConflictError):
        thread.update(key="d")
    with pytest.raises(InvalidInputError):
        thread.update()
    with pytest.raises(NotFoundError):
        memory.thread("nobody's").update(key="x")
    assert memory.threads.delete(["c", "nobody's"], scope="s") == 1
    assert memory.threads.delete([]) == 0
    assert memory.threads.delete(older_than=clock.moment() - timedelta(seconds=60)) == 0
    assert memory.threads.delete(older_than=clock.wait(60)) == 2
    assert memory.count() == 0
    wrongs: list[dict[str, Any]] = [{}, {"names": "a", "older_than": clock.moment()}]
    for wrong in wrongs:
        with pytest.raises(InvalidInputError):
            memory.threads.delete(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"@kind": "message"},
        {"@value.n": 1},
        {"@source.app": "a"},
        {"$or": [{"topic": "tea"}, {"$not": {"@content": "tea"}}]},
        {"@created_at": {"$exists": True}},
        {"topic": {"$unknown": 1}},
    ],
)
def test_threads_are_filtered_by_their_metadata_alone(memory: Memory, wrong: Any) -> None:
    memory.thread("t").create(metadata={"topic": "tea"})
    with pytest.raises(InvalidInputError):
        memory.threads.list(filter=wrong)
    with pytest.raises(InvalidInputError):
        memory.threads.count(filter=wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"metadata": 5},
        {"metadata": {"n": float("nan")}},
        {"ttl": -1},
        {"ttl": "long"},
        {"message_ttl": 0},
        {"max_messages": 0},
        {"max_messages": True},
        {"colour": "red"},
    ],
)
def test_malformed_settings_are_refused(memory: Memory, wrong: Any) -> None:
    with pytest.raises(InvalidInputError):
        memory.thread("t").create(**wrong)
    assert memory.threads.count() == 0
    before = memory.thread("t").create()
    with pytest.raises(InvalidInputError):
        memory.thread("t").update(**wrong)
    assert memory.thread("t").info() == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": 5},
        {"name": "a\0b"},
        {"name": "x" * 10_000},
        {"name": "t", "summarize_every": 0},
        {"name": "t", "summary_tokens": "many"},
        {"name": "t", "embed": 1},
        {"name": "t", "source": 5},
        {"name": "t", "scope": 5},
    ],
)
def test_a_malformed_handle_is_refused(memory: Memory, wrong: Any) -> None:
    with pytest.raises(InvalidInputError):
        memory.thread(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": -1},
        {"limit": 1.5},
        {"before": -1},
        {"before": True},
        {"after": 1.5},
        {"since": "yesterday"},
        {"since": datetime(2025, 1, 1)},  # noqa: DTZ001 - without a time zone, to be refused
        {"roles": 5},
    ],
)
def test_a_malformed_window_is_refused(memory: Memory, wrong: Any) -> None:
    memory.thread("t").add("x")
    with pytest.raises(InvalidInputError):
        memory.thread("t").messages(**wrong)


def test_windows_by_message(memory: Memory) -> None:
    thread = memory.thread("t")
    added = thread.add([said(n) for n in range(6)])
    assert thread.messages(before="m3", limit=2) == added[1:3]
    assert thread.messages(after="m3") == added[4:]
    assert thread.messages(after=added[1].id, limit=2) == added[2:4]
    assert thread.messages(after="m0", before="m5", limit=2) == added[3:5]
    assert thread.messages(roles="assistant") == []
    with pytest.raises(NotFoundError):
        thread.messages(before="nobody's")
    assert thread.get("nobody's") is None


def test_middleware_looks_at_messages(clock: FakeClock) -> None:
    address = "ana@example.com"
    chain = [Redaction(), SizeLimits(content=60)]
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=clock, middleware=chain) as memory:
        thread = memory.thread("t")
        call = {"type": "tool_use", "id": "c", "name": "f", "input": {"to": address}}
        thread.add(
            [
                f"write to {address}",
                {"role": "assistant", "content": [{"type": "text", "text": address}, call]},
                {"role": "tool", "tool_call_id": "c", "content": address},
                {"role": "user", "content": "x", "metadata": {"from": address}},
                {
                    "type": "human",
                    "data": {"content": address, "additional_kwargs": {"k": address}},
                },
            ]
        )
        assert address not in repr([message.to_dict() for message in thread.messages()])
        assert thread.messages()[2].given["tool_call_id"] == "c"
        for export in (memory.list(), memory.search("write", mode="lexical")):
            assert address not in repr([one.to_dict() for one in export])
        before = thread.messages()
        with pytest.raises(LimitExceededError) as refused:
            thread.add(["short", "long " * 20])
        assert "long long" not in str(refused.value)
        thread.update_message(before[0].id, content=f"no, to {address}")
        assert address not in thread.messages()[0].text


class Shouting:
    """Changes the words on their way in, and back on their way out."""

    def before_write(self, record: Record) -> Record:
        return replace(record, content=record.content.upper())

    def after_read(self, record: Record) -> Record:
        return replace(record, content=record.content.lower())


def test_words_that_middleware_changes_are_what_a_thread_shows(clock: FakeClock) -> None:
    with Memory(
        ":memory:", embedder=HashingEmbedder(16), clock=clock, middleware=[Shouting()]
    ) as memory:
        thread = memory.thread("t")
        added = thread.add(["Hello", {"role": "user", "content": "Hello", "x": 1}])
        assert [message.text for message in added] == ["hello", "hello"]
        assert added == thread.messages()
        assert added[1].given == {"role": "user", "content": "hello"}
