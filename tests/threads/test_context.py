"""What a thread gives to a prompt: the last messages, those that fit, or a summary and the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from hypothesis import given
from tests.threads.forms import ANTHROPIC, AUTOGEN, LANGCHAIN, OPENAI_CHAT, RESPONSES
from tests.threads.scripted import Saying

from commonplace import HashingEmbedder, InvalidInputError, Memory
from commonplace.threads.calls import answered, called

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from commonplace import Context, Message

SYSTEM = {"role": "system", "content": "Be brief."}


def positions(context: Context) -> list[int]:
    return [message.position for message in context]


def call(name: str) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [{"id": name, "type": "function"}]}


def result(name: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": name, "content": "42"}


def test_a_thread_of_nothing(memory: Memory) -> None:
    thread = memory.thread("t")
    for summary in (False, True):
        context = thread.context(limit=5, max_tokens=100, summary=summary)
        assert (list(context), context.tokens, context.omitted) == ([], 0, 0)
    thread.create()
    assert list(thread.context(summary=True)) == []


def test_all_of_it_unless_asked_otherwise(memory: Memory) -> None:
    thread = memory.thread("t")
    added = thread.add([SYSTEM, "a", "b"])
    context = thread.context()
    assert list(context) == added
    assert (context.tokens, context.omitted) == (sum(one.token_count for one in added), 0)


def test_a_window_begins_with_the_roles_it_is_asked_for(memory: Memory) -> None:
    thread = memory.thread("t")
    answers = [{"role": "assistant", "content": "hm"}, call("c"), result("c")]
    thread.add([SYSTEM, "a", *answers, "b", *answers])
    assert positions(thread.context(limit=7)) == [0, 2, 3, 4, 5, 6, 7, 8]
    begun = thread.context(limit=7, start_on="user")
    assert (positions(begun), begun.omitted) == ([0, 5, 6, 7, 8], 4)
    assert positions(thread.context(limit=7, start_on=["tool", "user"])) == [0, 5, 6, 7, 8]
    assert positions(thread.context(limit=2, start_on="user")) == [0]
    assert positions(thread.context(start_on="user")) == [*range(9)]
    with pytest.raises(InvalidInputError):
        thread.context(start_on=7)  # pyright: ignore[reportArgumentType] - that is the point


def test_a_window_begins_so_behind_a_summary_too(memory: Memory) -> None:
    thread = memory.thread("t")
    thread.add([SYSTEM, *(pair for n in range(20) for pair in (f"q {n}", ("assistant", f"a {n}")))])
    for limit in range(2, 12):
        summed = thread.context(limit=limit, summary=True, start_on="user")
        assert [one.position for one in summed[:2]] == [0, -1]
        assert summed[2].kind == "user"


def test_the_last_ones_and_the_system_message(memory: Memory) -> None:
    thread = memory.thread("t")
    thread.add([SYSTEM, *(f"message {n}" for n in range(10))])
    context = thread.context(limit=3)
    assert (positions(context), context.omitted) == ([0, 8, 9, 10], 7)
    assert (
        positions(thread.context(limit=10)) == positions(thread.context(limit=11)) == [*range(11)]
    )
    later = memory.thread("later")
    later.add(["a", SYSTEM, "b", "c"])  # only the opening one is kept
    assert positions(later.context(limit=1)) == [3]


def test_as_many_as_fit(memory: Memory) -> None:
    thread = memory.thread("t")
    thread.add([SYSTEM, *({"role": "user", "content": "x", "token_count": 10} for _ in range(9))])
    system = thread.messages(limit=1, before=1)[0].token_count
    for room, fit in ((system, 0), (system + 9, 0), (system + 10, 1), (system + 59, 5)):
        context = thread.context(max_tokens=room)
        assert positions(context) == [0, *range(10 - fit, 10)]
        assert context.tokens == system + 10 * fit <= room
    assert positions(thread.context(max_tokens=1)) == [0]  # it is kept whatever the room
    assert positions(thread.context(max_tokens=1000, limit=2)) == [0, 8, 9]


def test_a_counter_of_ones_own(memory: Memory) -> None:
    thread = memory.thread("t")
    thread.add(["one", "one two", "one two three"])

    def words(message: Message) -> int:
        return len(message.text.split())

    context = thread.context(max_tokens=5, count_tokens=words)
    assert (positions(context), context.tokens) == ([1, 2], 5)
    whole = thread.context(count_tokens=words)
    assert whole.tokens == 6


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": -1},
        {"limit": "x"},
        {"max_tokens": 0},
        {"max_tokens": 1.5},
        {"summary": 1},
        {"count_tokens": 5},
    ],
)
def test_malformed_limits_are_refused(memory: Memory, wrong: Any) -> None:
    with pytest.raises(InvalidInputError):
        memory.thread("t").context(**wrong)


LC = {
    one["type"]: one for one in LANGCHAIN if one["data"].get("tool_calls") or one["type"] == "tool"
}
BY_TYPE = {one["type"]: one for one in AUTOGEN}
CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "OpenAI chat": (OPENAI_CHAT[2], OPENAI_CHAT[4]),
    "OpenAI Responses": (RESPONSES[2], RESPONSES[3]),
    "OpenAI computer": (RESPONSES[5], RESPONSES[6]),
    "OpenAI custom": (RESPONSES[7], RESPONSES[8]),
    "Anthropic": (ANTHROPIC[1], ANTHROPIC[2]),
    "LangChain": (LC["ai"], LC["tool"]),
    "AutoGen chat": (BY_TYPE["ToolCallRequestEvent"], BY_TYPE["ToolCallExecutionEvent"]),
    "AutoGen models": (AUTOGEN[-2], AUTOGEN[-1]),
}


@pytest.mark.parametrize("form", CALLS)
def test_a_result_never_comes_without_its_call(memory: Memory, form: str) -> None:
    thread = memory.thread("t")
    asks, answers = CALLS[form]
    thread.add(["question", asks, answers, "thanks"])
    assert called(thread.messages()[1])
    assert called(thread.messages()[1]) == answered(thread.messages()[2])
    assert positions(thread.context(limit=1)) == [3]
    assert positions(thread.context(limit=2)) == [3]
    assert positions(thread.context(limit=3)) == [1, 2, 3]
    needed = sum(message.token_count for message in thread.messages(after=0))
    assert positions(thread.context(max_tokens=needed)) == [1, 2, 3]
    assert positions(thread.context(max_tokens=needed - 1)) == [3]


def test_parallel_calls_stay_together(memory: Memory) -> None:
    thread = memory.thread("t")
    both = {**call("a"), "tool_calls": [{"id": "a"}, {"id": "b"}]}
    thread.add(["q", both, result("a"), result("b"), call("c"), result("c"), "x"])
    assert [positions(thread.context(limit=n)) for n in range(1, 8)] == [
        [6],
        [6],
        [4, 5, 6],
        [4, 5, 6],
        [4, 5, 6],
        [1, 2, 3, 4, 5, 6],
        [0, 1, 2, 3, 4, 5, 6],
    ]


def test_results_whose_calls_are_gone_are_dropped(memory: Memory) -> None:
    thread = memory.thread("t")
    thread.add([{**call("a"), "id": "asks"}, result("a"), "x"])
    thread.delete_messages("asks")
    assert positions(thread.context()) == [2]
    assert len(thread.messages()) == 2


@pytest.fixture(scope="module")
def store() -> Iterator[Memory]:
    with Memory(":memory:", embedder=HashingEmbedder(16)) as opened:
        yield opened


STEPS = st.lists(
    st.sampled_from(["say", "call", "call and answer", "two calls", "system"]), max_size=12
)


def written(steps: Sequence[str]) -> Iterator[Any]:
    for number, step in enumerate(steps):
        if step == "say":
            yield f"message {number}"
        elif step == "system":
            yield SYSTEM
        else:
            names = [f"{number}a", f"{number}b"][: 2 if step == "two calls" else 1]
            yield {**call("x"), "tool_calls": [{"id": name} for name in names]}
            yield from map(result, names if step != "call" else [])


@given(
    steps=STEPS,
    limit=st.none() | st.integers(1, 12),
    room=st.none() | st.integers(1, 120),
    summary=st.booleans(),
)
def test_any_window_of_any_conversation(
    store: Memory, steps: list[str], limit: int | None, room: int | None, *, summary: bool
) -> None:
    thread = store.thread("any")
    thread.delete()
    thread.add(written(steps))
    whole = thread.messages()
    head = [one for one in whole[:1] if one.kind == "system"]
    context = thread.context(limit=limit, max_tokens=room, summary=summary)
    said = [one for one in context if one.position >= 0]
    assert list(context)[: len(head)] == head
    assert [one.position for one in said] == sorted({one.position for one in said})
    seen: set[str] = set()
    for message in context:
        assert answered(message) <= seen
        seen |= called(message)
    assert context.tokens == sum(one.token_count for one in context)
    if room is not None:
        assert context.tokens <= max(room, sum(one.token_count for one in head))
    if limit is not None:
        assert len(said) <= limit + len(head)
    assert context.omitted == len(whole) - len(said)
    if limit is None and room is None:
        assert said == whole
    if said and not summary:  # nothing is left out between the first and the last
        rest = [one for one in said if one not in head]
        assert not rest or [*rest] == whole[whole.index(rest[0]) :]


def test_it_reads_no_more_than_it_needs(memory: Memory) -> None:
    thread = memory.thread("t", embed=False)
    thread.add([f"message {n}" for n in range(1500)])
    assert positions(thread.context(limit=200)) == [*range(1300, 1500)]
    assert positions(thread.context(limit=201)) == [*range(1299, 1500)]
    assert len(thread.context(limit=1400)) == 1400
    assert len(thread.context(max_tokens=5000)) == 5000 // 6


# Summaries in front of the recent messages


def gist(messages: Sequence[Message], previous: str | None) -> str:
    return f"{previous or ''}{len(messages)} messages."


def test_what_is_older_is_summed_up_in_front(memory: Memory) -> None:
    thread = memory.thread("t", summarizer=gist)
    thread.add([SYSTEM, *(f"message {n}" for n in range(10))])
    context = thread.context(limit=4, summary=True)
    assert [message.position for message in context] == [0, -1, 7, 8, 9, 10]
    assert context[1].name == "summary"
    assert "> 9 messages." in context[1].text
    assert context.omitted == 6
    again = thread.context(limit=4, summary=True)
    assert list(again) == list(context)
    thread.add(["message 10", "message 11"])
    assert positions(thread.context(limit=4, summary=True)) == [0, -1, 9, 10, 11, 12]
    thread.add("message 12")
    assert positions(thread.context(limit=4, summary=True)) == [0, -1, 10, 11, 12, 13]
    assert len(thread.messages()) == 14


def test_no_summary_is_made_where_all_finds_room(memory: Memory) -> None:
    thread = memory.thread("t", summarizer=gist)
    thread.add(["a", "b"])
    assert positions(thread.context(limit=2, summary=True)) == [0, 1]
    assert positions(thread.context(summary=True)) == [0, 1]
    assert thread.summary() is None


def test_a_summary_that_finds_no_room_is_left_out(memory: Memory) -> None:
    """Regression: a summary that was too long was put in front all the same."""
    thread = memory.thread("t", summarizer=Saying("many words " * 100))
    thread.add([f"message {n}" for n in range(20)])
    for _ in range(2):
        context = thread.context(max_tokens=60, summary=True)
        assert context.tokens <= 60
        assert positions(context)[-1] == 19


def test_a_counter_of_ones_own_counts_the_summary_too(memory: Memory) -> None:
    """Regression: it was counted as by default, and the room was exceeded."""
    thread = memory.thread("t", summarizer=gist)
    thread.add([f"message {n}" for n in range(20)])

    def count(message: Message) -> int:
        return 1000 if message.name == "summary" else 100

    for room in (500, 1000, 1100, 1400):
        context = thread.context(max_tokens=room, summary=True, count_tokens=count)
        assert context.tokens == sum(map(count, context)) <= room


def test_what_finds_room_is_never_hidden_by_a_summary(memory: Memory) -> None:
    thread = memory.thread("t", summarize_every=5)
    for number in range(8):
        thread.add(("user", f"Question {number}: what about pear {number}?"))
        window = thread.context(max_tokens=2000, summary=True)
        assert [message.position for message in window] == list(range(2 * number + 1))
        thread.add(("assistant", f"Pear {number} is fine"))
    small = thread.context(max_tokens=60, summary=True)
    assert small.tokens <= 60
    assert small[-1].text == "Pear 7 is fine"
    assert len(thread.context(max_tokens=2000, summary=True)) == 16
