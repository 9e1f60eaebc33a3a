"""Where pickle finds the classes that libraries make: their names are made into classes on demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anncore.contract.libraries import DOT, current
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry

_PLACES: list[Registry] = []


def look_in(files: Sequence[str], folder: str) -> None:
    """Make classes from now on with these plugin files, and with what lies in this folder."""
    _PLACES[:] = [load_registry(files).changed(folder=folder)]


def __getattr__(name: str) -> Any:
    """Return the component class of a name such as "optimizer·torch·torch·optim·NAdam"."""
    made = current(name)
    if made is not None:
        return made
    if name.count(DOT) < 2:
        raise AttributeError(name)
    kind, prefix, *steps = name.split(DOT)
    registry = _PLACES[0] if _PLACES else load_registry()
    return registry.get(kind, f"{prefix}:{'.'.join(steps)}").cls
