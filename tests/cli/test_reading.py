from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

RECORD = {
    *("id", "scope", "key", "kind", "content", "value", "tags", "metadata", "importance", "source"),
    *("created_at", "updated_at", "expires_at", "valid_from", "valid_to"),
    *("archived_at", "version"),
}


def test_search_finds_and_shows_score_scope_and_text(stocked: Cli) -> None:
    first, second = stocked("search", "cello", "--limit", "1").stdout.splitlines()
    assert "2024-06-01 08:00  message  users/alice" in first
    assert second == "    Alice plays the cello on Mondays"


def test_search_as_json_has_a_stable_shape(stocked: Cli) -> None:
    found = stocked.json("search", "cello", "--mode", "lexical")
    assert set(found) == {"query", "hits", "plan"}
    assert found["query"] == "cello"
    assert found["plan"] is None
    (hit,) = found["hits"]
    assert set(hit) == {"score", "similarity", "lexical", "parts", "record"}
    assert set(hit["record"]) == RECORD


def test_explain_says_how(stocked: Cli) -> None:
    assert stocked.json("search", "cello", "--explain")["plan"]["matches"] == 3
    assert "reason" in stocked("search", "cello", "--explain").stdout


def test_search_stays_in_its_scope(stocked: Cli) -> None:
    hits = stocked.json("search", "peanuts", "--scope", "users/bob")["hits"]
    assert [hit["record"]["scope"] for hit in hits] == ["users/bob"]


def test_nothing_found_is_said_on_standard_error_and_is_no_error(stocked: Cli) -> None:
    nothing = stocked("search", "xylophone", "--mode", "lexical")
    assert (nothing.stdout, nothing.stderr) == ("", "nothing found\n")


def test_list_is_newest_first_and_pages(stocked: Cli) -> None:
    years = [record["created_at"][:4] for record in stocked.json("list")]
    assert years == ["2025", "2024", "2024"]
    page = stocked.json("list", "--limit", "1", "--offset", "2")
    assert [record["key"] for record in page] == ["allergy"]
    assert set(page[0]) == RECORD


def test_list_orders_by_several_fields(stocked: Cli) -> None:
    listed = stocked.json("list", "--order-by", "-kind", "--order-by", "created_at")
    assert [(one["kind"], one["created_at"][:4]) for one in listed] == [
        ("message", "2024"),
        ("fact", "2024"),
        ("fact", "2025"),
    ]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ('{"topic": "food"}', 2),
        ('{"topic": "food", "stars": {"$gte": 4}}', 1),
        ('{"@created_at": {"$gte": "2024-06-01T00:00:00Z"}}', 2),
        ('{"$not": {"@created_at": {"$lt": "2024-06-01T00:00:00Z"}}}', 2),
        ('{"$or": [{"@key": "allergy"}, {"stars": {"$in": [1]}}]}', 2),
        ('{"@tags": {"$contains": "health"}}', 1),
    ],
)
def test_filters_are_json_with_times_as_text(stocked: Cli, condition: str, found: int) -> None:
    assert len(stocked.json("list", "--filter", condition)) == found


@pytest.mark.parametrize(
    "condition", ["{", "[]", '{"a": NaN}', '{"@created_at": "soon"}', "[" * 100_000]
)
def test_a_filter_that_is_not_json_is_wrong_usage(stocked: Cli, condition: str) -> None:
    assert "--filter" in stocked("list", "--filter", condition, code=2).stderr


def test_an_unknown_operator_is_refused_by_name(stocked: Cli) -> None:
    refused = stocked("list", "--filter", '{"stars": {"$near": 4}}', code=1)
    assert refused.stderr.startswith("error: unknown operator '$near'")


def test_kinds_and_tags_narrow(stocked: Cli) -> None:
    assert len(stocked.json("list", "--kind", "message", "--kind", "fact")) == 3
    assert len(stocked.json("list", "--tag", "health")) == 1


def test_show_by_id_and_by_key(stocked: Cli) -> None:
    by_key = stocked.json("show", "--key", "allergy", "--scope", "users/alice")
    assert stocked.json("show", by_key["id"]) == by_key
    shown = stocked("show", by_key["id"]).stdout
    assert shown.endswith("\n\nAlice is allergic to peanuts\n")
    assert 'metadata    {"topic": "food", "stars": 5}' in shown


def test_a_record_of_another_scope_does_not_exist(stocked: Cli) -> None:
    theirs = stocked.json("list", "--scope", "users/bob")[0]["id"]
    refused = stocked("show", theirs, "--scope", "users/alice", code=1)
    assert refused.stderr.startswith("error: there is no record with id")


@pytest.mark.parametrize("args", [(), ("some-id", "--key", "allergy")])
def test_show_takes_an_id_or_a_key(stocked: Cli, args: tuple[str, ...]) -> None:
    stocked("show", *args, code=2)


def test_scopes_with_their_counts(stocked: Cli) -> None:
    assert stocked.json("scopes") == [
        {"scope": "users/alice", "records": 2},
        {"scope": "users/bob", "records": 1},
    ]
    assert stocked.json("scopes", "--depth", "1") == [{"scope": "users", "records": 3}]
    assert stocked("scopes", "--depth", "0").stdout == "        3  (root)\n"


@pytest.mark.parametrize(
    "args",
    [
        *(("search", "x"), ("list",), ("show", "x"), ("delete", "x"), ("scopes",)),
        *(("events",), ("events", "--follow"), ("stats",), ("verify",), ("repair",)),
        *(("stats",), ("verify",), ("repair",)),
        *(("link", "x", "y"), ("unlink", "x", "y"), ("links", "x"), ("related", "x")),
    ],
)
def test_reading_where_no_memory_is_makes_none(cli: Cli, args: tuple[str, ...]) -> None:
    cli.memory.mkdir()
    assert "there is no memory at" in cli(*args, code=1).stderr
    assert not any(cli.memory.iterdir())


def test_the_option_beats_the_environment(stocked: Cli) -> None:
    elsewhere = str(stocked.memory.parent / "elsewhere")
    stocked("add", "Tea", "-m", elsewhere)
    assert len(stocked.json("list", "-m", elsewhere)) == 1
    assert len(stocked.json("list")) == 3


@pytest.mark.parametrize("scope", ["users//alice", "/users", "users\\"])
def test_a_malformed_scope_is_refused(stocked: Cli, scope: str) -> None:
    assert stocked("list", "--scope", scope, code=1).stderr.startswith("error: ")
