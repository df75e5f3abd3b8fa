"""A process of its own: fills a memory, says who writes the index, and waits.

Its index is owned by a lease of so many seconds, as on another host, or by a lock for 0.
"""

from __future__ import annotations

import contextlib
import sys

from tests.servers.conftest import as_hosts, fill, memory_on, worker_of

from commonplace import ChromaServer

place, url, seconds = sys.argv[1:]
owning = as_hosts(float(seconds)) if float(seconds) else contextlib.nullcontext()
with owning, memory_on(place, ChromaServer(url)) as memory:
    fill(memory)
    memory.flush()
    sys.stdout.write(f"{worker_of(memory)}\n")
    sys.stdout.flush()
    sys.stdin.read()
