"""From columns as people have them to inputs: categories, missing values; fitted on the training split alone.

The transformers are scikit-learn's. What they did is kept column by column, for the plan and the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.errors import DataError
from anncore.contract.kinds import Array, Column, Data
from anncore.engine.split import Indices


class Encoding(NamedTuple):
    """What was done to one column.

    inputs: how many inputs it became. how: what the data set itself did. categories: how many the data
    have. missing: how many values are missing in training, validation and test. filled: what took their
    place. unseen: categories without a training example, of which `unseen_rows` rows of validation and test
    have one.
    """

    column: str
    kind: str
    inputs: int
    how: str = ""
    categories: int = 0
    missing: tuple[int, int, int] = (0, 0, 0)
    filled: str = ""
    unseen: tuple[str, ...] = ()
    unseen_rows: int = 0


class EncodedColumns(NamedTuple):
    """Inputs (N, D) in float64, their names, which are 0 or 1 and stay so, and what was done."""

    x: Array
    features: tuple[str, ...]
    marks: Array
    encodings: tuple[Encoding, ...]


def check_columns(data: Data) -> None:
    """Raise DataError where `columns` do not say what the columns of x hold."""
    if len(data.columns) != data.x.shape[1]:
        raise DataError(f"columns must describe all {data.x.shape[1]} columns of x, got {len(data.columns)}")
    for i, (column, name) in enumerate(zip(data.columns, names_of(data), strict=True)):
        values = data.x[:, i]
        there = values[~np.isnan(values)]
        if not len(there):
            raise DataError(f"column {name!r} holds no value at all; leave it out")
        if column.kind == "number":
            continue
        if column.kind != "category":
            raise DataError(
                f"the kind of column {name!r} must be 'number' or 'category', got {column.kind!r}"
            )
        places = len(column.categories)
        odd = there[(there != np.floor(there)) | (there < 0) | (there >= places)]
        if len(odd):
            raise DataError(
                f"column {name!r} must hold places in its {places} categories, 0 ... {places - 1}, "
                f"got {odd[0]:g}"
            )


def names_of(data: Data) -> tuple[str, ...]:
    """Return the names of the columns of x."""
    return data.features or tuple(f"x{i}" for i in range(1, data.x.shape[1] + 1))


def encode_columns(data: Data, rows: Indices) -> EncodedColumns:
    """Return the inputs that the columns of x become; everything is learned from the rows of training."""
    from sklearn.compose import ColumnTransformer

    x = data.x.astype(np.float64)
    missing = np.isnan(x)
    marked = np.flatnonzero(missing.any(axis=0)).tolist()
    numbers = [i for i, column in enumerate(data.columns) if column.kind == "number"]
    categories = [i for i, column in enumerate(data.columns) if column.kind == "category"]
    transformer = ColumnTransformer(_transformers(data.columns, numbers, categories, marked))
    values = np.asarray(transformer.fit(x[rows.train]).transform(x), np.float64)
    owners = [*numbers, *(i for i in categories for _ in data.columns[i].categories), *marked]
    names = _names(data, numbers, categories, marked)
    marks = np.arange(len(owners)) >= len(numbers)
    # What training never has must not reach a weight that training never moves.
    never = marks & ~values[rows.train].any(axis=0)
    for place, i in enumerate(owners):  # a category to which only missing values of training were set
        if marks[place] and place < len(owners) - len(marked):
            code = place - owners.index(i)
            never[place] |= not (x[rows.train, i] == code).any()
    values[:, never] = 0.0
    order = sorted(range(len(owners)), key=lambda place: owners[place])
    return EncodedColumns(
        np.ascontiguousarray(values[:, order]),
        tuple(names[place] for place in order),
        marks[order],
        tuple(_encoding(data, i, rows, owners.count(i), transformer) for i in range(len(data.columns))),
    )


def _transformers(
    columns: Sequence[Column], numbers: list[int], categories: list[int], marked: list[int]
) -> list[tuple[str, Any, list[int]]]:
    from sklearn.impute import MissingIndicator, SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    every = [np.arange(len(columns[i].categories), dtype=np.float64) for i in categories]
    median = SimpleImputer(strategy="median", keep_empty_features=True)
    one_hot = make_pipeline(
        SimpleImputer(strategy="most_frequent", keep_empty_features=True),
        OneHotEncoder(categories=every, handle_unknown="ignore", sparse_output=False),
    )
    transformers = [
        ("numbers", median, numbers),
        ("categories", one_hot, categories),
        ("missing", MissingIndicator(features="all", sparse=False), marked),
    ]
    return [transformer for transformer in transformers if transformer[2]]


def _names(data: Data, numbers: list[int], categories: list[int], marked: list[int]) -> list[str]:
    names = names_of(data)
    return [
        *(names[i] for i in numbers),
        *(f"{names[i]} = {category}" for i in categories for category in data.columns[i].categories),
        *(f"{names[i]} is missing" for i in marked),
    ]


def _encoding(data: Data, i: int, rows: Indices, inputs: int, transformer: Any) -> Encoding:
    """Return what was done to one column."""
    column, values = data.columns[i], data.x[:, i]
    gaps = tuple(int(np.isnan(values[part]).sum()) for part in rows)
    name, how = names_of(data)[i], column.how
    if column.kind == "number":
        median = transformer.named_transformers_["numbers"].statistics_
        place = [other.kind for other in data.columns[:i]].count("number")
        filled = f"the median, {median[place]:.6g}" if any(gaps) else ""
        return Encoding(name, column.kind, inputs, how, 0, _three(gaps), filled)
    trained = values[rows.train]
    trained = trained[~np.isnan(trained)].astype(np.intp)
    counts = np.bincount(trained, minlength=len(column.categories))
    unseen = [category for category, count in zip(column.categories, counts, strict=True) if not count]
    held = np.concatenate([values[rows.valid], values[rows.test]])
    held = held[~np.isnan(held)].astype(np.intp)
    filled = ""
    if any(gaps):
        filled = (
            f"the most frequent, {column.categories[int(counts.argmax())]!r}" if len(trained) else "nothing"
        )
    rows_unseen = int((counts[held] == 0).sum())
    return Encoding(
        name,
        column.kind,
        inputs,
        how,
        len(column.categories),
        _three(gaps),
        filled,
        tuple(unseen),
        rows_unseen,
    )


def _three(counts: Sequence[int]) -> tuple[int, int, int]:
    train, valid, test = counts
    return train, valid, test
