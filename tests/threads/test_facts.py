"""Facts out of a conversation: linked to the messages that tell them, never rewritten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.runnables import RunnableLambda
from tests.threads.scripted import Saying

from commonplace import Fact, InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from commonplace import Memory, Message, Record


def told_by(memory: Memory, fact: Record) -> set[str]:
    return {
        link.target_id for link in memory.links(fact.id, direction="out") if link.type == "told-by"
    }


def test_new_messages_become_facts(memory: Memory) -> None:
    asked: list[tuple[list[str], list[str]]] = []

    def extract(messages: Sequence[Message], known: Sequence[Record]) -> list[Any]:
        asked.append(([one.text for one in messages], [one.content for one in known]))
        last = messages[-1]
        return [
            Fact(content=f"{last.text} is said", messages=(last.id,), tags=("t",), importance=0.9),
            {"content": f"there are {len(messages)}", "reason": None},
            f"text {len(asked)}",
        ]

    thread = memory.thread("t", scope="s", extractor=extract)
    assert thread.extract().messages == 0
    added = thread.add(["tea", "cake"])
    done = thread.extract()
    assert (done.messages, len(done.added), done.replaced, done.known) == (2, 3, {}, 0)
    fact = done.added[0]
    assert (fact.kind, fact.scope.path, fact.content) == ("fact", "s", "cake is said")
    assert (fact.tags, fact.importance, fact.source.thread) == (("t",), 0.9, "t")
    assert told_by(memory, fact) == {added[1].record_id}
    assert told_by(memory, done.added[1]) == {one.record_id for one in added}
    assert thread.extract().messages == 0
    thread.add("tea")
    assert thread.extract().messages == 1
    assert [texts for texts, _ in asked] == [["tea", "cake"], ["tea"]]
    assert set(asked[1][1]) == {"cake is said", "there are 2", "text 1"}
    assert thread.messages()[:2] == added


def test_what_is_known_already_is_not_written_again(memory: Memory) -> None:
    thread = memory.thread("t")
    known = memory.add("Ana likes tea")
    first, second = thread.add(["I like tea", "I do"])
    done = thread.extract(Saying(["Ana likes tea", "Ana likes tea"]))
    assert (done.added, done.known) == ((), 2)
    assert [one.id for one in memory.list(kinds="fact")] == [known.id]
    assert told_by(memory, known) == {first.record_id, second.record_id}


def test_a_fact_that_replaces_another_closes_it(memory: Memory) -> None:
    old = memory.add("Ana lives in Porto")
    thread = memory.thread("t")
    (message,) = thread.add("I moved to Lisbon")

    def moved(_messages: Sequence[Message], known: Sequence[Record]) -> list[Fact]:
        assert [one.id for one in known] == [old.id]
        return [Fact(content="Ana lives in Lisbon", replaces=old.id, reason="she moved")]

    done = thread.extract(moved)
    (new,) = done.added
    assert done.replaced == {old.id: new}
    closed = memory.get(old.id)
    assert closed is not None
    assert (closed.content, closed.valid_to) == ("Ana lives in Porto", new.valid_from)
    (link,) = memory.links(new.id, direction="out", type="supersedes")
    assert (link.target_id, link.reason) == (old.id, "she moved")
    assert told_by(memory, new) == {message.record_id}
    found = memory.search("where does Ana live", kinds="fact")
    assert [hit.id for hit in found] == [new.id]
    assert len(memory.list(kinds="fact", include_closed=True)) == 2


def test_only_what_was_shown_is_replaced(memory: Memory) -> None:
    private = memory.add("hers", scope="users/ana")
    bob = memory.scope("users/bob")
    thread = bob.thread("t")
    thread.add("x")
    done = thread.extract(
        Saying(
            [
                Fact(content="his", replaces=private.id),
                Fact(content="too", replaces="0" * 36),
            ]
        )
    )
    assert (len(done.added), done.replaced) == (2, {})
    after = memory.get(private.id)
    assert after == private


def test_a_lot_at_a_time_and_on_where_it_stopped(memory: Memory) -> None:
    thread = memory.thread("t")
    thread.add([f"message {n}" for n in range(50)])
    lots: list[int] = []

    def extract(messages: Sequence[Message], _known: Sequence[Record]) -> list[str]:
        lots.append(messages[0].position)
        if len(lots) == 2:
            raise RuntimeError
        return [f"fact {messages[0].position}"]

    with pytest.raises(RuntimeError):
        thread.extract(extract)
    done = thread.extract(extract)
    assert (lots, done.messages) == ([0, 20, 20, 40], 30)
    assert sorted(one.content for one in memory.list(kinds="fact")) == [
        "fact 0",
        "fact 20",
        "fact 40",
    ]
    assert thread.extract(extract, before=10).messages == 0


def test_an_extractor_sees_no_more_than_asked(memory: Memory) -> None:
    memory.add_many([f"fact {n}" for n in range(9)])
    thread = memory.thread("t")
    thread.add(["a", "b", "c"])
    seen: list[tuple[int, int]] = []

    def extract(messages: Sequence[Message], known: Sequence[Record]) -> list[str]:
        seen.append((len(messages), len(known)))
        return []

    thread.extract(extract, before=2, known=4)
    assert seen == [(2, 4)]


class Scripted(FakeListChatModel):
    """A chat model with structured output, as a script has it."""

    responses: list[str] = []  # noqa: RUF012 - a field of a Pydantic model, copied for each
    script: list[Any]
    asked: list[str] = []  # noqa: RUF012 - as above

    def with_structured_output(self, schema: Any, **_: Any) -> Any:
        assert schema["title"] == "Facts"
        return RunnableLambda(self.answer)

    def answer(self, prompt: str) -> Any:
        self.asked.append(prompt)
        return self.script.pop(0)


def test_a_chat_model_finds_facts(memory: Memory) -> None:
    old = memory.add("Ana drinks {coffee}")
    thread = memory.thread("t")
    said = thread.add([{"role": "user", "content": "No more coffee,\ntea please", "name": "Ana"}])
    answer = {
        "facts": [
            {"content": "Ana drinks tea", "replaces": old.id, "messages": [said[0].id]},
            {"content": "Ana is polite", "replaces": None, "reason": None},
        ]
    }
    model = Scripted(script=[answer])
    done = thread.extract(model)
    assert [one.content for one in done.added] == ["Ana drinks tea", "Ana is polite"]
    assert set(done.replaced) == {old.id}
    assert f"> [{old.id}] Ana drinks {{coffee}}" in model.asked[0]
    assert f"> [{said[0].id}] Ana: No more coffee, tea please" in model.asked[0]


WRONG: list[Any] = [
    None,
    {"facts": None},
    {"facts": [5]},
    {"facts": [{}]},
    {"facts": [{"content": 5}]},
    {"facts": [{"content": "x", "colour": "red"}]},
    {"facts": [{"content": "x", "replaces": ["a"]}]},
    {"facts": [{"content": "x", "replaces": 5}]},
    {"facts": [{"content": "x", "messages": 5}]},
    {"facts": [{"content": "x", "messages": [5]}]},
    {"facts": [{"content": "x", "tags": 5}]},
    {"facts": [{"content": "x", "metadata": "m"}]},
    {"facts": [{"content": "x", "importance": "high"}]},
    {"facts": [{"content": "x", "importance": 2}]},
    {"facts": [{"content": "x", "reason": 5}]},
]


@pytest.mark.parametrize("answer", WRONG)
def test_what_is_no_fact_is_refused_and_nothing_is_written(memory: Memory, answer: Any) -> None:
    thread = memory.thread("t")
    thread.add("hello")
    if answer and answer["facts"]:
        answer = {"facts": ["a fact that is well-formed", *answer["facts"]]}
    with pytest.raises(InvalidInputError):
        thread.extract(Scripted(script=[answer]))
    assert memory.list(kinds="fact") == []
    assert thread.extract(Saying([])).messages == 1


@pytest.mark.parametrize("wrong", [None, 5, "text"])
def test_without_an_extractor_nothing_is_extracted(memory: Memory, wrong: Any) -> None:
    thread = memory.thread("t")
    thread.add("hello")
    with pytest.raises(InvalidInputError, match="extractor"):
        thread.extract(wrong)
    with pytest.raises(InvalidInputError):
        thread.extract(Saying(None))
    assert memory.list(kinds="fact") == []
