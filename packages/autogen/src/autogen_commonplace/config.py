"""What the components of this package can be made from again, as JSON without secrets."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import urlsplit

from autogen_core.models import LLMMessage  # noqa: TC002 - Pydantic reads it when this runs
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from commonplace import Memory, Scope
from commonplace.errors import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

_REFERENCE = "env:"
_SECRET = re.compile(r"key|token|secret|passw|credential|authorization", re.IGNORECASE)
_NAME = r"^[A-Za-z0-9_-]{1,50}$"


class Config(BaseModel):
    """A configuration: unknown parts are refused, and errors do not show what was given."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class EmbedderConfig(Config):
    """An embedder, by the name it was registered under.

    Attributes:
        name: see `register_embedder`; `"hashing"` is there from the start.
        arguments: what its factory is called with. A text `"env:NAME"` stands for the environment
            variable `NAME`, read when the memory is opened; a secret is given in no other way.
    """

    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)

    @field_validator("arguments")
    @classmethod
    def _no_secrets(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        for name, argument in arguments.items():
            if isinstance(argument, str) and _SECRET.search(name) and not _refers(argument):
                raise ValueError(f"{name} looks like a secret; write it as 'env:NAME'")
        return arguments


class StoreConfig(Config):
    """Where a component's memory is.

    Attributes:
        path: its directory, or `"env:NAME"`.
        index: as in `commonplace.Memory`, or `"env:NAME"`.
        embedder: which embedder; None for the built-in one.
        scope: where in the memory the component lives, as a path.
        user: the person it is for.
        agent: the agent that writes.
    """

    path: str | None = None
    index: str = "auto"
    embedder: EmbedderConfig | None = None
    scope: str | None = None
    user: str | None = None
    agent: str | None = None

    @field_validator("index")
    @classmethod
    def _no_password(cls, index: str) -> str:
        if "@" in urlsplit(index).netloc:
            raise ValueError("index holds a password; write it as 'env:NAME'")
        return index


class CommonplaceMemoryConfig(StoreConfig):
    """What a `CommonplaceMemory` is made from; see there."""

    name: str | None = Field(default=None, pattern=_NAME)
    k: int = Field(default=5, ge=1, le=1000)
    mode: Literal["hybrid", "dense", "lexical"] = "hybrid"
    threshold: float | None = Field(default=None, ge=-1, le=1)
    filter: dict[str, Any] | None = None
    kinds: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    role: Literal["user", "system"] = "user"
    placement: Literal["before_last", "append"] = "before_last"
    keep: Literal["latest", "all"] = "latest"
    query_from: Literal["last_user", "last_message"] = "last_user"
    on_error: Literal["log", "raise"] = "log"
    token_budget: int = Field(default=2000, ge=1)
    header: str = ""

    @field_validator("threshold")
    @classmethod
    def _dense(cls, threshold: float | None, info: ValidationInfo) -> float | None:
        if threshold is not None and info.data.get("mode") == "lexical":
            raise ValueError("a threshold is a cosine, which mode 'lexical' has not")
        return threshold


class CommonplaceChatCompletionContextConfig(StoreConfig):
    """What a `CommonplaceChatCompletionContext` is made from; see there."""

    thread: str = Field(min_length=1)
    limit: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    summary: bool = False
    searchable: bool = False
    initial_messages: list[LLMMessage] | None = None


ConfigT = TypeVar("ConfigT", bound=StoreConfig)


def checked_config(
    kind: type[ConfigT],
    memory: Memory | str | Path,
    *,
    scope: Scope | str | None,
    embedder: Any,
    **parts: Any,
) -> ConfigT:
    """The configuration of a component that was given these arguments.

    Raises:
        InvalidInputError: one of them is malformed.
    """
    try:
        return kind(
            path=None if isinstance(memory, Memory) else os.fspath(memory),
            scope=None if scope is None else Scope.of(scope).path,
            embedder=embedder if isinstance(embedder, EmbedderConfig) else None,
            **parts,
        )
    except ValidationError as error:
        first = error.errors()[0]
        named = ".".join(map(str, first["loc"]))
        raise InvalidInputError(f"{named}: {first['msg']}") from error


def arguments_of(config: StoreConfig) -> dict[str, Any]:
    """The arguments that a component is made from again.

    Raises:
        InvalidInputError: the configuration names no memory.
    """
    if config.path is None:
        raise InvalidInputError("this configuration has no path; say where its memory is")
    parts = {name: getattr(config, name) for name in type(config).model_fields if name != "path"}
    return {"memory": config.path, **parts}


def resolved(value: Any) -> Any:
    """The value, or what the environment variable holds that it refers to.

    Raises:
        InvalidInputError: the variable is not set.
    """
    if not isinstance(value, str) or not _refers(value):
        return value
    name = value.removeprefix(_REFERENCE)
    if name not in os.environ:
        raise InvalidInputError(f"environment variable {name!r} is not set; set it, then retry")
    return os.environ[name]


def _refers(value: str) -> bool:
    return value.startswith(_REFERENCE)
