"""The commands that keep a memory true and small: `supersede` and `maintain`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from commonplace.cli import options, terminal
from commonplace.cli.jsoninput import filter_option
from commonplace.cli.opening import opened
from commonplace.cli.times import moment_option, span_option

if TYPE_CHECKING:
    from commonplace import MaintenanceReport

_STATES = "former state"


def supersede(
    old: Annotated[str, typer.Argument(metavar="OLD", help="The id of what no longer holds.")],
    new: Annotated[
        str | None, typer.Argument(metavar="NEW", help="The id of the record that holds now.")
    ] = None,
    *,
    content: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What holds now, in place of an id.")
    ] = None,
    reason: Annotated[str | None, typer.Option(help="Why, in words.")] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When the one ended and the other began; now if not."),
    ] = None,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Let a new fact take the place of an old one, which stays as what was true before."""
    if (new is None) == (content is None):
        raise typer.BadParameter("give the id of a record, or --content", param_hint="NEW")
    moment = moment_option(at, "--at")
    with opened(memory, scope=scope) as target:
        record = target.supersede(old, new or {"content": content}, reason=reason, at=moment)
    if as_json:
        terminal.print_json(record.to_dict())
    else:
        terminal.print_records([record])


def maintain(
    *,
    older_than: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Forget records made longer ago.")
    ] = None,
    idle_for: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Forget records not written for so long.")
    ] = None,
    less_important_than: Annotated[
        float | None, typer.Option(help="Forget records of less importance, 0 to 1.")
    ] = None,
    at_most: Annotated[
        int | None, typer.Option(min=0, help="Forget what is too much in each scope.")
    ] = None,
    duplicates: Annotated[
        str | None,
        typer.Option(
            metavar="text|COSINE",
            help="Merge what has the same text, or vectors at least so alike, 0.5 to 1.",
        ),
    ] = None,
    expired: Annotated[
        bool, typer.Option("--expired", help="Remove what has expired, and its history.")
    ] = False,
    history_older_than: Annotated[
        str | None, typer.Option(metavar="SPAN", help="Remove former states that ended before.")
    ] = None,
    kinds: options.Kinds = None,
    filter_json: options.FilterJson = None,
    action: Annotated[
        options.Forgetting, typer.Option(help="Put aside what is forgotten, or delete it.")
    ] = options.Forgetting.ARCHIVE,
    dry_run: options.DryRun = False,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Archive, merge or remove what a policy names. A SPAN is written like 30m, 12h, 90d or 2w.

    A record is forgotten if it meets all that is given of --older-than, --idle-for and
    --less-important-than; the other rules stand each for itself.
    """
    # Here and not above: it takes longer to import than `commonplace --help` should take to run.
    from commonplace import Policy  # noqa: PLC0415

    policy = Policy(
        older_than=span_option(older_than, "--older-than"),
        idle_for=span_option(idle_for, "--idle-for"),
        less_important_than=less_important_than,
        at_most=at_most,
        duplicates=_alike(duplicates),
        expired=expired,
        history_older_than=span_option(history_older_than, "--history-older-than"),
        kinds=tuple(kinds or ()),
        filter=filter_option(filter_json),
        action=action.value,
    )
    if policy == Policy(kinds=policy.kinds, filter=policy.filter, action=policy.action):
        raise typer.BadParameter("say what, such as --older-than 90d or --duplicates text")
    with opened(memory, scope=scope) as target:
        report = target.maintain(policy, dry_run=dry_run)
    if as_json:
        terminal.print_json(report.to_dict())
    else:
        _print_report(report)


def _print_report(report: MaintenanceReport) -> None:
    terminal.print_steps(report.steps)
    parts = [f"{action} {count:,}" for action, count in report.counts.items()]
    if report.states:
        parts.append(f"forget {terminal.counted(report.states, _STATES)}")
    if report.skipped:
        parts.append(f"skipped {report.skipped:,} that changed meanwhile")
    head = "would do" if report.dry_run else "did"
    typer.echo(f"{head}: {', '.join(parts) or 'nothing'}")


def _alike(duplicates: str | None) -> float | Literal["text"] | None:
    if duplicates is None or duplicates == "text":
        return duplicates
    try:
        return float(duplicates)
    except ValueError as error:
        raise typer.BadParameter(
            "give text, or a cosine such as 0.97", param_hint="--duplicates"
        ) from error
