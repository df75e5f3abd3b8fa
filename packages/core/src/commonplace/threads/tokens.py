"""How many tokens a message takes, without a tokenizer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from commonplace.message import Message

    TokenCounter: TypeAlias = Callable[[Message], int]
    """How many tokens a message takes."""

MESSAGE_TOKENS = 3
_ASCII_PER_TOKEN = 4
_IDEOGRAPHS = re.compile("[\u2e80-\U0010ffff]+")


def approximate_tokens(text: str) -> int:
    """About how many tokens a text takes in a prompt, the frame of its message included.

    Four ASCII characters, two of other alphabets or one ideograph make a token, and a message takes
    three more (OpenAI's rule of thumb; LangChain's `count_tokens_approximately` counts so too, but
    takes four ideographs for a token).
    """
    if text.isascii():
        return MESSAGE_TOKENS + -(-len(text) // _ASCII_PER_TOKEN)
    ascii_only = len(text.encode("ascii", "ignore"))
    ideographs = len(text) - len(_IDEOGRAPHS.sub("", text))
    quarters = ascii_only + 2 * (len(text) - ascii_only - ideographs) + 4 * ideographs
    return MESSAGE_TOKENS + -(-quarters // _ASCII_PER_TOKEN)
