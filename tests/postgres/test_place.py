"""The URL of a ledger on a server: what of it reaches the driver, and what is shown of it."""

from __future__ import annotations

import functools
import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from commonplace import HashingEmbedder, InvalidInputError, Memory, doctor, restore_backup
from commonplace.ledger.postgres_place import Place

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.pgserver import Postgres


def given(url: str) -> dict[str, Any]:
    """What libpq makes of the URL that the driver is given."""
    return conninfo_to_dict(Place.of(url).url)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("options=-c%20work_mem%3D64MB", "-c work_mem=64MB"),
        ("options=-c+x", "-c+x"),
        ("options=a%2Bb%26c%3Dd%23", "a+b&c=d#"),
    ],
)
def test_an_option_reaches_the_driver_as_libpq_would_read_it(written: str, read: str) -> None:
    """Regression: a space went out as `+`, which libpq takes for a plus."""
    assert given(f"postgresql://host/db?{written}")["options"] == read


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://one:1,two:2,[::1]:3/db?target_session_attrs=primary",
        "postgresql://[fe80::1]/db",
        "postgresql://host:5432/db?user=me@tenant&password=a@b",
        "postgresql://me:a%40b%23c%3Fd@host/db",
        "postgresql:///db?host=/tmp",
    ],
)
def test_any_url_of_libpqs_is_taken(url: str) -> None:
    ours = given(url)
    for name, value in conninfo_to_dict(url).items():
        assert ours[name] == value


def test_files_are_the_same_wherever_a_process_stands() -> None:
    """Regression: the index process, which stands elsewhere, did not find the certificate."""
    url = "postgresql://host/db?sslmode=verify-full&sslrootcert=ca.pem&sslkey=%2Fk"
    for found in (given(url), given(Place.of(url).given)):
        assert found["sslrootcert"] == str(Path.cwd() / "ca.pem")
        assert found["sslkey"] == "/k"
    assert given("postgresql://host/db?sslrootcert=system")["sslrootcert"] == "system"


def test_a_server_that_is_gone_without_a_word_is_noticed() -> None:
    """Regression: keepalives say nothing while what was sent is not acknowledged."""
    assert given("postgresql://host/db")["tcp_user_timeout"] == "60000"
    assert given("postgresql://host/db?tcp_user_timeout=5")["tcp_user_timeout"] == "5"


def test_no_password_is_shown() -> None:
    url = (
        "postgresql+psycopg://me:secret@host:1/db?schema=x&password=secret&scram_client_key=secret"
    )
    place = Place.of(url)
    assert place.schema == "x"
    assert "secret" in place.url
    assert place.shown == "postgresql://me@host:1/db?schema=x"
    assert "secret" not in repr(place)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:%zzsecret@127.0.0.1:1/db",
        "postgresql://me:a secret@127.0.0.1:1/db",
        "postgresql://me:a/secret@127.0.0.1:1/db",
        "postgresql://me:a[secret@127.0.0.1:1/db",
        "postgresql://me:secret#x@127.0.0.1:1/db",
        "postgresql://me:secret?x@127.0.0.1:1/db",
        "postgresql://me:secret\N{FULLWIDTH COLON}x@127.0.0.1:1/db",
        "postgresql://me@127.0.0.1:1/db?nothing=secret",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(InvalidInputError, match=r"cannot be read|no option") as refused:
        Memory(url)
    assert "secret" not in "".join(traceback.format_exception_only(refused.value))
    assert "secret" not in str(refused.value.__cause__)


@pytest.mark.parametrize(
    "query", ["schema=a.b", "schema=", "pool_size=0", "pool_size=x", "timeout=-1"]
)
def test_a_malformed_address_is_refused(query: str) -> None:
    with pytest.raises(InvalidInputError):
        Place.of(f"postgresql://host/db?{query}")


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ("pool_sise=3", "no option 'pool_sise'; did you mean 'pool_size'"),
        ("schma=x", "did you mean 'schema'"),
        ("foo_bar_baz=1", "no option 'foo_bar_baz'"),
        ("schema=a&schema=b", "schema= is given twice"),
        ("schema=pg_mine", "schema="),
        ("pool_size=0", "pool_size="),
        ("pool_size=abc", "pool_size="),
        ("timeout=0.5", "timeout="),
        ("timeout=-1", "timeout="),
    ],
)
def test_an_option_that_cannot_be_is_named(option: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=re.escape(told)) as refused:
        Place.of(f"postgresql://me:secret@host/db?{option}")
    assert "secret" not in str(refused.value)


def test_what_the_url_says_of_the_driver_holds() -> None:
    """Regression: the driver was told other names and times than the URL gave."""
    ours = given("postgresql://host/db?application_name=worker&connect_timeout=3")
    assert (ours["application_name"], ours["connect_timeout"]) == ("worker", "3")
    assert given("postgresql://host/db")["fallback_application_name"] == "commonplace"


def test_a_schema_may_have_capitals(postgres: Postgres) -> None:
    """Regression: PostgreSQL folds a name that is cast to a schema."""
    postgres.run('DROP SCHEMA IF EXISTS "Memory_Of_Ada" CASCADE')
    for count in (1, 2):
        url = postgres.at("Memory_Of_Ada")
        with Memory(url, embedder=HashingEmbedder(16), index="exact") as memory:
            memory.add("tea", scope="a/b")
            assert len(memory.search("tea")) == count
            assert memory.stats().ledger_bytes > 0
            assert memory.verify().ok
    postgres.run('DROP SCHEMA "Memory_Of_Ada" CASCADE')


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:secret@host/db",
        "postgresql+asyncpg://me:secret@host/db",
        "sqlite:///secret",
        "postgres:/me:secret@host/db",
        Path("postgresql://me:secret@host/db"),
    ],
)
def test_no_directory_is_made_of_a_url(
    url: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Regression: a memory was made in a directory with the password for a name."""
    monkeypatch.chdir(tmp_path)
    with Memory(":memory:", embedder=HashingEmbedder(16)) as memory:
        takers: list[Callable[[Any], object]] = [
            *(Memory, memory.backup, memory.export, doctor),
            functools.partial(restore_backup, "b"),
        ]
        for take in takers:
            with pytest.raises(InvalidInputError, match="is a URL") as refused:
                take(url)
            assert "secret" not in str(refused.value)
    assert list(tmp_path.iterdir()) == []


def test_a_scheme_may_have_capitals(postgres: Postgres) -> None:
    url = postgres.fresh().replace("postgresql://", "POSTGRESQL://", 1)
    with Memory(url, embedder=HashingEmbedder(16), index="exact") as memory:
        assert memory.url is not None
        assert memory.url.startswith("postgresql://")
