from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.pgserver import place_of

from commonplace import Memory

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


def test_events_for_people(stocked: Cli) -> None:
    stocked("delete", "--filter", '{"topic": "music"}', "--yes")
    lines = [line.split() for line in stocked("events").stdout.splitlines()]
    assert [line[0] for line in lines] == ["1", "2", "3", "4"]
    assert [line[3] for line in lines] == ["add", "add", "add", "delete"]
    assert lines[1][4:] == lines[3][4:]
    assert lines[1][5:] == ["v1", "users/alice"]


def test_events_as_json_hold_no_text(stocked: Cli) -> None:
    found = stocked.json("events")
    shape = {"seq", "at", "operation", "record_id", "scope", "version", "detail"}
    assert all(set(event) == shape for event in found)
    assert [event["scope"] for event in found] == ["users/alice", "users/alice", "users/bob"]
    assert "peanuts" not in stocked("events", "--json").stdout


def test_events_page_and_narrow(stocked: Cli) -> None:
    assert [event["seq"] for event in stocked.json("events", "--after", "1")] == [2, 3]
    assert [event["seq"] for event in stocked.json("events", "--limit", "1")] == [1]
    assert len(stocked.json("events", "--scope", "users/bob")) == 1
    assert stocked.json("events", "--operation", "delete", "--operation", "move") == []


def test_hostile_ids_and_scopes_are_shown_and_not_obeyed(cli: Cli) -> None:
    with Memory(cli.memory) as memory:
        memory.add("x", id="\x1b[31mred", scope="[bold]\u202eevil", embed=False)
    line = cli("events").stdout
    assert "\\x1b[31mred" in line
    assert "[bold]\\u202eevil" in line


@pytest.mark.parametrize("args", [("--after", "-1"), ("--after", "x"), ("--limit", "-1")])
def test_malformed_options_are_wrong_usage(stocked: Cli, args: tuple[str, ...]) -> None:
    stocked("events", *args, code=2)


def test_an_operation_that_is_none_is_refused(stocked: Cli) -> None:
    for wrong in ("Add", "foo"):
        assert "'supersede'" in stocked("events", "--operation", wrong, code=1).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_following_tells_what_there_is_and_what_comes_until_interrupted(stocked: Cli) -> None:
    # A test run in the background by a shell hands on that interrupts are ignored.
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from commonplace.cli import main; main()"
    )
    follower = subprocess.Popen(
        [sys.executable, "-c", program, "events", "--follow", "--json", "--after", "1"],
        env={**os.environ, "COMMONPLACE_MEMORY": place_of(stocked.memory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    try:
        told = [json.loads(follower.stdout.readline()) for _ in range(2)]
        with Memory(stocked.memory, index="exact") as memory:
            memory.add("new", id="new", embed=False)
            told.append(json.loads(follower.stdout.readline()))
            memory.delete("new")
            told.append(json.loads(follower.stdout.readline()))
        follower.send_signal(signal.SIGINT)
        rest, complaints = follower.communicate(timeout=120)
    finally:
        follower.kill()
        follower.communicate()
    assert [event["seq"] for event in told] == [2, 3, 4, 5]
    assert told[3]["operation"] == "delete"
    assert (follower.returncode, rest, complaints) == (0, "", "")
