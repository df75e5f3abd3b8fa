"""Events: handlers that are fed from the journal, after commit, without holding up a write."""

from __future__ import annotations

from commonplace.events.delivery import Handler, HandlerErrors, OnError, Watch
from commonplace.events.dispatcher import Dispatcher
from commonplace.events.subscription import Subscription

__all__ = ["Dispatcher", "Handler", "HandlerErrors", "OnError", "Subscription", "Watch"]
