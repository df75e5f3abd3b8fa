"""Commands that ask an index on a server, named by an option or by the settings."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.servers.conftest import COUNT
from typer.testing import CliRunner

from commonplace import HashingEmbedder, Memory
from commonplace.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.conftest import Server

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


def plan_of_search(place: Path | str, *arguments: str, index: str = "") -> tuple[str, str]:
    env = {"COMMONPLACE_EMBEDDER": "hashing:16", "COMMONPLACE_INDEX": index}
    command = ["search", "text 7", "--memory", str(place), "--explain", "--json", *arguments]
    done = CliRunner().invoke(app, command, env=env, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["hits"][0]["record"]["content"] == "text 7"
    return found["plan"]["route"], found["plan"]["reason"]


def test_a_search_that_is_explained_asks_the_index_that_is_named(
    place: Path | str, shared: Server
) -> None:
    with Memory(place, embedder=HashingEmbedder(16), index=shared.url) as memory:
        memory.add_many(f"text {n}" for n in range(COUNT))
        memory.flush()
    assert plan_of_search(place, index=shared.url)[0] == "index"
    assert plan_of_search(place, "--index", shared.url, index="exact")[0] == "index"
    assert plan_of_search(place, "--index", "exact", index=shared.url)[0] == "exact"
    route, reason = plan_of_search(place, "--index", "http://127.0.0.1:9", index=shared.url)
    assert route == "exact"
    assert "http://127.0.0.1:9 cannot be reached" in reason
