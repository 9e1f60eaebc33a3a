"""report.json's text is what Python's own encoder writes, and its values are JSON's."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from anncore.report.json_values import json_text, plain

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_the_text_is_the_one_of_pythons_encoder(value: Any) -> None:
    assert json_text(value) == json.dumps(value, indent=1, ensure_ascii=False)
    assert plain(value) == value


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_refused_and_becomes_null_before(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"a": [1, {"b": number}]})
    assert plain({"a": (number, np.float64(number), np.float32(number))}) == {"a": [None, None, None]}


def test_what_json_does_not_know_becomes_what_it_does() -> None:
    odd = {
        1: np.int64(2),
        "days": {date(2026, 1, 2)},
        "rows": np.eye(2),
        "yes": np.bool_(True),
        "s": np.str_("t"),
    }
    simple = {"1": 2, "days": ["2026-01-02"], "rows": [[1.0, 0.0], [0.0, 1.0]], "yes": True, "s": "t"}
    assert plain(odd) == simple
    assert json.loads(json_text(plain(odd))) == simple
