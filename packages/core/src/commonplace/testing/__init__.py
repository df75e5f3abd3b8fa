"""For those who test an agent that has a memory: a clock, a reference, faults.

- `FakeClock`: the time of a memory, as a test says.
- `ReferenceMemory`: a memory in plain Python, to compare with.
- `commonplace.testing.crash`: runs a program in a child process and kills it at a chosen moment.
- `commonplace.testing.faults`: damages copies of a store, fills its disk, takes rights away.
- `commonplace.testing.strategies`: Hypothesis strategies for all that a memory takes; needs
  `pip install hypothesis`.
"""

from __future__ import annotations

from commonplace.testing.clock import FakeClock
from commonplace.testing.reference import ReferenceMemory

__all__ = ["FakeClock", "ReferenceMemory"]
