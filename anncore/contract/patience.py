"""Waiting for other people's code: what takes long is named, and need not be waited for to the end."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from anncore.contract.admission import Refused
from anncore.contract.telling import TELLER

NAMED_AFTER = 2.0  # seconds, then standard error says what is loading
LONGEST = 10.0  # seconds that a verb waits which reports on plugins

_limit: ContextVar[float | None] = ContextVar("limit", default=None)


@contextlib.contextmanager
def limited_patience(seconds: float = LONGEST) -> Iterator[None]:
    """Give up, in this context, on a plugin that takes longer than so many seconds to load."""
    token = _limit.set(seconds)
    try:
        yield
    finally:
        _limit.reset(token)


@contextlib.contextmanager
def named_if_slow(what: str) -> Iterator[None]:
    """Say on standard error what is being done if the body takes long: "data set csv is being made"."""
    timer = threading.Timer(NAMED_AFTER, lambda: TELLER.say(f"annx: {what} ..."))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Waiting:
    """Runs one plugin's code after another, and names on standard error the one that takes long.

    A single thread looks after all of them: plugins load in a fraction of a millisecond each.
    """

    def __init__(self) -> None:
        self._name, self._since = "", 0.0
        self._ended = threading.Event()
        self._given_up: dict[str, str] = {}  # what still runs in a thread, by the distribution

    def __enter__(self) -> Waiting:
        threading.Thread(target=self._watch, daemon=True, name="annx-waiting").start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ended.set()

    def begin(self, name: str) -> None:
        """Say whose code runs from now on."""
        self._name, self._since = name, time.monotonic()

    def run(self, function: Callable[[], Any], owner: str = "") -> Any:
        """Return function(); raises Refused where patience is limited and it takes longer.

        It then goes on in a thread that ends with the process: Python cannot stop it. owner: the
        distribution, whose other plugins would wait for the same import.
        """
        limit = _limit.get()
        if limit is None:
            return function()
        if owner and owner in self._given_up:
            raise Refused(f"not loaded, since {self._given_up[owner]} of the same package is loading still")
        outcome: dict[str, Any] = {}

        def call() -> None:
            try:
                outcome["value"] = function()
            except BaseException as error:  # raised again in the thread that waits
                outcome["error"] = error

        worker = threading.Thread(target=call, daemon=True, name=f"annx-loading-{self._name}")
        worker.start()
        worker.join(limit)
        if worker.is_alive():
            self._given_up[owner] = self._name
            raise Refused(
                f"it has not loaded after {limit:g} s, so it was left out; look at what it does at import"
            )
        if "error" in outcome:
            raise outcome["error"]
        return outcome.get("value")

    def _watch(self) -> None:
        named = ""
        while not self._ended.wait(NAMED_AFTER / 8):
            name, since = self._name, self._since
            if name and name != named and time.monotonic() - since >= NAMED_AFTER:
                named = name
                TELLER.say(f"annx: plugin {name} is loading ...")
