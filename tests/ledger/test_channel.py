"""Messages between a memory and its index process, over real pipes."""

from __future__ import annotations

import functools
import os
import resource
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonplace.index.channel import Channel, ChannelClosedError

if TYPE_CHECKING:
    from collections.abc import Iterator

MESSAGES = st.lists(
    st.tuples(st.dictionaries(st.text(), st.integers() | st.text()), st.binary(max_size=200)),
    max_size=5,
)


class Pair:
    """Two channels, each other's other side."""

    def __init__(self) -> None:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        self.ours = Channel(ours_in, ours_out)
        self.theirs = Channel(theirs_in, theirs_out)
        self._open = [self.ours, self.theirs]

    def end(self, side: Channel) -> None:
        self._open.remove(side)
        side.close()

    def close(self) -> None:
        while self._open:
            self.end(self._open[0])


@pytest.fixture
def pair() -> Iterator[Pair]:
    made = Pair()
    yield made
    made.close()


@given(MESSAGES)
def test_what_is_sent_arrives_whole_and_in_order(
    messages: list[tuple[dict[str, int | str], bytes]],
) -> None:
    pair = Pair()
    try:
        for message, payload in messages:
            pair.ours.send(message, payload)
        assert [pair.theirs.receive(60) for _ in messages] == messages
        assert pair.theirs.receive(0) is None
    finally:
        pair.close()


def test_a_message_larger_than_the_pipe_arrives_in_parts(pair: Pair) -> None:
    payload = os.urandom(3_000_000)
    send = functools.partial(pair.ours.send, {"n": 1}, payload, timeout=60)
    thread = threading.Thread(target=send)
    thread.start()
    assert pair.theirs.receive(60) == ({"n": 1}, payload)
    thread.join()


def test_a_part_of_a_message_is_kept_until_the_rest_comes() -> None:
    incoming, feed = os.pipe()
    spare, outgoing = os.pipe()
    channel = Channel(incoming, outgoing)
    raw = struct.pack("<II", 9, 3) + b'{"id": 1}' + b"abc"
    for byte in raw[:-1]:
        os.write(feed, bytes([byte]))
        assert channel.receive(0) is None
    os.write(feed, raw[-1:] + raw)
    assert channel.receive(0) == ({"id": 1}, b"abc")
    assert channel.receive(0) == ({"id": 1}, b"abc")
    os.close(feed)
    with pytest.raises(ChannelClosedError):
        channel.receive(None)
    channel.close()
    os.close(spare)


def test_the_end_of_the_other_side_is_noticed_in_both_directions(pair: Pair) -> None:
    pair.theirs.send({"last": True})
    pair.end(pair.theirs)
    assert pair.ours.receive(60) == ({"last": True}, b"")
    with pytest.raises(ChannelClosedError):
        pair.ours.receive(60)
    with pytest.raises(ChannelClosedError):
        pair.ours.send({"anyone": "there"})


def test_the_end_of_the_other_side_is_noticed_while_waiting(pair: Pair) -> None:
    thread = threading.Timer(0.05, pair.end, [pair.theirs])
    thread.start()
    with pytest.raises(ChannelClosedError):
        pair.ours.receive(60)
    thread.join()


def test_a_side_that_does_not_read_stops_nobody(pair: Pair) -> None:
    """Regression: with a stopped index process the 185th search never returned."""
    payload = os.urandom(100_000)
    started = time.monotonic()
    pair.ours.send({"n": 0}, payload, timeout=0.1)
    pair.ours.send({"n": 1}, payload, timeout=0.1)
    assert time.monotonic() - started < 60
    received: list[object] = []

    def read() -> None:
        received.extend(pair.theirs.receive(60) for _ in range(3))

    thread = threading.Thread(target=read)
    thread.start()
    pair.ours.send({"n": 2}, timeout=60)  # what was left is sent before it
    thread.join()
    assert received == [({"n": 0}, payload), ({"n": 1}, payload), ({"n": 2}, b"")]


def test_a_process_of_many_files_may_have_a_channel() -> None:
    """Regression: `select.select` refuses descriptors above 1,023, and searches raised."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 1_100
    if hard < wanted:
        pytest.skip("this machine allows too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    many = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_030)]
    try:
        pair = Pair()
        pair.ours.send({"id": 1})
        assert pair.theirs.receive(60) == ({"id": 1}, b"")
        assert pair.theirs.receive(0.01) is None
        pair.close()
    finally:
        for file in many:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_was_not_taken_in_time_is_written_without_another_message(pair: Pair) -> None:
    """Regression: a large answer that came late was never whole: each side waited for the other."""
    payload = b"x" * 300_000
    pair.ours.send({"id": 1}, payload, timeout=0)
    received = None
    while received is None:
        received = pair.theirs.receive(0.1)
        pair.ours.flush()
    assert received == ({"id": 1}, payload)
