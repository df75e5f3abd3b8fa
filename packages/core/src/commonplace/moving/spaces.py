"""Where the vectors of an export go: whose they are decides, not what the space was called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonplace.drafts import OWN_SPACE
from commonplace.ledger import Measure, SpaceModel, Whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from commonplace.moving.manifest import Manifest


@dataclass(frozen=True, slots=True)
class SpacePlan:
    """What the spaces of an export are called in this memory.

    Attributes:
        names: from their names in the file.
        models: whose they are, by their names here.
        has_vectors: whether the file has any.
        has_own: whether it has vectors of this memory's own embedder.
    """

    names: Mapping[str, str]
    models: Mapping[str, SpaceModel]
    has_vectors: bool
    has_own: bool

    @classmethod
    def of(cls, manifest: Manifest, own: SpaceModel) -> SpacePlan:
        """The plan for a memory with this embedder.

        Vectors of the memory's own embedder go to its own space, whatever their space was called.
        Another memory's own space is called after its embedder, as spaces of others are.
        """
        theirs = manifest.spaces
        ours = [name for name, model in theirs.items() if model == own]
        kept = OWN_SPACE if OWN_SPACE in ours else next(iter(ours), None)
        names = {name: OWN_SPACE if name == kept else name for name in theirs}
        if OWN_SPACE in theirs and kept != OWN_SPACE:
            identity = theirs[OWN_SPACE].identity
            taken = identity in names.values()
            names[OWN_SPACE] = f"{identity} ({OWN_SPACE})" if taken else identity
        models = {names[name]: model for name, model in theirs.items()}
        return cls(names, models, manifest.vectors, kept is not None)

    @property
    def measure(self) -> Measure:
        """What of a row's vectors counts when it is compared with what is there."""
        ignored = frozenset[str]() if self.has_own else frozenset({OWN_SPACE})
        return Measure(vectors=self.has_vectors, ignored=ignored)

    def renamed(self, whole: Whole) -> Whole:
        """The row with the names that its spaces have here."""
        if whole.vectors:
            whole.vectors = {self.names[name]: some for name, some in whole.vectors.items()}
            whole.origins = {self.names[name]: one for name, one in whole.origins.items()}
        return whole

    def to_embed(self, whole: Whole) -> bool:
        """Whether this memory's embedder must make the row's vectors.

        It does for what can be found by words, which always had vectors of its first memory's
        embedder, and for what had such vectors alone.
        """
        if self.has_own or whole.kind not in {"record", "version"}:
            return False
        first = self.names.get(OWN_SPACE)
        return bool(whole.values["has_text"]) or first in whole.vectors
