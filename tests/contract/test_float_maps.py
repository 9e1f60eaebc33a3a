"""Named floats kept as bytes: mappings as dicts are, to the last bit."""

from __future__ import annotations

import math
import pickle
import struct
from collections.abc import Mapping

import numpy as np
import pytest

from anncore.contract.float_maps import Numbers, Series, numbers_in, numbers_of, series_in, series_of

VALUES = (0.1, -0.0, math.inf, 5e-324)


def test_they_are_what_a_dict_is() -> None:
    [numbers] = numbers_of(("a", "b", "c", "d"), np.array([VALUES]))
    assert isinstance(numbers, Mapping)
    assert numbers == dict(zip("abcd", VALUES, strict=True))
    assert dict(numbers) == numbers.dict() == {name: numbers[name] for name in numbers}
    assert (list(numbers.keys()), list(numbers.values())) == (list("abcd"), list(VALUES))
    assert list(numbers.items()) == list(zip("abcd", VALUES, strict=True))
    assert (len(numbers), "b" in numbers, "x" in numbers, numbers.get("x")) == (4, True, False, None)
    assert repr(numbers) == "{'a': 0.1, 'b': -0.0, 'c': inf, 'd': 5e-324}"
    with pytest.raises(KeyError, match="x"):
        _ = numbers["x"]


def test_series_are_tuples_of_one_length() -> None:
    one, other = series_of(("a", "b"), np.arange(12).reshape(2, 2, 3))
    assert one == {"a": (0.0, 1.0, 2.0), "b": (3.0, 4.0, 5.0)}
    assert other["b"] == (9.0, 10.0, 11.0)
    assert one != other
    assert one != [1]
    assert series_in(one) is one
    assert series_in({"a": [0, 1, 2], "b": (3, 4, 5)}) == one
    assert series_in({}) == {}
    with pytest.raises(ValueError, match="inhomogeneous"):
        series_in({"a": [1.0], "b": [1.0, 2.0]})


def test_every_bit_is_kept_and_nan_equals_itself() -> None:
    payload = struct.unpack("<d", struct.pack("<Q", 0x7FF8000000000123))[0]
    numbers = numbers_in({"a": payload, "b": -0.0})
    assert numbers.raw == struct.pack("<Q", 0x7FF8000000000123) + struct.pack("<d", -0.0)
    assert numbers == pickle.loads(pickle.dumps(numbers))
    assert numbers_in(numbers) is numbers
    assert Numbers(("a",), 1, struct.pack("<d", 0.0)) == Numbers(("a",), 1, struct.pack("<d", -0.0))


def test_they_are_sent_as_their_bytes_and_names_once() -> None:
    names = tuple(f"valid_metric_{i}" for i in range(20))
    results = numbers_of(names, np.random.default_rng(0).random((100, 20)))
    assert len(pickle.dumps(results)) < 100 * (20 * 8 + 30) + 1000
    assert pickle.loads(pickle.dumps(results)) == results


def test_a_wrong_number_of_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="9 bytes for 1 rows of 1 numbers"):
        Series(("a",), 1, b"123456789")
