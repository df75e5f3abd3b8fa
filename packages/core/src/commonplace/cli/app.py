"""The program: its commands, and what becomes of an error."""

from __future__ import annotations

import io
import sys
from pathlib import Path  # noqa: TC003 - typer evaluates the annotations
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from commonplace import CommonplaceError, KeyMissingError, __version__
from commonplace.cli import (
    auditing,
    backups,
    bench,
    care,
    comparing,
    configuring,
    curating,
    doctoring,
    erasing,
    events,
    history,
    limiting,
    linking,
    migrating,
    moving,
    reading,
    recalling,
    reindex,
    settings,
    terminal,
    threads,
    writing,
)
from commonplace.cli.demo import command as demo


class _Group(TyperGroup):
    """Turns an error of ours into one line and exit code 1. Anything else is a bug and is shown."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyMissingError as error:
            terminal.complain(
                f"key {error.key_name!r} is needed and was not given; name a file of keys with "
                "`commonplace --keys FILE`, or COMMONPLACE_KEYS; that of another memory with "
                "--other-keys"
            )
            raise typer.Exit(1) from error
        except CommonplaceError as error:
            terminal.complain(str(error))
            raise typer.Exit(1) from error


app = typer.Typer(
    cls=_Group,
    name="commonplace",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 fine, 1 an error or refused lines, 2 wrong usage, "
        "3 problems remain: of verify, repair, doctor, migrate, an erasure or an audit."
    ),
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the option's value
    if wanted:
        typer.echo(f"commonplace {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    *,
    version: Annotated[  # noqa: ARG001 - its callback does it
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    keys_file: Annotated[
        Path | None,
        typer.Option(
            "--keys",
            metavar="FILE",
            help="The keys of an encrypted memory, as JSON; COMMONPLACE_KEYS may name it.",
        ),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="A file of settings, as TOML; COMMONPLACE_CONFIG may name it.",
        ),
    ] = None,
) -> None:
    """One memory, every agent framework: add to it, search it, look after it."""
    settings.choose(config=config, keys=keys_file)


app.command()(demo.demo)
app.command()(writing.add)
app.command()(reading.search)
app.command()(recalling.recall)
app.command("list")(reading.list_records)
app.command()(reading.show)
app.command()(writing.delete)
app.command()(history.history)
app.command()(history.restore)
app.command()(history.archive)
app.command()(history.purge)
app.command()(erasing.erase)
app.command()(erasing.receipts)
app.command("roll-back")(history.roll_back)
app.command()(curating.supersede)
app.command()(curating.maintain)
app.command()(linking.link)
app.command()(linking.unlink)
app.command()(linking.links)
app.command()(linking.related)
app.command()(reading.scopes)
app.command()(threads.timeline)
app.add_typer(threads.app, name="threads")
app.command()(events.events)
app.command()(comparing.diff)
app.command()(comparing.merge)
app.command()(comparing.sync)
app.command()(moving.export)
app.command("import")(moving.import_)
app.command()(configuring.config)
app.command()(care.stats)
app.command()(care.verify)
app.command()(care.repair)
app.command()(doctoring.doctor)
app.command()(erasing.compact)
app.command()(auditing.audit)
app.command()(limiting.quota)
app.command()(limiting.rotate)
app.command()(reindex.reindex)
app.command()(backups.backup)
app.command()(backups.restore_backup)
app.command()(migrating.migrate)
app.command()(bench.bench)


def main() -> None:
    """Run the command line of this process."""
    # A terminal that cannot show a character gets an escape instead of a traceback.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="commonplace")
