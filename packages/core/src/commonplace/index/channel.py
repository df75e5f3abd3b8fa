"""Messages between a memory and its index process: JSON with raw bytes behind it, never pickle."""

from __future__ import annotations

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

    def send(self, message: Message, payload: bytes = b"") -> None:
        """Write one message.

        Raises:
            ChannelClosedError: the other side is gone.
        """
        text = json.dumps(message, ensure_ascii=True).encode()
        rest = memoryview(_HEAD.pack(len(text), len(payload)) + text + payload)
        try:
            while rest:
                rest = rest[os.write(self._outgoing, rest) :]
        except OSError as error:
            raise ChannelClosedError from error

    def receive(self, timeout: float | None) -> tuple[Message, bytes] | None:
        """The next message and its payload; None if none came whole within `timeout` seconds.

        Raises:
            ChannelClosedError: the other side is gone.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while (message := self._whole()) is None:
            wait = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._incoming], [], [], wait)[0]:
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
