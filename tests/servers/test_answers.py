"""What a server answers is not believed unless it fits what the ledger holds."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest
from tests.servers.conftest import (
    COUNT,
    QUERY,
    VECTORS,
    Gate,
    asked_of,
    fill,
    follow,
    memory_on,
    served,
    truly_nearest,
)

from commonplace.index.faults import ServerFaultError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers.conftest import Server

    from commonplace import Memory

    Spoils = Callable[[str, int, bytes], tuple[int, bytes]]

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


@pytest.fixture
def memory(path: Path) -> Iterator[Memory]:
    """A memory whose index is served by the test."""
    with memory_on(path, "exact") as opened:
        fill(opened)
        yield opened


def deleted(server: Server, at: str) -> None:
    name = {place: name for name, place in server.collections().items()}[at]
    server.asked("DELETE", at.rsplit("/", 1)[0] + "/" + name)


def robbed(server: Server, at: str) -> None:
    server.asked("POST", f"{at}/delete", {"ids": truly_nearest()[:3]})


def misled(server: Server, at: str) -> None:
    body = {"ids": truly_nearest()[:3], "embeddings": [[-float(x) for x in QUERY]] * 3}
    server.asked("POST", f"{at}/upsert", body)
    strangers = {"ids": ["x1", "x2", "x3"], "embeddings": [[float(x) for x in QUERY]] * 3}
    server.asked("POST", f"{at}/upsert", strangers)


@pytest.mark.parametrize("harm", [deleted, robbed, misled])
def test_a_collection_changed_behind_our_back_is_never_believed(
    memory: Memory, shared: Server, harm: Callable[[Server, str], None]
) -> None:
    with served(memory, shared.url) as index:
        follow(index)
        assert asked_of(index, memory) == truly_nearest()
        before = shared.collection(memory)
        harm(shared, before)
        assert isinstance(asked_of(index, memory), str)
        follow(index)
        assert asked_of(index, memory) == truly_nearest()
        assert shared.collection(memory) != before
        assert shared.held(memory) == [COUNT]
        assert index.problems() == []


def with_others(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    if not path.endswith("/query"):
        return status, content
    answer = json.loads(content)
    answer["ids"][0] = [f"r{n}" for n in range(len(answer["ids"][0]))]
    return status, json.dumps(answer).encode()


def with_strangers(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    return status, content.replace(b'"r', b'"s') if path.endswith("/query") else content


def in_another_shape(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    return (status, b'{"ids": 7}') if path.endswith("/query") else (status, content)


def as_a_page(path: str, _: int, content: bytes) -> tuple[int, bytes]:
    return (200, b"<html>sign in</html>") if "collections" in path else (200, content)


def as_a_failure(path: str, status: int, content: bytes) -> tuple[int, bytes]:
    return (500, b"{}") if path.endswith(("/query", "/upsert")) else (status, content)


@pytest.mark.parametrize(
    ("spoils", "says"),
    [
        (with_others, "answers with wrong records"),
        (with_strangers, "answers with wrong records"),
        (in_another_shape, "none of Chroma's"),
        (as_a_page, "none of Chroma's"),
        (as_a_failure, "is busy or failing (500)"),
    ],
)
def test_spoilt_answers_are_not_believed(
    memory: Memory, gate: Gate, spoils: Spoils, says: str
) -> None:
    with served(memory, gate.url) as index:
        follow(index)
        gate.spoils = spoils
        why = asked_of(index, memory)
        assert isinstance(why, str)
        assert says in why
        assert gate.url in why
        memory.add("more", id="more", vector=VECTORS[0])
        gate.spoils = None
        follow(index)
        assert asked_of(index, memory) == truly_nearest(more={"more": VECTORS[0]})


def test_requests_are_repeated_a_few_times_while_the_server_is_busy(
    memory: Memory, gate: Gate
) -> None:
    refused: list[str] = []

    def busy_twice(path: str, status: int, content: bytes) -> tuple[int, bytes]:
        if path.endswith("/upsert") and len(refused) < 2:
            refused.append(path)
            return 429, b"{}"
        return status, content

    gate.spoils = busy_twice
    with served(memory, gate.url) as index:
        assert index.step(COUNT)  # no fault is seen of it
        bodies = [body for _, at, _, body in gate.seen if at.endswith("/upsert")]
        assert len(bodies) == 3
        assert bodies[0] == bodies[1] == bodies[2]
        follow(index)
        assert index.problems() == []


def test_a_message_holds_no_text_of_a_memory(path: Path, gate: Gate) -> None:
    def quoting(path: str, status: int, content: bytes) -> tuple[int, bytes]:
        if path.endswith("/upsert"):
            words = {"error": "InvalidArgumentError", "message": "bad value 'whisper' in secret"}
            return 400, json.dumps(words).encode()
        return status, content

    gate.spoils = quoting
    with memory_on(path, "exact") as memory, served(memory, gate.url) as index:
        memory.add("a", id="secret", metadata={"whisper": "whisper"}, vector=QUERY)
        with pytest.raises(ServerFaultError) as caught:
            index.step(COUNT)
        said = str(caught.value)
        assert "whisper" not in said
        assert "secret" not in said
        assert gate.url in said
        assert "InvalidArgument" in said


@pytest.mark.parametrize("when", ["before it is done", "before it is answered"])
def test_a_server_that_dies_in_the_midst_of_a_write_loses_and_doubles_nothing(
    memory: Memory, server: Server, when: str
) -> None:
    gate = Gate(server)
    written: list[str] = []

    def die_at_the_third(path: str) -> None:
        if path.endswith("/upsert"):
            written.append(path)
            if len(written) == 3:
                server.end(signal.SIGKILL)

    def and_keep_the_answer(path: str, status: int, content: bytes) -> tuple[int, bytes]:
        die_at_the_third(path)
        return (503, b"{}") if len(written) >= 3 else (status, content)

    try:
        with served(memory, gate.url) as index:
            if when == "before it is done":
                gate.waits = die_at_the_third
            else:
                gate.spoils = and_keep_the_answer
            assert index.step(100)
            assert index.step(100)
            with pytest.raises(ServerFaultError, match=gate.url):
                index.step(100)
            memory.delete("r0")
            memory.add("meanwhile", id="new", vector=QUERY)
            gate.spoils = None
            gate.waits = lambda _: None
            server.start()
            follow(index, 100)
            assert server.held(memory) == [COUNT]
            assert server.ids(memory) == {f"r{n}" for n in range(1, COUNT)} | {"new"}
            assert asked_of(index, memory) == truly_nearest("r0", more={"new": QUERY})
            assert index.problems() == []
    finally:
        gate.close()


def test_two_memories_on_a_server_share_nothing(memory: Memory, shared: Server, path: Path) -> None:
    with memory_on(path.parent / "other", "exact") as other:
        other.add("only", id="only", vector=QUERY)
        with served(memory, shared.url) as one, served(other, shared.url) as two:
            follow(one)
            follow(two)
            assert shared.ids(other) == {"only"}
            assert shared.held(memory) == [COUNT]
            assert asked_of(one, memory) == truly_nearest()
            assert asked_of(two, other) == ["only"]
