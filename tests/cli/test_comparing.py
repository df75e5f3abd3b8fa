from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from commonplace import Encryption, Memory

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli


@pytest.fixture
def here(cli: Cli) -> Cli:
    with Memory(cli.memory) as memory:
        memory.add("both know it", id="both", scope="x")
        memory.add("they see it differently", id="apart", scope="x")
        memory.add("only here", id="here", scope="y")
    return cli


@pytest.fixture
def there(tmp_path: Path) -> Path:
    path = tmp_path / "there"
    with Memory(path) as memory:
        memory.add("both know it", id="both", scope="x")
        memory.add("they see it in another way", id="apart", scope="x", tags=["t"])
        memory.add("only there", id="there", scope="x/z")
    return path


def ids(cli: Cli) -> list[str]:
    return sorted(one["id"] for one in cli.json("list"))


def test_diff_for_people(here: Cli, there: Path) -> None:
    assert here("diff", str(there)).stdout.splitlines() == [
        "+ there",
        "- here",
        "~ apart  content, tags; newer there",
        "+1 -1 ~1, 1 the same",
    ]


def test_diff_as_json(here: Cli, there: Path) -> None:
    found = here.json("diff", str(there))
    assert (found["added"], found["removed"], found["same"]) == (["there"], ["here"], 1)
    (change,) = found["changed"]
    assert set(change) == {"id", "other_id", "fields", "newer"}


def keys_file(path: Path, key: bytes) -> str:
    path.write_text(json.dumps({"keys": {"k": key.hex()}}))
    return str(path)


@pytest.mark.files
def test_each_memory_has_keys_of_its_own(here: Cli, tmp_path: Path) -> None:
    ours, theirs = bytes(32), bytes([7]) * 32
    path = tmp_path / "sealed"
    with Memory(path, encryption=Encryption(keys={"k": theirs})) as memory:
        memory.add("only there", id="there", scope="x")
    other = keys_file(tmp_path / "theirs.json", theirs)
    refused = here("merge", str(path), code=1).stderr
    assert "--other-keys" in refused
    assert "'k'" in refused
    wrong = keys_file(tmp_path / "ours.json", ours)
    assert "not the one" in here("merge", str(path), "--other-keys", wrong, code=1).stderr
    assert here.json("diff", str(path), "--other-keys", other)["added"] == ["there"]
    assert here.json("merge", str(path), "--other-keys", other)["added"] == 1
    assert ids(here) == ["apart", "both", "here", "there"]  # it is still open without keys
    assert here.json("sync", str(path), "--other-keys", other)["deleted"] == 0


@pytest.mark.parametrize("how", ["option", "COMMONPLACE_KEYS", "COMMONPLACE_KEY", "file"])
def test_neither_memory_is_encrypted_by_the_keys_of_a_diff(
    here: Cli, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    file = keys_file(tmp_path / "ours.json", bytes(32))
    (tmp_path / "settings.toml").write_text('keys = "ours.json"\n')
    variables = {"COMMONPLACE_KEYS": file, "COMMONPLACE_KEY": "k:" + "00" * 32}
    options = {"option": ["--keys", file], "file": ["--config", str(tmp_path / "settings.toml")]}
    with monkeypatch.context() as patch:
        if how in variables:
            patch.setenv(how, variables[how])
        assert here.json(*options.get(how, []), "diff", str(there))["added"] == ["there"]
    for path in (there, here.memory):
        with Memory(path) as memory:  # without keys
            assert memory.count() == 3


def test_the_embedder_of_the_settings_is_not_asked_of_the_other_memory(
    cli: Cli, there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("COMMONPLACE_EMBEDDER", "hashing:16")
        assert cli.json("merge", str(there))["added"] == 3
        assert cli.json("diff", str(there))["same"] == 3


@pytest.mark.files
def test_the_doctor_takes_the_keys(cli: Cli, tmp_path: Path) -> None:
    with Memory(cli.memory, encryption=Encryption(keys={"k": bytes(32)})) as memory:
        memory.add("what nobody reads")
    without = cli("doctor").stdout
    assert "note: encryption: what is encrypted with 'k' was not looked at" in without
    file = keys_file(tmp_path / "keys.json", bytes(32))
    assert "no problems" in cli("--keys", file, "doctor").stdout


def test_a_scope_narrows_both_sides(here: Cli, there: Path) -> None:
    assert here.json("diff", str(there), "--scope", "x")["removed"] == []
    assert here.json("diff", str(there), "--scope", "x", "--other-scope", "x/z")["added"] == [
        "there"
    ]


def test_two_scopes_of_one_memory(here: Cli) -> None:
    path = str(here.memory)
    other = ("--scope", "x", "--other-scope", "y")
    assert here.json("diff", path, *other)["added"] == ["here"]
    assert here.json("merge", path, *other)["added"] == 1
    assert len(here.json("list", "--scope", "x")) == 3
    assert here.json("diff", path, "--by", "content", *other)["added"] == []


@pytest.mark.parametrize(
    ("strategy", "report", "content"),
    [
        ("newest", {"added": 1, "updated": 1}, "they see it in another way"),
        ("source", {"added": 1, "updated": 1}, "they see it in another way"),
        ("target", {"added": 1, "kept": 1}, "they see it differently"),
        ("both", {"added": 1, "doubled": 1}, "they see it differently"),
    ],
)
def test_merge_counts_first_and_writes_then(
    here: Cli, there: Path, strategy: str, report: dict[str, Any], content: str
) -> None:
    merge = ("merge", str(there), "--strategy", strategy)
    expected = {"updated": 0, "kept": 0, "doubled": 0, "same": 1, "links": 0, **report}
    assert here.json(*merge, "--dry-run") == {**expected, "dry_run": True}
    assert ids(here) == ["apart", "both", "here"]
    assert here.json(*merge) == {**expected, "dry_run": False}
    assert here.json("show", "apart")["content"] == content
    assert {"there", "here"} <= set(ids(here))


def test_merge_for_people(here: Cli, there: Path) -> None:
    assert here("merge", str(there)).stdout.splitlines()[0].split() == ["added", "1"]


def test_sync_makes_a_copy_and_follows(cli: Cli, there: Path) -> None:
    assert cli.json("sync", str(there), "--dry-run")["written"] == 3
    assert not cli.memory.exists()
    assert cli.json("sync", str(there))["written"] == 3
    assert ids(cli) == ["apart", "both", "there"]
    with Memory(there) as memory:
        memory.delete("both")
    dry = cli.json("sync", str(there), "--dry-run")
    assert (dry["written"], dry["deleted"], dry["dry_run"]) == (0, 1, True)
    assert ids(cli) == ["apart", "both", "there"]
    assert cli.json("sync", str(there)) == {**dry, "dry_run": False}
    assert ids(cli) == ["apart", "there"]
    assert cli("sync", str(there)).stdout.splitlines()[1].split() == ["deleted", "0"]


@pytest.mark.parametrize("command", ["diff", "merge", "sync"])
def test_a_memory_that_is_not_there_is_named_and_none_is_made(cli: Cli, command: str) -> None:
    missing = str(cli.memory.parent / "missing")
    complaint = cli(command, missing, code=1).stderr
    assert "there is no memory at" in complaint
    assert "its path" in complaint
    assert not cli.memory.exists()


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (("merge", "--strategy", "oldest"), 2),
        (("diff", "--by", "name"), 2),
        (("sync", "--scope", "//"), 1),
    ],
)
def test_what_is_wrong_is_refused(here: Cli, there: Path, args: tuple[str, ...], code: int) -> None:
    command, *rest = args
    assert here(command, str(there), *rest, code=code).stderr
    assert ids(here) == ["apart", "both", "here"]


def test_a_memory_is_not_synchronised_with_itself(here: Cli) -> None:
    assert "use merge" in here("sync", str(here.memory), code=1).stderr
