"""What the rights that `docs/servers.md` grants are enough for."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest
from tests.docs.test_examples import blocks

from commonplace import HashingEmbedder, Memory, PermissionDeniedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.pgserver import Postgres

OWNER, READER = blocks(Path(__file__).parents[2] / "docs" / "servers.md", "sql")
EMBEDDER = HashingEmbedder(16)


@pytest.fixture
def names(postgres: Postgres) -> Iterator[dict[str, str]]:
    """What the users and the database of this test are called."""
    said = {
        name: f"{name}_{uuid.uuid4().hex[:8]}" for name in ("app", "reader", "member", "agents")
    }
    for role in ("app", "reader", "member"):
        postgres.run(f"CREATE ROLE {said[role]} LOGIN PASSWORD 'open'")
    postgres.run(f"CREATE DATABASE {said['agents']}")
    yield said
    postgres.run(f"DROP DATABASE {said['agents']} WITH (FORCE)")
    for role in ("member", "reader", "app"):
        postgres.run(f"DROP ROLE {said[role]}")


def of(text: str, names: dict[str, str]) -> str:
    """A statement of the page, with the names of this test."""
    return re.sub(r"\b(app|reader|agents)\b", lambda found: names[found[0]], text)


def test_who_may_only_read_reads(postgres: Postgres, names: dict[str, str]) -> None:
    def at(user: str) -> str:
        parts = urlsplit(postgres.url)
        host = parts.netloc.rpartition("@")[2]
        return parts._replace(netloc=f"{names[user]}:open@{host}", path=names["agents"]).geturl()

    postgres.run(of(OWNER, names))
    with Memory(at("app"), embedder=EMBEDDER, index="exact") as memory:
        memory.add("Ada prefers tea", id="tea")
        with psycopg.connect(at("app"), autocommit=True) as connection:
            connection.execute(of(READER, names).encode())
            connection.execute("CREATE TABLE commonplace.nearest_later (pk int)")
        with Memory(at("reader"), embedder=EMBEDDER, index="exact", create=False) as reading:
            assert reading.search("tea")[0].id == "tea"
            assert (reading.count(), len(reading.list())) == (1, 1)
            assert reading.verify().ok
            with pytest.raises(PermissionDeniedError):
                reading.add("Bob prefers coffee")
            with pytest.raises(PermissionDeniedError):
                reading.delete("tea")
        with psycopg.connect(at("reader")) as connection:
            connection.execute("SELECT * FROM commonplace.nearest_later")
        postgres.run(f"GRANT {names['app']} TO {names['member']}")
        joined = "&" if "?" in at("member") else "?"
        member = f"{at('member')}{joined}options=-c%20role%3D{names['app']}"
        with Memory(member, embedder=EMBEDDER, index="exact") as writing:
            writing.add("Bob prefers coffee")
        assert memory.count() == 2
