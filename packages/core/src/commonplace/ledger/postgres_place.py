"""`Place`: the URL of a ledger on a PostgreSQL server, taken apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

from psycopg.pq import Conninfo

from commonplace.errors import InvalidInputError

SCHEMA = "commonplace"
"""Where the tables are unless the URL says otherwise."""
_TIMEOUT = 300
_POOL_SIZE = 16
_DEFAULTS = {
    "fallback_application_name": "commonplace",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # what was sent and is not acknowledged keeps those from asking
}
"""What the driver is told unless the URL says otherwise: a server that is gone is noticed soon."""
_OURS = ("schema", "pool_size", "timeout")
_LIBPQ = frozenset(option.keyword.decode() for option in Conninfo.get_defaults()) | {"ssl"}
_FILES = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir", "passfile"})
_SECRETS = frozenset(
    {
        *("password", "sslpassword", "oauth_client_secret"),
        *("scram_client_key", "scram_server_key"),
    }
)
_SCHEMA_NAME = re.compile(r"(?!pg_)[A-Za-z_][A-Za-z0-9_]{0,62}")
_UNREADABLE = (
    "the URL of the memory cannot be read; write / ? # @ : in a password as %2F %3F %23 %40 %3A"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a ledger on a server is.

    Attributes:
        given: the URL as it was given, but for the files that it names, which are absolute; it may
            hold a password.
        url: for the driver; likewise.
        schema: where the tables are.
        pool_size: how many connections there are at most.
        timeout: after how many seconds the server gives up a statement; 0 for never.
    """

    given: str = field(repr=False)
    url: str = field(repr=False)
    schema: str = SCHEMA
    pool_size: int = _POOL_SIZE
    timeout: int = _TIMEOUT

    @classmethod
    def of(cls, url: str) -> Place:
        """The place that a URL names.

        Raises:
            InvalidInputError: it is no URL, or names something that cannot be.
        """
        try:
            parts = urlsplit(url)
            options = _options(parts.query)
        except ValueError:  # it may quote the password
            raise InvalidInputError("the URL of the memory cannot be read; check it") from None
        if _is_cut(parts):
            raise InvalidInputError(_UNREADABLE)
        _check_names([name for name, _ in options])
        query = {name: _absolute(name, value) for name, value in options}
        given = _joined(parts.netloc, parts.path, query)
        schema = query.pop("schema", SCHEMA)
        if not _SCHEMA_NAME.fullmatch(schema):
            raise InvalidInputError(
                "schema= in a memory's URL is a name of letters, digits and _, at most 63, that "
                "does not begin with pg_"
            )
        size = _number("pool_size", query.pop("pool_size", str(_POOL_SIZE)), least=1)
        timeout = _number("timeout", query.pop("timeout", str(_TIMEOUT)), least=0)
        driven = _joined(parts.netloc, parts.path, _DEFAULTS | query)
        return cls(given, driven, schema, size, timeout)

    @property
    def shown(self) -> str:
        """The URL without its password."""
        parts = urlsplit(self.url)
        host = parts.netloc.rpartition("@")
        user = host[0].partition(":")[0]
        unsaid = {*_SECRETS, *_DEFAULTS}
        query = {name: value for name, value in _options(parts.query) if name not in unsaid}
        if self.schema != SCHEMA:
            query["schema"] = self.schema
        return _joined(f"{user}@{host[2]}" if user else host[2], parts.path, query)


def _is_cut(parts: SplitResult) -> bool:
    """Whether a part of the password seems to have been taken for something else."""
    hosts = parts.netloc.rpartition("@")[2].split(",")
    ports = [host.rpartition("]")[2].partition(":")[2] for host in hosts]
    odd = any(port and not port.isdecimal() for port in ports)
    return odd or bool(parts.fragment) or "@" in parts.path


def _check_names(names: list[str]) -> None:
    """Refuse an option that is none, and one that is given twice; values are not quoted."""
    known = {*_OURS, *_LIBPQ}
    for name in names:
        if name not in known and name.isidentifier():
            near = get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InvalidInputError(f"the URL of a memory has no option {name!r}{hint}")
        if name not in known:  # what is no name may be a part of the password
            raise InvalidInputError(_UNREADABLE)
        if names.count(name) > 1:
            raise InvalidInputError(f"{name}= is given twice in a memory's URL")


def _number(name: str, text: str, *, least: int) -> int:
    if not re.fullmatch("[0-9]{1,6}", text) or int(text) < least:
        raise InvalidInputError(f"{name}= in a memory's URL is a whole number from {least} on")
    return int(text)


def _options(query: str) -> list[tuple[str, str]]:
    """What stands behind the `?`, as libpq reads it: to it, `+` is a plus."""
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(unquote(name), unquote(value)) for name, _, value in pairs]


def _absolute(name: str, value: str) -> str:
    """The value of an option; a file is the same one wherever a process stands."""
    is_file = name in _FILES and value and value != "system"
    return str(Path(value).absolute()) if is_file else value


def _joined(netloc: str, path: str, query: dict[str, str]) -> str:
    """The URL, which has `//` though the host may be missing."""
    options = f"?{urlencode(query, quote_via=quote)}" if query else ""
    return f"postgresql://{netloc}{path}{options}"
