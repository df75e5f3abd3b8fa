"""`Settings`: the options of a memory that can be written as text, and what each may be."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - pydantic evaluates the annotations
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "COMMONPLACE_"
"""What the names of the environment's variables begin with."""

NEVER, ALL = "never", "all"
"""The words for no time between sweeps, and for no end of former states."""

_EMBEDDER = re.compile(r"builtin|hashing:[1-9][0-9]{0,4}")
_BYTES = re.compile(r"[0-9]+(\.[0-9]+)? ?([kmgt]i?)?b?", re.IGNORECASE)
CLOUD = "cloud"
"""The word for an index on Chroma Cloud."""
_INDEXES = ("auto", "chroma", "pgvector", "exact", CLOUD)


def _embedder(name: str) -> str:
    if not _EMBEDDER.fullmatch(name):
        raise ValueError(
            "an embedder is 'builtin' or 'hashing:DIMENSION'; one of your own is given in code, as "
            "embedder=, for nothing that text names is imported"
        )
    return name


def _index(name: str) -> str:
    if name not in _INDEXES and not name.startswith(("http://", "https://")):
        raise ValueError(
            "an index is 'auto', 'chroma', 'pgvector', 'exact', 'cloud' or 'http://host:port'"
        )
    return name


def _named(name: str) -> str:
    if not name or "\0" in name:
        raise ValueError("a memory is a directory, 'postgresql://...', or ':memory:'")
    return name


def _number_or(word: str) -> BeforeValidator:
    """A number, or a word that stands for None."""

    def read(given: Any) -> Any:
        if isinstance(given, bool):
            raise ValueError(f"it is a number or {word!r}")  # noqa: TRY004 - as pydantic wants it
        return None if given == word else given

    return BeforeValidator(read)


def _size(given: Any) -> Any:
    if isinstance(given, bool) or not _BYTES.fullmatch(str(given)):
        raise ValueError("it is a number of bytes from 0 on, such as 134217728 or '128MiB'")
    return given


class Settings(BaseSettings):
    """The options of a memory that can be written as text.

    The environment has each in capitals behind `COMMONPLACE_`. `loading` says which value holds
    where several are given.
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    config: Path | None = Field(None, description="the file that the others are read from")
    memory: Annotated[str, AfterValidator(_named)] = Field(
        "commonplace-memory",
        repr=False,
        description="where the memory is: a directory, `postgresql://...`, or `:memory:`",
    )
    embedder: Annotated[str, AfterValidator(_embedder)] | None = Field(
        None, description="what turns texts into vectors: `builtin`, `hashing:DIMENSION`"
    )
    index: Annotated[str, AfterValidator(_index)] = Field(
        "auto",
        repr=False,
        description="`auto`, `chroma`, `pgvector`, `exact`, `http://host:port`, `cloud`",
    )
    index_tenant: str | None = Field(None, description="the tenant on a Chroma server or cloud")
    index_database: str | None = Field(None, description="the database there")
    index_token: SecretStr | None = Field(
        None, description="a token, or the cloud's key; only in the environment", repr=False
    )
    index_ca: Path | None = Field(
        None, description="a file of the authorities that may have signed the server's certificate"
    )
    index_timeout: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="seconds that a request to it may take"
    )
    language: Literal["english", "none"] = Field(
        "english", description="what words of a query find: `english`, `none`"
    )
    durability: Literal["normal", "full"] = Field("normal", description="`normal`, `full`")
    cache_bytes: Annotated[ByteSize, BeforeValidator(_size)] = Field(
        ByteSize(128 * 1024 * 1024), description="a number, or one such as `128MiB`"
    )
    sweep_every: Annotated[float | None, _number_or(NEVER)] = Field(
        None, gt=0, allow_inf_nan=False, description="seconds, or `never`"
    )
    keep_versions: Annotated[int | None, _number_or(ALL)] = Field(
        None, ge=0, description="a number from 0 on, or `all`"
    )
    create: bool = Field(default=True, description="`true`, `false`")
    keys: Path | None = Field(None, description="a file of keys, see [Encryption](encryption.md)")
    key: SecretStr | None = Field(
        None, description="one key as `NAME:HEX`; only in the environment", repr=False
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - as the base class has it
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - as above
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what it is made with: `loading` puts the sources together, and knows which."""
        return (init_settings,)
