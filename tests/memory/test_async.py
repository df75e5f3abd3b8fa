"""`AsyncMemory`: the verbs of `Memory` with `await`, from any loop; a cancelled write is whole."""

from __future__ import annotations

import asyncio
import inspect
import re
import threading
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from tests.threads.scripted import Saying

from commonplace import (
    AsyncMemory,
    AsyncThread,
    AsyncThreads,
    ClosedStoreError,
    CommonplaceError,
    ConflictError,
    HashingEmbedder,
    InvalidInputError,
    Memory,
    ModelMismatchError,
    NotFoundError,
    OutsideViewError,
    Policy,
    Thread,
    Threads,
)
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

WITHOUT_AWAIT = {"scope", "view", "thread", "threads"}
PROPERTIES = {"directory", "embedder", "url"}
OWN = {"open", "memory"}
OPENS = {"from_config"}  # tests/configuration


def public(kind: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(kind) if not name.startswith("_")}


NEEDS_KEYS = {"rotate_keys"}  # tests/encryption
VERBS = sorted(public(Memory) - WITHOUT_AWAIT - PROPERTIES - NEEDS_KEYS - OPENS)


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[tuple[Memory, Memory]]:
    """Two memories that hold the same."""
    with twin(tmp_path / "one") as one, twin(tmp_path / "two") as two:
        yield one, two


def twin(path: Path) -> Memory:
    clock = FakeClock()
    memory = Memory(path, embedder=HashingEmbedder(16), clock=clock)
    memory.add_many(
        {"content": content, "id": name, "key": f"k{name}", "scope": f"s/{name}", "tags": ["t"]}
        for name, content in zip("012", ("green tea", "black tea", "a train"), strict=True)
    )
    memory.add("short lived", id="gone", ttl=1)
    memory.update("2", content="a slow train")
    memory.link("0", "1")
    clock.micros += 2_000_000
    return memory


# Arguments that are made for each test, see `things`.
OTHER, NEW, EXPORT, LINES = "<other memory>", "<new file>", "<export>", "<lines>"
RECEIPT, AUDIT = "<receipt>", "<audit>"


@pytest.fixture
def things(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What stands for the names above."""
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"content": "oolong", "id": "oolong"}\n')
    with Memory(":memory:", embedder=HashingEmbedder(16), clock=FakeClock()) as other:
        other.add("white tea", id="other", scope="s/3")
        other.export(tmp_path / "export.jsonl")
        other.add("erased", id="erased")
        receipt = other.erase("erased")
        other.audit(tmp_path / "audit.jsonl")
        yield {
            OTHER: other,
            NEW: tmp_path / "new.jsonl",
            EXPORT: tmp_path / "export.jsonl",
            LINES: lines,
            RECEIPT: receipt,
            AUDIT: tmp_path / "audit.jsonl",
        }


def filled(args: tuple[Any, ...], things: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(things.get(arg, arg) if isinstance(arg, str) else arg for arg in args)


# For each verb, arguments that it takes.
EXAMPLES: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "add": [(("new",), {"id": "new", "scope": "s/new", "value": {"n": [1, None]}})],
    "add_many": [
        (([{"content": "anew", "id": "new"}],), {"dedupe": True, "scope": "s/1"}),
        (([{"content": "other", "id": "0", "scope": "s/0"}],), {}),
    ],
    "put_many": [(([{"content": "anew", "id": "0", "scope": "s/1"}],), {})],
    "note_reading": [((["0", "nobody"],), {"app": "crewai"})],
    "recall": [(("tea",), {"token_budget": 100})],
    "timeline": [((), {"bucket": "hour"})],
    "spaces": [((), {})],
    "vectors": [(("nobody",), {})],
    "tags": [((), {}), ((), {"scope": "s/1"})],
    "update": [(("1",), {"content": "white tea", "expected_version": 1})],
    "delete": [((["0", "nobody"],), {}), ((), {"scope": "s/2"}), ((), {"everything": True})],
    "sweep": [((), {})],
    "get": [(("1",), {}), (("gone",), {}), ((), {"key": "k1", "scope": "s/1"})],
    "get_many": [((["2", "nobody", "0"],), {})],
    "list": [((), {"order_by": "id"}), ((), {"tags": "t", "limit": 1, "offset": 1})],
    "count": [((), {}), ((), {"scope": "s/0"})],
    "scopes": [((), {}), ((), {"depth": 1})],
    "search": [(("tea",), {}), (("tea",), {"mode": "lexical"}), ((), {"limit": 2})],
    "get_keys": [(([("s/1", "k1"), ("s/0", "none")],), {})],
    "exchange": [(([{"content": "new", "id": "9", "scope": "s/9"}],), {"delete": ["0"]})],
    "renew": [(({"0": None, "nobody": None},), {})],
    "find_scopes": [((), {}), ((), {"prefix": ["*"], "depth": 1})],
    "flush": [((), {})],
    "verify": [((), {})],
    "repair": [((), {})],
    "backup": [((NEW,), {"overwrite": True})],
    "erase": [((["0", "nobody"],), {}), ((), {"scope": "s/2"})],
    "receipts": [((), {})],
    "check_receipt": [((RECEIPT,), {})],
    "compact": [((), {})],
    "audit": [((NEW,), {})],
    "check_audit": [((AUDIT,), {})],
    "set_quota": [(("s",), {"records": 5})],
    "quotas": [((), {})],
    "stats": [((), {})],
    "close": [((), {})],
    "history": [(("2",), {}), (("nobody",), {})],
    "restore": [(("2", 1), {})],
    "archive": [((["0", "nobody"],), {})],
    "purge": [(("2",), {}), ((), {"everything": True, "dry_run": True})],
    "roll_back": [
        ((), {"filter": {"@id": "0"}, "dry_run": True}),
        ((), {"filter": {"@id": "0"}}),
    ],
    "supersede": [(("0", {"content": "white tea", "id": "new"}), {"reason": "he said so"})],
    "share": [(("0", "s/1"), {})],
    "unshare": [(("0",), {})],
    "maintain": [((Policy(at_most=2),), {}), ((Policy(at_most=2),), {"dry_run": True})],
    "link": [(("1", "2", "causes"), {"weight": 0.5})],
    "unlink": [(("0", "1"), {})],
    "links": [(("0",), {})],
    "related": [(("0",), {}), ((), {"query": "tea"})],
    "path": [(("0", "1"), {}), (("0", "2"), {})],
    "events": [((), {}), ((), {"operations": "update"})],
    "on": [(("*", print), {})],
    "export": [((NEW,), {})],
    "export_vectors": [((NEW,), {})],
    "import_": [((EXPORT,), {}), ((EXPORT,), {"dry_run": True})],
    "import_records": [((LINES,), {"scope": "s/3"})],
    "diff": [((OTHER,), {})],
    "merge": [((OTHER,), {})],
    "sync": [((OTHER,), {})],
    "reindex": [((HashingEmbedder(32),), {})],
}
# What these give has an identity of its own: a new id, the id of its memory.
MAKES_ITS_OWN = {"on", "share", "export", "backup", "erase", "audit"}
CASES = [
    pytest.param(verb, *case, marks=pytest.mark.files if verb == "backup" else ())
    for verb, cases in EXAMPLES.items()
    for case in cases
]

# For verbs that refuse, arguments that they refuse, and how.
REFUSED: list[tuple[str, tuple[Any, ...], dict[str, Any], type[CommonplaceError]]] = [
    ("add", ("x",), {"importance": 2}, InvalidInputError),
    ("add", ("x",), {"id": "0", "if_exists": "error", "scope": "s/0"}, ConflictError),
    ("add_many", ("text",), {}, InvalidInputError),
    ("update", ("nobody",), {"content": "x"}, NotFoundError),
    ("update", ("0",), {"content": "x", "expected_version": 7}, ConflictError),
    ("delete", (), {}, InvalidInputError),
    ("get", (), {}, InvalidInputError),
    ("get_many", (5,), {}, InvalidInputError),
    ("list", (), {"limit": -1}, InvalidInputError),
    ("count", (), {"kinds": "UPPER"}, InvalidInputError),
    ("scopes", (), {"depth": -1}, InvalidInputError),
    ("search", ("x",), {"mode": "best"}, InvalidInputError),
    ("search", (), {"vector": [1.0]}, ModelMismatchError),
    ("restore", ("nobody",), {}, NotFoundError),
    ("purge", (), {}, InvalidInputError),
    ("roll_back", (), {}, InvalidInputError),
    ("supersede", ("nobody", "x"), {}, NotFoundError),
    ("link", ("0", "nobody"), {}, NotFoundError),
    ("related", (), {}, InvalidInputError),
    ("maintain", ("all",), {}, InvalidInputError),
    ("import_", ("/nowhere/x.jsonl",), {}, NotFoundError),
    ("merge", (5,), {}, InvalidInputError),
]


def test_every_verb_is_there_and_has_an_example() -> None:
    assert public(AsyncMemory) == public(Memory) | (OWN - {"memory"})
    assert sorted(EXAMPLES) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_the_signature_of_its_twin(verb: str) -> None:
    twin_of, own = getattr(Memory, verb), getattr(AsyncMemory, verb)
    assert inspect.signature(own) == inspect.signature(twin_of)
    assert inspect.iscoroutinefunction(own)
    assert own.__name__ == verb
    assert own.__doc__ == twin_of.__doc__ or f"See `Memory.{verb}`" in own.__doc__


@pytest.mark.parametrize("name", sorted(OPENS))
def test_opening_takes_the_same(name: str) -> None:
    twin_of, own = getattr(Memory, name), getattr(AsyncMemory, name)
    assert inspect.signature(own) == inspect.signature(twin_of)
    assert inspect.iscoroutinefunction(own)


@pytest.mark.parametrize("verb", sorted(WITHOUT_AWAIT - {"threads"}))
def test_making_a_handle_needs_no_await_and_takes_the_same(verb: str) -> None:
    twin_of, own = getattr(Memory, verb), getattr(AsyncMemory, verb)
    assert inspect.signature(own).parameters == inspect.signature(twin_of).parameters
    assert not inspect.iscoroutinefunction(own)


CONVERSATIONS = [
    (kind, own, verb)
    for kind, own in ((Thread, AsyncThread), (Threads, AsyncThreads))
    for verb in sorted(public(kind) - {"name"})
]


def test_conversations_have_all_the_verbs_of_their_twins() -> None:
    assert public(AsyncThread) == public(Thread)
    assert public(AsyncThreads) == public(Threads)


@pytest.mark.parametrize(("kind", "own", "verb"), CONVERSATIONS)
def test_a_verb_of_a_conversation_has_the_signature_of_its_twin(
    kind: type, own: type, verb: str
) -> None:
    expected, found = getattr(kind, verb), getattr(own, verb)
    assert inspect.signature(found).parameters == inspect.signature(expected).parameters
    assert inspect.iscoroutinefunction(found)
    assert found.__name__ == verb
    assert found.__doc__ == expected.__doc__ or f"See `{kind.__name__}.{verb}`" in found.__doc__


# For each verb of a conversation of two messages, arguments that it takes.
SPOKEN: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("info", (), {}),
    ("create", (), {"max_messages": 5}),
    ("update", (), {"metadata": {"n": 1}, "key": "u"}),
    ("add", (["more", ("assistant", "and more")],), {}),
    ("replace", ([{"role": "user", "content": "other", "id": "b"}],), {}),
    ("messages", (), {"limit": 1, "roles": "user"}),
    ("get", ("a",), {}),
    ("context", (), {"limit": 1}),
    ("update_message", ("a",), {"content": "changed"}),
    ("delete_messages", ("a",), {}),
    ("pop", (), {}),
    ("clear", (), {}),
    ("end", (), {}),
    ("reopen", (), {}),
    ("delete", (), {}),
    ("search", ("tea",), {"mode": "lexical"}),
    ("summary", (), {}),
    ("summarize", (), {"tokens": 50}),
    ("extract", (Saying(["a fact"]),), {}),
    ("branch", ("b",), {"at": 0}),
    ("stats", (), {}),
]
TOGETHER: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("get", ("t",), {}),
    ("get_or_create", ("new",), {"max_messages": 5}),
    ("list", (), {"limit": 5}),
    ("count", (), {}),
    ("delete", ("t",), {}),
    ("sweep", (), {}),
    ("stats", (), {}),
]
WITH_FILES = {"export", "import_"}  # tests/conversations has them


def shown(result: Any, memory: Memory) -> str:
    """A result and what is stored, without the ids and times that are each memory's own."""
    left = [memory.list(order_by="created_at"), memory.threads.list(), result]
    return re.sub(
        r"[0-9a-f-]{36}|'(created|updated)_at': '[^']*'", "", repr(list(map(plain, left)))
    )


def plain(value: Any) -> Any:
    if isinstance(value, list):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType] - of any type
    return value.to_dict() if hasattr(value, "to_dict") else value


def test_every_verb_of_a_conversation_has_an_example() -> None:
    assert {verb for verb, *_ in SPOKEN} == public(Thread) - {"name"}
    assert {verb for verb, *_ in TOGETHER} == public(Threads) - WITH_FILES


@pytest.mark.parametrize(
    ("verb", "args", "options", "together"),
    [*((*one, False) for one in SPOKEN), *((*one, True) for one in TOGETHER)],
)
def test_a_verb_of_a_conversation_does_what_its_twin_does(
    twins: tuple[Memory, Memory],
    verb: str,
    args: tuple[Any, ...],
    options: dict[str, Any],
    *,
    together: bool,
) -> None:
    one, two = twins
    for memory in twins:
        memory.thread("t").add([{"role": "user", "content": "green tea", "id": "a"}, "x"])
    expected = getattr(one.threads if together else one.thread("t"), verb)(*args, **options)

    async def main() -> Any:
        own = AsyncMemory(two)
        return await getattr(own.threads if together else own.thread("t"), verb)(*args, **options)

    found = asyncio.run(main())
    if verb == "branch":
        assert isinstance(found, AsyncThread)
        found, expected = found.thread.messages(), expected.messages()
    assert type(found) is type(expected)
    assert shown(found, two) == shown(expected, one)


def test_a_conversation_of_a_closed_memory_is_refused(path: Path) -> None:
    async def main() -> None:
        memory = await AsyncMemory.open(path, embedder=HashingEmbedder(16))
        thread, threads = memory.thread("t"), memory.threads
        assert (thread.name, "t" in repr(thread), "Memory" in repr(threads)) == ("t", True, True)
        await memory.close()
        for verb, args, options in SPOKEN:
            with pytest.raises(ClosedStoreError):
                await getattr(thread, verb)(*args, **options)
        for verb, args, options in TOGETHER:
            with pytest.raises(ClosedStoreError):
                await getattr(threads, verb)(*args, **options)

    asyncio.run(main())


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_a_property_is_the_same(twins: tuple[Memory, Memory], name: str) -> None:
    assert getattr(AsyncMemory(twins[0]), name) == getattr(twins[0], name)


@pytest.mark.parametrize(("verb", "args", "options"), CASES)
def test_a_verb_does_what_its_twin_does(
    twins: tuple[Memory, Memory],
    things: dict[str, Any],
    verb: str,
    args: tuple[Any, ...],
    options: dict[str, Any],
) -> None:
    one, two = twins
    args = filled(args, things)
    expected = getattr(one, verb)(*args, **options)

    async def main() -> Any:
        return await getattr(AsyncMemory(two), verb)(*args, **options)

    found = asyncio.run(main())
    assert type(found) is type(expected)
    if verb not in MAKES_ITS_OWN:
        assert found == expected
    if verb != "close":
        assert two.count() == one.count()
        assert verb == "share" or two.list() == one.list()
        assert two.stats() == one.stats()


@pytest.mark.parametrize(("verb", "args", "options", "kind"), REFUSED)
def test_a_verb_refuses_what_its_twin_refuses(
    twins: tuple[Memory, Memory],
    verb: str,
    args: tuple[Any, ...],
    options: dict[str, Any],
    kind: type[CommonplaceError],
) -> None:
    one, two = twins
    with pytest.raises(kind) as expected:
        getattr(one, verb)(*args, **options)

    async def main() -> None:
        with pytest.raises(kind) as found:
            await getattr(AsyncMemory(two), verb)(*args, **options)
        assert type(found.value) is type(expected.value)
        assert str(found.value) == str(expected.value)

    asyncio.run(main())
    assert two.list() == one.list()


@pytest.mark.parametrize("verb", sorted(set(VERBS) - {"close"}))
def test_a_closed_memory_refuses_every_verb(path: Path, things: dict[str, Any], verb: str) -> None:
    async def main() -> None:
        memory = await AsyncMemory.open(path, embedder=HashingEmbedder(16))
        await memory.close()
        await memory.close()
        args, options = EXAMPLES[verb][0]
        with pytest.raises(ClosedStoreError):
            await getattr(memory, verb)(*filled(args, things), **options)

    asyncio.run(main())


def test_views_are_of_the_same_kind_and_as_narrow(memory: Memory) -> None:
    class Mine(AsyncMemory):
        pass

    async def main() -> None:
        own = Mine(memory)
        alice = own.scope("users/alice")
        assert type(alice) is type(own.view(read=["a", "b"])) is Mine
        with pytest.raises(OutsideViewError):
            alice.scope("users/bob")
        await alice.add("hers")
        await own.add("his", scope="users/bob")
        assert [record.content for record in await alice.list()] == ["hers"]
        with pytest.raises(OutsideViewError):
            await alice.view(read=["users/alice/x"]).add("x")

    asyncio.run(main())


def test_opening_closing_and_wrapping(path: Path) -> None:
    async def main() -> None:
        with pytest.raises(NotFoundError):
            await AsyncMemory.open(path, create=False)
        async with await AsyncMemory.open(path, embedder=HashingEmbedder(16)) as memory:
            await memory.add("the secret of the house")
            assert "secret" not in repr(memory)
        with pytest.raises(ClosedStoreError):
            await memory.count()
        with Memory(path, embedder=HashingEmbedder(16)) as plain:
            assert await AsyncMemory(plain).count() == 1
            assert plain.count() == 1

    asyncio.run(main())


@pytest.mark.parametrize("given", ["memory", None, Memory])
def test_what_is_no_memory_is_not_wrapped(given: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"await AsyncMemory\.open\(path\)"):
        AsyncMemory(given)


def test_fifty_tasks_at_once(memory: Memory) -> None:
    async def one(number: int) -> str:
        view = AsyncMemory(memory).scope(f"s/{number % 5}")
        record = await view.add(f"word{number}", metadata={"n": number})
        hits = await view.search(f"word{number}", mode="lexical")
        assert [hit.id for hit in hits] == [record.id]
        assert await view.get(record.id) == record
        await view.update(record.id, tags=["seen"])
        return record.id

    async def main() -> None:
        ids = await asyncio.gather(*map(one, range(50)))
        own = AsyncMemory(memory)
        assert len(set(ids)) == await own.count(tags="seen") == 50
        assert [info.records for info in await own.scopes()] == [10] * 5
        assert (await own.verify()).ok

    asyncio.run(main())


class Gate:
    """Where a worker thread waits until the test lets it go on."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def wait(self) -> None:
        self.entered.set()
        assert self.opened.wait(60)

    async def reached(self) -> None:
        assert await asyncio.get_running_loop().run_in_executor(None, self.entered.wait, 60)


class GatedClock(FakeClock):
    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate
        self.armed = False

    def now(self) -> int:
        if self.armed:
            self.gate.wait()
        return super().now()


class GatedEmbedder(HashingEmbedder):
    """Waits before it embeds, or has the clock wait, which is read inside of the transaction."""

    def __init__(self, clock: GatedClock, place: str) -> None:
        super().__init__(16)
        self.clock = clock
        self.place = place

    def embed_documents(self, texts: Sequence[str]) -> NDArray[Any]:
        if self.place == "embedding":
            self.clock.gate.wait()
        self.clock.armed = self.place == "transaction"
        return super().embed_documents(texts)


async def by_the_task(write: Callable[[], Awaitable[Any]], gate: Gate) -> None:
    task = asyncio.ensure_future(write())
    await gate.reached()
    task.cancel()
    await still_waits(task)
    task.cancel()  # impatience changes nothing
    await still_waits(task)
    gate.opened.set()
    with pytest.raises(asyncio.CancelledError):
        await task


async def by_a_timeout(write: Callable[[], Awaitable[Any]], gate: Gate) -> None:
    async def limited() -> None:
        async with asyncio.timeout(None) as limit:
            limits.append(limit)
            await write()

    limits: list[asyncio.Timeout] = []
    task = asyncio.create_task(limited())
    await gate.reached()
    limits[0].reschedule(0)
    await still_waits(task)
    gate.opened.set()
    with pytest.raises(TimeoutError):
        await task


async def by_a_scope(write: Callable[[], Awaitable[Any]], gate: Gate) -> None:
    async def scoped() -> None:
        with anyio.CancelScope() as scope:
            scopes.append(scope)
            await write()
            await anyio.lowlevel.checkpoint()
        assert scope.cancelled_caught

    scopes: list[anyio.CancelScope] = []
    task = asyncio.create_task(scoped())
    await gate.reached()
    scopes[0].cancel()
    await still_waits(task)
    gate.opened.set()
    await task


async def still_waits(task: asyncio.Future[Any]) -> None:
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done()


@pytest.mark.parametrize("cancelled", [by_the_task, by_a_timeout, by_a_scope])
@pytest.mark.parametrize("place", ["embedding", "transaction"])
def test_a_cancelled_write_is_waited_for_and_whole(
    path: Path,
    place: str,
    cancelled: Callable[[Callable[[], Awaitable[Any]], Gate], Awaitable[None]],
) -> None:
    """Regression: `Task.cancel` and timeouts left it running behind the caller's back."""
    gate = Gate()
    clock = GatedClock(gate)
    embedder = GatedEmbedder(clock, place)

    async def main() -> None:
        async with await AsyncMemory.open(path, embedder=embedder, clock=clock) as memory:
            await cancelled(lambda: memory.add_many([f"text {n}" for n in range(10)]), gate)
        with Memory(path, embedder=HashingEmbedder(16)) as again:
            assert again.count() == 10
            assert again.verify().ok

    asyncio.run(main())


def test_a_write_that_was_cancelled_before_it_began_is_out(memory: Memory) -> None:
    async def main() -> None:
        task = asyncio.ensure_future(AsyncMemory(memory).add("x"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with anyio.CancelScope() as scope:
            scope.cancel()
            await AsyncMemory(memory).add("x")
        assert scope.cancelled_caught

    asyncio.run(main())
    assert memory.count() == 0


def test_a_write_that_fails_after_it_was_cancelled_is_out(path: Path) -> None:
    gate = Gate()

    class Failing(HashingEmbedder):
        def embed_documents(self, texts: Sequence[str]) -> NDArray[Any]:
            gate.wait()
            raise RuntimeError(len(texts))

    async def main() -> None:
        async with await AsyncMemory.open(path, embedder=Failing(16)) as memory:
            await by_the_task(lambda: memory.add_many(["one", "two"]), gate)
            assert await memory.count() == 0

    asyncio.run(main())


def test_the_loop_goes_on_while_a_verb_works(path: Path) -> None:
    gate = Gate()
    clock = GatedClock(gate)

    async def main() -> None:
        embedder = GatedEmbedder(clock, "embedding")
        async with await AsyncMemory.open(path, embedder=embedder, clock=clock) as memory:
            task = asyncio.ensure_future(memory.add("x"))
            await gate.reached()
            assert await memory.count() == 0
            gate.opened.set()
            await task
            assert await memory.count() == 1

    asyncio.run(main())


def test_two_loops_one_after_the_other(memory: Memory) -> None:
    own = AsyncMemory(memory)

    async def write(content: str) -> int:
        await asyncio.gather(*(own.add(content) for _ in range(5)))
        return await own.count()

    assert asyncio.run(write("first")) == 5
    assert asyncio.run(write("second")) == 10
    assert anyio.run(write, "third") == 15


def test_two_loops_at_once_and_sync_code_beside_them(memory: Memory) -> None:
    own = AsyncMemory(memory)

    async def write(name: str) -> None:
        for number in range(10):
            await own.add(f"{name} {number}", scope=name)

    def plainly() -> None:
        for number in range(10):
            memory.add(f"plain {number}", scope="plain")

    async def main() -> None:
        loop = asyncio.get_running_loop()
        await asyncio.gather(
            write("here"),
            loop.run_in_executor(None, plainly),
            loop.run_in_executor(None, asyncio.run, write("elsewhere")),
        )
        memory.add("in the loop's own thread", scope="plain")

    asyncio.run(main())
    counts = {info.scope.path: info.records for info in memory.scopes()}
    assert counts == {"here": 10, "elsewhere": 10, "plain": 11}
    assert memory.verify().ok


def test_sync_code_in_a_thread_calls_into_the_loop(memory: Memory) -> None:
    own = AsyncMemory(memory)

    async def main() -> int:
        loop = asyncio.get_running_loop()

        def from_a_thread() -> int:
            asyncio.run_coroutine_threadsafe(own.add("x"), loop).result(60)  # pyright: ignore[reportArgumentType] - it is a coroutine
            return memory.count()

        return await loop.run_in_executor(None, from_a_thread)

    assert asyncio.run(main()) == 1
