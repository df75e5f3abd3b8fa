"""Chroma servers and Chroma Cloud as an index: where they are, and what they are to be sent."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit

from commonplace.errors import InvalidInputError

if TYPE_CHECKING:
    from commonplace.index.port import ServedStore
    from commonplace.ledger import Ledger

CLOUD_URL = "https://api.trychroma.com:443"
_DEFAULT_PORT = 8000
_LONGEST_WAIT = 3_600.0
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_TOKEN_HEADER = "X-Chroma-Token"  # noqa: S105 - the name of a header


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a Chroma takes; None where it has no bound of its own.

    Attributes:
        batch: entries in one write.
        results: entries in one answer.
        keys: metadata keys of an entry.
        key_bytes: the length of a metadata key.
        value_bytes: the length of a metadata text.
    """

    batch: int | None = None
    results: int | None = None
    keys: int | None = None
    key_bytes: int | None = None
    value_bytes: int | None = None


NO_LIMITS = Limits()
CLOUD_LIMITS = Limits(batch=300, results=300, keys=32, key_bytes=36, value_bytes=4_096)
"""https://docs.trychroma.com/cloud/quotas-limits; `get_max_batch_size` does not tell them
(https://github.com/chroma-core/chroma/issues/5453)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChromaTarget:
    """A server as the index process is told of it. Holds secrets: it goes through a pipe alone.

    Attributes:
        url: with scheme, host and port; never a password.
        tenant: None to ask the server which one the key belongs to.
        database: likewise.
        headers: sent with every request.
        ca: the file of the authorities that may have signed the server's certificate, if not
            those that the machine trusts.
        timeout: how many seconds a request may take.
        cloud: whether it is Chroma Cloud, which has limits and another kind of index.
    """

    url: str
    tenant: str | None
    database: str | None
    headers: Mapping[str, str] = field(repr=False)
    ca: str | None = None
    timeout: float = 30.0
    cloud: bool = False

    @property
    def limits(self) -> Limits:
        """What it takes."""
        return CLOUD_LIMITS if self.cloud else NO_LIMITS

    @property
    def place(self) -> str:
        """What tells this place from every other that an index may be kept at; no secret."""
        return f"{self.url} {self.tenant or ''}/{self.database or ''}"

    @property
    def name(self) -> str:
        """What people and errors call the server."""
        return f"the Chroma server {self.url}"

    @property
    def server(self) -> str:
        """Its address."""
        return self.url

    def store(self, ledger: Ledger) -> ServedStore:
        """The collections of a ledger; Chroma is imported only here, as it takes 1.5 s."""
        from commonplace.index.chroma import ChromaIndex  # noqa: PLC0415 - as above

        return ChromaIndex.server(self, ledger.id)

    def to_message(self) -> dict[str, Any]:
        """What `ChromaTarget(**message)` makes it of again."""
        return {**asdict(self), "headers": dict(self.headers)}


@dataclass(frozen=True, slots=True)
class ChromaServer:
    """A Chroma server to keep the index on: `Memory(path, index=ChromaServer("https://..."))`.

    What is secret in it is sent to the server, and is in no message, log or file of a memory.

    Args:
        url: `http://host:port` or `https://host:port`, with a path if the server is behind one.
            Port 8000 if left out, 443 for https. A user and a password in it are sent as basic
            authentication.
        tenant: the tenant, which must exist.
        database: the database, which must exist.
        headers: sent with every request, such as a token of a gateway.
        token: sent as `Authorization: Bearer ...`.
        ca: a file of certificates in PEM: the authorities that may have signed the server's, in
            place of those that the machine trusts.
        timeout: how many seconds a request may take, up to 3,600.

    Raises:
        InvalidInputError: one of them is none of these, or the file is not there.
    """

    url: str = field(repr=False)
    _: KW_ONLY
    tenant: str = "default_tenant"
    database: str = "default_database"
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    token: str | None = field(default=None, repr=False)
    ca: str | Path | None = None
    timeout: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        _ = self.target

    def __repr__(self) -> str:
        """The server without what is secret."""
        return f"ChromaServer({self.target.place!r})"

    @property
    def target(self) -> ChromaTarget:
        """The same, checked."""
        parts = _split(self.url)
        headers = {**_basic(parts), **_checked_headers(self.headers)}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {_checked_secret(self.token, 'token')}"
        return ChromaTarget(
            url=_plain_url(parts),
            tenant=_checked_name(self.tenant, "tenant"),
            database=_checked_name(self.database, "database"),
            headers=headers,
            ca=_checked_file(self.ca),
            timeout=_checked_timeout(self.timeout),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChromaCloud:
    """Chroma Cloud to keep the index on: `Memory(path, index=ChromaCloud(api_key=...))`.

    Args:
        api_key: the key; None for the environment's `CHROMA_API_KEY`. It is sent to Chroma Cloud,
            and is in no message, log or file of a memory.
        tenant: None for `CHROMA_TENANT`, or else the one that the key belongs to.
        database: None for `CHROMA_DATABASE`, or else the one that the key belongs to.
        url: another address of the service.
        timeout: how many seconds a request may take, up to 3,600.

    Raises:
        InvalidInputError: there is no key, or one of them is none of these.
    """

    api_key: str | None = field(default=None, repr=False)
    tenant: str | None = None
    database: str | None = None
    url: str = field(default=CLOUD_URL, repr=False)
    ca: str | Path | None = None
    timeout: float = 30.0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        _ = self.target

    def __repr__(self) -> str:
        """The place without what is secret."""
        return f"ChromaCloud({self.target.place!r})"

    @property
    def target(self) -> ChromaTarget:
        """The same, checked."""
        key = self.api_key or os.environ.get("CHROMA_API_KEY")
        if not key:
            raise InvalidInputError("ChromaCloud takes api_key=, or CHROMA_API_KEY is set")
        tenant = self.tenant or os.environ.get("CHROMA_TENANT")
        database = self.database or os.environ.get("CHROMA_DATABASE")
        parts = _split(self.url)
        return ChromaTarget(
            url=_plain_url(parts),
            tenant=None if tenant is None else _checked_name(tenant, "tenant"),
            database=None if database is None else _checked_name(database, "database"),
            headers={**_basic(parts), _TOKEN_HEADER: _checked_secret(key, "api_key")},
            ca=_checked_file(self.ca),
            timeout=_checked_timeout(self.timeout),
            cloud=True,
        )


def target_of(choice: object) -> ChromaTarget | None:
    """The server that a choice of index names; None if it names none.

    Raises:
        InvalidInputError: it is no choice at all.
    """
    if isinstance(choice, ChromaServer | ChromaCloud):
        return choice.target
    if isinstance(choice, str) and choice in {"auto", "chroma", "exact"}:
        return None
    if isinstance(choice, str) and "://" in choice:
        return ChromaServer(choice).target
    raise InvalidInputError(
        "index is 'auto', 'chroma', 'pgvector', 'exact', 'http://host:port', a ChromaServer or a "
        "ChromaCloud"
    )


def _split(url: object) -> SplitResult:
    """The parts of a server's address; its errors quote none of them, as one may be a password."""
    refused = "a Chroma server's url is http://host:port or https://host:port"
    if not isinstance(url, str) or _CONTROL.search(url):
        raise InvalidInputError(refused)
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        raise InvalidInputError(refused) from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise InvalidInputError(refused)
    if parts.query or parts.fragment:
        raise InvalidInputError(f"{refused}; put what follows ? or # into headers=")
    return parts


def _plain_url(parts: SplitResult) -> str:
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    port = parts.port or (443 if parts.scheme == "https" else _DEFAULT_PORT)
    return f"{parts.scheme}://{shown}:{port}{parts.path.rstrip('/')}"


def _basic(parts: SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}


def _checked_headers(given: object) -> dict[str, str]:
    if not isinstance(given, Mapping):
        raise InvalidInputError("headers is a dict of header names and texts")
    headers: dict[str, str] = {}
    for name, value in given.items():  # pyright: ignore[reportUnknownVariableType] - callers without types
        if not isinstance(name, str) or not _HEADER.fullmatch(name):
            raise InvalidInputError("headers names a header that is none")
        headers[name] = _checked_secret(value, f"header {name}")  # pyright: ignore[reportUnknownArgumentType] - as above
    return headers


def _checked_secret(value: object, name: str) -> str:
    if not isinstance(value, str) or not value or not value.isascii() or _CONTROL.search(value):
        raise InvalidInputError(f"{name} is a text of printable ASCII that is not empty")
    return value


def _checked_name(value: object, name: str) -> str:
    if not isinstance(value, str) or not value or "/" in value or _CONTROL.search(value):
        raise InvalidInputError(f"{name} is a text that is not empty and holds no /")
    return value


def _checked_file(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str | Path) or not Path(value).is_file():
        raise InvalidInputError("ca is a file of certificates in PEM, and there is none there")
    return str(Path(value).absolute())


def _checked_timeout(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise InvalidInputError("timeout is a number of seconds above 0")
    return min(float(value), _LONGEST_WAIT)
