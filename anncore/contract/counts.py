"""Numbers of things in words: "1 seed", "10 data sets", and the verb that goes with so many."""

from __future__ import annotations

IRREGULAR = {"are": "is", "were": "was", "have": "has", "do": "does"}


def singular(unit: str) -> str:
    """Return the singular of a unit: "data set", "function", "seed"."""
    return unit.removesuffix("s")


def counted(count: int, unit: str) -> str:
    """Write a number of units, `unit` in the plural: "1 seed", "10 data sets"."""
    return f"{count} {singular(unit) if count == 1 else unit}"


def agreeing(count: int, verb: str) -> str:
    """Return a verb, handed over in the plural, as it goes with so many: "passes" of "pass" and 1."""
    if count != 1:
        return verb
    return IRREGULAR.get(verb) or verb + ("es" if verb.endswith(("s", "x", "ch", "sh")) else "s")
