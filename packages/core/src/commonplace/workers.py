"""Work done in a worker thread for asynchronous code."""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    R = TypeVar("R")


async def in_thread(work: Callable[[], R]) -> R:
    """What the work gives or raises, in a worker thread.

    The task group waits for the thread whoever cancels: on its own, `anyio.to_thread` leaves it
    running behind `asyncio.Task.cancel`, from which its scopes do not shield.
    """
    outcome: Future[R] = Future()

    def run() -> None:
        try:
            outcome.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised below, in the caller's task
            outcome.set_exception(error)

    async with anyio.create_task_group() as group:
        group.start_soon(anyio.to_thread.run_sync, run)
    return outcome.result()
