"""How many tokens a message takes, without a tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from commonplace.message import Message

    TokenCounter: TypeAlias = Callable[[Message], int]
    """How many tokens a message takes."""

MESSAGE_TOKENS = 3
_ASCII_PER_TOKEN = 4
_FIRST_IDEOGRAPH = 0x2E80


def approximate_tokens(text: str) -> int:
    """About how many tokens a text takes in a prompt, the frame of its message included.

    Four ASCII characters, two of other alphabets or one ideograph make a token, and a message takes
    three more (OpenAI's rule of thumb; LangChain's `count_tokens_approximately` counts so too, but
    takes four ideographs for a token).
    """
    if text.isascii():
        return MESSAGE_TOKENS + -(-len(text) // _ASCII_PER_TOKEN)
    quarters = sum(_quarters(character) for character in text)
    return MESSAGE_TOKENS + -(-quarters // _ASCII_PER_TOKEN)


def _quarters(character: str) -> int:
    """How many quarters of a token a character takes."""
    if character.isascii():
        return 1
    return 2 if ord(character) < _FIRST_IDEOGRAPH else 4
