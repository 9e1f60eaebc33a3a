"""What a schedule must keep."""

from __future__ import annotations

from typing import Any

import numpy as np

from anncore.testing.kit import Case, Kit, Named, Subject, must
from anncore.types import Array


class ScheduleKit(Kit):
    """Factors: finite, not negative, a float or one per trial."""

    stacked = True
    fed = False

    def cases(self, subject: Subject) -> list[Case]:
        """Ask for every factor of short and long runs."""
        return [_case(steps) for steps in (1, 2, 7, 250)]

    def checks(self, subject: Subject) -> list[Named]:
        """Return the kind's own checks."""
        return [("factors", factors)]


def _case(steps: int) -> Case:
    def inputs(rng: np.random.Generator, trials: int, dtype: str) -> dict[str, Array]:
        return {"one": np.ones((trials, 1, 1), dtype=dtype)}  # a schedule sees nothing; it gives T and dtype

    def run(component: Any, inputs: dict[str, Array]) -> dict[str, Array]:
        one = np.ones_like(inputs["one"])
        factors = [one * component.factor(t, steps) for t in range(1, steps + 1)]
        return {"factors": np.concatenate(factors, axis=2)}

    return Case(f"{steps} steps", inputs, run)


def factors(subject: Subject) -> int:
    """Every factor is finite and not negative; the largest is above 0."""
    count = 0
    for variant in subject.variants():
        component = subject.stack(subject.rows(variant, 3), "float64")
        for steps in (1, 2, 7, 250):
            found = [np.asarray(component.factor(t, steps)) for t in range(1, steps + 1)]
            for t, factor in enumerate(found, start=1):
                must(factor.shape in ((), (3, 1, 1)), f"{variant.label}: a factor has shape {factor.shape}")
                good = np.isfinite(factor).all() and (factor >= 0).all()
                must(good, f"{variant.label}: the factor of update {t} of {steps} is {factor.ravel()}")
                count += 1
            must(max(float(f.max()) for f in found) > 0, f"{variant.label}: the factor is 0 throughout")
    return count
