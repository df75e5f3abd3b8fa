"""What goes in comes out equal and in order, whatever form of message it is."""

from __future__ import annotations

import inspect
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import pytest
from autogen_agentchat import messages as agentchat
from hypothesis import given
from langchain_core import messages as langchain
from langchain_core.messages import messages_from_dict
from tests.threads.forms import (
    AUTOGEN,
    AUTOGEN_CHAT,
    AUTOGEN_MODELS,
    EVERY,
    LANGCHAIN,
    LANGCHAIN_MESSAGES,
    Answer,
)

from commonplace import (
    HashingEmbedder,
    InvalidInputError,
    LimitExceededError,
    Memory,
    Message,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NUMBERS = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
JSON: Any = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def same(one: object, other: object) -> bool:
    """Equal as JSON: True is not 1, and 1.0 is not 1."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@pytest.mark.parametrize("form", EVERY)
def test_a_conversation_comes_out_as_it_was_given(memory: Memory, form: str) -> None:
    thread = memory.thread("t")
    thread.add(EVERY[form])
    found = thread.messages()
    assert [message.given for message in found] == EVERY[form]
    assert [message.position for message in found] == list(range(len(EVERY[form])))


@pytest.mark.parametrize("form", EVERY)
def test_each_message_alone_is_what_it_was_given_as(memory: Memory, form: str) -> None:
    thread = memory.thread("t")
    for message in EVERY[form]:
        (added,) = thread.add(message)
        assert same(added.given, message)
        assert thread.get(added.id) == added
        assert thread.messages(limit=1) == [added]


@pytest.mark.parametrize("form", EVERY)
def test_a_message_read_is_added_elsewhere_as_it_is(memory: Memory, form: str) -> None:
    thread = memory.thread("t")
    thread.add(EVERY[form])
    as_messages = memory.thread("as messages").add(thread.messages())
    as_dicts = memory.thread("as dicts").add(
        [json.loads(json.dumps(message.to_dict())) for message in thread.messages()]
    )
    for one, other, third in zip(thread.messages(), as_messages, as_dicts, strict=True):
        assert (other.given, other.content, other.role) == (one.given, one.content, one.role)
        assert (other.id, other.token_count, other.name) == (one.id, one.token_count, one.name)
        assert (other.created_at, other.metadata) == (one.created_at, one.metadata)
        assert (third.given, third.id, third.created_at) == (one.given, one.id, one.created_at)


def test_every_class_of_langchain_and_autogen_is_among_them() -> None:
    def concrete(kinds: list[type]) -> set[type]:
        return {kind for kind in kinds if not kind.__name__.startswith("Base")}

    known = [kind for _, kind in inspect.getmembers(langchain, inspect.isclass)]
    kinds = [kind for kind in known if issubclass(kind, langchain.BaseMessage)]
    assert concrete(kinds) == set(map(type, LANGCHAIN_MESSAGES))
    known = [getattr(agentchat, name) for name in agentchat.__all__]
    kinds = [kind for kind in known if inspect.isclass(kind)]
    messages = (agentchat.BaseChatMessage, agentchat.BaseAgentEvent)
    kinds = concrete([kind for kind in kinds if issubclass(kind, messages)])
    given = {type(message) for message in AUTOGEN_CHAT}
    assert {kind for kind in kinds if not any(issubclass(one, kind) for one in given)} == set()


def test_langchain_makes_its_messages_of_what_came_out(memory: Memory) -> None:
    thread = memory.thread("t")
    thread.add(LANGCHAIN)
    roles = [message.kind for message in thread.messages()]
    assert roles[:7] == ["user", "user", "system", "assistant", "assistant", "tool", "tool"]
    assert roles[7:] == [
        "critic",
        "remove",
        "assistant",
        "user",
        "system",
        "tool",
        "tool",
        "critic",
    ]
    kept = [message.given for message in thread.messages(limit=100)]
    whole = LANGCHAIN_MESSAGES[:8]
    assert messages_from_dict(kept[:8]) == whole


def test_autogen_messages_say_who_speaks(memory: Memory) -> None:
    messages = memory.thread("t").add(EVERY["AutoGen"])
    said = {message.given["type"]: (message.kind, message.name) for message in messages}
    assert said["StopMessage"] == ("assistant", "writer")
    assert said["ToolCallRequestEvent"] == ("assistant", "writer")
    assert said["ToolCallExecutionEvent"] == ("tool", "writer")
    assert said["FunctionExecutionResultMessage"] == ("tool", None)
    assert said["SystemMessage"] == ("system", None)
    assert said["CodeExecutionEvent"] == ("assistant", "coder")
    assert messages[0].kind == "user"
    assert messages[0].metadata == {"k": "v"}
    assert messages[0].id == AUTOGEN_CHAT[0].model_dump()["id"]


def test_objects_of_the_frameworks_are_taken_as_their_dicts(memory: Memory) -> None:
    for name, objects, dicts in (
        ("langchain", LANGCHAIN_MESSAGES, LANGCHAIN),
        ("autogen", [*AUTOGEN_CHAT, *AUTOGEN_MODELS], AUTOGEN),
    ):
        added = memory.thread(name).add(objects)
        assert [message.given for message in added] == dicts
        one = memory.thread(f"{name} one by one")
        assert [message.given for each in objects for message in one.add(each)] == dicts


@pytest.fixture(scope="module")
def store() -> Iterator[Memory]:
    with Memory(":memory:", embedder=HashingEmbedder(16)) as opened:
        yield opened


@given(contents=st.lists(st.tuples(NAMES, JSON), min_size=1, max_size=5), as_pairs=st.booleans())
def test_any_content_by_anyone(
    store: Memory, contents: list[tuple[str, Any]], *, as_pairs: bool
) -> None:
    thread = store.thread("contents")
    thread.clear()
    dicts = [{"role": role, "content": content} for role, content in contents]
    added = thread.add(list(contents) if as_pairs else dicts)
    assert added == thread.messages()
    for message, wanted in zip(added, dicts, strict=True):
        assert same(message.given, wanted)
        assert same(message.content, wanted["content"])


@given(
    message=st.dictionaries(TEXTS, JSON, max_size=4),
    role=NAMES,
    content=JSON,
    name=NAMES,
    metadata=st.dictionaries(TEXTS, JSON, max_size=3),
    message_id=NAMES.filter(lambda text: "\0" not in text),
)
def test_any_keys_beside_role_and_content(store: Memory, message: Any, **parts: Any) -> None:
    thread = store.thread("keys")
    message_id = parts.pop("message_id")
    whole = {**message, "somebody's own": 1, **parts, "id": message_id}
    (added,) = thread.add(whole)
    assert same(added.given, whole)
    assert (added.id, added.name) == (message_id, parts["name"])
    assert same(added.metadata, parts["metadata"])
    assert thread.add(added) == [added]


def test_what_comes_out_is_a_copy(memory: Memory) -> None:
    thread = memory.thread("t")
    given: dict[str, Any] = {"role": "user", "content": ["a"], "x": [1]}
    (added,) = thread.add(given)
    given["content"].append("b")
    added.given["x"] = 2
    assert thread.messages()[0].given == {"role": "user", "content": ["a"], "x": [1]}


def test_the_ways_to_give_one_message_or_several(memory: Memory) -> None:
    thread = memory.thread("t")
    thread.add("a text of the user")
    thread.add(("assistant", "a pair"))
    thread.add({"role": "user", "content": "a dict"})
    thread.add(MappingProxyType({"role": "user", "content": "a mapping"}))
    thread.add([MappingProxyType({"role": "user", "content": "a mapping in a list"})])
    thread.add({"role": "user", "content": str(n)} for n in range(2))
    several: list[Any] = ["one", ("tool", "two"), ["user", "three"]]
    thread.add(several)
    thread.add([])
    assert [(message.role, message.text) for message in thread.messages()] == [
        ("user", "a text of the user"),
        ("assistant", "a pair"),
        ("user", "a dict"),
        ("user", "a mapping"),
        ("user", "a mapping in a list"),
        ("user", "0"),
        ("user", "1"),
        ("user", "one"),
        ("tool", "two"),
        ("user", "three"),
    ]


SAID = "the words that were said"
MALFORMED: list[Any] = [
    None,
    5,
    b"bytes",
    langchain.HumanMessage,
    Answer(words=[SAID]),
    [Answer(words=[SAID])],
    langchain.HumanMessage(SAID, id="i", additional_kwargs={"k": {SAID}}),
    [None],
    [SAID, 5],
    [("user", SAID, "more")],
    {},
    {"content": SAID},
    {"role": "user"},
    {"role": 5, "content": SAID},
    {"role": "", "content": SAID},
    {"role": "user", "content": float("nan")},
    {"role": "user", "content": {1: SAID}},
    {"role": "user", "content": {SAID}},
    {"role": "user", "content": f"{SAID}\ud800"},
    {"role": "user", "content": SAID, "id": ""},
    {"role": "user", "content": SAID, "id": 5},
    {"role": "user", "content": SAID, "id": "a\0b"},
    {"role": "user", "content": SAID, "metadata": SAID},
    {"role": "user", "content": SAID, "created_at": SAID},
    {"role": "user", "content": SAID, "created_at": "2025-01-01T00:00:00"},
    {"role": "user", "content": SAID, "ttl": -1},
    {"role": "user", "content": SAID, "ttl": 5, "expires_at": "2099-01-01T00:00:00Z"},
    {"role": "user", "content": SAID, "token_count": -1},
    {"role": "user", "content": SAID, "token_count": "many"},
    {"role": "user", "content": SAID, "name": 5, "role_type": 5},
    {"role": "user", "content": SAID, "original": SAID},
    {"type": SAID, "text": SAID},
]


@pytest.mark.parametrize("malformed", MALFORMED, ids=lambda one: type(one).__name__)
def test_what_is_no_message_is_refused_with_nothing_written_and_nothing_told(
    memory: Memory, malformed: Any
) -> None:
    thread = memory.thread("t")
    with pytest.raises(InvalidInputError) as refused:
        thread.add(malformed)
    assert SAID not in str(refused.value)
    assert thread.info() is None
    thread.add("there")
    batch: list[Any] = [
        "before",
        *(malformed if isinstance(malformed, list) else [malformed]),
        "after",
    ]
    with pytest.raises(InvalidInputError):
        thread.add(batch)
    with pytest.raises(InvalidInputError):
        thread.replace(batch)
    assert [message.text for message in thread.messages()] == ["there"]
    assert memory.count() == 1


def test_what_is_too_large_is_refused_without_its_text(memory: Memory) -> None:
    thread = memory.thread("t")
    for part in ("role", "name", "id"):
        with pytest.raises(LimitExceededError) as refused:
            thread.add({"role": "user", "content": "x", part: SAID * 1000})
        assert SAID not in str(refused.value)
    assert thread.info() is None


def test_any_original_is_kept_beside_the_content(memory: Memory) -> None:
    """Regression: an original in no known form was written, and no read came through after it."""
    thread = memory.thread("t")
    given = {"role": "user", "content": "said", "original": {"text": "in a form of its own"}}
    (added,) = thread.add(given)
    assert (added.content, added.text) == ("said", "said")
    assert added.given == {"text": "in a form of its own"}
    assert thread.messages() == [added]
    assert thread.add(added) == [added]


def test_settings_of_its_own_count_beside_a_frameworks_fields(memory: Memory, clock: Any) -> None:
    """Regression: `ttl` was forgotten where the message had a key that is not ours."""
    thread = memory.thread("t")
    tool = {"role": "tool", "tool_call_id": "c", "content": "42"}
    (added,) = thread.add({**tool, "ttl": 60, "token_count": 7, "role_type": "user"})
    assert (added.token_count, added.kind) == (7, "user")
    clock.wait(61)
    assert thread.messages() == []
    assert memory.sweep() == 1


@pytest.mark.parametrize("form", [*LANGCHAIN, {"role": "user", "content": "x", "ttl": 60}])
def test_a_message_is_made_again_from_its_dict(form: dict[str, Any]) -> None:
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        (message,) = memory.thread("t").add(form)
        parts = json.loads(json.dumps(message.to_dict()))
        assert Message.from_dict(parts) == message
        del parts["role"]
        with pytest.raises(InvalidInputError, match="role"):
            Message.from_dict(parts)
