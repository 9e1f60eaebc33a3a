"""Arms by number, over all run folders of a page: an arm of one name looks alike in each of them."""

from __future__ import annotations

import threading
from typing import Any

from anncore.report.printable import printable
from anncore.report.theme import DARK, DASHES, LIGHT

LONGEST = 200
MOST = 200  # arms that a page shows


class Arms:
    """Numbers arms in the order in which they come; safe for several threads."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()

    def number(self, name: str) -> int:
        """Return the number of an arm."""
        known = self._numbers.get(name)
        if known is not None:
            return known
        with self._lock:
            return self._numbers.setdefault(name, len(self._numbers))

    def name(self, number: int) -> str:
        """Return the printable name of an arm."""
        return printable(list(self._numbers)[number])

    def shown(self) -> list[dict[str, Any]]:
        """Return name and style of each: the first eight have a colour and a dash, as in a report.

        Of more than eight the first seven have one; twenty colours cannot be told apart. Of more than MOST
        the others are left out.
        """
        names = list(self._numbers)
        coloured = len(LIGHT) if len(names) <= len(LIGHT) else len(LIGHT) - 1
        return [
            {"name": printable(name)[:LONGEST], "place": place if place < coloured else None}
            for place, name in enumerate(names[:MOST])
        ]


def style_rules() -> str:
    """Return the style sheet of the arms' colours and dashes, those of the report's figures."""
    rules = []
    for place, (light, dark) in enumerate(zip(LIGHT, DARK, strict=True)):
        rules.append(f".arm-{place} {{ --arm: {light}; stroke-dasharray: {_dashes(place)}; }}")
        rules.append(f"@media (prefers-color-scheme: dark) {{ .arm-{place} {{ --arm: {dark}; }} }}")
    return "\n".join(rules)


def _dashes(place: int) -> str:
    """Return a dash for a line of two pixels' width."""
    dash = DASHES[place]
    return "none" if dash == "-" else " ".join(f"{2 * length:g}" for length in dash[1])
