"""Whole conversations in files: nothing is lost, nothing comes twice, nothing bad is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace import (
    AsyncMemory,
    FormatError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    OutsideViewError,
)
from commonplace.moving.jsonstream import Values

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from commonplace.testing import FakeClock

TOOL_CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [
        {"id": "c1", "type": "function", "function": {"name": "now", "arguments": "{}"}}
    ],
}
TOOL_RESULT = {"role": "tool", "tool_call_id": "c1", "content": "noon"}
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(),
    ),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@pytest.fixture
def copy(embedder: HashingEmbedder) -> Iterator[Memory]:
    with Memory(":memory:", embedder=embedder) as opened:
        yield opened


def written(path: Path, *lines: Any) -> Path:
    """A file of these lines: texts as they are, anything else as JSON."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts), "utf-8")
    return path


def filled(memory: Memory) -> None:
    """Some of everything that a conversation can hold."""
    memory.thread("chat", scope="users/é").add(
        [
            {"role": "system", "content": "Be kind."},
            {"role": "Ann", "role_type": "user", "name": "ann", "content": "héllo \u2028 😀"},
            TOOL_CALL,
            TOOL_RESULT,
            {"role": "user", "content": [{"type": "text", "text": "a"}], "metadata": {"n": 2**70}},
            {"role": "user", "content": "x", "id": "mine", "ttl": 10_000, "source": {"app": "a"}},
            {"type": "human", "data": {"content": "from LangChain", "id": "lc"}},
        ]
    )
    memory.thread("chat", scope="users/é").delete_messages("mine")
    memory.thread("chat", scope="users/é").add("after a gap")
    old = memory.thread("old", scope="users/b")
    old.create(metadata={"title": "t"}, max_messages=3, message_ttl=50_000)
    old.add(["1", "2", "3", "4"])
    old.end()
    memory.thread("empty").create(ttl=9_000)


@pytest.mark.parametrize("name", ["threads.jsonl", "threads.jsonl.gz"])
def test_nothing_is_lost_on_the_way(
    memory: Memory, copy: Memory, tmp_path: Path, name: str
) -> None:
    filled(memory)
    told: list[tuple[str, int, int]] = []
    report = memory.threads.export(
        tmp_path / name, progress=lambda step, done, total: told.append((step, done, total))
    )
    assert (report.threads, report.messages, report.format) == (3, 10, "jsonl")
    assert report.size == (tmp_path / name).stat().st_size
    assert told[-1] == ("exporting", 3, 3)
    done = copy.threads.import_(tmp_path / name)
    assert (done.added, done.messages.added, done.refused) == (3, 10, [])
    assert copy.threads.list() == memory.threads.list()
    for info in memory.threads.list():
        assert copy.thread(info.id).messages() == memory.thread(info.id).messages()
    again = copy.threads.import_(tmp_path / name)
    assert (again.added, again.extended, again.unchanged) == (0, 0, 3)
    assert (again.messages.added, again.messages.unchanged) == (0, 10)
    assert copy.count() == memory.count()


def test_a_thread_goes_on_after_it_was_imported(
    memory: Memory, copy: Memory, tmp_path: Path
) -> None:
    path = tmp_path / "threads.jsonl"
    memory.thread("chat").add(["one", "two"])
    memory.threads.export(path)
    copy.threads.import_(path)
    copy.thread("chat").add("here")
    memory.thread("chat").add("there")
    memory.threads.export(path)
    report = copy.threads.import_(path)
    assert (report.extended, report.messages.added, report.messages.unchanged) == (1, 1, 2)
    told = copy.thread("chat").messages()
    assert [message.content for message in told] == ["one", "two", "here", "there"]
    assert [message.position for message in told] == sorted({m.position for m in told})
    found = copy.search("there", mode="lexical")
    assert [hit.record.content for hit in found] == ["there"]


def test_what_differs_stays_as_it_is(memory: Memory, copy: Memory, tmp_path: Path) -> None:
    path = tmp_path / "threads.jsonl"
    (message,) = memory.thread("chat").add("one")
    memory.threads.export(path)
    copy.threads.import_(path)
    copy.thread("chat").update_message(message.id, content="changed")
    report = copy.threads.import_(path)
    assert (report.messages.skipped, report.messages.unchanged) == (1, 0)
    assert copy.thread("chat").messages()[0].content == "changed"


def test_an_interrupted_import_goes_on(memory: Memory, copy: Memory, tmp_path: Path) -> None:
    path = tmp_path / "threads.jsonl"
    memory.thread("long").add([f"message {number}" for number in range(2_300)])
    memory.thread("long").end()
    memory.threads.export(path)
    part = tmp_path / "part.jsonl"
    lines = path.read_text("utf-8").splitlines()
    head = json.loads(lines[0])
    head["thread"] |= {"messages": 1_200, "ended_at": None}
    written(part, head, *lines[1:1_201])  # as a kill after the first transactions leaves it
    copy.threads.import_(part, embed=False)
    report = copy.threads.import_(path, embed=False)
    assert (report.extended, report.messages.added) == (1, 1_100)
    assert copy.threads.list() == memory.threads.list()
    assert copy.thread("long").messages() == memory.thread("long").messages()
    assert copy.search("2299", mode="lexical") == []


def test_an_ended_thread_takes_nothing_more(memory: Memory, copy: Memory, tmp_path: Path) -> None:
    path = tmp_path / "threads.jsonl"
    memory.thread("chat").add("one")
    memory.threads.export(path)
    copy.threads.import_(path)
    copy.thread("chat").end()
    assert copy.threads.import_(path).unchanged == 1
    memory.thread("chat").add("two")
    memory.threads.export(path)
    report = copy.threads.import_(path)
    assert "ended" in report.refused[0].reason
    assert len(copy.thread("chat").messages()) == 1


BAD_LINES: list[tuple[str, list[Any], int, str]] = [
    ("a lost message", [{"thread": {"key": "b", "messages": 2}}, "M"], 3, "only 1 of them follow"),
    ("a broken message", [{"thread": {"key": "b", "messages": 2}}, "M", "{secret"], 5, "not JSON"),
    ("a malformed message", [{"thread": {"key": "b"}}, {"message": {"role": "secret"}}], 4, "role"),
    ("a broken thread", ['{"thread": {"secret', "M", "M"], 3, "not JSON"),
    ("a nameless thread", [{"thread": {"messages": 1}}, "M"], 3, "a key or an id"),
    ("a naive time", [{"thread": {"key": "b", "created_at": "2024-01-01"}}, "M"], 3, "time zone"),
    ("a message too many", [{"thread": {"key": "b", "messages": 0}}, "M"], 4, "not read"),
]


@pytest.mark.parametrize(
    ("lines", "line", "reason"), [bad[1:] for bad in BAD_LINES], ids=[bad[0] for bad in BAD_LINES]
)
def test_the_good_are_imported_and_the_bad_are_named(
    copy: Memory, tmp_path: Path, lines: list[Any], line: int, reason: str
) -> None:
    said = {"message": {"role": "user", "content": "secret"}}
    bad = [said if one == "M" else one for one in lines]
    path = written(
        tmp_path / "threads.jsonl",
        *[{"thread": {"key": "first", "messages": 1}}, said],
        *bad,
        *[{"thread": {"key": "last"}}, said, said],
    )
    report = copy.threads.import_(path, format="jsonl")
    (refusal,) = report.refused
    assert refusal.line == line
    assert reason in refusal.reason
    assert "secret" not in refusal.reason
    keys = {info.key for info in copy.threads.list()} - {"b"}
    assert keys == {"first", "last"}
    assert len(copy.thread("last").messages()) == 2


def test_strict_writes_nothing(copy: Memory, tmp_path: Path) -> None:
    good = {"messages": [{"role": "user", "content": "hello"}]}
    path = written(tmp_path / "chats.jsonl", good, {"messages": []}, good)
    with pytest.raises(InvalidInputError, match=r"line 2.*nothing was imported"):
        copy.threads.import_(path, strict=True)
    assert copy.threads.count() == copy.count() == 0


def test_a_trial_writes_nothing_and_says_what_would_be(copy: Memory, tmp_path: Path) -> None:
    path = written(tmp_path / "chats.jsonl", {"messages": [{"role": "user", "content": "hi"}]})
    report = copy.threads.import_(path, dry_run=True)
    assert (report.added, report.messages.added, report.dry_run) == (1, 1, True)
    assert copy.count() == 0


CHAT = [{"role": "user", "content": "hi"}, TOOL_CALL, TOOL_RESULT]


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"messages": CHAT}),
        json.dumps({"messages": CHAT}, indent=2),
        json.dumps(CHAT),
        json.dumps(CHAT, indent=1),
        json.dumps([{"messages": CHAT}]),
        json.dumps([CHAT], indent=2),
        f"\ufeff\n{json.dumps(CHAT)}",
    ],
)
def test_openai_chats_are_read_in_every_layout(copy: Memory, tmp_path: Path, text: str) -> None:
    path = tmp_path / "chats.json"
    path.write_text(text, "utf-8")
    for expected in (1, 0):
        report = copy.threads.import_(path)
        assert (report.format, report.refused) == ("openai", [])
        assert (report.added, report.messages.added) == (expected, 3 * expected)
    (info,) = copy.threads.list()
    assert [message.given for message in copy.thread(info.id).messages()] == CHAT


def test_openai_chats_come_out_as_they_went_in(copy: Memory, tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "now"}}]
    line = {"id": "c1", "messages": CHAT, "tools": tools, "metadata": {"topic": "time"}}
    copy.threads.import_(written(tmp_path / "in.jsonl", line), scope="a/b")
    info = copy.threads.get("c1", scope="a/b")
    assert info is not None
    assert info.metadata == {"topic": "time", "tools": tools}
    report = copy.threads.export(tmp_path / "out.jsonl", format="openai")
    assert (report.threads, report.messages) == (1, 3)
    assert json.loads((tmp_path / "out.jsonl").read_text("utf-8")) == {
        "messages": CHAT,
        "tools": tools,
    }


def test_messages_of_other_frameworks_become_openai_chats(copy: Memory, tmp_path: Path) -> None:
    call = {"name": "now", "args": {"zone": "UTC"}, "id": "c1", "type": "tool_call"}
    copy.thread("lc").add(
        [
            {"type": "human", "data": {"content": "time?"}},
            {"type": "ai", "data": {"content": "", "tool_calls": [call]}},
            {"type": "tool", "data": {"content": "noon", "tool_call_id": "c1"}},
            {"type": "reasoning", "summary": []},
            {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c2", "output": "done"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c3", "name": "g"}]},
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c3", "content": "ok"},
                    {"type": "text", "text": "and now?"},
                ],
            },
            {"role": "Ann", "role_type": "user", "content": "bye"},
        ]
    )
    copy.threads.export(tmp_path / "out.jsonl", format="openai")
    told = json.loads((tmp_path / "out.jsonl").read_text("utf-8"))["messages"]

    def calls(call_id: str, name: str, arguments: str) -> dict[str, Any]:
        function = {"name": name, "arguments": arguments}
        made = [{"id": call_id, "type": "function", "function": function}]
        return {"role": "assistant", "content": None, "tool_calls": made}

    assert told == [
        {"role": "user", "content": "time?"},
        calls("c1", "now", '{"zone":"UTC"}'),
        {"role": "tool", "tool_call_id": "c1", "content": "noon"},
        calls("c2", "f", "{}"),
        {"role": "tool", "tool_call_id": "c2", "content": "done"},
        calls("c3", "g", "{}"),
        {"role": "tool", "tool_call_id": "c3", "content": "ok"},
        {"role": "user", "content": "and now?"},
        {"role": "user", "name": "Ann", "content": "bye"},
    ]


TURNS = [
    {"role": "user", "content": "I moved to Porto.", "has_answer": True},
    {"role": "assistant", "content": "How nice!"},
]
QUESTIONS = [
    {
        "question_id": name,
        "haystack_session_ids": ["s1"],
        "haystack_dates": [f"2023/05/{day} (Sat) 02:21"],
    }
    for name, day in (("q1", 20), ("q2", 21))
]
SESSIONS = {"s1": TURNS, "loose": TURNS[:1]}


@pytest.mark.parametrize(
    "layout",
    [
        {"questions": QUESTIONS, "sessions": SESSIONS},
        {"sessions": SESSIONS, "questions": QUESTIONS},
        [{**question, "haystack_sessions": [TURNS]} for question in QUESTIONS],
    ],
    ids=["questions first", "sessions first", "the benchmark's own"],
)
def test_longmemeval_is_read_in_both_layouts(copy: Memory, tmp_path: Path, layout: Any) -> None:
    path = written(tmp_path / "lme.json", layout)
    report = copy.threads.import_(path, scope="bench")
    assert (report.format, report.refused) == ("longmemeval", [])
    assert copy.threads.import_(path, scope="bench").messages.added == 0
    first, second = copy.thread("s1", scope="bench/q2").messages()
    assert (first.content, second.content) == ("I moved to Porto.", "How nice!")
    assert first.metadata == {"has_answer": True}
    assert first.created_at == datetime(2023, 5, 21, 2, 21, tzinfo=UTC)
    assert first.created_at < second.created_at
    info = copy.threads.get("s1", scope="bench/q1")
    assert info is not None
    assert info.metadata == {"question_id": "q1", "date": "2023/05/20 (Sat) 02:21"}
    assert info.created_at == datetime(2023, 5, 20, 2, 21, tzinfo=UTC)


def test_a_malformed_question_is_named(copy: Memory, tmp_path: Path) -> None:
    bad = {**QUESTIONS[0], "haystack_dates": ["yesterday"], "haystack_sessions": [TURNS]}
    short = {**QUESTIONS[0], "haystack_sessions": []}
    good = {**QUESTIONS[1], "haystack_sessions": [TURNS]}
    report = copy.threads.import_(written(tmp_path / "lme.json", [bad, short, good]))
    assert len(report.refused) == 2
    assert report.added == 1


def test_a_view_imports_only_where_it_writes(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "threads.jsonl"
    memory.thread("chat", scope="users/alice").add("hers")
    memory.thread("chat", scope="users/bob").add("his")
    memory.threads.export(path)
    alice = memory.scope("users/alice")
    memory.threads.delete([info.id for info in memory.threads.list()])
    report = alice.threads.import_(path)
    assert report.added == 1
    assert "lies outside" in report.refused[0].reason
    assert [info.scope.path for info in memory.threads.list()] == ["users/alice"]
    with pytest.raises(OutsideViewError):
        alice.threads.import_(path, scope="users/bob")
    memory.threads.import_(path)
    assert alice.threads.export(tmp_path / "hers.jsonl").threads == 1
    assert "his" not in (tmp_path / "hers.jsonl").read_text("utf-8")


def test_an_id_that_is_taken_elsewhere_stays_there(memory: Memory, tmp_path: Path) -> None:
    path = tmp_path / "threads.jsonl"
    memory.thread("chat", scope="users/alice").add("hers")
    memory.threads.export(path)
    lines = path.read_text("utf-8").replace("users/alice", "users/bob")
    path.write_text(lines, "utf-8")
    report = memory.scope("users/bob").threads.import_(path)
    assert (report.added, report.messages.added) == (1, 1)
    hers, his = (
        memory.thread("chat", scope=f"users/{name}").messages()[0] for name in ("alice", "bob")
    )
    assert hers.record_id != his.record_id
    assert memory.threads.count() == 2
    assert memory.scope("users/bob").threads.import_(path).unchanged == 1


def test_what_expired_is_left_out(
    embedder: HashingEmbedder, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "threads.jsonl"
    with Memory(":memory:", embedder=embedder, clock=clock) as memory:
        memory.thread("chat").add([{"role": "user", "content": "short", "ttl": 5}, "long"])
        memory.thread("brief").create(ttl=5)
        memory.threads.export(path)
        clock.wait(6)
        report = memory.threads.import_(path)
        assert (report.skipped, report.unchanged, report.messages.skipped) == (1, 1, 1)
        assert [message.content for message in memory.thread("chat").messages()] == ["long"]
        memory.threads.export(path)
        assert len(path.read_text("utf-8").splitlines()) == 2


def test_the_export_of_a_memory_is_no_file_of_conversations(memory: Memory, tmp_path: Path) -> None:
    memory.add("x")
    memory.export(tmp_path / "memory.jsonl")
    with pytest.raises(FormatError, match="import_"):
        memory.threads.import_(tmp_path / "memory.jsonl")


def test_the_asynchronous_twins(memory: Memory, copy: Memory, tmp_path: Path) -> None:
    async def run() -> None:
        memory.thread("chat").add("one")
        report = await AsyncMemory(memory).threads.export(tmp_path / "threads.jsonl")
        assert report.threads == 1
        done = await AsyncMemory(copy).threads.import_(tmp_path / "threads.jsonl")
        assert done.added == 1

    anyio.run(run)


@given(
    values=st.lists(JSON),
    size=st.integers(1, 40),
    indent=st.sampled_from([None, 1]),
    cut=st.integers(1, 1000),
)
def test_json_is_read_in_pieces_as_it_is_read_whole(
    values: list[Any], size: int, indent: int | None, cut: int
) -> None:
    raw = json.dumps({"a": values, "b": {}}, indent=indent, ensure_ascii=False)
    data = raw.encode("utf-8", "surrogatepass") if raw.isascii() else raw.encode()

    def read(data: bytes) -> dict[str, Any]:
        reader = Values(data[start : start + size] for start in range(0, len(data), size))
        found: dict[str, Any] = {}
        for name in reader.members():
            found[name] = [reader.value() for _ in reader.elements()] if name == "a" else None
            if name != "a":
                reader.value()
        assert reader.line == 1 + data.count(b"\n")
        return found

    assert read(data) == {"a": values, "b": None}
    with pytest.raises(InvalidInputError):
        read(data[: -1 - cut % (len(data) - 1)])
