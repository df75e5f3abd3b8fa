"""What is measured in a process of its own; `processes.py` starts it and reads its one line.

python -m benchmarks.fresh open commonplace /path/of/the/store
python -m benchmarks.fresh search chroma /path/of/the/store
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers import Narrow, open_peer

if TYPE_CHECKING:
    from benchmarks.peers import Peer

SEARCHES = 200


def main() -> None:
    """Does what the command line says, and prints what it took in seconds."""
    action, name, path = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    started = time.perf_counter()
    importlib.import_module(f"benchmarks.peer_{name}")
    imported = time.perf_counter() - started
    from benchmarks.data import SMALL, queries  # noqa: PLC0415 - after the import that was measured

    asked = queries(SEARCHES)
    started = time.perf_counter()
    peer = open_peer(name, path)
    opened = time.perf_counter() - started
    peer.search(asked[0], Narrow(SMALL[0]))
    answered = time.perf_counter() - started
    if action == "search":
        _search(peer)
    peer.close()
    print(json.dumps({"imported": imported, "opened": opened, "answered": answered}))


def _search(peer: Peer) -> None:
    """Searches of every kind, half of them while an index may still be starting."""
    from benchmarks.data import SMALL, queries  # noqa: PLC0415 - as above

    scopes = cycle(SMALL)
    kinds = cycle(
        [lambda: Narrow(next(scopes)), lambda: Narrow(tier="silver"), Narrow, lambda: _tenth]
    )
    places = [kind() for kind in islice(kinds, SEARCHES)]
    for number, (query, narrow) in enumerate(zip(queries(SEARCHES), places, strict=True)):
        if number == SEARCHES // 2:
            peer.settle()
        peer.search(query, narrow)


_tenth = Narrow(("tenth",))

if __name__ == "__main__":
    main()
