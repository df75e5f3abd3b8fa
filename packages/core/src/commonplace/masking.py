"""What may be shown of a path or URL that may hold a password."""

from __future__ import annotations

import re

HIDDEN = "***"

_PASSWORD = re.compile(r"(?<=://)([^:/?#\s]*):\S*@")
_USER_OF_WEB = re.compile(r"(?<=http://)[^/?#\s]*@|(?<=https://)[^/?#\s]*@", re.IGNORECASE)
_PARAMETER = re.compile(
    r"([?&;][^=&;\s]*(?:pass|pwd|secret|token|key|auth|credential)[^=&;\s]*=)[^&;#\s]*",
    re.IGNORECASE,
)


def masked(text: str) -> str:
    """The text, with `***` in place of passwords and tokens in URLs.

    More than the password goes where it is not clear where it ends.
    """
    hidden = _PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    hidden = _USER_OF_WEB.sub(f"{HIDDEN}@", hidden)
    return _PARAMETER.sub(rf"\1{HIDDEN}", hidden)
