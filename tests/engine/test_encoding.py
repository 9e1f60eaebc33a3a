"""Categories and missing values: learned from training alone, as scikit-learn's transformers do it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from anncore.contract.errors import DataError
from anncore.contract.kinds import Column, Data
from anncore.engine.datasets import check_data
from anncore.engine.encoding import encode_columns
from anncore.engine.split import Indices

NAN = np.nan
CITIES = ("bonn", "oslo", "rome")
X = np.array(
    [[1, 0], [2, 1], [10, 1], [NAN, 1], [3, NAN], [100, 2], [NAN, 0], [7, NAN]], dtype=float
)  # rome stands in the test alone
DATA = Data(
    X,
    np.array([0, 1, 0, 1, 0, 1, 0, 1]),
    "binary",
    features=("age", "city"),
    columns=(Column(), Column("category", CITIES)),
)
ROWS = Indices(np.array([0, 1, 2, 3, 4]), np.array([6]), np.array([5, 7]))


def test_by_hand() -> None:
    done = encode_columns(DATA, ROWS)
    assert done.features == (
        "age",
        "age is missing",
        "city = bonn",
        "city = oslo",
        "city = rome",
        "city is missing",
    )
    assert done.marks.tolist() == [False, True, True, True, True, True]
    # The median of 1, 2, 10, 3 is 2.5; of bonn, oslo, oslo, oslo the most frequent is oslo.
    assert done.x.tolist() == [
        [1, 0, 1, 0, 0, 0],
        [2, 0, 0, 1, 0, 0],
        [10, 0, 0, 1, 0, 0],
        [2.5, 1, 0, 1, 0, 0],
        [3, 0, 0, 1, 0, 1],
        [100, 0, 0, 0, 0, 0],
        [2.5, 1, 1, 0, 0, 0],
        [7, 0, 0, 1, 0, 1],
    ]
    age, city = done.encodings
    assert (age.missing, age.filled, age.inputs) == ((1, 1, 0), "the median, 2.5", 2)
    assert (city.missing, city.filled, city.inputs) == ((1, 0, 1), "the most frequent, 'oslo'", 4)
    assert (city.unseen, city.unseen_rows) == (("rome",), 1)


@pytest.mark.parametrize("seed", range(5))
def test_scikit_learns_own_on_the_training_rows_gives_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    numbers = np.where(rng.random((40, 2)) < 0.2, NAN, rng.normal(size=(40, 2)))
    codes = np.where(rng.random(40) < 0.1, NAN, rng.integers(0, 12, 40)).astype(float)
    columns = (Column(), Column(), Column("category", tuple("abcdefghijkl")))
    data = Data(np.column_stack([numbers, codes]), rng.integers(0, 2, 40), "binary", columns=columns)
    order = rng.permutation(40)
    rows = Indices(order[:20], order[20:30], order[30:])
    done = encode_columns(data, rows)
    train = data.x[rows.train]
    median = SimpleImputer(strategy="median").fit(train[:, :2]).transform(data.x[:, :2])
    frequent = SimpleImputer(strategy="most_frequent").fit(train[:, 2:]).transform(data.x[:, 2:])
    seen = ~np.isnan(train[:, 2])
    one_hot = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(train[seen][:, 2:])
    ours = dict(zip(done.features, done.x.T, strict=True))
    np.testing.assert_array_equal(np.column_stack([ours["x1"], ours["x2"]]), median)
    letters = [data.columns[2].categories[int(code)] for code in one_hot.categories_[0]]
    np.testing.assert_array_equal(
        np.column_stack([ours[f"x3 = {letter}"] for letter in letters]), one_hot.transform(frequent)
    )
    for letter in set(columns[2].categories) - set(letters):
        assert not ours[f"x3 = {letter}"].any()
    # What the test rows hold changes nothing that training gets.
    other = data.x.copy()
    other[rows.test] = [[1e6, -1e6, 3.0]]
    again = encode_columns(replace(data, x=other), rows)
    np.testing.assert_array_equal(again.x[rows.train][:, :2], done.x[rows.train][:, :2])


def test_a_mark_that_training_never_has_is_zero_everywhere() -> None:
    x = X.copy()
    x[3, 0], x[4, 1] = 4.0, 1.0
    done = encode_columns(replace(DATA, x=x), ROWS)
    assert not done.x[:, [1, 5]].any()
    nothing = X.copy()
    nothing[ROWS.train, 1] = NAN
    none = encode_columns(replace(DATA, x=nothing), ROWS)
    assert not none.x[:, 2:5].any()
    assert none.encodings[1].filled == "nothing"


def test_numbers_are_standardised_and_categories_are_not() -> None:
    from anncore.engine.datasets import _encode

    prepared = _encode(DATA, ("0", "1"), ROWS, True, np.dtype("float64"))
    scaled = StandardScaler().fit([[1], [2], [10], [2.5], [3]])
    np.testing.assert_allclose(prepared.x_train[:, 0], scaled.transform([[1], [2], [10], [2.5], [3]])[:, 0])
    np.testing.assert_allclose(prepared.x_test[:, 0], scaled.transform([[100], [7]])[:, 0])
    assert set(np.unique(prepared.x_train[:, 1:])) == {0, 1}
    assert prepared.features[2] == "city = bonn"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"columns": (Column(),)}, "columns must describe all 2 columns of x, got 1"),
        ({"columns": (Column("date"), Column())}, "the kind of column 'age' must be"),  # type: ignore[arg-type]
        ({"columns": (Column(), Column("category", ("a",)))}, "'city' must hold places in its 1 categories"),
        ({"x": np.where(X == 10, np.inf, X)}, "x must be finite, got inf in row 2 of 'age'"),
        ({"x": np.where([True, False], NAN, X)}, "column 'age' holds no value at all"),
        ({"columns": ()}, "x must be finite, got nan"),
        ({"groups": np.zeros(3, int)}, "groups must hold a whole number for each of 8 rows"),
        ({"groups": np.zeros(8)}, "groups must hold a whole number"),
        ({"weights": np.ones(3)}, "weights must hold a number for each of 8 rows"),
        (
            {"weights": -np.ones(8)},
            r"weights must be finite and at least 0, got -1 in row 0 \(8 such values\)",
        ),
        ({"weights": np.full(8, NAN)}, "weights must be finite and at least 0, got nan"),
        ({"valid_index": np.array([8])}, r"valid_index must lie in 0 ... 7"),
        (
            {"valid_index": np.array([1]), "test_index": np.array([1])},
            "row 1 is in test_index and in valid_index",
        ),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_data(replace(DATA, **changes))
