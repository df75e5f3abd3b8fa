"""`CommonplaceChatMessageHistory`: the messages of one session, kept in a thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.chat_history import BaseChatMessageHistory

from commonplace import AsyncThread
from langchain_commonplace._convert import FACE, as_message, message_fields
from langchain_commonplace._opening import MemoryLike, Opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

    from commonplace.scope import ScopeLike


class CommonplaceChatMessageHistory(Opened, BaseChatMessageHistory):
    """The messages of a session, in order, with every field they had.

    The session is a thread of the memory: `Memory.thread(session_id)` gives windows and summaries
    of the same messages, and other faces read them too. Making a history reads and writes nothing,
    so that `RunnableWithMessageHistory` may make one for every call.

    ```python
    chain = RunnableWithMessageHistory(
        model, lambda session_id: CommonplaceChatMessageHistory(session_id, memory)
    )
    ```

    A message whose id is in the session already takes its place there, so that adding the same
    message twice changes nothing. (LangChain deprecates chat histories since 1.6.4, to be removed
    in 2.0; for agents there is `CommonplaceMemoryMiddleware`.)

    Args:
        session_id: the thread's name.
        memory: a `Memory`, which is never closed here, or the path of one, which `close` closes.
        scope: where the thread is; the memory's root, or that of the view, by default.
    """

    def __init__(
        self, session_id: str, memory: MemoryLike, *, scope: ScopeLike | None = None
    ) -> None:
        view = self._open(memory)
        if scope is not None:
            view = view.scope(scope)
        self._thread = view.thread(session_id, source={"app": FACE, "thread": session_id})

    @property
    def messages(self) -> list[BaseMessage]:  # pyright: ignore[reportIncompatibleVariableOverride] - upstream's own example has a property here
        """All messages of the session, in order."""
        return [as_message(message) for message in self._thread.messages()]

    async def aget_messages(self) -> list[BaseMessage]:
        """See `messages`."""
        return [as_message(message) for message in await AsyncThread(self._thread).messages()]

    def add_messages(self, messages: Sequence[BaseMessage]) -> None:
        """Write the messages at the end, all of them or none.

        Raises:
            InvalidInputError: one of them holds what is not JSON; nothing was written.
        """
        self._thread.add([message_fields(message) for message in messages])

    async def aadd_messages(self, messages: Sequence[BaseMessage]) -> None:
        """See `add_messages`."""
        await AsyncThread(self._thread).add([message_fields(message) for message in messages])

    def clear(self) -> None:
        """Remove all messages of the session, and its summary."""
        self._thread.clear()

    async def aclear(self) -> None:
        """See `clear`."""
        await AsyncThread(self._thread).clear()
