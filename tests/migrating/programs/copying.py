"""Migrates a memory in small lots, and is killed at a point by who runs it.

Arguments: the source, the target.
"""

from __future__ import annotations

import sys

from commonplace import migrate
from commonplace.moving import migrating
from commonplace.testing import crash

ROWS_AT_ONCE = 25


def main() -> None:
    source, target = sys.argv[1:]
    setattr(migrating, "_ROWS_AT_ONCE", ROWS_AT_ONCE)  # noqa: B010 - not ours to set but for a test
    crash.say(migrate(source, target).to_dict())


if __name__ == "__main__":
    main()
