"""`CommonplaceFlowPersistence`: the states of flows, kept in a memory."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any, cast

from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.persistence.base import FlowPersistence
from pydantic import BaseModel, PrivateAttr

from commonplace import InvalidInputError, Memory, Scope, Source
from crewai_commonplace._convert import APP
from crewai_commonplace.knowledge import storage_of

if TYPE_CHECKING:
    from pathlib import Path

    from commonplace.scope import ScopeLike
    from crewai_commonplace.storage import CommonplaceStorage

KIND = "state"


class CommonplaceFlowPersistence(FlowPersistence):
    """CrewAI's flow persistence over a memory.

    The latest state of a flow is a record of kind `state` in the scope `flows`, below the scope
    given here, with the flow's id as its key; searches do not find it. Its former states are its
    history. A state that waits for a person's answer lies in `flows/pending`.

    Args:
        memory: an open `commonplace.Memory`, the path of one, or a spec such as
            `commonplace:///var/memory?scope=teams`.
        scope: where the states live; the root of the memory if left out.

    Raises:
        InvalidInputError: an argument is malformed.
    """

    persistence_type: str = "CommonplaceFlowPersistence"
    spec: str
    _storage: CommonplaceStorage = PrivateAttr()

    def __init__(
        self,
        memory: Memory | str | Path | None = None,
        *,
        scope: ScopeLike | None = None,
        spec: str | None = None,
        **fields: Any,
    ) -> None:
        storage = storage_of(spec if memory is None else memory, scope)
        super().__init__(**{**fields, "spec": storage.spec})
        self._storage = storage

    def init_db(self) -> None:
        """Nothing is to be made ready."""

    def save_state(
        self, flow_uuid: str, method_name: str, state_data: dict[str, Any] | BaseModel
    ) -> None:
        """Keep the state of a flow after one of its methods.

        Dates become ISO text, sets and tuples lists, and anything else that JSON lacks its `str`.

        Raises:
            InvalidInputError: the state is neither a dict nor a model, or holds NaN or infinity.
        """
        self._storage.memory.add_many([self._state(flow_uuid, method_name, state_data)])

    def load_state(self, flow_uuid: str) -> dict[str, Any] | None:
        """The latest state of a flow; None if it has none."""
        kept = self._kept(flow_uuid, self._place)
        return None if kept is None else kept["state"]

    def save_pending_feedback(
        self,
        flow_uuid: str,
        context: PendingFeedbackContext,
        state_data: dict[str, Any] | BaseModel,
    ) -> None:
        """Keep the state of a flow that waits for a person's answer, and what it asked."""
        state = self._state(flow_uuid, context.method_name, state_data)
        notes = {**state["value"][APP], "context": _plain(context.to_dict())}
        waiting = {**state, "scope": self._waiting, "value": {APP: notes}}
        self._storage.memory.add_many([state, waiting])

    def load_pending_feedback(
        self, flow_uuid: str
    ) -> tuple[dict[str, Any], PendingFeedbackContext] | None:
        """The state of a flow that waits and what it asked; None if it does not wait."""
        kept = self._kept(flow_uuid, self._waiting)
        if kept is None:
            return None
        return kept["state"], PendingFeedbackContext.from_dict(kept["context"])

    def clear_pending_feedback(self, flow_uuid: str) -> None:
        """Let a flow wait no longer."""
        waiting = self._storage.memory.get(key=flow_uuid, scope=self._waiting)
        if waiting is not None:
            self._storage.memory.delete(waiting.id)

    @property
    def _place(self) -> Scope:
        return self._storage.root / "flows"

    @property
    def _waiting(self) -> Scope:
        return self._place / "pending"

    def _state(
        self, flow_uuid: str, method_name: str, state_data: dict[str, Any] | BaseModel
    ) -> dict[str, Any]:
        if not isinstance(state_data, dict | BaseModel):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without types
            raise InvalidInputError(
                f"a state is a dict or a pydantic model, not {type(state_data).__name__}"
            )
        return {
            "key": flow_uuid,
            "scope": self._place,
            "kind": KIND,
            "value": {APP: {"method": method_name, "state": _plain(state_data)}},
            "source": Source(app=APP, thread=flow_uuid),
            "embed": False,
        }

    def _kept(self, flow_uuid: str, place: Scope) -> dict[str, Any] | None:
        record = self._storage.memory.get(key=flow_uuid, scope=place)
        return None if record is None else cast("dict[str, Any]", record.value)[APP]


def _plain(state: dict[str, Any] | BaseModel) -> Any:
    given = state.model_dump(mode="json") if isinstance(state, BaseModel) else state
    return json.loads(json.dumps(given, default=_as_json))


def _as_json(thing: object) -> Any:
    """What JSON lacks, as CrewAI's own persistence writes it."""
    if isinstance(thing, BaseModel):
        return thing.model_dump(mode="json")
    if isinstance(thing, set | frozenset | tuple):
        return list(cast("set[Any]", thing))
    return thing.isoformat() if isinstance(thing, date) else str(thing)
