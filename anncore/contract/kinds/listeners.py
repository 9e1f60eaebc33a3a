"""Listeners: what hears how a sweep goes."""

from __future__ import annotations

from abc import abstractmethod

from anncore.contract.events import Event
from anncore.contract.kinds.base import Component


class Listener(Component):
    """Hears every event of every sweep whose plugins bring it.

    One that raises is named once in a warning and hears no more of that sweep, which goes on.
    """

    @abstractmethod
    def hear(self, event: Event) -> None:
        """Take note of an event, in the sweep's own process; the sweep waits until this returns.

        An instance hears one sweep, from `SweepStarted` to `SweepDone`. `Progressed` comes twice a second,
        `StopRequested` in the middle of anything else.
        """
