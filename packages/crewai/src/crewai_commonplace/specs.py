"""`Spec`: a storage as text, such as `commonplace:///var/memory?scope=teams/research`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast
from urllib.parse import parse_qsl, quote, unquote, urlencode

from commonplace import InvalidInputError, Scope

if TYPE_CHECKING:
    from commonplace import Memory

Vectors: TypeAlias = Literal["apart", "own"]
Score: TypeAlias = Literal["cosine", "lancedb"]

SCHEME = "commonplace://"
_IN_MEMORY = ":memory:"
_CHOICES = {"vectors": ("apart", "own"), "score": ("cosine", "lancedb")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """Where a storage is, and how it is opened.

    Attributes:
        path: the directory of the memory, or its URL.
        scope: the path of the storage's scope; empty for the root.
        vectors: see `CommonplaceStorage`.
        score: see `CommonplaceStorage`.
    """

    path: str
    scope: str = ""
    vectors: Vectors = "apart"
    score: Score = "cosine"

    @classmethod
    def parse(cls, text: str) -> Spec:
        """The spec that the text means.

        Raises:
            InvalidInputError: it has another form than `commonplace:///path?scope=a/b`.
        """
        path, _, query = text.removeprefix(SCHEME).partition("?")
        if not text.startswith(SCHEME) or not path:
            raise InvalidInputError(
                "a spec is commonplace:// and the path of a memory, such as "
                "commonplace:///var/memory?scope=teams/research"
            )
        named = dict(parse_qsl(query, keep_blank_values=True))
        if unknown := sorted(set(named) - {"scope", *_CHOICES}):
            raise InvalidInputError(f"a spec has no {unknown[0]!r}; it has scope, vectors, score")
        for name, choices in _CHOICES.items():
            if named.get(name, choices[0]) not in choices:
                raise InvalidInputError(f"{name} in a spec is one of {', '.join(choices)}")
        return cls(
            path=_absolute(unquote(path)),
            scope=Scope.of(named.get("scope", "").strip("/")).path,
            vectors=cast("Vectors", named.get("vectors", "apart")),
            score=cast("Score", named.get("score", "cosine")),
        )

    @classmethod
    def of(cls, memory: Memory, scope: Scope, *, vectors: Vectors, score: Score) -> Spec:
        """The spec of a storage over a memory; one in memory is named by where it is now.

        One on a server is named by its URL without the password, as a spec is written down.
        """
        path = str(memory.directory or memory.url or f"{_IN_MEMORY}{id(memory):x}")
        return cls(path=path, scope=scope.path, vectors=vectors, score=score)

    @property
    def in_memory(self) -> bool:
        """Whether it names a memory without files."""
        return self.path.startswith(_IN_MEMORY)

    def __str__(self) -> str:
        parts = {"scope": self.scope, "vectors": self.vectors, "score": self.score}
        plain = {"scope": "", "vectors": "apart", "score": "cosine"}
        named = {name: part for name, part in parts.items() if part != plain[name]}
        query = f"?{urlencode(named, safe='/')}" if named else ""
        return f"{SCHEME}{quote(self.path, safe='/:')}{query}"


def _absolute(path: str) -> str:
    if path.startswith(_IN_MEMORY) or "://" in path:
        return path
    return str(Path(path).expanduser().absolute())
