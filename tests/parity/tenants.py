"""A thousand tenants of one memory whose names are easily confused, and what each of them holds."""

from __future__ import annotations

import hashlib
import random
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, cast

import numpy as np
from pydantic import BaseModel

from commonplace import Scope

HOME = "users"
MARK = re.compile(r"<(\d{4})>")
_BASES = ["acme", "alice", "a", "tenant-1", "京都", "zoë", "İstanbul", "straße", "null", "al-Ḥasan"]
_ENDS = [
    *(
        "-corp",
        "2",
        "s",
        "-",
        "/",
        "/bob",
        "\\",
        "\\/",
        "\\/bob",
        "%",
        "_",
        "*",
        "?",
        ".",
        "..",
        ":",
    ),
    *(" ", "  ", "\t", "\n", "\r\n", "\x0b", "\x7f", "\0", "\0bob", "\x1b[2J", "\u0085", "\u00a0"),
    *("\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u202e", "\u2028", "\ufe0f", "\U000e0041"),
    *(
        "' OR '1'='1",
        "'; DROP TABLE records; --",
        '"',
        "`",
        "{user_id}",
        "$",
        "#",
        "&",
        "|",
        ",",
        ";",
    ),
]
_LIKE = [
    ("a", "\u0430"),
    ("a", "\uff41"),
    ("e", "\u0435"),
    ("i", "\u0456"),
    ("l", "1"),
    ("c", "\u0441"),
]
_EMPTYISH = [
    *(
        " ",
        "  ",
        "\t",
        "\n",
        "\0",
        "\0\0",
        "\u200b",
        "\u3000",
        "\u2800",
        "\u00a0",
        "\ufeff",
        "\u00ad",
    ),
    *(
        ".",
        "..",
        "...",
        "/",
        "//",
        "\\",
        "\\\\",
        "*",
        "**",
        "%",
        "%%",
        "_",
        "__",
        "?",
        "~",
        "$",
        "#",
        "@",
    ),
    *(
        "''",
        '""',
        "None",
        "null",
        "undefined",
        "NaN",
        "true",
        "0",
        "00",
        "-1",
        "1",
        "01",
        "1.0",
        "1e0",
    ),
    *(
        "root",
        "users",
        "users/users",
        "langgraph",
        "crewai",
        "autogen",
        "langchain",
        "knowledge",
        "flows",
    ),
    *(
        "{user_id}",
        "{}",
        "[]",
        "()",
        "( )",
        "--",
        "/*",
        "*/",
        ";",
        "\u0130",
        "\u0131",
        "I",
        "i",
        "\u0131\u0131",
    ),
]


def names(count: int) -> list[str]:
    """Different names that look, sort, fold or match alike, always the same ones."""
    found: dict[str, None] = dict.fromkeys(_EMPTYISH)
    for base in _BASES:
        forms = {base: None}
        for end in _ENDS:
            forms |= {base + end: None, end + base: None}
        forms |= dict.fromkeys(_folded(base))
        forms |= dict.fromkeys(base.replace(*pair) for pair in _LIKE)
        forms |= dict.fromkeys(wild + base[1:] for wild in ("_", "%", "*", "?", "[a]", "."))
        forms |= dict.fromkeys(base[:at] for at in range(1, len(base)))
        forms |= dict.fromkeys(_cut(base * 300, size) for size in (254, 255, 256, 1024))
        found |= forms
    assert len(found) >= count
    chosen = random.Random(26).sample(list(found), count)
    return sorted(chosen, key=lambda name: (unicodedata.normalize("NFKC", name).casefold(), name))


def _folded(name: str) -> list[str]:
    cases = [name.upper(), name.lower(), name.title(), name.swapcase(), name.casefold()]
    forms = [unicodedata.normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    return [*cases, *forms]


def _cut(text: str, size: int) -> str:
    return text.encode()[:size].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class Tenant:
    """One of them: its number is in everything that it writes."""

    number: int
    name: str

    @property
    def scope(self) -> Scope:
        return Scope(HOME, self.name)

    @property
    def mark(self) -> str:
        return f"<{self.number:04}>"


class Watch:
    """Looks at the ledger's file beside the library: what each tenant has, by plain SQL."""

    def __init__(self, directory: Path) -> None:
        self._ledger = sqlite3.connect(directory / "ledger.sqlite", isolation_level=None)
        self._ledger.execute("PRAGMA temp_store = MEMORY")
        self._ledger.execute("CREATE TEMP TABLE here (scope_id INTEGER PRIMARY KEY)")

    def close(self) -> None:
        self._ledger.close()

    def ids(self, tenant: Tenant) -> list[str]:
        """The ids of its records, expired ones included."""
        return [row[0] for row in self._rows(tenant, _IDS)]

    def lasting(self, tenant: Tenant) -> list[str]:
        """The ids of its records that never expire, and of those that it had."""
        return [row[0] for row in self._rows(tenant, _LASTING)]

    def live(self, tenant: Tenant, now: int) -> int:
        """How many records it has that have not expired."""
        return sum(row[0] is None or row[0] > now for row in self._rows(tenant, _EXPIRIES))

    def owners(self, ids: Iterable[str]) -> dict[str, set[str]]:
        """The scopes where records with these ids lie or lay."""
        found: dict[str, set[str]] = {}
        for name in ids:
            rows = self._ledger.execute(_WHEREABOUTS, {"id": name}).fetchall()
            found |= {name: {row[0] for row in rows}} if rows else {}
        return found

    def head(self) -> int:
        """The newest entry of the journal."""
        return self._ledger.execute("SELECT max(seq) FROM journal").fetchone()[0] or 0

    def touched(self, after: int) -> set[str]:
        """The scopes that the journal names after an entry."""
        return {row[0] for row in self._ledger.execute(_TOUCHED, (after,))}

    def digest(self, tenant: Tenant) -> str:
        """Everything that the ledger holds of a tenant, in short."""
        kept = hashlib.blake2s(digest_size=12)
        for number, query in enumerate(_EVERYTHING):
            rows = self._rows(None if number else tenant, query)
            kept.update(repr(rows).encode("utf-8", "surrogatepass"))
        return kept.hexdigest()

    def _rows(self, tenant: Tenant | None, query: str) -> list[tuple[Any, ...]]:
        """The rows of a query on what lies in a tenant's scopes; of the same one again for None."""
        if tenant is not None:
            self._ledger.execute("DELETE FROM here")
            self._ledger.execute(_HERE, (tenant.scope.path,))
        return self._ledger.execute(query).fetchall()


_HERE = """
    INSERT INTO here SELECT t.scope_id
    FROM scope_tree t JOIN scopes a ON a.id = t.ancestor_id WHERE a.path = ?
"""
_IDS = "SELECT id FROM records WHERE scope_id IN here ORDER BY id"
_EXPIRIES = "SELECT expires_at FROM records WHERE scope_id IN here"
_LASTING = """
    SELECT id FROM records WHERE scope_id IN here AND expires_at IS NULL
    UNION SELECT id FROM versions WHERE scope_id IN here AND expires_at IS NULL
    AND id NOT IN (SELECT id FROM records WHERE expires_at IS NOT NULL) ORDER BY id
"""
_WHEREABOUTS = """
    SELECT path FROM records JOIN scopes ON scope_id = scopes.id WHERE records.id = :id
    UNION SELECT path FROM versions JOIN scopes ON scope_id = scopes.id WHERE versions.id = :id
"""
_TOUCHED = """
    SELECT DISTINCT path FROM journal JOIN scopes ON scope_id = scopes.id WHERE seq > ?
"""
_EVERYTHING = [
    "SELECT * FROM records WHERE scope_id IN here ORDER BY id",
    "SELECT * FROM versions WHERE scope_id IN here ORDER BY pk",
    "SELECT * FROM threads WHERE scope_id IN here ORDER BY id",
    """SELECT * FROM messages WHERE thread_id IN
        (SELECT id FROM threads WHERE scope_id IN here) ORDER BY record_pk""",
    """SELECT * FROM links WHERE source_id IN (SELECT id FROM records WHERE scope_id IN here)
        OR target_id IN (SELECT id FROM records WHERE scope_id IN here) ORDER BY id""",
    """SELECT space_id, record_pk, ordinal, vector FROM vectors WHERE record_pk IN
        (SELECT pk FROM records WHERE scope_id IN here) ORDER BY id""",
    "SELECT id, path, records, total FROM scopes WHERE id IN here ORDER BY id",
]


@dataclass(slots=True)
class Shown:
    """What an answer shows: all its texts, and the scopes that it names."""

    texts: list[str]
    scopes: list[Scope]

    @property
    def marks(self) -> set[int]:
        return {int(found) for text in self.texts for found in MARK.findall(text)}


def shown(answer: object) -> Shown:
    """Everything that can be read off an answer of any face."""
    seen = Shown([], [])
    _look(answer, seen)
    return seen


def _look(answer: Any, seen: Shown) -> None:
    if isinstance(answer, str | bytes):
        seen.texts.append(answer if isinstance(answer, str) else answer.decode(errors="replace"))
    elif isinstance(answer, Scope):
        seen.scopes.append(answer)
        seen.texts += answer.segments
    elif isinstance(answer, BaseException):
        seen.texts.append(str(answer))
    elif not isinstance(answer, int | float | datetime | np.ndarray | Enum | Path | None):
        for part in _parts(answer):
            _look(part, seen)


def _parts(answer: Any) -> Iterable[Any]:
    if isinstance(answer, list | tuple | set | frozenset):
        return cast("Iterable[Any]", answer)
    if isinstance(answer, Mapping):
        named = cast("Mapping[Any, Any]", answer)
        return [*named.keys(), *named.values()]
    if isinstance(answer, BaseModel):
        return answer.model_dump().values()
    if is_dataclass(answer):
        return [getattr(answer, part.name) for part in fields(answer)]
    names = getattr(answer, "__slots__", ()) or getattr(answer, "__dict__", {})
    return [getattr(answer, name, None) for name in names]
