"""What is different where a ledger is on a server: its address, its faults, what it refuses."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import (
    CommonplaceError,
    Encryption,
    FormatError,
    FormatTooNewError,
    HashingEmbedder,
    InvalidInputError,
    LimitExceededError,
    Memory,
    NotFoundError,
    StoreUnavailableError,
)
from commonplace.ledger.postgres_text import read, written
from commonplace.ledger.schema import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pgserver import Postgres

    from commonplace import Event

# It does not get shorter by compression.
TOO_LONG = random.Random(1).randbytes(1_500).hex()
# It returns when they are gone.
CLOSE_THEM = "SELECT pg_terminate_backend(pid, 120000) FROM pg_stat_activity"


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    with postgres.emptied("server") as found:
        yield found


@pytest.fixture
def memory(url: str) -> Iterator[Memory]:
    with Memory(url, embedder=HashingEmbedder(16)) as opened:
        yield opened


def test_what_goes_in_comes_out(memory: Memory) -> None:
    text = "a\0b\1c\2d\3e \U0001f600 \\u0000 '\"\\"
    value = {text: [text, 2**4000, -0.0, 1e300, 5e-324, {"": None}], "z": 1, "a": 2}
    made = memory.add(
        text, scope="ü/a\0b", value=value, metadata=value, tags=[text], source={"app": text}
    )
    found = memory.get(made.id)
    assert found == made
    assert found is not None
    assert found.value == value
    assert isinstance(found.value, dict)
    assert list(found.value) == list(value)
    assert found.content == text
    assert memory.count(filter={text: {"$contains": text}}) == 1
    assert memory.count(filter={"@content": {"$contains": "\2d"}}) == 1
    assert memory.count(filter={"@content": {"$contains": "\1\2"}}) == 0


@pytest.mark.parametrize("text", ["", "a", "\0", "\1", "\0\1\2\3", "\1\2\2", "a\0\1b"])
def test_every_text_has_a_form_of_its_own(text: str) -> None:
    assert read(written(text)) == text
    assert "\0" not in written(text)


def test_texts_compare_as_they_are_written() -> None:
    texts = sorted(["\0", "\1", "\2", "\3", "\4", "a", "", "\0a", "\1\0", "a\0", "a\1", "ab"])
    assert sorted(map(written, texts)) == list(map(written, texts))
    for one in texts:
        for other in texts:
            assert (one in other) == (written(one) in written(other))


def test_two_memories_are_one(url: str, memory: Memory) -> None:
    with Memory(url, embedder=HashingEmbedder(16)) as other:
        made = other.add("said elsewhere", scope="a")
        assert memory.get(made.id) == made
        assert [hit.record for hit in memory.search("said", scope="a")] == [made]


def test_writers_take_turns_and_leave_no_gap(url: str, memory: Memory) -> None:
    def write(which: int) -> None:
        with Memory(url, embedder=HashingEmbedder(16)) as own:
            for number in range(5):
                own.add(f"{which} {number}", scope=f"s{which}")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.seq for event in memory.events(limit=100)] == list(range(1, 21))
    assert memory.verify().problems == ()


def test_what_is_undone_leaves_no_gap(memory: Memory) -> None:
    first = memory.add("one", key="k")
    with pytest.raises(CommonplaceError):
        memory.add_many([{"content": "two"}, {"content": "three", "key": "k"}], if_exists="error")
    second = memory.add("four")
    assert [event.seq for event in memory.events()] == [1, 2]
    assert {record.id for record in memory.list()} == {first.id, second.id}


def test_a_handler_hears_of_what_another_host_writes(url: str, memory: Memory) -> None:
    heard: list[Event] = []
    told = threading.Event()

    def note(event: Event) -> None:
        heard.append(event)
        told.set()

    with memory.on("add", note), Memory(url, embedder=HashingEmbedder(16)) as other:
        made = other.add("news")
        assert told.wait(120)
    assert [event.record_id for event in heard] == [made.id]


def test_connections_that_the_server_closed_are_made_again(
    postgres: Postgres, memory: Memory
) -> None:
    made = memory.add("before")
    postgres.run(f"{CLOSE_THEM} WHERE application_name = 'commonplace'")
    assert memory.get(made.id) == made
    memory.add("after")
    assert memory.count() == 2


def test_a_write_that_loses_its_connection_is_undone(postgres: Postgres, memory: Memory) -> None:
    memory.add("kept")

    def write() -> None:
        with memory._store.ledger.write() as transaction:  # pyright: ignore[reportPrivateUsage] - a write that is under way
            transaction.set_setting("odd", "1")
            assert transaction.setting("odd") == "1"
            postgres.run(f"{CLOSE_THEM} WHERE application_name = 'commonplace' AND state <> 'idle'")

    with pytest.raises(StoreUnavailableError):
        write()
    assert memory.count() == 1
    memory.add("goes on")
    assert memory.verify().problems == ()


def test_an_exhausted_pool_says_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commonplace.ledger.postgres_pool._WAIT_SECONDS", 0.05)
    with (
        Memory(f"{url}&pool_size=1", embedder=HashingEmbedder(16)) as memory,
        memory._store.ledger.read(),  # pyright: ignore[reportPrivateUsage] - takes the only one
        pytest.raises(StoreUnavailableError, match="pool_size"),
    ):
        memory.count()


def test_what_a_server_has_not_is_refused(url: str, memory: Memory, tmp_path: Any) -> None:
    with pytest.raises(InvalidInputError, match="pg_dump"):
        memory.backup(tmp_path / "backup")
    with pytest.raises(InvalidInputError, match="encrypt"):
        Memory(url, encryption=Encryption(keys={"a": bytes(32)}))
    with pytest.raises(InvalidInputError, match="Chroma server"):
        Memory(url, index="chroma")
    assert memory.directory is None


def test_an_erasure_says_what_was_not_searched(memory: Memory) -> None:
    made = memory.add("secret", scope="a")
    receipt = memory.erase(ids=[made.id])
    assert receipt.complete
    assert receipt.server
    assert receipt.scan is None
    assert any("server" in place for place in receipt.beyond_reach)
    assert memory.get(made.id) is None


def test_no_memory_is_made_where_none_was_asked_for(postgres: Postgres) -> None:
    with pytest.raises(NotFoundError):
        Memory(postgres.fresh(), create=False)


def test_a_schema_that_holds_something_else_is_left_alone(postgres: Postgres) -> None:
    postgres.run(
        "DROP SCHEMA IF EXISTS taken CASCADE; CREATE SCHEMA taken; "
        "CREATE TABLE taken.records (id int)"
    )
    with pytest.raises(CommonplaceError):
        Memory(postgres.at("taken"))
    assert postgres.run("SELECT count(*) FROM pg_tables WHERE schemaname = 'taken'") == [(1,)]


@pytest.mark.parametrize(
    ("stamped", "refusal"), [("9999", FormatTooNewError), ("0000", FormatError)]
)
def test_another_format_is_refused_by_name(
    postgres: Postgres, url: str, stamped: str, refusal: type[Exception]
) -> None:
    Memory(url).close()
    table = "server.commonplace_format"
    postgres.run(f"UPDATE {table} SET version_num = '{stamped}'")  # noqa: S608 - our own names
    with pytest.raises(refusal, match=FORMAT):
        Memory(url)
    assert postgres.run(f"SELECT version_num FROM {table}") == [(stamped,)]  # noqa: S608 - as above
    postgres.run(f"UPDATE {table} SET version_num = '{FORMAT}'")  # noqa: S608 - as above


def test_a_user_who_may_only_make_tables_in_a_schema_makes_a_memory(postgres: Postgres) -> None:
    """Regression: `CREATE SCHEMA IF NOT EXISTS` was refused though the schema was there."""
    postgres.run(
        "DROP SCHEMA IF EXISTS lent CASCADE; DROP ROLE IF EXISTS tenant; "
        "CREATE ROLE tenant LOGIN; CREATE SCHEMA lent; GRANT ALL ON SCHEMA lent TO tenant"
    )
    with Memory(postgres.at("lent").replace("postgres:@", "tenant:@"), index="exact") as memory:
        memory.add("text", id="a")
        assert memory.count() == 1


@pytest.mark.parametrize(
    "given",
    [
        {"key": TOO_LONG},
        {"scope": "/".join([TOO_LONG[:1000], TOO_LONG[1000:2000], TOO_LONG[2000:]])},
    ],
    ids=["key", "scope"],
)
def test_what_is_longer_than_its_indexes_take_is_refused(
    memory: Memory, given: dict[str, Any]
) -> None:
    """Regression: it was called an error of the server, which is tried again."""
    with pytest.raises(LimitExceededError, match="shorten") as refused:
        memory.add_many([{"content": "one"}, {"content": "two", **given}])
    assert TOO_LONG[:50] not in str(refused.value)
    assert memory.count() == 0


def test_a_url_that_cannot_be_read_is_not_quoted() -> None:
    with pytest.raises(InvalidInputError) as caught:
        Memory("postgresql://me:secret%zz@localhost/db")
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_database_that_is_not_there_is_named(postgres: Postgres) -> None:
    missing = postgres.url.replace("/postgres?", "/nowhere?")
    assert missing != postgres.url
    with pytest.raises(StoreUnavailableError, match="nowhere"):
        Memory(missing)
