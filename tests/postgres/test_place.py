"""The URL of a ledger on a server: what of it reaches the driver, and what is shown of it."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from commonplace import InvalidInputError, Memory
from commonplace.ledger.postgres_place import Place


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
    with pytest.raises(InvalidInputError, match="cannot be read") as refused:
        Memory(url)
    assert "secret" not in "".join(traceback.format_exception_only(refused.value))
    assert "secret" not in str(refused.value.__cause__)


@pytest.mark.parametrize(
    "query", ["schema=a.b", "schema=", "pool_size=0", "pool_size=x", "timeout=-1"]
)
def test_a_malformed_address_is_refused(query: str) -> None:
    with pytest.raises(InvalidInputError):
        Place.of(f"postgresql://host/db?{query}")
