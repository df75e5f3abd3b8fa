from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import HashingEmbedder, Memory
from commonplace.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OWN_DIMENSION = 16
DERIVED = ("index_state", "settings", "full_text", "version_text")


def opened(path: Path | str) -> Memory:
    return Memory(path, embedder=HashingEmbedder(OWN_DIMENSION), index="exact", clock=FakeClock())


def stock(path: Path, records: int) -> None:
    """A memory with something of everything in it."""
    with opened(path) as memory:
        subscription = memory.on("*", lambda _: None, name="follower", after=0)
        memory.add_many(written(n, f"text {n} of many") for n in range(records))
        memory.add_many(written(n, f"changed {n}") for n in range(0, records, 3))
        memory.update("r3", content="changed again", metadata={"stars": 5})
        for n in range(0, records - 1, 10):
            memory.link(f"r{n}", f"r{n + 1}", type="about", weight=0.5, reason="next")
        for n in range(5):
            talk = memory.thread(f"talk{n}", scope="talks")
            talk.add(["hello \U0001f600 \0 there", ("assistant", f"answer {n}")])
        memory.archive("r4")
        memory.delete([f"r{n}" for n in range(5, records, 20)])
        memory.set_quota("users/u1", records * 2)
        memory.audit(path.parent / "audit.jsonl")
        assert memory.erase("r6").complete
        memory.add("gone soon", id="last")
        memory.delete("last")  # its numbers are above all that is there
        assert subscription.wait()
        subscription.close()


def written(n: int, content: str) -> dict[str, Any]:
    return {
        "id": f"r{n}",
        "content": content,
        "scope": f"users/u{n % 50}",
        "key": f"k{n}",
        "value": {"n": n, "big": 10**30, "nothing": None},
        "tags": [f"t{n % 7}"],
        "metadata": {"stars": n % 5},
        "importance": (n % 10) / 10,
        "vectors": {"theirs": [float(n), 1.0, -0.5]},
    }


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Path]:
    """A stocked memory of so many records, made once."""
    made: dict[int, Path] = {}

    def prepare(records: int) -> Path:
        if records not in made:
            path = tmp_path_factory.mktemp("prepared") / "memory"
            stock(path, records)
            made[records] = path
        return made[records]

    return prepare


@pytest.fixture
def source(tmp_path: Path, prepared: Callable[[int], Path]) -> Path:
    return shutil.copytree(prepared(200), tmp_path / "source")


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "target"


def question(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path / "ledger.sqlite")) as connection:
        return connection.execute(query).fetchall()


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path / "ledger.sqlite")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def tables(path: Path) -> dict[str, list[Any]]:
    """Every row of every table that is no index, but what a copy has of its own."""
    names = [
        name
        for (name,) in question(path, "SELECT name FROM sqlite_master WHERE type = 'table'")
        if not name.startswith(DERIVED)
    ]
    own = "('ledger_id', 'restored', 'unfinished_copy', 'audit_chain')"
    return {
        **{name: sorted(question(path, f"SELECT * FROM {name}"), key=repr) for name in names},  # noqa: S608 - names of tables
        "settings": question(path, f"SELECT * FROM settings WHERE name NOT IN {own} ORDER BY name"),  # noqa: S608 - as above
    }


def said(path: Path | str) -> dict[str, Any]:
    """What a memory says when it is asked."""
    with opened(path) as memory:
        assert memory.verify().problems == ()
        hits = memory.search("changed 30", limit=20, mode="lexical")
        return {
            "records": [
                one.to_dict()
                for one in memory.list(limit=100_000, include_archived=True, order_by="id")
            ],
            "history": [(one.record, one.replaced_by) for one in memory.history("r3")],
            "words": [(hit.id, hit.score) for hit in hits],
            "meaning": [hit.id for hit in memory.search("text 8 of many", mode="dense")],
            "theirs": [
                (hit.id, hit.score)
                for hit in memory.search(vector=[7.0, 1.0, -0.5], space="theirs", limit=5)
            ],
            "links": memory.links("r10"),
            "threads": memory.threads.list(),
            "messages": memory.thread("talk3", scope="talks").messages(),
            "events": [(one.seq, one.operation, one.record_id) for one in memory.events()],
            "receipts": memory.receipts(),
            "quotas": memory.quotas(),
        }
