"""Facts: what components compute from their hyperparameters when they are made, once for all steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from anncore.contract.derivatives.pullback import DERIVED
from anncore.contract.hyperparameters import declared, references
from anncore.engine.lanes.nests import Unlowerable


def facts_of(component: Any) -> dict[str, Any]:
    """Return what a component computed from its hyperparameters when it was made, by name."""
    cls: Any = type(component)
    known = {DERIVED, *declared(cls), *references(cls)}
    return {name: value for name, value in vars(component).items() if name not in known}


def signature(components: Sequence[Any]) -> tuple[str, ...]:
    """Return what is equal for components whose formulas go the same ways: all facts but numbers per trial.

    Raises Unlowerable for truth values per trial.
    """
    texts = []
    for component in components:
        for name, value in sorted(facts_of(component).items()):
            if not isinstance(value, np.ndarray):
                texts.append(f"{type(component).__name__}.{name}={value!r}")
            elif value.dtype.kind != "f" or value.size != len(value):
                raise Unlowerable(f"{component.name} keeps {name} of shape {value.shape}")
    return tuple(texts)
