"""`config`, and the settings that all commands share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli


def settings_of(cli: Cli, *args: str) -> dict[str, tuple[str, str]]:
    rows = cli.json(*args, "config")
    return {row["name"]: (row["value"], row["origin"]) for row in rows}


@pytest.mark.files
def test_each_option_is_shown_with_where_it_came_from(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('durability = "full"\n')
    found = settings_of(cli, "--config", str(file))
    assert found["memory"] == (str(cli.memory), "COMMONPLACE_MEMORY")
    assert found["durability"] == ("full", str(file))
    assert found["config"] == (str(file), "argument")
    assert found["sweep_every"] == ("never", "default")
    lines = cli("--config", str(file), "config", "-m", "here").stdout.splitlines()
    assert len(lines) == len(found)
    assert lines[1].split() == ["memory", "here", "argument"]


@pytest.mark.files
def test_the_memory_of_a_file_is_used_by_commands(
    stocked: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(f'memory = "{stocked.memory.name}"\n')  # from where the file is
    with monkeypatch.context() as patch:
        patch.chdir("/")
        listed = type(stocked)(stocked.memory)
        object.__setattr__(listed, "memory", "")  # no variable
        assert len(listed.json("--config", str(file), "list")) == 3
        assert listed.json("--config", str(file), "stats")["records"] == 3
        assert listed("--config", str(file), "doctor").exit_code == 0


def test_a_setting_that_is_wrong_stops_every_command(
    stocked: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("COMMONPLACE_LANGUAG", "english")
        refused = stocked("list", code=1)
    assert "did you mean COMMONPLACE_LANGUAGE?" in refused.stderr
    with monkeypatch.context() as patch:
        patch.setenv("COMMONPLACE_KEY", "secret-and-wrong")
        assert "secret-and-wrong" not in stocked("list", code=1).output


def test_a_configuration_that_makes_no_memory(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("COMMONPLACE_CREATE", "false")
        assert "there is no memory" in cli("add", "text", code=1).stderr
    assert not cli.memory.exists()


def test_a_memory_is_moved_to_the_embedder_of_the_settings(
    stocked: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("COMMONPLACE_EMBEDDER", "hashing:16")
        assert "reindex" in stocked("list", code=1).stderr
        stocked("reindex", "--embedder", "commonplace:HashingEmbedder")  # another one again
        assert stocked.json("reindex", "--embedder", "builtin")["records"] == 3
    assert len(stocked.json("list")) == 3


def test_secrets_are_not_shown(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("COMMONPLACE_INDEX", "http://alice:hunter2@host:8000")
        patch.setenv("COMMONPLACE_KEY", "name:" + "ab" * 32)
        for shown in (cli("config").output, cli("config", "--json").output):
            assert "hunter2" not in shown
            assert "abab" not in shown
            assert "***" in shown
