"""Chroma's client for a server, with what it lacks: time limits, and errors that say what to do."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from chromadb.api import ServerAPI
from chromadb.api.models.Collection import Collection
from chromadb.config import DEFAULT_DATABASE, DEFAULT_TENANT, Settings, System
from chromadb.errors import ChromaError, NotFoundError
from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from commonplace.index.faults import (
    MEANWHILE,
    CollectionGoneError,
    PassingFaultError,
    ServerFaultError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from commonplace.index.servers import ChromaTarget

    T = TypeVar("T")

_ATTEMPTS = 3
_LONGEST_PAUSE = 1.0
_CONNECT_SECONDS = 5.0
_QUICK_SECONDS = 10.0
_PAGE = 100
_REFUSED = frozenset({401, 403})
_BUSY = frozenset({408, 425, 429})
_FAILED = 500


class RemoteClient:
    """The part of Chroma's client that an index uses, over HTTP.

    Chroma's own client waits for ever for an answer, and asks the server before there is one to be
    given a time limit. So its lower layer is used, which does neither.

    Args:
        target: the server.
    """

    def __init__(self, target: ChromaTarget) -> None:
        self._target = target
        # `_env_file` is pydantic's: whose `.env` the process stands beside is no matter.
        settings = Settings(
            _env_file=None,  # pyright: ignore[reportCallIssue]
            anonymized_telemetry=False,
            chroma_api_impl="chromadb.api.fastapi.FastAPI",
            chroma_server_host=target.url,
            chroma_server_http_port=443,  # not used: the url has one
            chroma_server_headers=dict(target.headers),
        )
        self._system = System(settings)
        self._api: Any = self._system.instance(ServerAPI)
        self._session = self._limited(self._api._session)  # noqa: SLF001 - it takes no limits
        self._api._session = self._session  # noqa: SLF001 - as above
        self._system.start()
        self._database: tuple[str, str] | None = None

    def again(self, call: Callable[[], T]) -> T:
        """What a request gives that may be repeated; it is, a few times, while the server is busy.

        Raises:
            ServerFaultError: it cannot be had now.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(PassingFaultError),
            stop=stop_after_attempt(_ATTEMPTS) | stop_after_delay(self._target.timeout),
            wait=wait_random_exponential(multiplier=0.1, max=_LONGEST_PAUSE),
            reraise=True,
        )
        under_way = False
        for attempt in retrying:
            with attempt:
                try:
                    return self._once(call)
                except ServerFaultError as error:
                    error.under_way = under_way = error.under_way or under_way
                    raise
        raise AssertionError  # it returns, or raises what the last attempt did

    def quickly(self, call: Callable[[], T]) -> T:
        """What a request gives that somebody waits for; it is not repeated.

        Raises:
            ServerFaultError: it cannot be had now.
        """
        self._session.timeout = self._timeout(min(_QUICK_SECONDS, self._target.timeout))
        try:
            return self._once(call)
        finally:
            self._session.timeout = self._timeout(self._target.timeout)

    def _once(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except ServerFaultError:
            raise
        except NotFoundError as error:
            self._database = None  # it may be gone too
            raise CollectionGoneError(
                self._said("does not have the collection any more")
            ) from error
        except httpx.TimeoutException as error:
            seconds = self._session.timeout.read
            raise PassingFaultError(
                self._said(f"did not answer within {seconds:g} s"),
                under_way=not isinstance(error, httpx.ConnectTimeout),
            ) from error
        except httpx.TransportError as error:
            raise PassingFaultError(
                self._unreachable(error), under_way=not isinstance(error, httpx.ConnectError)
            ) from error
        except ChromaError as error:
            self._database = None
            raise ServerFaultError(self._said(f"refused: {error.name()}")) from error
        except Exception as error:  # damaged answers break wherever Chroma's client first trips
            what = f"gave an answer that is none of Chroma's ({type(error).__name__})"
            raise ServerFaultError(self._said(what)) from error

    def get_or_create_collection(self, name: str, **options: Any) -> Collection:
        """A collection, made if it is not there."""
        options.pop("embedding_function")
        tenant, database = self._place()
        model = self._api.get_or_create_collection(
            name, **options, tenant=tenant, database=database
        )
        return Collection(client=self._api, model=model, embedding_function=None)

    def get_collection(self, name: str) -> Collection:
        """A collection that is there."""
        tenant, database = self._place()
        model = self._api.get_collection(name, tenant=tenant, database=database)
        return Collection(client=self._api, model=model, embedding_function=None)

    def list_collections(self) -> list[Collection]:
        """Every collection of the database, whoever made it."""
        return [
            Collection(client=self._api, model=model, embedding_function=None)
            for model in self._models()
        ]

    def delete_collection(self, name: str) -> None:
        """Delete a collection."""
        tenant, database = self._place()
        self._api.delete_collection(name, tenant=tenant, database=database)

    def get_max_batch_size(self) -> int:
        """How many entries one write may have."""
        most = int(self._api.get_max_batch_size())
        return min(most, self._target.limits.batch or most)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        self._system.stop()

    def _models(self) -> Iterable[Any]:
        """Every collection, listed until nothing new is found.

        A page begins after so many others: where somebody deletes one of these, it leaves one out.
        """
        found: dict[Any, Any] = {}
        while True:
            listed = {model.id: model for model in self._listed()}
            if listed.keys() <= found.keys() or len(listed) < _PAGE:
                return {**found, **listed}.values()
            found |= listed

    def _listed(self) -> Generator[Any]:
        tenant, database = self._place()
        start = 0
        while True:
            page = self._api.list_collections(_PAGE, start, tenant, database)
            yield from page
            if len(page) < _PAGE:
                return
            start += _PAGE

    def _place(self) -> tuple[str, str]:
        """Tenant and database; asked of the server where they are not given."""
        if self._database is None:
            tenant, database = self._target.tenant, self._target.database
            if tenant is None or database is None:
                identity: Any = self._api.get_user_identity()
                databases: list[str] = identity.databases or []
                known = [name for name in databases if name != "*"]
                tenant = tenant or identity.tenant or DEFAULT_TENANT
                database = database or (known[0] if len(known) == 1 else DEFAULT_DATABASE)
            self._check_place(tenant, database)
            self._database = tenant, database
        return self._database

    def _check_place(self, tenant: str, database: str) -> None:
        """See that the database is there: one that is not is listed as if it were empty."""
        try:
            self._api.get_database(database, tenant)
        except NotFoundError as error:
            raise ServerFaultError(
                self._said(f"has no database {database!r} of tenant {tenant!r}", "create it there")
            ) from error

    def _timeout(self, seconds: float) -> httpx.Timeout:
        return httpx.Timeout(seconds, connect=min(_CONNECT_SECONDS, seconds))

    def _limited(self, made: httpx.Client) -> httpx.Client:
        """A session as Chroma's client makes one, with time limits and our reading of errors."""
        ca = self._target.ca
        session = httpx.Client(
            headers=made.headers,
            timeout=self._timeout(self._target.timeout),
            verify=True if ca is None else ssl.create_default_context(cafile=ca),
            event_hooks={"response": [self._check]},
        )
        made.close()
        return session

    def _check(self, response: httpx.Response) -> None:
        """Say what a status means that does not depend on what was asked."""
        status = response.status_code
        if status in _REFUSED:
            raise ServerFaultError(
                self._said(f"refuses what it was sent ({status})", "check token, headers, tenant")
            )
        if status in _BUSY or status >= _FAILED:
            raise PassingFaultError(
                self._said(f"is busy or failing ({status})"), under_way=status >= _FAILED
            )
        if response.is_redirect:
            raise ServerFaultError(
                self._said(f"sends elsewhere ({status})", "give the address that it means")
            )

    def _unreachable(self, error: httpx.TransportError) -> str:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            return self._said("has a certificate that is not trusted", "give its authority as ca=")
        return self._said(
            f"cannot be reached ({type(error).__name__})", "check that it runs, and its address"
        )

    def _said(self, what: str, remedy: str = "look at its log") -> str:
        """A message, which holds nothing that the server said or was sent."""
        return f"the Chroma server {self._target.url} {what}; {remedy}; {MEANWHILE}"
