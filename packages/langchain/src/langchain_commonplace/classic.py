"""`CommonplaceMemory`: memory for the chains of langchain-classic. Needs the extra `[classic]`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

try:
    from langchain_classic.base_memory import BaseMemory
except ImportError as error:
    raise ImportError(
        "langchain_commonplace.classic needs langchain-classic: pip install langchain-classic"
    ) from error
from langchain_core.messages import AIMessage, HumanMessage, get_buffer_string
from pydantic import BeforeValidator, Field, PositiveInt, PrivateAttr, SkipValidation

from commonplace import InvalidInputError, Memory, Scope, render
from langchain_commonplace._convert import FACE, as_message, message_fields
from langchain_commonplace._opening import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from langchain_core.messages import BaseMessage

    from commonplace import Hit, Thread

_OUTPUT = "output"


class CommonplaceMemory(BaseMemory):
    """Memory for `ConversationChain`, `LLMChain`, `AgentExecutor` and other classic chains.

    Every exchange is kept in a thread, whole and for good; `recall` says what the chain is shown:

    * `buffer`: all messages.
    * `window`: those of the last `k` exchanges.
    * `summary`: as many of the newest messages as fit into `token_budget`, and a summary of those
      before them.
    * `semantic`: the `k` records of the scope that are nearest to the input, by meaning and words,
      whatever wrote them and in whichever conversation, quoted as data.

    ```python
    chain = ConversationChain(llm=model, memory=CommonplaceMemory(memory=memory, session_id="1"))
    ```

    Args:
        memory: a `Memory`, which is never closed here, or the path of one, which `close` closes.
        session_id: the thread's name.
        scope: where the thread is, and what `semantic` searches; the memory's root, or that of the
            view, by default.
        recall: `buffer`, `window`, `summary` or `semantic`.
        k: how many exchanges or records.
        token_budget: how many tokens `summary` and `semantic` may take, about.
        summarizer: sums up for `summary`: a function or a LangChain chat model, see
            `Thread.summarize`; the built-in one picks sentences and needs no model.
        memory_key: the name of the chain's variable.
        input_key: which of the chain's inputs is kept; needed if it has several.
        output_key: which of its outputs is; `output` if there are several.
        return_messages: whether the variable is a list of messages instead of text.
        human_prefix: what stands before the user's lines in a text.
        ai_prefix: what stands before the model's.
    """

    memory: Annotated[SkipValidation[Memory], BeforeValidator(opened)] = Field(exclude=True)
    session_id: str
    scope: SkipValidation[Scope] | str | None = None
    recall: Literal["buffer", "window", "summary", "semantic"] = "buffer"
    k: PositiveInt = 5
    token_budget: PositiveInt = 2000
    summarizer: Any = Field(default=None, exclude=True)
    memory_key: str = "history"
    input_key: str | None = None
    output_key: str | None = None
    return_messages: bool = False
    human_prefix: str = "Human"
    ai_prefix: str = "AI"
    _own: bool = PrivateAttr(default=False)

    def __init__(self, **fields: Any) -> None:
        super().__init__(**fields)
        self._own = self.memory is not fields.get("memory")

    @property
    def memory_variables(self) -> list[str]:
        """The variable that the chain gets."""
        return [self.memory_key]

    def load_memory_variables(self, inputs: dict[str, Any]) -> dict[str, Any]:
        """What the chain is shown, as text or messages."""
        recalled = self._related(inputs) if self.recall == "semantic" else self._said()
        if self.return_messages:
            return {self.memory_key: recalled}
        if self.recall == "semantic":
            return {self.memory_key: "".join(message.text for message in recalled)}
        text = get_buffer_string(recalled, human_prefix=self.human_prefix, ai_prefix=self.ai_prefix)
        return {self.memory_key: text}

    def save_context(self, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
        """Keep the exchange.

        Raises:
            InvalidInputError: it is not clear which of several inputs or outputs is meant.
        """
        said = [
            HumanMessage(_text(inputs[self._input_key(inputs)])),
            AIMessage(_text(outputs[self._output_key(outputs)])),
        ]
        self._thread.add([message_fields(message) for message in said])

    def clear(self) -> None:
        """Remove the messages of the session and its summary; what else the scope holds stays."""
        self._thread.clear()

    def close(self) -> None:
        """Close the memory if it was opened here, by its path."""
        if self._own:
            self.memory.close()

    @property
    def _view(self) -> Memory:
        return self.memory if self.scope is None else self.memory.scope(self.scope)

    @property
    def _thread(self) -> Thread:
        return self._view.thread(
            self.session_id,
            source={"app": FACE, "thread": self.session_id},
            summarizer=self.summarizer,
        )

    def _said(self) -> list[BaseMessage]:
        if self.recall == "summary":
            found = self._thread.context(max_tokens=self.token_budget, summary=True)
        else:
            found = self._thread.messages(limit=2 * self.k if self.recall == "window" else None)
        return [as_message(message) for message in found]

    def _related(self, inputs: dict[str, Any]) -> list[BaseMessage]:
        """What is near to the input, in one message; none if nothing is."""
        query = _text(inputs[self._input_key(inputs)])
        hits: Sequence[Hit] = self._view.search(query, limit=self.k) if query.strip() else []
        text = render(hits, token_budget=self.token_budget).text
        return [HumanMessage(text)] if text else []

    def _input_key(self, inputs: dict[str, Any]) -> str:
        named = [name for name in inputs if name not in {self.memory_key, "stop"}]
        return self.input_key or _only(named, "input_key")

    def _output_key(self, outputs: dict[str, Any]) -> str:
        if self.output_key is None and _OUTPUT in outputs:
            return _OUTPUT
        return self.output_key or _only(list(outputs), "output_key")


def _only(names: list[str], option: str) -> str:
    if len(names) != 1:
        raise InvalidInputError(f"set {option}= to one of {sorted(names)}")
    return names[0]


def _text(said: Any) -> str:
    return said if isinstance(said, str) else str(said)
