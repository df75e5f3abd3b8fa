"""How often a server is asked and waited for, which is what takes time where it is far away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import bindparam, func, select, update

from commonplace import HashingEmbedder, Memory
from commonplace.ledger import Ledger
from commonplace.ledger.driver import fixed
from commonplace.ledger.postgres_wire import Reply, Wire
from commonplace.ledger.schema import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.pgserver import Postgres


NAMED = fixed(select(settings.c.value).where(settings.c.name == bindparam("named")))
COUNTED = fixed(select(func.count()).select_from(select(settings.c.name).subquery()))


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    with postgres.emptied("trips") as found:
        yield found


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], int]:
    """How often a call waits for the server, at the second time of asking."""
    waited = [0]
    result = Wire.result

    def counted(wire: Wire, reply: Reply) -> Any:
        waited[0] += reply.number > wire._flushed  # pyright: ignore[reportPrivateUsage] - nothing else tells
        return result(wire, reply)

    monkeypatch.setattr(Wire, "result", counted)

    def count(call: Callable[[], Any]) -> int:
        call()
        before = waited[0]
        call()
        return waited[0] - before

    return count


def test_a_scope_is_read_in_few_trips(url: str, trips: Callable[[Callable[[], Any]], int]) -> None:
    with Memory(url, embedder=HashingEmbedder(16), index="exact") as memory:
        memory.add_many([{"content": f"tea {n}", "scope": "a/b", "key": f"{n}"} for n in range(9)])
        assert trips(lambda: memory.get("3", scope="a/b")) == 1
        assert trips(lambda: memory.list(scope="a/b")) == 2
        assert trips(lambda: memory.list(scope="a/b", filter={"n": 1})) == 2
        assert trips(lambda: memory.search("tea", scope="a/b", mode="dense")) == 3


def test_what_lies_below_is_found_though_only_the_scope_was_foreseen(url: str) -> None:
    with Memory(url, embedder=HashingEmbedder(16), index="exact") as memory:
        memory.add("tea", scope="a")
        for deeper in ("a/b", "a/b/c", "a/d"):
            memory.add("tea", scope=deeper)
            assert memory.count(scope="a") == len(memory.list(scope="a"))
            assert memory.count(scope="a") == len(memory.search("tea", scope="a"))
        assert len(memory.list(scope="a", recursive=False)) == 1
        assert len(memory.search("tea", scope="a/b")) == 2


@pytest.mark.parametrize("statement", [NAMED, COUNTED])
def test_what_was_foreseen_is_void_once_its_table_changes(url: str, statement: Any) -> None:
    ledger = Ledger.open(url)
    values = {"named": "colour"} if statement is NAMED else None
    try:
        with ledger.write() as transaction:
            transaction.set_setting("colour", "blue")
            connection = transaction._connection  # pyright: ignore[reportPrivateUsage] - as above
            connection.expect(statement, values)
            before = connection.execute(statement, values).scalar()
            connection.expect(statement, values)
            connection.execute(
                update(settings).where(settings.c.name == "colour").values(value="red")
            )
            connection.execute(settings.insert(), {"name": "shape", "value": "round"})
            after = connection.execute(statement, values).scalar()
    finally:
        ledger.close()
    assert (before, after) == (("blue", "red") if statement is NAMED else (before, before + 1))
