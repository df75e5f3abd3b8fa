"""`View`: which scopes a memory handle reads and writes. The one place that isolates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from commonplace.arguments import checked_iterable
from commonplace.errors import InvalidInputError, OutsideViewError
from commonplace.scope import ROOT, Scope, ScopeLike

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class View:
    """The scopes that are read, none within another, and the scope that is written, if any."""

    read: tuple[Scope, ...] = (ROOT,)
    write: Scope | None = ROOT

    def narrowed(self, read: Iterable[ScopeLike], write: ScopeLike | None) -> View:
        """A view within this one.

        Raises:
            OutsideViewError: a scope lies outside this view.
            InvalidInputError: no scope to read was given.
        """
        wanted = {self.readable(scope) for scope in checked_iterable(read, "read")}
        if not wanted:
            raise InvalidInputError("a view reads at least one scope; name it in read=")
        outermost = (
            scope
            for scope in wanted
            if not any(other != scope and other.contains(scope) for other in wanted)
        )
        target = None if write is None else self.writable(write)
        return View(tuple(sorted(outermost, key=lambda scope: scope.segments)), target)

    def readable(self, scope: ScopeLike) -> Scope:
        """The scope, proven to lie within what is read.

        Raises:
            OutsideViewError: it does not.
        """
        found = Scope.of(scope)
        if not self.may_read(found):
            raise OutsideViewError(
                f"scope {found.path!r} lies outside this view; scopes are named by their whole "
                "path, and a view cannot be widened"
            )
        return found

    def writable(self, scope: ScopeLike | None) -> Scope:
        """The scope, proven to lie within what is written; the view's own for None.

        Raises:
            OutsideViewError: it does not, or the view only reads.
        """
        if self.write is None:
            raise OutsideViewError("this view only reads; make it with write= to write")
        found = self.write if scope is None else Scope.of(scope)
        if not self.write.contains(found):
            raise OutsideViewError(
                f"scope {found.path!r} lies outside what this view writes, {self.write.path!r}"
            )
        return found

    def narrowed_by(self, target: Scope) -> bool:
        """Whether a scope that this view writes is less than all it writes."""
        return target != self.write

    def may_read(self, scope: Scope) -> bool:
        """Whether records at this scope may be seen."""
        return any(allowed.contains(scope) for allowed in self.read)

    def may_write(self, scope: Scope) -> bool:
        """Whether records at this scope may be changed."""
        return self.write is not None and self.write.contains(scope)
