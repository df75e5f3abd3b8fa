"""`Diagnosis`: what `doctor` found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that `doctor` found.

    Attributes:
        about: what it is about: `rights`, `file system`, `leftovers`, `log`, `ledger`, `index`,
            `space`, `encryption`, `embedder`, `reindex` or `expired`.
        text: what is wrong, in words that hold no memory text.
        remedy: what `fix` does about it, or what to do.
        problem: whether it is one; else it is worth knowing and no more.
        fixable: whether `fix` does something about it.
        fixed: whether it did.
    """

    about: str
    text: str
    remedy: str
    problem: bool = True
    fixable: bool = False
    fixed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What `doctor` found.

    Attributes:
        path: the memory's directory.
        findings: what was found, fixed or not.
    """

    path: str
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether no problem is left."""
        return not any(one.problem and not one.fixed for one in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """The diagnosis as JSON."""
        return {
            "path": self.path,
            "ok": self.ok,
            "findings": [asdict(one) for one in self.findings],
        }
