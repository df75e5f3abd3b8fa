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
    """The text, without the passwords in URLs, and with `***` in place of tokens.

    More than the password goes where it is not clear where it ends.
    """
    hidden = _PASSWORD.sub(lambda user: f"{user[1]}@" if user[1] else "", text)
    hidden = _USER_OF_WEB.sub(f"{HIDDEN}@", hidden)
    return _PARAMETER.sub(rf"\1{HIDDEN}", hidden)
