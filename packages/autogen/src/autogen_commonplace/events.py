"""What this package logs for programs to read, in the way of `autogen_core.logging`."""

from __future__ import annotations

import json

from commonplace.errors import CommonplaceError


class RecallFailedEvent:
    """Memories could not be recalled; the agent went on without them.

    It is the message of a warning of the logger `autogen_core.EVENT_LOGGER_NAME`.

    Attributes:
        kwargs: `type` (`"RecallFailed"`), `memory` (its name), `error` (the type) and `detail`:
            what a Commonplace error says, which never has the text of a memory; of other errors
            nothing.
    """

    def __init__(self, *, memory: str, error: Exception) -> None:
        self.kwargs = {
            "type": "RecallFailed",
            "memory": memory,
            "error": type(error).__name__,
            "detail": str(error) if isinstance(error, CommonplaceError) else "",
        }

    def __str__(self) -> str:
        return json.dumps(self.kwargs)
