"""`Redaction`: takes personal data and secrets out of records before they are kept."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from commonplace.arguments import checked_flag
from commonplace.errors import InvalidInputError, RefusedError
from commonplace.middleware import patterns
from commonplace.middleware.phones import phones as phone_numbers
from commonplace.record import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from commonplace.jsonvalue import JsonValue
    from commonplace.middleware.patterns import Span
    from commonplace.record import Record

    Redact = Callable[[str], str]

REPORT = "redacted"
"""The name in a record's metadata under which it says how many of each kind were taken out."""

# In the order in which they take what several could: a card is not several phone numbers.
_FINDERS: dict[str, Callable[[str], Iterator[Span]]] = {
    "key": patterns.keys,
    "email": patterns.emails,
    "card": patterns.cards,
    "phone": phone_numbers,
}
# What no pattern takes for a part of what it looks for, or for its surroundings.
_NEUTRAL = r"""[^\w\s.%+'"`@/\\:=#~()$€£¥,-]"""
_NEUTRAL_ENDS = re.compile(rf"{_NEUTRAL}.*(?<={_NEUTRAL})", re.DOTALL)


class Redaction:
    """Write middleware that puts a marker in place of personal data and secrets, for good.

    Content, value and metadata (keys too), tags, source and the texts of `embed=` are redacted;
    `metadata["redacted"]` says how many of each kind were. Where id, key or scope holds one the
    record is refused, as two names would become one; a name of digits alone is let pass.

    It goes by form, so it is no proof that nothing personal is left: not names, not addresses,
    not what is spelt out or hidden on purpose, not numbers in JSON that are no text.

    Args:
        emails: whether e-mail addresses are redacted.
        phones: whether phone numbers are: with a plus sign, after a word such as `phone`, or in a
            common national form. Ten digits in a row are taken for a number of something else.
        cards: whether payment card numbers are, of 13 to 19 digits with a right check digit.
        keys: whether API keys, tokens and private keys of well-known forms are.
        marker: what stands in their place; `{kind}` is `email`, `phone`, `card` or `key`. It
            begins and ends with a sign such as a bracket, so that it never joins with its
            surroundings to what is looked for.

    Raises:
        InvalidInputError: the marker is unfit.
    """

    def __init__(
        self,
        *,
        emails: bool = True,
        phones: bool = True,
        cards: bool = True,
        keys: bool = True,
        marker: str = "[{kind}]",
    ) -> None:
        switches = {"email": emails, "phone": phones, "card": cards, "key": keys}
        self._kinds = [kind for kind in _FINDERS if checked_flag(switches[kind], f"{kind}s")]
        if not isinstance(marker, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise InvalidInputError(f"marker is text, not {type(marker).__name__}")
        self._markers = {kind: marker.replace("{kind}", kind) for kind in _FINDERS}
        for made in self._markers.values():
            if not _NEUTRAL_ENDS.fullmatch(patterns.folded(made)) or self.redact(made) != made:
                raise InvalidInputError(
                    "marker begins and ends with a sign such as '[' and ']', '<' and '>' or '*', "
                    "and holds nothing that would be redacted"
                )

    def redact(self, text: str) -> str:
        """A text with everything redacted; the same if there is nothing."""
        return self._redacted(text, Counter())

    def before_write(self, record: Record) -> Record:
        """The record with everything redacted, and the report in its metadata.

        Raises:
            RefusedError: its id, key or scope holds what would be redacted.
        """
        self._check_names(record)
        counts: Counter[str] = Counter()

        def redact(text: str) -> str:
            return self._redacted(text, counts)

        redacted = replace(
            record,
            content=redact(record.content),
            value=_each_text(record.value, redact),
            metadata=_each_key(record.metadata, redact),
            tags=tuple(map(redact, record.tags)),
            source=_redacted_source(record.source, redact),
        )
        return _reporting(redacted, counts) if counts else record

    def _redacted(self, text: str, counts: Counter[str]) -> str:
        found = sorted(self._found(text))
        if not found:
            return text
        parts: list[str] = []
        end = 0
        for start, stop, kind in found:
            counts[kind] += 1
            parts += [text[end:start], self._markers[kind]]
            end = stop
        return "".join([*parts, text[end:]])

    def _found(self, text: str) -> Iterator[tuple[int, int, str]]:
        """What is to be redacted, as start, end and kind; nothing overlaps."""
        rest = patterns.folded(text)
        for kind in self._kinds:
            spans = sorted(_FINDERS[kind](rest))
            rest = patterns.masked(rest, spans) if spans else rest
            yield from ((start, stop, kind) for start, stop in spans)

    def _check_names(self, record: Record) -> None:
        names = {"id": (record.id,), "key": (record.key or "",), "scope": record.scope.segments}
        for part, texts in names.items():
            for text in texts:
                if not text.isdecimal() and any(self._found(text)):
                    raise RefusedError(
                        f"the {part} of a record holds an e-mail address, a number or a secret "
                        "that may not be kept; name it otherwise, such as by a number of your own"
                    )


def _each_text(value: JsonValue, redact: Redact) -> JsonValue:
    """A JSON value with every text in it redacted."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, list):
        return [_each_text(item, redact) for item in value]
    return _each_key(value, redact) if isinstance(value, dict) else value


def _each_key(given: dict[str, JsonValue], redact: Redact) -> dict[str, JsonValue]:
    """A JSON object with every text in it redacted; keys that became equal are numbered."""
    redacted: dict[str, JsonValue] = {}
    seen: Counter[str] = Counter()
    for key, item in given.items():
        base = name = redact(key)
        while name != key and (name in given or name in redacted):
            seen[base] += 1
            name = f"{base} ({seen[base] + 1})"
        redacted[name] = _each_text(item, redact)
    return redacted


def _redacted_source(source: Source, redact: Redact) -> Source:
    """The source redacted; a part of digits alone is an id of the caller's."""
    parts = {
        name: redact(part) if isinstance(part, str) and not part.isdecimal() else part
        for name, part in source.to_dict().items()
    }
    return Source.from_dict(parts)


def _reporting(record: Record, counts: Mapping[str, int]) -> Record:
    """The record with the counts added to its report, unless that name is in other use."""
    report = record.metadata.get(REPORT, {})
    if not isinstance(report, dict):
        return record
    before = {kind: n for kind, n in report.items() if isinstance(n, int)}
    added = {kind: n + before.get(kind, 0) for kind, n in counts.items()}
    return replace(record, metadata={**record.metadata, REPORT: {**report, **added}})
