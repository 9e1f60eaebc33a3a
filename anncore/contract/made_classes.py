"""Where pickle finds the classes that libraries make: their names are made into classes on demand."""

from __future__ import annotations

from typing import Any

from anncore.contract.libraries import DOT, current
from anncore.contract.registry import load_registry


def __getattr__(name: str) -> Any:
    """Return the component class of a name such as "optimizer·torch·torch·optim·NAdam"."""
    made = current(name)
    if made is not None:
        return made
    if name.count(DOT) < 2:
        raise AttributeError(name)
    kind, prefix, *steps = name.split(DOT)
    return load_registry().get(kind, f"{prefix}:{'.'.join(steps)}").cls
