"""Between a whole row and its line in an export. Every line is checked when it is read."""

from __future__ import annotations

import functools
import json
import math
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from commonplace import limits
from commonplace.errors import InvalidInputError
from commonplace.jsonvalue import checked_json, dump_json
from commonplace.ledger import FIELDS, Whole
from commonplace.parts import checked_parts, checked_record_id
from commonplace.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from commonplace.ledger import Field, RowKind

_FIRST_MOMENT = -62_135_596_800_000_000  # the year 1
_LAST_MOMENT = 253_402_300_799_999_999  # the end of the year 9999
_LARGEST_INTEGER = 2**63 - 1
_STATES = frozenset({"record", "version"})
_ORIGINS = frozenset({"content", "texts"})
_FLAT = ("content", "key", "kind", "tags", "importance", "source")
_PARTS = (*_FLAT, "metadata", "value")
_EMPTY = {"tags": "[]", "metadata": "{}", "source": "{}"}
_WRITERS: dict[str, Callable[[Any], str]] = {
    "text": encode_basestring,
    "json": str,
    "integer": int.__repr__,
    "number": float.__repr__,
}
_WRITTEN = {
    kind: [(one.name, f'"{one.name}":', _WRITERS[one.form]) for one in fields]
    for kind, fields in FIELDS.items()
}


def line_of(whole: Whole) -> str:
    """The line of a row, without its line feed. JSON that is stored goes in as it is."""
    values = whole.values
    parts = [
        label + write(values[name]) for name, label, write in _WRITTEN[whole.kind] if name in values
    ]
    if whole.vectors:
        parts.append(f'"vectors":{{{",".join(map(_written, whole.vectors.items()))}}}')
    if whole.origins:
        parts.append(f'"origins":{dump_json(dict(whole.origins))}')
    return f'{{"{whole.kind}":{{{",".join(parts)}}}}}'


def _written(named: tuple[str, Sequence[bytes]]) -> str:
    name, vectors = named
    coded = ",".join([f'"{b2a_base64(one, newline=False).decode()}"' for one in vectors])
    return f"{encode_basestring(name)}:[{coded}]"


def row_of_line(line: bytes, dimensions: Mapping[str, int], *, check: bool = True) -> Whole:
    """The row that a line says.

    Args:
        line: the line.
        dimensions: how long the vectors of each space are.
        check: whether it is checked, like anything that is written to a memory; a line that was
            checked before need not be. `check_vectors` completes it.

    Raises:
        ValueError: it is malformed; the message holds none of its text. Errors of ours among them.
    """
    kind, said = _parsed(line)
    coded = said.pop("vectors", None) if kind in _STATES else None
    origins = _origins(said.pop("origins", {}), coded) if kind in _STATES else {}
    if check:
        plain = len(line) < limits.MAX_METADATA_CHARACTERS and b"\\u" not in line
        _check_fields(kind, said, plain=plain)
        if kind in _STATES:
            _check_state(said, plain=plain and not _is_nested(said))
    for name in _JSON_FIELDS[kind]:
        if name in said:
            said[name] = _json_text(name, said[name])
    return Whole(kind, said, {} if coded is None else _decoded(coded, dimensions), origins)


def check_vectors(wholes: Iterable[Whole]) -> None:
    """Refuse vectors that hold what is no number.

    Raises:
        InvalidInputError: one of them does.
    """
    joined = b"".join(one for whole in wholes for some in whole.vectors.values() for one in some)
    if not np.isfinite(np.frombuffer(joined, "<f4")).all():
        raise InvalidInputError("a vector holds NaN or infinity")


def _parsed(line: bytes) -> tuple[RowKind, dict[str, Any]]:
    try:
        text = line.decode()
        said, end = _READER.raw_decode(text)
    except UnicodeDecodeError:
        raise InvalidInputError("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise InvalidInputError(f"it is not JSON: {error.msg}") from None
    except RecursionError:
        raise InvalidInputError("it is nested too deep") from None
    if text[end:] == "\n" and isinstance(said, dict) and len(cast("dict[str, Any]", said)) == 1:
        ((kind, fields),) = cast("dict[str, Any]", said).items()
        if kind in FIELDS and isinstance(fields, dict):
            return kind, cast("dict[str, Any]", fields)
    raise InvalidInputError(f"it is none of {', '.join(FIELDS)}")


def _check_fields(kind: RowKind, said: dict[str, Any], *, plain: bool) -> None:
    """Refuse fields that are unknown, missing, of another type or, if not plain, no Unicode."""
    types = _TYPES[kind]
    for name, given in said.items():
        if name not in types:
            raise InvalidInputError(f"a {kind} has no {name[:64]!r}")
        if type(given) not in types[name]:
            raise InvalidInputError(f"{name} is not of the type that it must have")
        if types[name] is _INTEGER and abs(given) > _LARGEST_INTEGER:
            raise InvalidInputError(f"{name} is a whole number of at most 64 bits")
        if not plain:
            checked_json(given, name)
    if not said.keys() >= _REQUIRED[kind]:
        raise InvalidInputError(f"a {kind} lacks its {min(_REQUIRED[kind] - said.keys())!r}")
    if "scope" in said:
        scope_of(said["scope"])


def _is_nested(said: Mapping[str, Any]) -> bool:
    """Whether a state holds JSON that may be too deep: objects or lists within one."""
    held = [*said["metadata"].values(), said.get("value")]
    return any(isinstance(part, dict | list) for part in held)


def _check_state(said: dict[str, Any], *, plain: bool) -> None:
    """Refuse what a record may not hold; what is plain is known to be small and flat."""
    checked_record_id(said["id"])
    names = _FLAT if plain and len(said["metadata"]) <= limits.MAX_METADATA_KEYS else _PARTS
    checked_parts({name: said[name] for name in names if said.get(name) or name == "kind"})
    for name in _MOMENTS:
        if name in said and not _FIRST_MOMENT <= said[name] <= _LAST_MOMENT:
            raise InvalidInputError(f"{name} lies outside the years 1 to 9999")
    if not 0 < said["version"] <= limits.MAX_OFFSET or said["has_text"] not in {0, 1}:
        raise InvalidInputError("version is 1 or more, and has_text is 0 or 1")
    if said.get("valid_to", _LAST_MOMENT) < said.get("valid_from", _FIRST_MOMENT):
        raise InvalidInputError("valid_to lies before valid_from")


def _json_text(name: str, value: Any) -> str:
    """The value as the ledger stores it."""
    return _EMPTY[name] if not value and name in _EMPTY else dump_json(value)


@functools.lru_cache(maxsize=10_000)
def scope_of(path: str) -> Scope:
    """The scope that a path names.

    Raises:
        InvalidInputError: it names none, or could be written in another way.
    """
    scope = Scope.parse(path)
    if scope.path != path:
        raise InvalidInputError("a scope is not written the one way it should be")
    return scope


def _decoded(coded: Any, dimensions: Mapping[str, int]) -> dict[str, list[bytes]]:
    if not isinstance(coded, dict):
        raise InvalidInputError("vectors is an object")
    found: dict[str, list[bytes]] = {}
    for name, some in cast("dict[str, Any]", coded).items():
        if name not in dimensions or not isinstance(some, list) or not some:
            raise InvalidInputError("vectors names a space that the first line does not")
        found[name] = [_vector(one, 4 * dimensions[name]) for one in cast("list[Any]", some)]
        if len(found[name]) > limits.MAX_VECTORS_PER_RECORD:
            raise InvalidInputError("a record has too many vectors")
    return found


def _origins(said: Any, coded: Any) -> dict[str, str]:
    if not isinstance(said, dict) or not isinstance(coded, dict | None):
        raise InvalidInputError("origins is an object")
    found = cast("dict[str, Any]", said)
    if not found.keys() <= (coded or {}).keys() or not set(found.values()) <= _ORIGINS:
        raise InvalidInputError("origins names a space without vectors, or no origin")
    return found


def _vector(coded: Any, size: int) -> bytes:
    try:
        vector = a2b_base64(coded, strict_mode=True)
    except (Base64Error, TypeError, ValueError):
        raise InvalidInputError("a vector is not Base64") from None
    if len(vector) != size:
        raise InvalidInputError(f"a vector has not {size // 4} numbers")
    return vector


def _finite(number: str) -> float:
    found = float(number)
    if not math.isfinite(found):
        raise InvalidInputError("a number is too large")
    return found


def _refused(constant: str) -> Any:
    raise InvalidInputError(f"{constant} is not JSON")


_READER = json.JSONDecoder(parse_constant=_refused, parse_float=_finite)
_INTEGER = (int,)
_ACCEPTED: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": _INTEGER,
    "number": (float, int),
}
_OF_JSON: dict[str, tuple[type, ...]] = {"tags": (list,), "metadata": (dict,), "source": (dict,)}
_ANY_JSON = (str, int, float, bool, list, dict)


def _types(one: Field) -> tuple[type, ...]:
    return _OF_JSON.get(one.name, _ANY_JSON) if one.form == "json" else _ACCEPTED[one.form]


_TYPES = {kind: {one.name: _types(one) for one in fields} for kind, fields in FIELDS.items()}
_REQUIRED = {
    kind: frozenset(one.name for one in fields if one.required) for kind, fields in FIELDS.items()
}
_JSON_FIELDS = {
    kind: [one.name for one in fields if one.form == "json"] for kind, fields in FIELDS.items()
}
_MOMENTS = [one.name for one in FIELDS["version"] if one.name.endswith(("_at", "_from", "_to"))]
