"""`Opened`: a memory that was handed in, or one that is opened by its path when it is used."""

from __future__ import annotations

import os
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from commonplace import InvalidInputError, Memory

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Opened:
    """Where a face finds its memory.

    What is opened by a path is closed by `close` and opened again by the next use, as CrewAI
    closes a store and goes on saving; a forked child opens its own. Work that other threads are
    in the middle of ends first: the last of them closes. What was handed in is never closed here.

    Args:
        memory: an open memory, or the path of one.
        options: how `Memory` opens the path.

    Raises:
        InvalidInputError: that is neither, or options came with an open memory.
    """

    def __init__(self, memory: Memory | str | Path, options: dict[str, Any]) -> None:
        if not isinstance(memory, Memory | str | Path):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise InvalidInputError(
                f"memory is a commonplace.Memory or its path, not {type(memory).__name__}"
            )
        if isinstance(memory, Memory) and options:
            raise InvalidInputError(
                f"{', '.join(sorted(options))} say how a path is opened; this memory is open"
            )
        self.given = isinstance(memory, Memory)
        self._memory = memory if isinstance(memory, Memory) else None
        self._path = memory if isinstance(memory, str | Path) else ""
        self._options = options
        self._process = os.getpid()
        self._uses: Counter[int] = Counter()  # by the identity of the memory
        self._leaving: dict[int, Memory] = {}
        self._lock = threading.Lock()
        if not self.given:
            self.memory()  # what is wrong with a path is said at once

    def memory(self) -> Memory:
        """The memory, open."""
        with self._lock:
            return self._current()

    def use(self, work: Callable[[Memory], T]) -> T:
        """What the work gives; a `close` meanwhile waits for its end."""
        with self._lock:
            memory = self._current()
            self._uses[id(memory)] += 1
        try:
            return work(memory)
        finally:
            self._leave(memory)

    def close(self) -> None:
        """Close what was opened here, at once or when the work on it has ended."""
        if self.given:
            return
        with self._lock:
            memory, self._memory = self._memory, None
            used = memory is not None and id(memory) in self._uses
            if memory is not None and used:
                self._leaving[id(memory)] = memory
        if memory is not None and not used:
            memory.close()

    def _current(self) -> Memory:
        if not self.given and self._process != os.getpid():
            self._memory, self._process = None, os.getpid()
        if self._memory is None:
            self._memory = Memory(self._path, **self._options)
        return self._memory

    def _leave(self, memory: Memory) -> None:
        with self._lock:
            self._uses[id(memory)] -= 1
            if self._uses[id(memory)]:
                return
            del self._uses[id(memory)]
            closed = self._leaving.pop(id(memory), None)
        if closed is not None:
            closed.close()
