from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


@pytest.fixture
def linked(cli: Cli) -> Cli:
    """Three records in a row: a causes b, b is related to c."""
    for name in "abc":
        cli("add", "-", "--scope", f"users/{name}", "--key", name, stdin=f"text {name}")
    a, b, c = (cli.json("show", "--key", name, "--scope", f"users/{name}")["id"] for name in "abc")
    cli("link", a, b, "--type", "causes", "--weight", "0.5", "--reason", "seen\x1b[31m twice")
    cli("link", b, c)
    return cli


def ids(cli: Cli) -> list[str]:
    return [record["id"] for record in cli.json("list", "--order-by", "created_at")]


def test_link_says_what_it_made(linked: Cli) -> None:
    a, _, c = ids(linked)
    assert linked("link", a, c, "--weight", "0.25").stdout == f" 0.250  {a} -related-> {c}\n"
    made = linked.json("link", c, a, "--type", "about", "--metadata", '{"n": 1}', "--reason", "r")
    assert set(made) == {
        *("source_id", "target_id", "type", "weight", "reason", "metadata", "created_at")
    }
    assert (made["source_id"], made["target_id"], made["type"]) == (c, a, "about")
    assert (made["weight"], made["reason"], made["metadata"]) == (1.0, "r", {"n": 1})


def test_links_are_listed_strongest_first_and_control_characters_are_shown(linked: Cli) -> None:
    a, b, c = ids(linked)
    assert linked("links", b).stdout == (
        f" 1.000  {b} -related-> {c}\n 0.500  {a} -causes-> {b}  seen\\x1b[31m twice\n"
    )
    assert [one["target_id"] for one in linked.json("links", b)] == [c, b]
    assert [one["target_id"] for one in linked.json("links", b, "--direction", "in")] == [b]
    assert [one["target_id"] for one in linked.json("links", b, "--type", "related")] == [c]
    assert len(linked.json("links", b, "--limit", "1", "--offset", "1")) == 1
    assert linked.json("links", "nobody") == []


def test_unlink_says_how_many(linked: Cli) -> None:
    a, b, c = ids(linked)
    assert linked("unlink", a, b, "--type", "related").stdout == "removed 0 links\n"
    assert linked("unlink", a, b).stdout == "removed 1 link\n"
    assert linked.json("unlink", b, c) == {"removed": 1}
    assert linked.json("links", b) == []


def test_related_by_id_and_by_query(linked: Cli) -> None:
    a, b, c = ids(linked)
    found = linked.json("related", a)
    assert [(one["record"]["id"], one["hops"], one["score"]) for one in found] == [
        (b, 1, 0.25),
        (c, 2, 0.125),
    ]
    assert set(found[0]) == {"score", "hops", "path", "record"}
    lines = linked("related", a, "--hops", "1", "--decay", "1").stdout.splitlines()
    assert lines[0].startswith(f" 0.500  1 hop   {b}  ")
    assert lines[1:] == ["    text b"]
    assert linked.json("related", a, "--type", "about") == []
    assert linked.json("related", a, "--direction", "in") == []
    assert linked.json("related", "--query", "text", "--limit", "1")[0]["hops"] == 0


def test_nothing_related_is_said_on_standard_error_and_is_no_error(linked: Cli) -> None:
    nothing = linked("related", "nobody")
    assert (nothing.stdout, nothing.stderr) == ("", "nothing found\n")


def test_a_scope_hides_what_lies_outside(linked: Cli) -> None:
    a, b, _ = ids(linked)
    assert linked.json("links", a, "--scope", "users/a") == []
    assert linked.json("related", a, "--scope", "users/a") == []
    assert linked.json("unlink", a, b, "--scope", "users/a") == {"removed": 0}
    refused = linked("link", a, b, "--scope", "users/a", code=1)
    assert refused.stderr.startswith("error: no record")


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("link", "a"), 2),
        (("link", "a", "a"), 1),
        (("link", "a", "b", "--weight", "7"), 1),
        (("link", "a", "b", "--metadata", "[]"), 2),
        (("links", "a", "--direction", "up"), 2),
        (("related",), 2),
        (("related", "a", "--query", "b"), 2),
        (("related", "a", "--hops", "0"), 1),
    ],
)
def test_what_is_wrong_is_refused(linked: Cli, args: tuple[str, ...], code: int) -> None:
    assert linked(*args, code=code).stderr
    assert len(linked.json("links", ids(linked)[1])) == 2
