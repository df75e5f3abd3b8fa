"""Work in a thread, so that the event loop goes on; cancelled as AutoGen's tokens say."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from autogen_core import CancellationToken

T = TypeVar("T")


async def in_thread(work: Callable[[], T], token: CancellationToken | None = None) -> T:
    """What the work gives or raises, in a worker thread.

    Cancelled before it began, by the token or the task, it is never done. Cancelled later, it is
    waited for first, so that a write is wholly in or wholly out when the caller goes on.

    Raises:
        asyncio.CancelledError: it was cancelled.
    """
    cancelled = False

    def run() -> T:
        if cancelled or (token is not None and token.is_cancelled()):
            return cast("T", None)  # nobody waits for it any more
        return work()

    if token is not None and token.is_cancelled():
        raise asyncio.CancelledError
    thread = asyncio.ensure_future(asyncio.to_thread(run))
    waiter = asyncio.shield(thread)
    if token is not None:
        token.link_future(waiter)
    try:
        return await waiter
    except asyncio.CancelledError:
        cancelled = True
        await _ended(thread)
        raise


async def _ended(thread: asyncio.Future[T]) -> None:
    """Wait for the thread, whoever else cancels, and leave its outcome."""
    while not thread.done():
        try:
            await asyncio.wait([thread])
        except asyncio.CancelledError:
            continue
    if not thread.cancelled():
        thread.exception()  # seen, so that asyncio does not complain of it
