"""Which value of an option holds, and where it came from.

Arguments come before the environment, the environment before the file, the file before defaults.
No value is in an error: it may hold a password.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, ValidationError
from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource

from commonplace.configuration.keyfile import key_from_text, keys_from_file
from commonplace.configuration.settings import ALL, CLOUD, NEVER, PREFIX, Settings
from commonplace.errors import InvalidInputError, NotFoundError
from commonplace.masking import HIDDEN, masked
from commonplace.moving.files import checked_path, expanded, translated_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from commonplace.encryption import Encryption

DEFAULT, ARGUMENT = "default", "argument"
_IN_MEMORY = ":memory:"
_PATHS = ("memory", "keys", "index_ca")
_OF_SERVERS = ("tenant", "database", "token", "ca", "timeout")
_NOT_IN_FILES = {
    "config": "a file does not name another one",
    "key": f"a key does not belong into it: name a file of keys with 'keys', or set {PREFIX}KEY",
    "index_token": f"a token does not belong into it: set {PREFIX}INDEX_TOKEN",
}
_NAMED_OTHERWISE = {
    "path": "memory",
    "encryption": "keys",
    "memory": "path",
    "keys": "encryption",
    "key": "encryption",
    "file": "config",
}
_ONLY_IN_CODE = ("clock", "middleware")
_WORDS = {"sweep_every": NEVER, "keep_versions": ALL}
_LISTED = "; docs/configuration.md lists them all"
_OF_KUBERNETES = re.compile(
    r"(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?"
    r"|PORT(?:_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)?)"
)
"""What Kubernetes tells every container of a Service that is called `commonplace`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """An option as people may see it.

    Attributes:
        name: what it is called.
        value: what holds; passwords and keys are left out.
        origin: where it came from: `argument`, a variable, a file, `default`.
    """

    name: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """The options of a memory, put together.

    Args:
        settings: those that can be written as text.
        origins: where each came from that is no default.
        given: those that were given in code, as `Memory` takes them.
    """

    settings: Settings = field(repr=False)
    origins: Mapping[str, str] = field(repr=False)
    given: Mapping[str, Any] = field(repr=False)

    @property
    def path(self) -> str:
        """Where the memory is; it may hold a password."""
        return self.settings.memory

    def options(self) -> dict[str, Any]:
        """What `Memory` takes beside its path.

        Raises:
            InvalidInputError: a file of keys is none, or what is said of a server is none.
        """
        settings = self.settings
        found: dict[str, Any] = {
            "language": None if settings.language == "none" else settings.language,
            "durability": settings.durability,
            "cache_bytes": int(settings.cache_bytes),
            "sweep_every": settings.sweep_every,
            "keep_versions": settings.keep_versions,
            "create": settings.create,
            **self.given,
        }
        if "index" not in found:
            found["index"] = self.index()
        if "embedder" not in found:
            found["embedder"] = self.embedder()
        if "encryption" not in found:
            found["encryption"] = self.encryption()
        return found

    def encryption(self) -> Encryption | None:
        """The keys; None if there are none.

        Raises:
            InvalidInputError: they are given twice, or are none.
        """
        settings = self.settings
        if settings.keys is not None and settings.key is not None:
            raise InvalidInputError(
                f"there are two keys: {self._origin('keys')} and {self._origin('key')}; leave one"
            )
        if settings.key is not None:
            return key_from_text(settings.key.get_secret_value(), self._origin("key"))
        if settings.keys is None:
            return None
        return keys_from_file(settings.keys, called=self._called("keys"))

    def shown(self) -> list[Shown]:
        """Every option that can be written as text, its value and where it came from."""
        return [
            Shown(
                name=name,
                value=_shown(name, getattr(self.settings, name)),
                origin=self._origin(name),
            )
            for name in Settings.model_fields
        ]

    def embedder(self) -> Any:
        """The embedder that has a name; None if none is named."""
        return _embedder(self.settings.embedder)

    def index(self) -> Any:
        """The index, with what is said of its server.

        Raises:
            InvalidInputError: what is said of a server is none, or there is no server.
        """
        index = self.settings.index
        told = {name: getattr(self.settings, f"index_{name}") for name in _OF_SERVERS}
        said = {name: value for name, value in told.items() if value is not None}
        if index != CLOUD and not said:
            return index
        if index != CLOUD and "://" not in index:
            if self._origin("index") == ARGUMENT:  # in place of the server that they are about
                return index
            raise InvalidInputError(
                f"{self._origin(f'index_{next(iter(said))}')} is about a Chroma server, and the "
                f"index is {index!r}; name the server with 'index'"
            )
        # Here and not above: what is only shown needs none of it.
        from commonplace.index.servers import ChromaCloud, ChromaServer  # noqa: PLC0415

        if "ca" in said:
            said["ca"] = expanded(said["ca"])
            if not os.path.isfile(said["ca"]):  # noqa: PTH113 - it raises nothing, whatever the name
                raise InvalidInputError(
                    f"{self._called('index_ca')}: there is no file at {str(said['ca'])!r}; name "
                    "one of certificates in PEM"
                )
        if "token" in said:
            said["token"] = said["token"].get_secret_value()
        if index != CLOUD:
            return ChromaServer(index, **said)
        return ChromaCloud(api_key=said.pop("token", None), **said)

    def _origin(self, name: str) -> str:
        return self.origins.get(name, DEFAULT)

    def _called(self, name: str) -> str:
        return _called(name, self.origins)


def load(
    path: str | Path | None = None,
    *,
    config: str | Path | None = None,
    keys: str | Path | None = None,
    index: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> Configuration:
    """The options of a memory, out of arguments, the environment and a file.

    Args:
        path: where the memory is, if that is given.
        config: the file, if that is given.
        keys: a file of keys, if that is given.
        index: where the index is, if that is given as text.
        options: what else is given, as `Memory` takes it.

    Raises:
        InvalidInputError: an option is unknown, or is not what it may be.
        NotFoundError: the file is not there.
        PermissionDeniedError: it may not be read.
    """
    given = dict(options or {})
    _check_options(given)
    told = {"memory": path, "config": config, "keys": keys, "index": index}
    arguments = {name: _text(value) for name, value in told.items() if value is not None}
    variables = EnvSettingsSource(Settings)()
    named = arguments.get("config", variables.get("config"))
    file = None if named is None else checked_path(named)
    filed = {} if file is None else _from_file(file)
    origins = {
        **dict.fromkeys(filed, str(file)),
        **{name: PREFIX + name.upper() for name in variables},
        **dict.fromkeys(arguments, ARGUMENT),
    }
    values: dict[str, Any] = {**filed, **variables, **arguments}
    wrong = _unknown_variables(os.environ)
    settings = None
    try:
        settings = Settings(**values)
    except ValidationError as error:
        wrong += _reasons(error, origins)
    if settings is None or wrong:  # not in the block above: the error there holds the values
        raise InvalidInputError("; ".join(wrong))
    return Configuration(settings, origins, given)


def _text(given: object) -> Any:
    return str(given) if isinstance(given, Path) else given


def _check_options(given: Mapping[str, Any]) -> None:
    if not given:
        return
    # Here and not above: it takes long to import, and what is only shown needs none of it.
    from commonplace.store import Options  # noqa: PLC0415

    known = list(Options.__dataclass_fields__)
    for name in given:
        if name not in known:
            raise InvalidInputError(f"there is no option {name!r}{_nearest(name, known)}")


def _unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """What is wrong with the names of variables, of each that is no option."""
    named = [name for name in environment if name.upper().startswith(PREFIX)]
    return [
        f"the environment has {name}, which is no option{_nearest_variable(name)}"
        for name in named
        if name.upper().removeprefix(PREFIX).lower() not in Settings.model_fields
        and not _OF_KUBERNETES.fullmatch(name.removeprefix(PREFIX))
    ]


def _nearest_variable(name: str) -> str:
    """As `_nearest`; what all variables begin with makes none of them nearer."""
    wanted = name.upper().removeprefix(PREFIX).lower()
    near = difflib.get_close_matches(wanted, Settings.model_fields, 1)
    return f"; did you mean {PREFIX}{near[0].upper()}?" if near else _LISTED


def _from_file(file: Path) -> dict[str, Any]:
    """What a file says, as far as it may."""
    with translated_errors(file):
        if not file.is_file():
            raise NotFoundError(f"there is no file of settings at {str(file)!r}")
        try:
            said = TomlConfigSettingsSource(Settings, toml_file=file).toml_data
        except ValueError as error:
            raise InvalidInputError(f"{str(file)!r} is no TOML: {error}") from None
    known = [name for name in Settings.model_fields if name not in _NOT_IN_FILES]
    for name in said:
        if name in _NOT_IN_FILES:
            raise InvalidInputError(f"{str(file)!r} has {name!r}: {_NOT_IN_FILES[name]}")
        if name not in known:
            raise InvalidInputError(
                f"{str(file)!r} has {name!r}, which is no option{_nearest(name, known)}"
            )
    return {name: _placed(name, value, file) for name, value in said.items()}


def _placed(name: str, value: Any, file: Path) -> Any:
    """A path that a file names, from where the file is."""
    if name not in _PATHS or not isinstance(value, str) or not value:
        return value
    if value == _IN_MEMORY or "://" in value:
        return value
    return str(file.parent / expanded(Path(value)))


def _nearest(name: str, known: Iterable[str]) -> str:
    """What a name was probably meant to be, as the end of a sentence."""
    if name in _ONLY_IN_CODE:
        return "; it is given in code alone"
    if name in _NAMED_OTHERWISE:
        return f"; did you mean {_NAMED_OTHERWISE[name]!r}?"
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else _LISTED


def _called(name: str, origins: Mapping[str, str]) -> str:
    """An option and where it came from, to say what is wrong with it."""
    origin = origins.get(name, DEFAULT)
    return origin if origin.startswith(PREFIX) else f"{name} ({origin})"


def _reasons(error: ValidationError, origins: Mapping[str, str]) -> list[str]:
    """What is wrong, of every option that is, without what was given."""
    found = error.errors(include_input=False, include_context=False, include_url=False)
    return [_reason(str(one["loc"][0]), one["msg"], origins) for one in found]


def _reason(name: str, message: str, origins: Mapping[str, str]) -> str:
    plain = message.removeprefix("Value error, ")
    word = _WORDS.get(name, "")
    other = f", or {word!r}" if word and word not in plain else ""
    return f"{_called(name, origins)}: {plain[:1].lower()}{plain[1:]}{other}"


def _embedder(name: str | None) -> Any:
    if name is None:
        return None
    # Here and not above: what is only shown needs no numpy.
    if name == "builtin":
        from commonplace.embedders.static import StaticEmbedder  # noqa: PLC0415

        return StaticEmbedder()
    from commonplace.embedders import HashingEmbedder  # noqa: PLC0415

    return HashingEmbedder(int(name.removeprefix("hashing:")))


def _shown(name: str, value: Any) -> str:
    if isinstance(value, SecretStr):
        return HIDDEN
    if value is None:
        return _WORDS.get(name, "none")
    if isinstance(value, bool):
        return str(value).lower()
    return masked(str(int(value) if name == "cache_bytes" else value))
