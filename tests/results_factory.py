"""Made-up results with all that annx ships installed: `anncore.testing.made_up` has the formulas."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shipped import REGISTRY

from anncore.evidence.results import Results
from anncore.testing.made_up import MadeUp


def make_results(*args: Any, **options: Any) -> Results:
    """Return the results of a `MadeUp` sweep, whose fields the arguments are."""
    return MadeUp(*args, **({"registry": REGISTRY} | options)).results()


def asked(results: Results, **changes: Any) -> Results:
    """Return the results with some of their experiment's fields changed."""
    return replace(results, experiment=replace(results.experiment, **changes))
