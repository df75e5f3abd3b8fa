"""Messages between a memory and its index process: JSON with raw bytes behind it, never pickle."""

from __future__ import annotations

import contextlib
import json
import os
import select
import struct
import time
from typing import Any, TypeAlias

Message: TypeAlias = "dict[str, Any]"

_HEAD = struct.Struct("<II")


class ChannelClosedError(Exception):
    """The other side is gone."""


class Channel:
    """Two pipe ends, one to read messages from and one to write them to.

    Args:
        incoming: file descriptor to read from.
        outgoing: file descriptor to write to.
    """

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._buffer = bytearray()
        self._unsent = bytearray()
        os.set_blocking(outgoing, False)

    def send(self, message: Message, payload: bytes = b"", *, timeout: float = 10.0) -> None:
        """Write one message.

        What the other side does not take within `timeout` seconds is written by `flush`, or before
        the next one: a process that is stopped must not stop this one too.

        Raises:
            ChannelClosedError: the other side is gone.
        """
        text = json.dumps(message, ensure_ascii=True).encode()
        self._unsent += _HEAD.pack(len(text), len(payload)) + text + payload
        self.flush(timeout=timeout)

    def flush(self, *, timeout: float = 0.0) -> None:
        """Write what was not taken yet, as far as it is taken within `timeout` seconds.

        Raises:
            ChannelClosedError: the other side is gone.
        """
        deadline = time.monotonic() + timeout
        try:
            while self._unsent and _is_ready(self._outgoing, select.POLLOUT, deadline):
                with contextlib.suppress(BlockingIOError):
                    del self._unsent[: os.write(self._outgoing, self._unsent)]
        except OSError as error:
            raise ChannelClosedError from error

    def receive(self, timeout: float | None) -> tuple[Message, bytes] | None:
        """The next message and its payload; None if none came whole within `timeout` seconds.

        Raises:
            ChannelClosedError: the other side is gone.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (message := self._whole()) is None:
            if not _is_ready(self._incoming, select.POLLIN, deadline):
                return None
            self._fill()
        return message

    def close(self) -> None:
        """Close both ends."""
        for end in {self._incoming, self._outgoing}:
            os.close(end)

    def _fill(self) -> None:
        try:
            some = os.read(self._incoming, 1 << 16)
        except OSError as error:
            raise ChannelClosedError from error
        if not some:
            raise ChannelClosedError
        self._buffer += some

    def _whole(self) -> tuple[Message, bytes] | None:
        if len(self._buffer) < _HEAD.size:
            return None
        text_size, payload_size = _HEAD.unpack_from(self._buffer)
        end = _HEAD.size + text_size + payload_size
        if len(self._buffer) < end:
            return None
        text = bytes(self._buffer[_HEAD.size : _HEAD.size + text_size])
        payload = bytes(self._buffer[_HEAD.size + text_size : end])
        del self._buffer[:end]
        return json.loads(text), payload


def _is_ready(end: int, event: int, deadline: float | None) -> bool:
    """Whether a pipe end can be used before the deadline; also if its other side is gone."""
    poll = select.poll()  # unlike `select.select`, it takes descriptors above 1,023
    poll.register(end, event)
    left = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
    return bool(poll.poll(left))
