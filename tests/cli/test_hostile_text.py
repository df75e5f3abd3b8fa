from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from commonplace import Memory
from commonplace.cli import terminal

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

ESCAPE = "\x1b[2J\x1b]0;owned\x07"
TEXTS = {
    "markup": ("[bold red]x[/bold red]", "[bold red]x[/bold red]"),
    "a tag that was never opened": ("[/nope] x", "[/nope] x"),
    "an emoji code": (":skull: x", ":skull: x"),
    "a link": ("[link=http://a.example]x[/link]", "[link=http://a.example]x[/link]"),
    "escape sequences": (f"x{ESCAPE}", r"x\x1b[2J\x1b]0;owned\x07"),
    "a C1 control": ("x\x9b2J", r"x\x9b2J"),
    "a bidirectional override": ("x\u202egnp", r"x\u202egnp"),
    "invisible tag characters": ("x\U000e0041", r"x\ue0041"),
    "a carriage return": ("good\rbad", r"good\x0dbad"),
}


@pytest.mark.parametrize(("text", "shown"), TEXTS.values(), ids=TEXTS.keys())
def test_text_is_shown_as_it_is_and_never_obeyed(cli: Cli, text: str, shown: str) -> None:
    record_id = cli("add", "-", stdin=text).stdout.strip()
    assert cli("show", record_id).stdout.endswith(f"\n\n{shown}\n")
    for args in (("list",), ("search", "x", "--mode", "dense")):
        _assert_harmless(cli(*args).stdout)


@pytest.mark.parametrize("text", [text for text, _ in TEXTS.values()], ids=TEXTS.keys())
def test_names_are_as_harmless_as_contents(cli: Cli, text: str) -> None:
    made = cli.json("add", "x", "--scope", f"users/{text.replace('/', '')}", "--tag", text)
    for args in (("list",), ("scopes",), ("show", made["id"]), ("show", text)):
        done = cli(*args, code=int(args == ("show", text)))
        _assert_harmless(done.output)


@pytest.mark.parametrize("text", [text for text, _ in TEXTS.values()], ids=TEXTS.keys())
def test_former_states_and_differences_are_harmless_too(cli: Cli, text: str) -> None:
    with Memory(cli.memory) as memory:
        memory.add(text, id=text, scope=f"users/{text.replace('/', '')}")
        memory.update(text, importance=0.1)
    with Memory(cli.memory.parent / "other") as other:
        other.add("x", id=text)
    for args in (
        ("history", text),
        ("diff", str(cli.memory.parent / "other")),
        ("maintain", "--less-important-than", "0.5", "--dry-run"),
    ):
        _assert_harmless(cli(*args).output)


def test_json_is_ascii_and_reads_back_equal(cli: Cli) -> None:
    text = f"é 漢 \U0001f600 \u202e {ESCAPE} [red]"
    made = cli("add", "-", "--json", stdin=text)
    assert made.stdout.isascii()
    assert "\x1b" not in made.stdout
    assert cli.json("list")[0]["content"] == text


def test_long_text_is_shortened_to_one_line(cli: Cli) -> None:
    cli("add", "-", stdin="line\n" * 10_000)
    facts, content = cli("list").stdout.splitlines()
    assert len(content) <= 100
    assert content.endswith("…")
    assert "fact" in facts


@pytest.mark.parametrize(
    ("text", "width", "shown"),
    [
        ("short", 10, "short"),
        ("exactly 10", 10, "exactly 10"),
        ("a little longer", 10, "a little…"),
        ("  many \n\n blanks ", 20, "many blanks"),
        ("", 5, ""),
        (" " * 100 + "x", 10, "…"),
        ("\x1b" * 10, 10, r"\x1b\x1b\…"),
    ],
)
def test_shortened(text: str, width: int, shown: str) -> None:
    assert terminal.shortened(text, width) == shown


@pytest.mark.skipif(os.name == "nt", reason="arguments are text there")
def test_an_argument_that_is_not_unicode_is_refused(cli: Cli) -> None:
    done = cli.process("add", b"caf\xe9")
    assert done.returncode == 1
    assert b"surrogate" in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_terminal_that_cannot_show_it_gets_escapes(cli: Cli) -> None:
    cli.process("add", "-", stdin="漢 é".encode())
    done = cli.process("list", PYTHONIOENCODING="latin-1", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert "\\u6f22 é".encode("latin-1") in done.stdout


def test_a_reader_that_leaves_early_causes_no_traceback(cli: Cli) -> None:
    cli("add", "x")
    program = "from commonplace.cli import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", program, "list"],
        env={**os.environ, "COMMONPLACE_MEMORY": str(cli.memory)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    child.stdout.close()
    complaint = child.stderr.read()
    child.stderr.close()
    child.wait(120)
    assert b"Traceback" not in complaint


def _assert_harmless(shown: str) -> None:
    assert not set(shown) & set("\x1b\x07\x9b\u202e\U000e0041\r")
