"""What a server is told, what it is not, and what is refused before anything is opened."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.pgserver import place_of, rows_at
from tests.servers.conftest import (
    COUNT,
    QUERY,
    Gate,
    asked_of,
    fill,
    follow,
    found,
    is_indexed,
    memory_on,
    served,
    truly_nearest,
    worker_of,
)

from commonplace import ChromaCloud, ChromaServer, InvalidInputError, Memory
from commonplace.index.faults import ServerFaultError
from commonplace.index.servers import CLOUD_LIMITS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.conftest import Server

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

SECRET = "hush-7f3a"  # noqa: S105 - it is one for the sake of the test


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "host:8000"},
        {"url": "ftp://host"},
        {"url": "http://"},
        {"url": f"http://host/?token={SECRET}"},
        {"url": f"http://user:{SECRET}@host:port"},
        {"url": f"http://host\n{SECRET}"},
        {"tenant": ""},
        {"tenant": "a/b"},
        {"database": 7},
        {"headers": {"a b": SECRET}},
        {"headers": {"a": f"{SECRET}\n"}},
        {"headers": [SECRET]},
        {"token": ""},
        {"token": f"{SECRET}\r"},
        {"ca": "/nowhere/ca.pem"},
        {"timeout": 0},
        {"timeout": "1"},
        {"timeout": float("nan")},
    ],
)
def test_what_is_no_server_is_refused_and_no_secret_is_told(wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {"url": "http://host", **wrong}
    with pytest.raises(InvalidInputError) as caught:
        ChromaServer(given.pop("url"), **given)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("choice", ["host:8000", "automatic", "", 7, None, ["auto"]])
def test_what_is_no_index_is_refused(path: Path, choice: Any) -> None:
    with pytest.raises(InvalidInputError, match="index is"):
        Memory(path, index=choice)


def test_secrets_are_not_shown() -> None:
    server = ChromaServer(
        f"https://user:{SECRET}@host/chroma/", token=SECRET, headers={"X-Key": SECRET}
    )
    assert repr(server) == "ChromaServer('https://host:443/chroma default_tenant/default_database')"
    assert SECRET not in repr(server.target)
    assert server.target.headers == {"Authorization": f"Bearer {SECRET}", "X-Key": SECRET}
    cloud = ChromaCloud(api_key=SECRET, tenant="t", database="d")
    assert repr(cloud) == "ChromaCloud('https://api.trychroma.com:443 t/d')"
    assert cloud.target.headers == {"X-Chroma-Token": SECRET}


def test_a_password_in_the_address_is_basic_authentication() -> None:
    target = ChromaServer("http://us%40er:pass@[::1]:80").target
    assert target.headers == {"Authorization": "Basic dXNAZXI6cGFzcw=="}
    assert target.url == "http://[::1]:80"


def test_chroma_cloud_is_known_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CHROMA_API_KEY", "CHROMA_TENANT", "CHROMA_DATABASE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InvalidInputError, match="CHROMA_API_KEY"):
        ChromaCloud()
    monkeypatch.setenv("CHROMA_API_KEY", SECRET)
    monkeypatch.setenv("CHROMA_TENANT", "ours")
    target = ChromaCloud(database="main").target
    assert (target.tenant, target.database, target.cloud) == ("ours", "main", True)
    assert target.headers == {"X-Chroma-Token": SECRET}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody but itself has signed, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def guarded(shared: Server, certificate: Path) -> Iterator[Gate]:
    """A gate with TLS that lets pass who knows the token."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    opened = Gate(shared, tls)
    opened.wants = {"Authorization": f"Bearer {SECRET}", "X-Door": "back"}
    yield opened
    opened.close()


def texts_of(process: int) -> bytes:
    """What others see of a process."""
    at = Path("/proc") / str(process)
    return (at / "cmdline").read_bytes() + (at / "environ").read_bytes()


def test_tls_token_headers_tenant_and_database_reach_the_server(
    path: Path, guarded: Gate, shared: Server, certificate: Path
) -> None:
    shared.asked("POST", "/api/v2/tenants", {"name": "acme"})
    shared.asked("POST", "/api/v2/tenants/acme/databases", {"name": "agents"})
    server = ChromaServer(
        guarded.url,
        tenant="acme",
        database="agents",
        token=SECRET,
        headers={"X-Door": "back"},
        ca=certificate,
    )
    with memory_on(path, server) as memory:
        fill(memory)
        memory.flush()
        assert shared.held(memory, tenant="acme", database="agents") == [COUNT]
        assert shared.held(memory) == []
        assert is_indexed(memory)
        assert found(memory) == truly_nearest()
        assert guarded.seen
        assert SECRET.encode() not in texts_of(worker_of(memory))
        assert memory.verify().ok
    if (place := place_of(path)) == str(path):
        held = [file.read_bytes() for file in path.rglob("*") if file.is_file()]
    else:
        held = [*rows_at(place).values()]
    assert held
    assert not any(SECRET.encode() in one for one in held)


def test_who_is_not_let_in_is_told_what_to_check(
    path: Path, guarded: Gate, certificate: Path
) -> None:
    known: dict[str, Any] = {"headers": {"X-Door": "back"}, "ca": certificate}
    with memory_on(path, "exact") as memory:
        fill(memory)
        for server, says in [
            (ChromaServer(guarded.url, token=f"{SECRET}x", **known), "refuses what it was sent"),
            (ChromaServer(guarded.url, token=SECRET), "certificate that is not trusted; .*ca="),
            (ChromaServer(guarded.url, token=SECRET, database="none", **known), "no database"),
        ]:
            with served(memory, server) as index:
                with pytest.raises(ServerFaultError, match=says) as caught:
                    index.step(COUNT)
                assert guarded.url in str(caught.value)
                assert SECRET not in str(caught.value)


def test_chroma_cloud_is_sent_its_key_and_no_more_at_once_than_it_takes(
    path: Path, gate: Gate, shared: Server
) -> None:
    """A real server behind the gate; Chroma Cloud itself is out of reach of a test."""
    gate.wants = {"X-Chroma-Token": SECRET}
    cloud = ChromaCloud(api_key=SECRET, url=gate.url)
    with memory_on(path, "exact") as memory, served(memory, cloud) as index:
        fill(memory)
        memory.add(
            "many keys",
            id="wide",
            vector=QUERY,
            metadata={f"key{n}": n for n in range(60)} | {"long" * 10: 1, "text": "x" * 5_000},
        )
        follow(index)
        assert shared.held(memory) == [COUNT + 1]
        assert asked_of(index, memory, 1_000) == truly_nearest(more={"wide": QUERY}, count=300)
        sent = [body for _, at, _, body in gate.seen if at.endswith("/upsert")]
        assert max(len(body["ids"]) for body in sent) == CLOUD_LIMITS.batch
        asked = [body for _, at, _, body in gate.seen if at.endswith("/query")]
        assert max(body["n_results"] for body in asked) == CLOUD_LIMITS.results
        (wide,) = [
            body["metadatas"][n]
            for body in sent
            for n, name in enumerate(body["ids"])
            if name == "wide"
        ]
        assert len(wide) == CLOUD_LIMITS.keys
        assert {"scope", "kind", "created_at", "key0"} <= set(wide)
        assert index.problems() == []
