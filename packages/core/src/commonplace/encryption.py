"""`Encryption`: the caller's keys, and what is sealed with them: content, values and metadata.

AES-256-GCM of the `cryptography` package, which is imported only where there are keys. A sealed
text names its key and carries its nonce; what it belongs to is bound to it as associated data, so
that sealed texts cannot be swapped between records or columns.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from commonplace.errors import (
    DataDamagedError,
    EncryptionError,
    InvalidInputError,
    KeyMissingError,
)
from commonplace.scope import Scope

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    from commonplace.scope import ScopeLike

KEY_BYTES = 32
MAX_KEY_ID_BYTES = 128
NEVER_SEALED = frozenset({"", "{}"})
"""Texts that say only that there is nothing: they stay as they are."""

_FORM = 1
_NONCE_BYTES = 12
_CHECK = "commonplace"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """The keys of a memory whose texts are encrypted, and which scopes are.

    What is encrypted, what is not and what works how is in `docs/encryption.md`. A memory
    remembers which of its scopes are encrypted; opening it with more scopes adds them, and none is
    ever taken off.

    Args:
        keys: 32 random bytes each, such as `secrets.token_bytes(32)`, by the name of the key.
            Names are stored in the clear. With no keys at all an encrypted memory can still be
            counted, deleted from and erased.
        active: the name of the key that new texts are encrypted with. May be left out where there
            is one key, or where the memory knows its active key already.
        scopes: the scopes to encrypt, with all below them; None for those that the memory
            encrypts already, or everything if it encrypts none yet. An empty list only opens what
            is encrypted already, and changes nothing of what is. As a dict it gives scopes keys
            of their own, by name: forgetting such a key makes the scope unreadable for good.

    Raises:
        InvalidInputError: a key is not 32 bytes, or a name is empty or too long, or stands for no
            key.
        EncryptionError: the package `cryptography` is missing.
    """

    keys: Mapping[str, bytes] = field(repr=False)
    active: str | None = None
    scopes: Sequence[ScopeLike] | Mapping[Any, str] | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.keys, Mapping):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise InvalidInputError("keys is a dict of key names and 32 bytes each")
        named = {_checked_name(name): key for name, key in self.keys.items()}
        object.__setattr__(self, "keys", named)
        for name, key in self.keys.items():
            _check_key(name, key)
        if self.active is not None and _checked_name(self.active) not in self.keys:
            raise InvalidInputError(f"active names key {self.active!r}, which is not among keys")
        _ = self.places
        if self.keys:
            _cipher_type()

    @property
    def places(self) -> dict[Scope, str | None] | None:
        """The scopes that were named, each with the name of its own key, if it has one."""
        given = self.scopes
        if given is None:
            return None
        if isinstance(given, Mapping):
            named: dict[Scope, str | None] = {
                Scope.of(scope): _checked_name(name) for scope, name in given.items()
            }
            for name in named.values():
                if name not in self.keys:
                    raise InvalidInputError(f"scopes names key {name!r}, which is not among keys")
            return named
        if isinstance(given, str) or not isinstance(given, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise InvalidInputError("scopes is a list of scopes, or a dict of scopes and key names")
        return {Scope.of(scope): None for scope in given}


def key_from_passphrase(passphrase: str, salt: bytes) -> bytes:
    """The 32 bytes of a key, from a passphrase (scrypt, 128 MiB, a second or so).

    Args:
        passphrase: long, and of your own.
        salt: at least 16 random bytes, kept by you; they need not be secret.

    Raises:
        InvalidInputError: the passphrase is empty or the salt too short.
    """
    if not isinstance(passphrase, str) or not passphrase:  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
        raise InvalidInputError("a passphrase is a text that is not empty")
    if not isinstance(salt, bytes) or len(salt) < 16:  # noqa: PLR2004 # pyright: ignore[reportUnnecessaryIsInstance] - as the docstring says; callers without types
        raise InvalidInputError(
            "a salt is at least 16 random bytes; keep it, it need not be secret"
        )
    try:
        secret = passphrase.encode()
    except UnicodeEncodeError as error:
        raise InvalidInputError("a passphrase may not hold a lone surrogate") from error
    return hashlib.scrypt(secret, salt=salt, n=2**17, r=8, p=1, maxmem=2**28, dklen=KEY_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealingPolicy:
    """Which scopes of a memory are encrypted, as the memory remembers it.

    Attributes:
        active: the name of the key for all scopes without one of their own.
        scopes: by path, each with the name of its own key, or None.
        checks: a text that is always the same, sealed with each key: tells a wrong key.
    """

    active: str
    scopes: Mapping[str, str | None]
    checks: Mapping[str, str]

    @property
    def key_names(self) -> list[str]:
        """The names of all keys that were ever used."""
        return sorted(self.checks)


class Keyring:
    """Seals and opens texts with the keys of one memory.

    Args:
        keys: by name.
        policy: which scopes are sealed; see `SealingPolicy`.
    """

    def __init__(self, keys: Mapping[str, bytes], policy: SealingPolicy) -> None:
        cipher = _cipher_type() if keys else None
        self._ciphers = {} if cipher is None else {name: cipher(keys[name]) for name in keys}
        self._hash_keys = {name: _hash_key(key) for name, key in keys.items()}
        self._key_names = {Scope.parse(path): name for path, name in policy.scopes.items()}
        self.active = policy.active

    @property
    def scopes(self) -> list[Scope]:
        """The scopes that are sealed, with all below them."""
        return list(self._key_names)

    def key_at(self, scope: Scope) -> str | None:
        """The name of the key for what is written at a scope; None if it is not sealed."""
        for place in scope.ancestors():
            if place in self._key_names:
                return self._key_names[place] or self.active
        return None

    def covers(self, scope: Scope) -> bool:
        """Whether anything at a scope or below it is sealed."""
        return any(one.contains(scope) or scope.contains(one) for one in self._key_names)

    def seal(self, key_name: str, text: str, *belongs_to: str) -> bytes:
        """The text, sealed and bound to what it belongs to.

        Raises:
            KeyMissingError: the key was not given.
        """
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher(key_name).encrypt(nonce, text.encode(), _bound(belongs_to))
        name = key_name.encode()
        return bytes([_FORM, len(name)]) + name + nonce + sealed

    def open(self, sealed: bytes, *belongs_to: str) -> str:
        """The text that was sealed.

        Raises:
            KeyMissingError: its key was not given.
            DataDamagedError: it was altered, or belongs to something else.
        """
        name, start = key_name_of(sealed), sealed[1] + 2
        nonce, rest = sealed[start : start + _NONCE_BYTES], sealed[start + _NONCE_BYTES :]
        cipher = self._cipher(name)
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - there is a cipher

        try:
            return cipher.decrypt(nonce, rest, _bound(belongs_to)).decode()
        except (InvalidTag, ValueError) as error:
            raise DataDamagedError(
                f"an encrypted {belongs_to[0]} was altered or belongs to another record; "
                "restore a backup"
            ) from error

    def fingerprint(self, key_name: str, content: str) -> int:
        """A 64-bit fingerprint that tells nothing to those without the key."""
        if key_name not in self._hash_keys:
            raise _missing(key_name)
        secret = self._hash_keys[key_name]
        digest = hashlib.blake2b(content.encode(), key=secret, digest_size=8).digest()
        return int.from_bytes(digest, "little", signed=True)

    def fingerprints(self, content: str) -> list[int]:
        """The fingerprints of a content with every key."""
        return [self.fingerprint(name, content) for name in self._hash_keys]

    def _cipher(self, key_name: str) -> AESGCM:
        if (found := self._ciphers.get(key_name)) is None:
            raise _missing(key_name)
        return found


def policy_for(given: Encryption, known: SealingPolicy | None) -> SealingPolicy | None:
    """What a memory encrypts from now on; None for nothing.

    Args:
        given: what it is opened with.
        known: what it encrypted until now, if anything.

    Raises:
        EncryptionError: a key is another one than the memory was encrypted with, or which one is
            active is not clear.
    """
    if not given.keys:
        return known
    if given.places == {}:
        return known and _checked_only(given.keys, known)
    active = given.active or (known.active if known else None)
    if active is None and len(given.keys) > 1:
        raise EncryptionError("there are several keys; say which one is active")
    active = active or next(iter(given.keys))
    places = given.places
    scopes = dict(known.scopes) if known else {}
    if places is None and not scopes:
        scopes[""] = None
    for place, own in (places or {}).items():
        scopes[place.path] = own or scopes.get(place.path)
    policy = SealingPolicy(active=active, scopes=scopes, checks=known.checks if known else {})
    return SealingPolicy(active=active, scopes=scopes, checks=_checked_keys(given.keys, policy))


def key_name_of(sealed: bytes) -> str:
    """The name of the key that something was sealed with.

    Raises:
        DataDamagedError: that cannot be told.
    """
    if len(sealed) < 2 + _NONCE_BYTES or sealed[0] != _FORM:
        raise DataDamagedError("an encrypted text has an unknown form; restore a backup")
    try:
        return sealed[2 : 2 + sealed[1]].decode()
    except UnicodeDecodeError as error:
        raise DataDamagedError("an encrypted text names no key; restore a backup") from error


def _checked_keys(keys: Mapping[str, bytes], policy: SealingPolicy) -> dict[str, str]:
    """The checks of the policy, and those of keys that are new."""
    ring = Keyring(keys, policy)
    checks = dict(policy.checks)
    for name in keys:
        if name not in checks:
            checks[name] = ring.seal(name, _CHECK, "check", name).hex()
            continue
        try:
            ring.open(bytes.fromhex(checks[name]), "check", name)
        except DataDamagedError as error:
            raise EncryptionError(
                f"key {name!r} is not the one that this memory was encrypted with"
            ) from error
    return checks


def _checked_only(keys: Mapping[str, bytes], known: SealingPolicy) -> SealingPolicy:
    """The policy as it is, after a look whether those of the keys that it names are right."""
    _checked_keys({name: key for name, key in keys.items() if name in known.checks}, known)
    return known


def _missing(key_name: str) -> KeyMissingError:
    return KeyMissingError(
        f"key {key_name!r} is needed and was not given; open the memory with "
        f"encryption=Encryption(keys={{{key_name!r}: ...}})",
        key_name=key_name,
    )


def _bound(belongs_to: Sequence[str]) -> bytes:
    return "".join(f"{len(part)}:{part}" for part in belongs_to).encode(errors="surrogatepass")


def _hash_key(key: bytes) -> bytes:
    return hashlib.blake2b(b"commonplace content fingerprint", key=key).digest()


def _checked_name(name: object) -> str:
    if not isinstance(name, str) or not name or not name.isprintable():
        raise InvalidInputError("the name of a key is a printable text that is not empty")
    if len(name.encode(errors="replace")) > MAX_KEY_ID_BYTES:
        raise InvalidInputError(f"the name of a key has at most {MAX_KEY_ID_BYTES} UTF-8 bytes")
    return name


def _check_key(name: str, key: object) -> None:
    if not isinstance(key, bytes) or len(key) != KEY_BYTES:
        raise InvalidInputError(
            f"key {name!r} is not {KEY_BYTES} bytes; make one with secrets.token_bytes({KEY_BYTES})"
        )


def _cipher_type() -> type[AESGCM]:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import (  # noqa: PLC0415 - an extra
            AESGCM,
        )
    except ImportError as error:
        raise EncryptionError(
            "encryption needs the package cryptography; install it with `pip install cryptography`"
        ) from error
    return AESGCM
