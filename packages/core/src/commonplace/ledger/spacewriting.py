"""`SpaceWriter`: the embedding spaces, and how far their indexes have come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from commonplace.drafts import OWN_SPACE
from commonplace.errors import ModelMismatchError
from commonplace.ledger.rowwriting import RowWriter
from commonplace.ledger.schema import index_state, spaces

if TYPE_CHECKING:
    from commonplace.ledger.vectorreading import Space


class SpaceWriter(RowWriter):
    """Writes of embedding spaces."""

    def space(self, name: str, identity: str, dimension: int, *, now: int) -> Space:
        """The space of this name, created if it is new.

        Raises:
            ModelMismatchError: it holds vectors of another model or of another length.
        """
        if (found := self._spaces_seen.get(name)) is None:
            found = self._spaces_seen[name] = self._find_or_add_space(
                name, identity, dimension, now
            )
        check_space(found, identity, dimension)
        return found

    def _find_or_add_space(self, name: str, identity: str, dimension: int, now: int) -> Space:
        if (found := self.spaces().get(name)) is None:
            new = {
                "name": name,
                "identity": identity,
                "dimension": dimension,
                "metric": "cosine",
                "vectors": 0,
                "created_at": now,
            }
            self._connection.execute(spaces.insert(), new)
            found = self.spaces()[name]
        return found

    def set_applied_seq(self, space: Space, applied_seq: int) -> None:
        """Record how far the index of a space has followed the journal."""
        changed = self._connection.execute(
            update(index_state)
            .where(index_state.c.space_id == space.id)
            .values(applied_seq=applied_seq)
        )
        if not changed.rowcount and any(one.id == space.id for one in self.spaces().values()):
            new = {"space_id": space.id, "applied_seq": applied_seq}
            self._connection.execute(index_state.insert(), new)


def check_space(space: Space, identity: str, dimension: int) -> None:
    """Refuse vectors that another model made.

    Raises:
        ModelMismatchError: identity or dimension differ from the space's.
    """
    if (space.identity, space.dimension) == (identity, dimension):
        return
    if space.name == OWN_SPACE:
        advice = (
            "open the memory with that embedder; or open it without one and call "
            "memory.reindex(embedder), which embeds everything anew; mode='lexical' needs none"
        )
    else:
        advice = "a space keeps one model and one length; name another space in vectors="
    raise ModelMismatchError(
        f"space {space.name!r} holds vectors made by {space.identity!r} with {space.dimension} "
        f"dimensions, and was given {identity!r} with {dimension}; {advice}"
    )
