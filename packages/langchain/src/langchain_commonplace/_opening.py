"""Opening a memory that was named by its path, and closing what was opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from commonplace import InvalidInputError, Memory

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

MemoryLike: TypeAlias = "Memory | str | Path"
"""An open memory, or the path of one to open."""


def opened(memory: MemoryLike) -> Memory:
    """The memory itself, or the one at that path, opened.

    Raises:
        InvalidInputError: it is neither.
    """
    if isinstance(memory, Memory):
        return memory
    if isinstance(memory, str | Path):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
        return Memory(memory)
    raise InvalidInputError(f"give a Memory or the path of one, not {type(memory).__name__}")


class Opened:
    """What works on a memory: it closes one that it opened by its path, and no other."""

    _memory: Memory
    _own: bool

    def _open(self, memory: MemoryLike) -> Memory:
        self._memory = opened(memory)
        self._own = self._memory is not memory
        return self._memory

    def close(self) -> None:
        """Close the memory if it was opened here, by its path."""
        if self._own:
            self._memory.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
