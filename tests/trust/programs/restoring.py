"""Restores a backup in the place of a memory, and is killed at a named point.

Arguments: the backup, the memory's directory, the point.
"""

from __future__ import annotations

import os
import signal
import sys

from commonplace import failpoints, restore_backup


def main() -> None:
    backup, path, point = sys.argv[1:]
    failpoints.arm(lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == point else None)
    restore_backup(backup, path, replace=True)


if __name__ == "__main__":
    main()
