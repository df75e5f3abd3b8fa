"""The figures of the tests of reliability: one JSON line each, kept where `--figures` says."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Figures:
    """Takes what one test counted.

    Attributes:
        name: the test's.
        nightly: whether it is the full form.
        directory: where the line is kept; None to print it only.
    """

    name: str
    nightly: bool
    started: float
    directory: Path | None

    def __call__(self, number: int, **counted: float | str) -> None:
        """Print the line, and keep it.

        Args:
            number: which of the thirty tests of docs/trust.md it belongs to.
            counted: what was counted, such as `kills=200, lost=0`.
        """
        line = {
            "test": number,
            "name": self.name,
            "form": "full" if self.nightly else "quick",
            "date": datetime.now(UTC).date().isoformat(),
            "seconds": round(time.monotonic() - self.started, 1),
            "figures": counted,
        }
        text = json.dumps(line)
        print(text)  # noqa: T201 - the figure is the point
        if self.directory is not None:
            self.directory.mkdir(parents=True, exist_ok=True)
            (self.directory / f"{number:02}-{self.name}.json").write_text(text + "\n")
