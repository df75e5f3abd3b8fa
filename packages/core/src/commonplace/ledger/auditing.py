"""What the ledger keeps so that its journal can be audited, also where it is erased.

An audit file commits to every entry of the journal by a digest keyed with a nonce of its own. The
nonces are made when entries are first written to a file, and kept here. When an entry is erased its
digest stays and its nonce goes: the chain still checks, and nobody can try out what the entry said.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, delete, func, null, select, update

from commonplace.jsonvalue import dump_json, load_json
from commonplace.ledger.driver import fixed
from commonplace.ledger.schema import audited, journal, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Row

    from commonplace.ledger.dialect import Dialect
    from commonplace.ledger.driver import DriverConnection
    from commonplace.ledger.scope_ids import ScopeIds
    from commonplace.scope import Scope

_AT_ONCE = 1000
_NONCE_BYTES = 16


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
    dialect: Dialect,
    rows: Sequence[Row[Any]],
    scope: Callable[[int], Scope],
) -> int:
    """Keep the digests of journal entries that are about to be erased, without their nonces.

    Args:
        connection: where.
        dialect: how the database spells what differs.
        rows: the entries as they still are.
        scope: the scope of a number.

    Returns:
        How many of them had been audited and not erased.
    """
    count = 0
    for start in range(0, len(rows), _AT_ONCE):
        some = {row.seq: row for row in rows[start : start + _AT_ONCE]}
        query = select(audited).where(
            dialect.among(audited.c.seq, "seqs"), audited.c.nonce.is_not(None)
        )
        for kept in connection.execute(query, {"seqs": dialect.array(some)}).all():
            row = some[kept.seq]
            leaf = leaf_of(kept.nonce, said_by(row, scope(row.scope_id)))
            connection.execute(_BURY, {"one": kept.seq, "digest": leaf})
            count += 1
    return count


class Auditing:
    """The journal as it is audited, within one transaction.

    Args:
        connection: the transaction's.
        scopes: the scopes as the transaction sees them.
        ledger_id: whose journal it is.

    Attributes:
        chain_id: what the chain begins with: the id of the ledger, or of the one that it was copied
            from if that was audited.
    """

    def __init__(self, connection: DriverConnection, scopes: ScopeIds, ledger_id: str) -> None:
        self._connection = connection
        self._scopes = scopes
        self.chain_id: str = connection.execute(_CHAIN_ID).scalar() or ledger_id

    def commit(self, most: int) -> int:
        """Give nonces to entries that have none; how many there were, `most` at most."""
        values = {"after": self.last(), "most": most}
        seqs: list[int] = self._connection.execute(_SINCE, values).scalars()
        fresh: list[dict[str, Any]] = [
            {"seq": seq, "nonce": secrets.token_bytes(_NONCE_BYTES)} for seq in seqs
        ]
        if fresh:
            self._connection.execute(_COMMIT, fresh)
        return len(fresh)

    def last(self) -> int:
        """The last entry that has a nonce; 0 if there is none."""
        return self._connection.execute(_LAST).scalar() or 0

    def entries(self, upto: int) -> Iterator[AuditEntry]:
        """The entries that are audited, oldest first."""
        rows: list[Any]
        for rows in self._connection.stream(_AUDITED, {"upto": upto}):
            self._scopes.load({row.scope_id for row in rows})
            for row in rows:
                said = said_by(row, self._scopes.scope(row.scope_id))
                yield AuditEntry(said, row.nonce, row.leaf or leaf_of(row.nonce, said))

    def keep_head(self, head: Head) -> None:
        """Keep how far the chain has been written to a file."""
        self._connection.execute(_FORGET_HEAD)
        self._connection.execute(_KEEP_HEAD, {"name": _HEAD, "value": dump_json(head._asdict())})

    def problem(self) -> str | None:
        """What is wrong with the journal, as far as it was written to a file; None if nothing."""
        kept = self._connection.execute(_HEAD_KEPT).scalar()
        if kept is None:
            return None
        head = Head(**load_json(kept))
        chain, last = chain_start(self.chain_id), 0
        for entry in self.entries(head.seq):
            if entry.seq != last + 1:
                return f"journal: entry {last + 1} is missing, which was audited"
            chain, last = chained(chain, entry.leaf), entry.seq
        if (last, chain) != head:
            return f"journal: the entries up to {head.seq} are not those that were audited"
        return None


def keep_chain(connection: DriverConnection, former_id: str) -> None:
    """Let a copy of a ledger that was audited go on with its chain, under whatever id.

    Args:
        connection: where.
        former_id: the id of what was copied.
    """
    audited_before = connection.execute(_LAST).scalar() is not None
    if audited_before and connection.execute(_CHAIN_ID).scalar() is None:
        connection.execute(settings.insert().values(name=_CHAIN, value=former_id))


class Head(NamedTuple):
    """The end of a chain: the last entry, and the hash up to it."""

    seq: int
    hash: str


def chain_start(ledger_id: str) -> str:
    """The hash before the first entry of a ledger."""
    return hashlib.sha256(f"commonplace audit 1 {ledger_id}".encode()).hexdigest()


def chained(before: str, leaf: bytes) -> str:
    """The hash up to an entry: SHA-256 over the hash before it and its digest."""
    return hashlib.sha256(bytes.fromhex(before) + leaf).hexdigest()


_HEAD = "audit_head"
_CHAIN = "audit_chain"
_CHAIN_ID = fixed(select(settings.c.value).where(settings.c.name == _CHAIN))
_HEAD_KEPT = fixed(select(settings.c.value).where(settings.c.name == _HEAD))
_FORGET_HEAD = fixed(delete(settings).where(settings.c.name == _HEAD))
_KEEP_HEAD = fixed(settings.insert())
_LAST = fixed(select(func.max(audited.c.seq)))
_SINCE = fixed(
    select(journal.c.seq)
    .where(journal.c.seq > bindparam("after"))
    .order_by(journal.c.seq)
    .limit(bindparam("most"))
)
_COMMIT = fixed(audited.insert())
_AUDITED = fixed(
    select(journal, audited.c.nonce, audited.c.leaf)
    .join_from(journal, audited, audited.c.seq == journal.c.seq)
    .where(journal.c.seq <= bindparam("upto"))
    .order_by(journal.c.seq)
)


_BURY = fixed(
    update(audited)
    .where(audited.c.seq == bindparam("one"))
    .values(nonce=null(), leaf=bindparam("digest"))
)
