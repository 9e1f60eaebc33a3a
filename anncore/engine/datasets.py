"""From a data set's description to the arrays a trial trains on: make, check, split, encode, standardise.

The result depends only on the data set, the split settings, the two seeds and the dtype. So every process
makes the same bytes; each one keeps the data sets that it made last.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np

from anncore.contract.errors import DataError
from anncore.contract.kinds import REAL_TASKS, TASKS, Array, Data, Task
from anncore.contract.patience import named_if_slow
from anncore.contract.registry import Registry
from anncore.contract.streams import stream
from anncore.contract.trial import Part, Split
from anncore.engine.build import build_part
from anncore.engine.encoding import Encoding, check_columns, encode_columns, names_of
from anncore.engine.split import Indices, split_rows

LARGEST = 1e301  # of a value; beyond it, predictions in the target's own units may overflow
ROUNDING = 4 * np.finfo(np.float64).eps  # numbers of size 1 that differ by less are equal but for rounding
SMALLEST = np.finfo(np.float64).tiny  # of a scale; below it, float64 loses digits


class Shapes(NamedTuple):
    """What determines the shapes of a trial's arrays, and its task.

    same: what all seeds have in common. "" nothing, each draws its own examples; "rows" the examples, which
    each seed splits anew; "test" the test split too, which the data set brings.
    """

    task: Task
    inputs: int
    outputs: int
    n_train: int
    n_valid: int
    n_test: int
    weighted: bool = False  # whether examples have weights
    same: str = ""


@dataclass(frozen=True)
class Prepared:
    """A data set ready to train on. The arrays are shared and read-only.

    x_* (N, D) and y_* (N, K) are in the requested dtype. Targets: binary (N, 1) of 0 and 1; multiclass
    one-hot (N, C); regression standardised (N, K); unsupervised the inputs themselves, the arrays x_* again.
    y_test holds the clean targets where the data set gives them. x · x_scale + x_shift, both (D,) and
    float64, are the inputs in their own units, and y · y_scale + y_shift, both (K,), the targets; for
    classification these are 1 and 0. Without validation or test examples their arrays have no rows.
    w_* (N,) are the weights of the examples, on average 1 in training; None where all count alike.
    encodings: what was done to the columns, where there was anything to encode.
    """

    task: Task
    classes: tuple[str, ...]
    features: tuple[str, ...]
    x_train: Array
    y_train: Array
    x_valid: Array
    y_valid: Array
    x_test: Array
    y_test: Array
    x_scale: Array
    x_shift: Array
    y_scale: Array
    y_shift: Array
    w_train: Array | None = None
    w_valid: Array | None = None
    w_test: Array | None = None
    encodings: tuple[Encoding, ...] = ()
    digest: bytes = b""  # of the inputs as the data set made them
    fixed_test: bool = False  # whether the data set brings its test split

    @property
    def inputs(self) -> int:
        """Number of features D."""
        return self.x_train.shape[1]

    @property
    def outputs(self) -> int:
        """Number of output units K: 1 for binary, C for multiclass, D for unsupervised."""
        return self.y_train.shape[1]

    @property
    def shapes(self) -> Shapes:
        """The task and the sizes of all arrays."""
        sizes = (len(self.x_train), len(self.x_valid), len(self.x_test))
        return Shapes(self.task, self.inputs, self.outputs, *sizes, self.w_train is not None)

    @property
    def arrays(self) -> tuple[Array, ...]:
        """All arrays, in the order of the fields."""
        values = (getattr(self, field.name) for field in fields(self))
        return tuple(value for value in values if isinstance(value, np.ndarray))


def prepare(
    dataset: Part, split: Split, sweep_seed: int, seed: int, registry: Registry, dtype: str
) -> Prepared:
    """Return the data of one seed, split and standardised.

    Examples are drawn from the stream "data", the split from "split". Standardising uses the training
    rows only; a feature that is constant there keeps its scale. Raises DataError for data that cannot be
    used: numbers that are not finite, an empty split, a class without an example in training.
    """
    cls = registry.get(dataset.kind, dataset.name).cls
    key = (cls, dataset.text, *sorted(dataset.paths.items()), split, sweep_seed, seed, dtype)
    prepared = _CACHE.get(key)
    if prepared is None:
        prepared = _prepare(dataset, split, sweep_seed, seed, registry, dtype)
        _CACHE.put(key, prepared)
    return prepared


def shared_by_seeds(
    prepared: Prepared, dataset: Part, sweep_seed: int, other: int, registry: Registry
) -> str:
    """Return what all seeds have in common, as `Shapes` has it, by making the data of one more seed.

    Labels may differ, as noise in them does: a row is what it is by its inputs.
    """
    if _digest(_make(dataset, registry, stream(sweep_seed, other, "data")).x) != prepared.digest:
        return ""
    return "test" if prepared.fixed_test else "rows"


def _digest(x: Array) -> bytes:
    content = repr(x.tolist()).encode() if x.dtype.hasobject else np.ascontiguousarray(x).data
    return hashlib.blake2b(content).digest()


def inspect(dataset: Part, split: Split, sweep_seed: int, seed: int, registry: Registry) -> Shapes:
    """Make a data set once and return its task and shapes. Raises the errors of `prepare`.

    One that takes longer than two seconds is named on standard error, with its file.
    """
    files = f" ({', '.join(dataset.paths.values())})" if dataset.paths else ""
    with named_if_slow(f"data set {dataset.name.rpartition(':')[2]}{files} is being made"):
        return prepare(dataset, split, sweep_seed, seed, registry, "float32").shapes


def _prepare(
    dataset: Part, split: Split, sweep_seed: int, seed: int, registry: Registry, dtype: str
) -> Prepared:
    name = registry.get(dataset.kind, dataset.name).name
    data = _make(dataset, registry, stream(sweep_seed, seed, "data"))
    try:
        check_data(data)
        classes = _classes(data)
        # The split uses clean labels, so that it does not depend on the rate of label noise.
        clean = data.y if data.clean_y is None else data.clean_y
        labels = clean.astype(np.intp) if classes else None
        rows = split_rows(
            stream(sweep_seed, seed, "split"),
            len(data.x),
            split,
            labels=labels,
            test_index=data.test_index,
            valid_index=data.valid_index,
            groups=data.groups,
        )
        if classes:
            _refuse_unseen(classes, data.y[rows.train].astype(np.intp))
        encoded = _encode(data, classes, rows, split.standardize, np.dtype(dtype))
        return replace(encoded, digest=_digest(data.x), fixed_test=data.test_index is not None)
    except DataError as error:
        raise DataError(*(f"{name}: {line}" for line in error.lines)) from None


def _make(part: Part, registry: Registry, rng: np.random.Generator) -> Any:
    component = build_part(part, registry)
    try:
        component.validate()
    except ValueError as error:
        raise DataError(f"{component.name}: {error}") from None
    refuse_changed(part, component)
    data = component.make(rng)
    if getattr(data, "columns", ()) and not component.encodes:
        raise DataError(f"{component.name}: make returns columns, so its class must declare encodes = True")
    return data


def refuse_changed(part: Part, component: Any) -> None:
    """Refuse a file that is another one than when the plan was made; a component inside may have one too."""
    planned = part.params.get("fingerprint")
    if planned is not None and planned != component.fingerprint():
        where = ", ".join(part.paths.values())
        raise DataError(f"{component.name}: {where} has changed since the plan was made; start again")
    for key, inside in part.refs.items():
        for inner, held in zip(inside, getattr(component, key), strict=True):
            refuse_changed(inner, held)


def check_data(data: Any) -> None:
    """Raise DataError, naming the rule and the first offending value, unless `data` is a usable Data."""
    if not isinstance(data, Data):
        raise DataError(f"make must return an anncore.Data, got {type(data).__name__}")
    if data.task not in TASKS:
        raise DataError(f"task must be one of {', '.join(TASKS)}, got {data.task!r}")
    if data.x.ndim != 2 or 0 in data.x.shape:
        raise DataError(f"x must be (N, D) with N and D at least 1, got {data.x.shape}")
    if data.task == "unsupervised":
        _refuse_targets(data)
    else:
        _check_targets(data)
    if data.features and len(data.features) != data.x.shape[1]:
        raise DataError(f"features must name all {data.x.shape[1]} columns, got {len(data.features)} names")
    x = data.x
    if data.columns:
        check_columns(data)
        x = np.where(np.isnan(x), 0.0, x)
    for what, values in (("x", x), ("y", data.y), ("clean_y", data.clean_y)):
        if values is not None:
            _refuse_not_finite(what, values, data.features)
    _check_indices(data)
    _check_rows(data)


def _check_indices(data: Data) -> None:
    """Check the rows that a data set itself puts into the test or the validation split."""
    for what, rows in (("test_index", data.test_index), ("valid_index", data.valid_index)):
        if rows is None:
            continue
        index = np.asarray(rows)
        if index.ndim != 1 or index.dtype.kind not in "iu" or len(np.unique(index)) != len(index):
            raise DataError(f"{what} must hold different row numbers, (M,) whole")
        if len(index) and not 0 <= index.min() <= index.max() < len(data.x):
            raise DataError(
                f"{what} must lie in 0 ... {len(data.x) - 1}, got {index.min()} ... {index.max()}"
            )
    if data.test_index is not None and data.valid_index is not None:
        both = np.intersect1d(data.test_index, data.valid_index)
        if len(both):
            raise DataError(f"row {both[0]} is in test_index and in valid_index; a row is in one split")


def _check_rows(data: Data) -> None:
    """Check what is known of each row beside its values: its group, and its weight."""
    n = len(data.x)
    if data.groups is not None:
        groups = np.asarray(data.groups)
        if groups.shape != (n,) or groups.dtype.kind not in "iu":
            raise DataError(f"groups must hold a whole number for each of {n} rows, got {groups.shape}")
    if data.weights is not None:
        weights = np.asarray(data.weights)
        if weights.shape != (n,) or weights.dtype.kind not in "biuf":
            raise DataError(f"weights must hold a number for each of {n} rows, got {weights.shape}")
        odd = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
        if len(odd):
            raise DataError(
                f"weights must be finite and at least 0, got {weights[odd[0]]:g} in row {odd[0]} "
                f"({len(odd)} such values)"
            )


def _refuse_targets(data: Data) -> None:
    """Refuse targets, and what goes with them, in an unsupervised task."""
    for what, given in (("y", data.y), ("clean_y", data.clean_y), ("classes", data.classes or None)):
        if given is not None:
            raise DataError(
                f"an unsupervised task has no targets, but {what} is given; leave it out, or name the task "
                "that predicts it: binary, multiclass or regression"
            )


def _check_targets(data: Data) -> None:
    flat = data.task not in REAL_TASKS
    if data.y is None:
        raise DataError(f'a {data.task} task needs targets, but y is None; set task = "unsupervised"?')
    if data.y.ndim not in ((1,) if flat else (1, 2)) or len(data.y) != len(data.x):
        raise DataError(
            f"y must be {'(N,)' if flat else '(N,) or (N, K)'} for N = {len(data.x)}, got {data.y.shape}"
        )
    if data.clean_y is not None and data.clean_y.shape != data.y.shape:
        raise DataError(f"clean_y must be shaped as y, {data.y.shape}, got {data.clean_y.shape}")


def _refuse_not_finite(what: str, values: Array, features: tuple[str, ...]) -> None:
    if values.dtype.kind not in "biuf":
        raise DataError(f"{what} must hold real numbers, got dtype {values.dtype}")
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, *column = bad[0].tolist()
        where = (
            f" of {features[column[0]]!r}"
            if what == "x" and features
            else f", column {column[0]}"
            if column
            else ""
        )
        raise DataError(
            f"{what} must be finite, got {values[tuple(bad[0])]} in row {row}{where} "
            f"({len(bad)} such values); remove or fill them"
        )


def _classes(data: Data) -> tuple[str, ...]:
    """Return the names of the classes, () for a task without; raise DataError for odd class numbers."""
    if data.y is None or data.task in REAL_TASKS:
        return ()
    both = np.concatenate([data.y, data.y if data.clean_y is None else data.clean_y])
    count = len(data.classes) or (2 if data.task == "binary" else int(both.max()) + 1)
    if (data.task == "binary") != (count == 2) or count < 2:
        raise DataError(
            f"a {data.task} task has {'2' if data.task == 'binary' else '3 or more'} classes, got {count}"
        )
    odd = both[(both != np.floor(both)) | (both < 0) | (both >= count)]
    if len(odd):
        raise DataError(f"y must hold class numbers 0 ... {count - 1}, got {odd[0]}")
    return data.classes or tuple(map(str, range(count)))


def _refuse_unseen(classes: tuple[str, ...], trained: Array) -> None:
    counts = np.bincount(trained, minlength=len(classes))
    for name, count in zip(classes, counts, strict=True):
        if count == 0:
            raise DataError(
                f"class {name!r} has no example in the training split; use more examples, "
                "[split] stratify = true, or smaller held-out shares"
            )


@dataclass(frozen=True)
class _Scaling:
    """Column by column (D,): (x - shift) / scale, computed on x · 2^-power so that no square overflows.

    A multiplication by a power of two is exact, so ordinary numbers get the digits that they get without.
    """

    power: Array
    shift: Array
    scale: Array
    constant: Array  # whether the values to scale by do not differ, or by rounding only

    @classmethod
    def of(cls, values: Array, standardize: bool) -> _Scaling:
        """Return the scaling by mean and standard deviation, or by 0 and 1 without standardising."""
        columns = values.shape[1]
        if not standardize:
            return cls(np.zeros(columns, int), np.zeros(columns), np.ones(columns), np.zeros(columns, bool))
        power = np.frexp(np.abs(values).max(axis=0))[1]
        scaled = np.ldexp(values, -power)
        # The mean of equal numbers may differ from them by rounding; their deviation is then not exactly 0.
        constant = scaled.max(axis=0) - scaled.min(axis=0) <= ROUNDING  # the largest is in [1/2, 1)
        mean = np.where(constant, values[0], scaled.mean(axis=0))
        scale = np.where(constant, 1.0, scaled.std(axis=0))
        return cls(np.where(constant, 0, power), mean, scale, constant)

    def without(self, marks: Array) -> _Scaling:
        """Return the scaling that leaves these columns as they are."""
        return _Scaling(
            np.where(marks, 0, self.power),
            np.where(marks, 0.0, self.shift),
            np.where(marks, 1.0, self.scale),
            self.constant & ~marks,
        )

    def apply(self, values: Array, dtype: np.dtype[Any]) -> Array:
        """Return (values - shift) / scale in a dtype; what is too large for it is not finite."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):  # `_lost` says so
            apart = np.ldexp(values, -self.power) - self.shift
            rounding = self.constant & (np.abs(apart) <= 2 * ROUNDING * np.abs(self.shift))
            return (np.where(rounding, 0, apart) / self.scale).astype(dtype)

    @property
    def own_scale(self) -> Array:
        """The scale in the units of the values."""
        return np.ldexp(self.scale, self.power)

    @property
    def own_shift(self) -> Array:
        """The shift in the units of the values."""
        return np.ldexp(self.shift, self.power)


class _Encoded(NamedTuple):
    """Inputs or targets, ready to train on: training, validation and test, each (N, D)."""

    train: Array
    valid: Array
    test: Array
    scaling: _Scaling
    mistakes: list[str]

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        values: tuple[Array, Array],
        rows: Indices,
        standardize: bool,
        dtype: np.dtype[Any],
        marks: Array | None = None,
    ) -> _Encoded:
        """Return values, scaled as those of the training rows; a pair: for training, and for the test.

        marks: which columns (D,) are 0 or 1 and stay so.
        """
        scaling = _Scaling.of(values[0][rows.train], standardize)
        if marks is not None:
            scaling = scaling.without(marks)
        ready = scaling.apply(values[0], dtype)
        mistakes = [*_lost(names, values[0], ready, scaling)]
        clean = ready
        if values[1] is not values[0]:
            clean = scaling.apply(values[1], dtype)
            mistakes += _lost(names, values[1], clean, scaling)
        train, valid, test = (
            _read_only(np.ascontiguousarray(part[index]))
            for part, index in ((ready, rows.train), (ready, rows.valid), (clean, rows.test))
        )
        return cls(train, valid, test, scaling, mistakes)


def _encode(
    data: Data, classes: tuple[str, ...], rows: Indices, standardize: bool, dtype: np.dtype[Any]
) -> Prepared:
    columns = encode_columns(data, rows) if data.columns else None
    features = names_of(data) if columns is None else columns.features
    x = data.x.astype(np.float64) if columns is None else columns.x
    marks = None if columns is None else columns.marks
    inputs = targets = _Encoded.of(features, (x, x), rows, standardize, dtype, marks)
    if data.y is not None:
        y = clean = _targets(data.y, data.task, classes)
        if data.clean_y is not None:
            clean = _targets(data.clean_y, data.task, classes)
        names = ("target",) if y.shape[1] == 1 else tuple(f"target {i}" for i in range(1, y.shape[1] + 1))
        scaled = standardize and data.task == "regression"
        targets = _Encoded.of(names, (y, clean), rows, scaled, dtype)
    mistakes = dict.fromkeys((*inputs.mistakes, *targets.mistakes))
    if mistakes:
        raise DataError(*mistakes)
    weights = _weights(data, rows)
    return Prepared(
        task=data.task,
        classes=classes,
        features=features,
        x_train=inputs.train,
        y_train=targets.train,
        x_valid=inputs.valid,
        y_valid=targets.valid,
        x_test=inputs.test,
        y_test=targets.test,
        x_scale=_read_only(inputs.scaling.own_scale),
        x_shift=_read_only(inputs.scaling.own_shift),
        y_scale=_read_only(targets.scaling.own_scale),
        y_shift=_read_only(targets.scaling.own_shift),
        encodings=() if columns is None else columns.encodings,
        w_train=weights.get("w_train"),
        w_valid=weights.get("w_valid"),
        w_test=weights.get("w_test"),
    )


def _weights(data: Data, rows: Indices) -> dict[str, Array]:
    """Return the weights of each split by field, on average 1 in training; nothing where there are none."""
    if data.weights is None:
        return {}
    weights = np.asarray(data.weights, np.float64)
    weights = weights / weights.max(initial=SMALLEST)  # so that no sum overflows
    for name, part in zip(("training", "validation", "test"), rows, strict=True):
        if len(part) and not weights[part].any():
            raise DataError(f"all weights of the {name} split are 0; give some of its rows a weight")
    weights = weights / weights[rows.train].mean()
    return {
        f"w_{name}": _read_only(weights[part].copy())
        for name, part in zip(("train", "valid", "test"), rows, strict=True)
    }


def _read_only(values: Array) -> Array:
    values.flags.writeable = False
    return values


def _lost(names: Sequence[str], values: Array, ready: Array, scaling: _Scaling) -> Iterator[str]:
    """Yield a line for each column with numbers that are lost in scaling or in the dtype of `ready`."""
    largest, low, high = np.abs(values).max(axis=0), values.min(axis=0), values.max(axis=0)
    too_large = ~np.isfinite(ready).all(axis=0) | (largest > LARGEST)
    merged = (
        (low < high) & ~scaling.constant & ((ready == ready[0]).all(axis=0) | (scaling.own_scale < SMALLEST))
    )
    for i in np.flatnonzero(too_large | merged).tolist():
        if too_large[i]:
            yield f"{names[i]}: values up to {largest[i]:g} are too large for {ready.dtype}; rescale them"
        else:
            yield (
                f"{names[i]}: values from {low[i]:g} to {high[i]:g} cannot be told apart in {ready.dtype}; "
                "rescale them"
            )


def _targets(y: Array, task: Task, classes: tuple[str, ...]) -> Array:
    """Return targets (N, K) in float64."""
    if task == "multiclass":
        return np.eye(len(classes))[y.astype(np.intp)]
    return y.astype(np.float64).reshape(len(y), -1)


class _Cache:
    """The most recently used data sets that fit in `limit` bytes, and always the last one."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held: OrderedDict[Any, Prepared] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def clear(self) -> None:
        with self._lock:
            self._held.clear()
            self._size = 0

    def get(self, key: Any) -> Prepared | None:
        with self._lock:
            prepared = self._held.get(key)
            if prepared is not None:
                self._held.move_to_end(key)
            return prepared

    def put(self, key: Any, value: Prepared) -> None:
        with self._lock:
            if key in self._held:
                return
            self._held[key] = value
            self._size += _bytes(value)
            while self._size > self.limit and len(self._held) > 1:
                _, dropped = self._held.popitem(last=False)
                self._size -= _bytes(dropped)


def _bytes(prepared: Prepared) -> int:
    return sum(array.nbytes for array in prepared.arrays)


_CACHE = _Cache(limit=128 * 2**20)
