"""The command line on a memory on PostgreSQL."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from commonplace import HashingEmbedder, Memory, doctor
from commonplace.cli import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.pgserver import Postgres

PASSWORD = "hush-hush"  # noqa: S105 - the server of these tests takes any


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    with postgres.emptied("commands") as given:
        yield given.replace(":@", f":{PASSWORD}@")


def run(*arguments: str, code: int = 0, memory: str | None = None) -> str:
    env = {"NO_COLOR": "1", "COLUMNS": "200", "COMMONPLACE_MEMORY": memory}
    result = CliRunner().invoke(app, list(arguments), env=env, catch_exceptions=False)
    assert result.exit_code == code, result.output
    assert PASSWORD not in result.output
    return result.stdout


def said(*arguments: str) -> Any:
    return json.loads(run(*arguments, "--json"))


def test_a_memory_is_used_by_its_url(url: str, tmp_path: Path) -> None:
    at = ("--memory", url)
    run("add", "Alice lives in Lisbon", "--scope", "users/alice", *at)
    assert "Lisbon" in run("search", "where does Alice live", *at)
    assert "Lisbon" in run("list", *at)
    assert said("stats", *at)["records"] == 1
    file = tmp_path / "all.jsonl.gz"
    run("export", str(file), *at)
    other = tmp_path / "other"
    run("import", str(file), "--memory", str(other))
    run("add", "Bob plays chess", "--memory", str(other))
    assert "+1 -0 ~0, 1 the same" in run("diff", str(other), *at)
    run("merge", str(other), *at)
    assert said("stats", *at)["records"] == 2
    run("verify", *at)
    assert "no problems" in run("doctor", *at)


def test_the_url_is_shown_without_its_password(url: str) -> None:
    with Memory(url) as memory:
        shown = memory.url
    assert shown is not None
    assert f" {shown.partition('?')[0]}" in run("config", memory=url)
    assert said("doctor", "--memory", url)["path"].startswith(shown.partition("?")[0])


def test_a_memory_that_is_not_there_is_not_made(postgres: Postgres) -> None:
    missing = postgres.fresh()
    schema = missing.rpartition("=")[2]
    run("stats", "--memory", missing, code=1)
    assert (schema,) not in postgres.run("SELECT nspname FROM pg_namespace")


def test_conversations_are_used_by_a_url(url: str, tmp_path: Path, postgres: Postgres) -> None:
    with Memory(url, embedder=HashingEmbedder(16)) as memory:
        memory.thread("support", scope="users/alice").add([("user", "the parcel is lost")])
    at = ("--memory", url)
    assert "support" in run("threads", "list", *at)
    assert "parcel" in run("threads", "show", "support", "--scope", "users/alice", *at)
    file = tmp_path / "threads.jsonl"
    run("threads", "export", str(file), *at)
    missing = postgres.fresh()
    trial = said("threads", "import", str(file), "--dry-run", "--memory", missing)
    assert (trial["added"], trial["dry_run"]) == (1, True)
    assert (missing.rpartition("=")[2],) not in postgres.run("SELECT nspname FROM pg_namespace")
    assert said("threads", "import", str(file), "--dry-run", *at)["added"] == 0
    assert said("threads", "import", str(file), "--memory", missing)["added"] == 1
    assert "support" in run("threads", "list", "--memory", missing)


def test_an_erasure_says_what_is_out_of_reach(url: str) -> None:
    run("add", "secret", "--id", "gone", memory=url)
    printed = run("erase", "gone", "--yes", memory=url)
    assert "out of reach: the server's files, log, replicas and backups" in printed
    assert "looked for" not in printed


def test_a_doctor_looks_at_it_from_within(url: str, postgres: Postgres) -> None:
    with Memory(url, embedder=HashingEmbedder(16)) as memory:
        memory.add("kept", id="kept")
        memory.add("more", id="more")
    found = doctor(url, embedder=HashingEmbedder(16))
    assert found.ok
    assert PASSWORD not in found.path
    postgres.run("DELETE FROM commands.full_text WHERE pk = (SELECT min(pk) FROM commands.records)")
    found = doctor(url, embedder=HashingEmbedder(16))
    assert not found.ok
    assert any(one.fixable for one in found.findings)
    assert doctor(url, embedder=HashingEmbedder(16), fix=True).ok
    assert doctor(url, embedder=HashingEmbedder(16)).ok
    nowhere = doctor(postgres.fresh())
    assert [one.remedy for one in nowhere.findings] == ["check the URL"]
