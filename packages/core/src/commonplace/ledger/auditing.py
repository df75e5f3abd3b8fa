"""What the ledger keeps so that its journal can be audited, also where it is erased.

An audit file commits to every entry of the journal by a digest keyed with a nonce of its own. The
nonces are made when entries are first written to a file, and kept here. When an entry is erased its
digest stays and its nonce goes: the chain still checks, and nobody can try out what the entry said.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, null, select, update

from commonplace.jsonvalue import load_json
from commonplace.ledger.driver import fixed
from commonplace.ledger.schema import audited

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Row

    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.sqlite import SqliteDialect
    from commonplace.scope import Scope

_AT_ONCE = 1000


class AuditEntry(NamedTuple):
    """An entry of the journal as it is audited.

    Attributes:
        said: what the journal says, as JSON.
        nonce: the key of its digest; None if the entry was erased.
        leaf: its digest.
    """

    said: dict[str, Any]
    nonce: bytes | None
    leaf: bytes

    @property
    def seq(self) -> int:
        """Its place in the journal."""
        return self.said["seq"]


def leaf_of(nonce: bytes, said: Mapping[str, Any]) -> bytes:
    """The digest of an entry: HMAC-SHA-256 over its canonical JSON, keyed with its nonce."""
    text = json.dumps(said, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return hmac.digest(nonce, text.encode("utf-8", "surrogatepass"), hashlib.sha256)


def said_by(row: Row[Any], scope: Scope) -> dict[str, Any]:
    """What an entry of the journal says; never a record's text."""
    return {
        "seq": row.seq,
        "at": row.at,
        "operation": row.operation,
        "record": row.record_id,
        "scope": scope.path,
        "version": row.version,
        "detail": load_json(row.detail) if row.detail else {},
    }


def keep_leaves(
    connection: DriverConnection,
    dialect: SqliteDialect,
    rows: Sequence[Row[Any]],
    scope: Callable[[int], Scope],
) -> None:
    """Keep the digests of journal entries that are about to be erased, without their nonces.

    Args:
        connection: where.
        dialect: how the database spells what differs.
        rows: the entries as they still are.
        scope: the scope of a number.
    """
    for start in range(0, len(rows), _AT_ONCE):
        some = {row.seq: row for row in rows[start : start + _AT_ONCE]}
        query = select(audited).where(
            dialect.among(audited.c.seq, "seqs"), audited.c.nonce.is_not(None)
        )
        for kept in connection.execute(query, {"seqs": dialect.array(some)}).all():
            row = some[kept.seq]
            leaf = leaf_of(kept.nonce, said_by(row, scope(row.scope_id)))
            connection.execute(_BURY, {"one": kept.seq, "digest": leaf})


_BURY = fixed(
    update(audited)
    .where(audited.c.seq == bindparam("one"))
    .values(nonce=null(), leaf=bindparam("digest"))
)
