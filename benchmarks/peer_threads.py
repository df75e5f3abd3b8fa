"""Stores of conversations that others ship, each with one conversation on a file."""

from __future__ import annotations

import asyncio
import sqlite3
import warnings
from typing import TYPE_CHECKING, Any

from langgraph.store.base import PutOp
from langgraph.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class LangChainPeer:
    """LangChain's `SQLChatMessageHistory`, which reads a conversation as a whole."""

    name = "SQLChatMessageHistory"

    def __init__(self, path: Path) -> None:
        with warnings.catch_warnings(action="ignore"):  # langchain-community says it is retired
            from langchain_community.chat_message_histories import SQLChatMessageHistory  # noqa: PLC0415
            from langchain_core.messages import HumanMessage  # noqa: PLC0415
        self._message = HumanMessage
        self._history: Any = SQLChatMessageHistory("bench", connection=f"sqlite:///{path}")

    def add(self, texts: Sequence[str]) -> None:
        """Append messages."""
        self._history.add_messages([self._message(text) for text in texts])

    def latest(self, number: int) -> int:
        """Read the latest messages; how many came."""
        return len(self._history.messages[-number:])

    def close(self) -> None:
        """Release the file."""
        self._history.engine.dispose()


class OpenAIPeer:
    """OpenAI Agents' `SQLiteSession`."""

    name = "SQLiteSession"

    def __init__(self, path: Path) -> None:
        from agents import SQLiteSession  # noqa: PLC0415 - takes seconds

        self._loop = asyncio.new_event_loop()
        self._session = SQLiteSession("bench", path)

    def add(self, texts: Sequence[str]) -> None:
        """Append messages."""
        items: Any = [{"role": "user", "content": text} for text in texts]
        self._loop.run_until_complete(self._session.add_items(items))

    def latest(self, number: int) -> int:
        """Read the latest messages; how many came."""
        return len(self._loop.run_until_complete(self._session.get_items(limit=number)))

    def close(self) -> None:
        """Release the file."""
        self._session.close()
        self._loop.close()


class LangGraphPeer:
    """LangGraph's `SqliteStore` without an index: one item a message, one namespace a thread."""

    name = "SqliteStore"

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._store = SqliteStore(self._connection)
        self._store.setup()
        self._number = 0

    def add(self, texts: Sequence[str]) -> None:
        """Append messages."""
        self._store.batch([self._put(text) for text in texts])

    def latest(self, number: int) -> int:
        """Read the latest messages; how many came."""
        return len(self._store.search(("threads", "bench"), limit=number))

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def _put(self, text: str) -> PutOp:
        self._number += 1
        value = {"role": "user", "content": text}
        return PutOp(("threads", "bench"), f"{self._number:09}", value)
