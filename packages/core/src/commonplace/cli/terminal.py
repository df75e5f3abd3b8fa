"""What people see. Memory text is data: no markup in it is obeyed, no control character is sent."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.text import Text

from commonplace.rendering import plain

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Sequence
    from datetime import datetime

    from commonplace import (
        Diff,
        Event,
        Hit,
        Link,
        Message,
        Progress,
        Record,
        Refusal,
        Related,
        Step,
        ThreadInfo,
        Version,
    )

_INDENT = " " * 4
_REASON_WIDTH = 80
_REFUSALS_SHOWN = 20


def console(*, stderr: bool = False, quiet: bool = False) -> Console:
    """A console that prints text as it is: no markup, no emoji codes, no highlighting."""
    return Console(stderr=stderr, quiet=quiet, markup=False, emoji=False, highlight=False)


def shortened(text: str, width: int) -> str:
    """`text` on one line of at most `width` characters, safe to print."""
    line = plain(" ".join(text[: width * 4].split()))
    whole = len(line) <= width and len(text) <= width * 4
    return line if whole else line[: max(width - 1, 0)].rstrip() + "…"


def moment(when: datetime) -> str:
    """A time as people read it, to the minute, UTC."""
    return f"{when:%Y-%m-%d %H:%M}"


def complain(message: str) -> None:
    """One line on standard error."""
    line = plain(" ".join(message.split()))
    console(stderr=True).print(Text.assemble(("error: ", "bold red"), line), soft_wrap=True)


def note(message: str) -> None:
    """One line on standard error that is no error, so that standard output stays data."""
    console(stderr=True).print(plain(message), soft_wrap=True)


def counted(number: int, what: str = "record") -> str:
    """So many records or other things, in words."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


@contextlib.contextmanager
def progressing() -> Generator[Progress]:
    """A bar on standard error, for as long as the block lasts, where that is a terminal."""
    from rich.progress import (  # noqa: PLC0415 - most commands show none
        BarColumn,
        Progress,
        TaskProgressColumn,
        TimeRemainingColumn,
    )

    out = console(stderr=True)
    columns = ("{task.description}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=out, disable=not out.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda step, done, total: bar.update(
            task, description=step, completed=done, total=total or None
        )


def print_refusals(refused: Sequence[Refusal]) -> None:
    """The first lines that were refused, on standard error, and how many more there are."""
    for bad in refused[:_REFUSALS_SHOWN]:
        note(f"line {bad.line}: {bad.reason}")
    if (more := len(refused) - _REFUSALS_SHOWN) > 0:
        note(f"and {more:,} more; --json lists them all")


def print_json(value: Any) -> None:
    """`value` as JSON. ASCII only, so that no terminal, pipe or encoding can garble it."""
    typer.echo(json.dumps(value, ensure_ascii=True, indent=2))


def print_hits(hits: Iterable[Hit]) -> None:
    """Hits, two lines each: why and where; what."""
    for hit in hits:
        _print_entry(hit.record, Text(f"{hit.score:6.3f}  ", "bold green"))


def print_records(records: Iterable[Record]) -> None:
    """Records, two lines each: id, time, kind and scope; the content, shortened."""
    for record in records:
        _print_entry(record, Text())


def print_threads(threads: Iterable[ThreadInfo]) -> None:
    """Conversations, a line each: key or id, scope, how much, last activity."""
    for info in threads:
        where = plain(info.scope.path) or "(root)"
        front = (plain(info.key or info.id), "bold")
        facts = f"  {moment(info.updated_at)}  {counted(info.messages, 'message')}  {where}"
        ended = "  ended" if info.ended_at is not None else ""
        console().print(Text.assemble(front, (facts, "cyan"), ended), soft_wrap=True)


def print_messages(messages: Iterable[Message]) -> None:
    """Messages, whole: who and when, then the text."""
    for message in messages:
        who = message.name or message.role
        front = (plain(who), "bold")
        facts = f"  {moment(message.created_at)}  {plain(message.id)}"
        console().print(Text.assemble(front, (facts, "cyan")), soft_wrap=True)
        for line in message.text.splitlines():
            console().print(Text(_INDENT + plain(line)), soft_wrap=True)


def print_links(links: Iterable[Link]) -> None:
    """Links, a line each: how strong, from where, as what, to where, why."""
    for link in links:
        why = f"  {shortened(link.reason, _REASON_WIDTH)}" if link.reason else ""
        weight = Text(f"{link.weight:6.3f}  ", "bold green")
        facts = f"{plain(link.source_id)} -{link.type}-> {plain(link.target_id)}"
        console().print(Text.assemble(weight, (facts, "cyan"), why), soft_wrap=True)


def print_related(found: Iterable[Related]) -> None:
    """Records that links lead to, two lines each: score, links on the way and where; what."""
    for one in found:
        hops = "1 hop " if one.hops == 1 else f"{one.hops} hops"
        front = Text.assemble((f"{one.score:6.3f}  ", "bold green"), (f"{hops}  ", "bold"))
        _print_entry(one.record, front)


def print_record(record: Record) -> None:
    """One record, whole: every part that is set, then the content."""
    parts = record.to_dict()
    content = parts.pop("content")
    print_parts({name: part for name, part in parts.items() if part not in (None, [], {})})
    console().print()
    console().print(plain(content), soft_wrap=True)


def print_event(event: Event) -> None:
    """An event on one line: its number, time, operation, record, version and scope."""
    where = plain(event.scope.path) or "(root)"
    record = f"{plain(event.record_id)} v{event.version}"
    line = Text(f"{event.seq:>7}  {moment(event.at)}  ")
    line.append(f"{event.operation:<9}", "bold")
    line.append(f" {record}  {where}", "cyan")
    if event.detail:
        line.append(f"  {plain(json.dumps(event.detail, ensure_ascii=False))}")
    console().print(line, soft_wrap=True)


def print_versions(versions: Iterable[Version]) -> None:
    """States of a record, two lines each: its version, from when to when, by what; the content."""
    for version in versions:
        record = version.record
        until = "now" if version.replaced_at is None else moment(version.replaced_at)
        end = f" by {version.replaced_by}" if version.replaced_by else ""
        where = plain(record.scope.path) or "(root)"
        facts = f"{moment(record.updated_at)} to {until}{end}  {where}"
        _print_text(Text.assemble((f"v{record.version:<5}", "bold"), (facts, "cyan")), record)


def print_steps(steps: Iterable[Step]) -> None:
    """Steps of maintenance, a line each: what is done to which record, and why."""
    for step in steps:
        where = plain(step.scope) or "(root)"
        facts = f"{plain(step.record_id)} v{step.version}  {where}"
        front = (f"{step.action:<8}", "bold")
        line = Text.assemble(front, (facts, "cyan"), f"  {plain(step.reason)}")
        console().print(line, soft_wrap=True)


def print_diff(diff: Diff) -> None:
    """Differences, a line each, then how many there are."""
    out = console()
    for name in diff.added:
        out.print(Text.assemble(("+ ", "green"), plain(name)), soft_wrap=True)
    for name in diff.removed:
        out.print(Text.assemble(("- ", "red"), plain(name)), soft_wrap=True)
    for change in diff.changed:
        other = "" if change.other_id == change.id else f" {plain(change.other_id)}"
        what = f"{plain(change.id)}{other}  {', '.join(change.fields)}; newer {change.newer}"
        out.print(Text.assemble(("~ ", "yellow"), what), soft_wrap=True)
    counts = f"+{len(diff.added):,} -{len(diff.removed):,} ~{len(diff.changed):,}"
    out.print(f"{counts}, {diff.same:,} the same", soft_wrap=True)


def print_parts(parts: dict[str, Any]) -> None:
    """Names and values in two columns; what is not a plain value is shown as JSON."""
    width = max(map(len, parts), default=0)
    for name, part in parts.items():
        shown = part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)
        line = Text.assemble((f"{name:<{width}}  ", "bold"), plain(shown))
        console().print(line, soft_wrap=True)


def _print_entry(record: Record, front: Text) -> None:
    where = plain(record.scope.path) or "(root)"
    facts = f"{plain(record.id)}  {moment(record.created_at)}  {record.kind}  {where}"
    _print_text(Text.assemble(front, (facts, "cyan")), record)


def _print_text(line: Text, record: Record) -> None:
    """A line about a record, and its content, shortened."""
    out = console()
    out.print(line, soft_wrap=True)
    content = shortened(record.content, out.width - len(_INDENT))
    out.print(Text(_INDENT + content), soft_wrap=True)
