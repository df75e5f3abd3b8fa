"""Where a component's memory is: handed in, or opened when it is first needed."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from autogen_commonplace.config import EmbedderConfig, StoreConfig, resolved
from commonplace import HashingEmbedder, Memory, Scope
from commonplace.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_FACTORIES: dict[str, Callable[..., Any]] = {"hashing": HashingEmbedder}


def register_embedder(name: str, factory: Callable[..., Any]) -> None:
    """Say how the embedder that configurations call `name` is made, in this process.

    A configuration only names it, so that loading one imports and calls nothing that this process
    did not choose.

    Args:
        name: what `EmbedderConfig.name` says.
        factory: called with `EmbedderConfig.arguments` by keyword; it returns what
            `commonplace.Memory` takes as `embedder`.
    """
    _FACTORIES[name] = factory


class Opening:
    """A memory: the one handed in, or the one that the configuration names, opened by us.

    It is opened when it is first asked for, again after `close`. Only what was opened here is
    closed here. Safe to use from several threads; `memory` does file work.
    """

    def __init__(self, memory: Memory | str | Path, config: StoreConfig, embedder: Any) -> None:
        self._given = memory if isinstance(memory, Memory) else None
        if self._given is not None and (embedder is not None or config.index != "auto"):
            raise InvalidInputError("an open memory has its embedder and index; leave them out")
        self._config = config
        self._embedder = embedder
        self._opened: Memory | None = None
        self._lock = threading.Lock()
        self._scope = _scope(config)

    @property
    def label(self) -> str:
        """A name that tells the scopes of one memory apart."""
        if self._scope is None:
            return "commonplace"
        digest = hashlib.blake2s(self._scope.path.encode(), digest_size=4)
        return f"commonplace-{digest.hexdigest()}"

    def memory(self) -> Memory:
        """The memory, narrowed to the scope.

        Raises:
            InvalidInputError: a variable that the configuration names is not set, or an embedder
                not registered.
            CommonplaceError: it cannot be opened; see `commonplace.Memory`.
        """
        with self._lock:
            if self._given is None and self._opened is None:
                self._opened = self._open()
            whole = self._opened if self._given is None else self._given
        assert whole is not None  # noqa: S101 - for the type checker: one of the two is there
        return whole if self._scope is None else whole.scope(self._scope)

    def close(self) -> None:
        """Close what was opened here; its data stay."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def check_described(self) -> None:
        """Refuse to be described by a configuration that would not lead back here.

        Raises:
            InvalidInputError: the memory or its embedder was handed in as an object, or its URL
                holds a password.
        """
        if self._given is not None:
            raise InvalidInputError(
                "a memory that was handed in open cannot be dumped; give its path instead"
            )
        if _holds_password(self._config.path or ""):
            raise InvalidInputError(
                "a URL that holds a password cannot be dumped; give path='env:NAME' and put the "
                "URL into that variable of the environment"
            )
        if self._embedder is not None and not isinstance(self._embedder, EmbedderConfig):
            raise InvalidInputError(
                "an embedder that was handed in as an object cannot be dumped; "
                "register_embedder(...) and give an EmbedderConfig instead"
            )

    def _open(self) -> Memory:
        return Memory(
            resolved(self._config.path),
            embedder=_embedder(self._embedder),
            index=resolved(self._config.index),
        )


def _holds_password(path: str) -> bool:
    if "://" not in path:
        return False
    parts = urlsplit(path)
    return bool(parts.password) or any("password" in name for name, _ in parse_qsl(parts.query))


def _embedder(given: Any) -> Any:
    if not isinstance(given, EmbedderConfig):
        return given
    if given.name not in _FACTORIES:
        raise InvalidInputError(
            f"no embedder is registered as {given.name!r}; call register_embedder first"
        )
    arguments = {name: resolved(argument) for name, argument in given.arguments.items()}
    return _FACTORIES[given.name](**arguments)


def _scope(config: StoreConfig) -> Scope | None:
    if config.scope is not None:
        return Scope.parse(config.scope)
    return None if config.user is None else Scope("users", config.user)
