"""A score outside its metric's bounds is a mistake of the metric, and no result."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from anncore import ComponentError
from anncore.engine.evaluation import _refuse_out_of_bounds

SHARE = SimpleNamespace(name="share", bounds="[0, 1]")


@pytest.mark.parametrize("values", [[0.0, 1.0], [0.5, np.nan], [1 + 1e-6, -1e-6]])
def test_what_lies_within_but_for_rounding_passes(values: list[float]) -> None:
    _refuse_out_of_bounds(SHARE, np.array(values))


@pytest.mark.parametrize(("values", "shown"), [([0.5, 1.7], "1.7"), ([-0.1, 0.5], "-0.1"), ([np.inf], "inf")])
def test_what_lies_outside_names_the_metric_its_bounds_and_the_value(values: list[float], shown: str) -> None:
    with pytest.raises(ComponentError) as caught:
        _refuse_out_of_bounds(SHARE, np.array(values))
    assert str(caught.value) == (
        f"metric share must lie in its bounds [0, 1], got {shown}; mend its score or its bounds."
    )
