"""Made-up results with all that annx ships installed: `anncore.testing.made_up` has the formulas."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from shipped import REGISTRY

from anncore.evidence.results import Results
from anncore.testing.made_up import MadeUp

USUAL: dict[str, Any] = {
    "arms": ("sgd", "momentum", "adagrad", "rmsprop", "adam"),
    "problems": ("two_moons", "spirals", "digits", "wine", "sine", "diabetes", "xor", "iris"),
    "regression": ("sine", "diabetes"),
    "registry": REGISTRY,
}


def make_results(*args: Any, **options: Any) -> Results:
    """Return the results of a `MadeUp` sweep, whose fields the arguments are."""
    given = dict(zip((field.name for field in fields(MadeUp)), args, strict=False))
    return MadeUp(**(USUAL | given | options)).results()


def asked(results: Results, **changes: Any) -> Results:
    """Return the results with some of their experiment's fields changed."""
    return replace(results, experiment=replace(results.experiment, **changes))
