"""Who hears the events of a sweep: the caller's `on_event`, then the listeners that plugins bring."""

from __future__ import annotations

import logging
from collections.abc import Callable

from anncore.contract.events import Event, SweepDone, SweepStarted
from anncore.contract.kinds import Listener
from anncore.contract.registry import Registry
from anncore.contract.telling import TELLER

LOG = logging.getLogger(__name__)


class Audience:
    """Hands each event to the caller and to every listener; a listener that raises hears no more.

    The caller's `on_event` is not told that its own sweep begins and ends. What it raises ends the sweep: it
    is the caller's own code.
    """

    def __init__(self, registry: Registry, on_event: Callable[[Event], None] | None) -> None:
        self._on_event = on_event
        self._listeners: dict[str, Listener] = {}
        for component in registry.of_kind("listener"):
            try:
                self._listeners[component.full_name] = component.cls()
            except Exception as error:
                self._drop(component.full_name, error)

    def __call__(self, event: Event) -> None:
        """Hand on an event."""
        if self._on_event is not None and not isinstance(event, (SweepStarted, SweepDone)):
            self._on_event(event)
        for name, listener in list(self._listeners.items()):
            try:
                listener.hear(event)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # SystemExit too: a plugin must not end its host
                self._drop(name, error)

    def _drop(self, name: str, error: BaseException) -> None:
        self._listeners.pop(name, None)
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}".rstrip(": ")
        LOG.error("listener %s raised %s", name, reason, exc_info=error)
        TELLER.say(f"listener {name} raised {reason}; it hears no more of this sweep, which goes on.")
