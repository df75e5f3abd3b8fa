"""`IndexProcess`: the memory's side of its index process: starting it, asking it, ending it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from commonplace.index.channel import Channel, ChannelClosedError

if TYPE_CHECKING:
    from commonplace.index.channel import Message

_SEND_SECONDS = 0.25
_END_SECONDS = 10.0
_WORKING = 0.002
_TIMES = 10


class IndexProcess:
    """A process that serves one index, from its start to its end.

    Args:
        name: what shows in a list of processes whose index it serves.
        hello: what it is to serve. It may hold secrets, so it goes through a pipe.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, name: str, hello: Message) -> None:
        self.popen = subprocess.Popen(  # noqa: S603 - our own module, no shell
            [sys.executable, "-P", "-m", "commonplace.index.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        try:
            self._channel: Channel | None = _channel(self.popen)
        except OSError:
            self.kill()
            raise
        self.ready = False
        self._message = 0
        self._answered = 0
        self._asked = self._seen = time.monotonic()
        self._worked = 0.0
        try:
            self._tell({"do": "hello", **hello}, timeout=_SEND_SECONDS)
        except ChannelClosedError:
            self.end()

    def is_stuck(self, seconds: float) -> bool:
        """Whether it owes an answer and has done nothing for so many seconds.

        On a machine that is very busy it may take long over little. What it does not answer ten
        times as long is no matter of that.
        """
        now = time.monotonic()
        if self._answered == self._message or now - self._seen < seconds:
            return False
        worked = self._work()
        idle = worked - self._worked < _WORKING * (now - self._seen)
        self._seen, self._worked = now, worked
        return idle or now - self._asked >= _TIMES * seconds

    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self.popen.poll() is None

    def is_stopped(self) -> bool:
        """Whether a signal has stopped it, where that can be told."""
        return self._figures()[:1] in [["T"], ["t"]]

    def is_idle(self) -> bool:
        """Whether all that it was asked is answered: a busy process is not asked more.

        Raises:
            ChannelClosedError: it is gone.
        """
        if self._answered < self._message:
            self._receive(self._message, 0)
        return self._answered == self._message

    def is_ready(self, *, patience: float | None = None) -> bool:
        """Whether it has begun to serve.

        Args:
            patience: wait for it, until it was stuck for so many seconds.

        Raises:
            ChannelClosedError: it is gone.
        """
        if not self.ready and patience is None:
            self._receive(1, 0)
        elif not self.ready and patience is not None:
            self._awaited(1, patience)
        return self.ready

    def ask(self, message: Message, payload: bytes = b"", *, timeout: float) -> Message | None:
        """The answer to a question; None if there is none within so many seconds.

        Raises:
            ChannelClosedError: it is gone.
        """
        deadline = time.monotonic() + timeout
        self._tell(message, payload, timeout=timeout)
        return self._receive(self._message, max(0.0, deadline - time.monotonic()))

    def ask_patiently(self, message: Message, *, patience: float) -> Message | None:
        """As `ask`; None if it was stuck for so many seconds.

        Raises:
            ChannelClosedError: it is gone.
        """
        self._tell(message, timeout=patience)
        return self._awaited(self._message, patience)

    def end(self) -> int:
        """Wait for it to end by itself, and kill it if it does not; its exit code."""
        self._drop_channel()
        try:
            return self.popen.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return self.kill()

    def kill(self) -> int:
        """End it at once: what it would still write is not wanted; its exit code."""
        self._drop_channel()
        self.popen.kill()
        return self.popen.wait()

    def _tell(self, message: Message, payload: bytes = b"", *, timeout: float) -> None:
        if self._channel is None:
            raise ChannelClosedError
        if self._answered == self._message:
            self._asked = self._seen = time.monotonic()
            self._worked = self._work()
        self._message += 1
        self._channel.send({**message, "id": self._message}, payload, timeout=timeout)

    def _receive(self, wanted: int, timeout: float) -> Message | None:
        """The answer to one message; late answers to earlier ones are dropped.

        Whatever it answers, it has begun to serve: what it was told first it answers first.
        """
        deadline = time.monotonic() + timeout
        if self._channel is None:
            raise ChannelClosedError
        while True:
            received = self._channel.receive(max(0.0, deadline - time.monotonic()))
            if received is None:
                return None
            self.ready = True
            self._answered = received[0]["id"]
            self._asked = self._seen = time.monotonic()
            if self._answered >= wanted:
                return received[0]

    def _awaited(self, wanted: int, patience: float) -> Message | None:
        while (answer := self._receive(wanted, patience)) is None:
            if self.is_stuck(patience):
                return None
        return answer

    def _work(self) -> float:
        """How many seconds of a processor it has had; 0 where that cannot be told."""
        figures = self._figures()
        if not figures:
            return 0.0
        return (int(figures[11]) + int(figures[12])) / os.sysconf("SC_CLK_TCK")

    def _figures(self) -> list[str]:
        """What Linux tells of it, from its state on; nothing elsewhere."""
        try:
            text = Path(f"/proc/{self.popen.pid}/stat").read_text()
        except OSError:
            return []
        return text.rpartition(")")[2].split()

    def _drop_channel(self) -> None:
        channel, self._channel = getattr(self, "_channel", None), None
        if channel is not None:
            channel.close()


def _channel(process: subprocess.Popen[bytes]) -> Channel:
    """The pipes to a process, taken over from it."""
    assert process.stdin and process.stdout  # noqa: S101, PT018 - they were asked for
    with process.stdin, process.stdout:
        incoming = os.dup(process.stdout.fileno())
        try:
            return Channel(incoming, os.dup(process.stdin.fileno()))
        except OSError:
            os.close(incoming)
            raise
