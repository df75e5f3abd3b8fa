"""The command that puts what is found into words for a prompt: `recall`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from commonplace.cli import options, terminal
from commonplace.cli.jsoninput import filter_option
from commonplace.cli.opening import opened
from commonplace.cli.times import moment_option
from commonplace.rendering import plain

if TYPE_CHECKING:
    from commonplace import Recall


def recall(
    query: Annotated[str, typer.Argument(help="The question.")],
    *,
    token_budget: Annotated[
        int, typer.Option("--token-budget", min=1, help="How many tokens the text may have.")
    ] = 1000,
    context: Annotated[
        int, typer.Option("--context", min=0, help="Messages on either side of one found.")
    ] = 1,
    format: Annotated[  # noqa: A002 - the option's name
        options.RecallFormat, typer.Option("--format", help="How the text is written.")
    ] = options.RecallFormat.MARKDOWN,
    filter_json: options.FilterJson = None,
    kinds: options.Kinds = None,
    tags: options.Tags = None,
    min_relevance: options.MinRelevance = 0.0,
    now: options.Now = None,
    limit: options.Limit = 20,
    memory: options.MemoryPath = options.DEFAULT_MEMORY,
    scope: options.ScopePath = None,
    as_json: options.AsJson = False,
) -> None:
    """Print what the memory has to say on a question, as quoted data within a budget of tokens."""
    condition, asked = filter_option(filter_json), moment_option(now, "--now")
    with opened(memory, scope=scope) as source:
        found = source.recall(
            query,
            token_budget=token_budget,
            context=context,
            format=format.value,
            filter=condition,
            kinds=kinds or [],
            tags=tags or [],
            min_relevance=min_relevance,
            now=asked,
            limit=limit,
        )
    if as_json:
        terminal.print_json({"query": query, **_parts(found)})
        return
    if found:
        typer.echo(plain(found.text))
    terminal.note(_summary(found))


def _parts(found: Recall) -> dict[str, Any]:
    return {
        "text": found.text,
        "tokens": found.tokens,
        "relevance": found.relevance,
        "hits": [hit.to_dict() for hit in found.hits],
        "left_out": [
            {"id": one.hit.id, "reason": one.reason, "of": one.of} for one in found.left_out
        ],
    }


def _summary(found: Recall) -> str:
    """What is shown and what is not, in a line."""
    shown = f"{terminal.counted(len(found.hits))}, {terminal.counted(found.tokens, 'token')}"
    reasons = [one.reason for one in found.left_out]
    left_out = ", ".join(f"{reasons.count(one)} {one}" for one in dict.fromkeys(reasons))
    return f"{shown}; left out: {left_out}" if left_out else shown
