from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from shipped import REGISTRY

from anncore import Data, DataError, Dataset
from anncore.contract.hyperparameters import resolve
from anncore.contract.registry import Registered, Registry
from anncore.contract.streams import stream
from anncore.contract.trial import Part, Split
from anncore.engine.datasets import Prepared, _Cache, inspect, prepare
from anncore.engine.decision_maps import mappable
from anncore.engine.split import split_rows
from anncore.running.component_costs import default_part


@pytest.fixture(scope="module")
def registry() -> Registry:
    return REGISTRY


def part(registry: Registry, name: str, **values: Any) -> Part:
    component = registry.get("dataset", name)
    plain = {k: list(v) if isinstance(v, tuple) else v for k, v in resolve(component.cls, values).items()}
    refs = default_part(registry, component).refs
    return Part("dataset", component.full_name, component.code, plain, refs)


def offering(data: Any) -> Registry:
    """A registry whose only data set, toy, returns `data`."""

    @dataclass(frozen=True)
    class Toy(Dataset):
        """A data set for tests."""

        name: ClassVar[str] = "toy"

        def make(self, rng: np.random.Generator) -> Data:
            return data

    return Registry((Registered("dataset", "toy", Toy, "toy", "1", "toy"),), ())


TOY, DEFAULT = Part("dataset", "toy:toy", "1"), Split()


def toy(data: Any, split: Split = DEFAULT, seed: int = 0, dtype: str = "float64") -> Prepared:
    return prepare(TOY, split, 0, seed, offering(data), dtype)


def uniform(*shape: int) -> np.ndarray:
    return np.random.default_rng(5).random(shape)


# Encoding


@pytest.mark.slow
def test_binary_targets_are_a_column_of_zeros_and_ones(registry: Registry) -> None:
    data = prepare(part(registry, "two_moons", n=100), Split(), 0, 1, registry, "float32")
    assert (data.task, data.inputs, data.outputs) == ("binary", 2, 1)
    assert data.y_train.shape == (60, 1)
    assert set(data.y_train.ravel()) == {0.0, 1.0}
    assert (data.y_scale.tolist(), data.y_shift.tolist()) == ([1.0], [0.0])


def test_multiclass_targets_are_one_hot() -> None:
    y = np.array([0, 1, 2] * 10)
    data = toy(Data(y[:, None] * 1.0, y, "multiclass"), Split(standardize=False))
    assert data.outputs == 3
    assert np.array_equal(data.y_train.argmax(axis=1), data.x_train[:, 0])
    assert np.array_equal(data.y_train.sum(axis=1), np.ones(18))


def test_regression_targets_come_back_in_their_own_units() -> None:
    y = 1000 + 50 * uniform(40, 2)
    data = toy(Data(y, y, "regression"))
    np.testing.assert_allclose(data.y_train.mean(axis=0), 0, atol=1e-10)
    np.testing.assert_allclose(data.y_train.std(axis=0), 1)
    np.testing.assert_allclose(data.y_test * data.y_scale + data.y_shift, y[_rows(40).test])


def test_a_flat_regression_target_is_one_output() -> None:
    assert toy(Data(uniform(20, 3), uniform(20), "regression")).outputs == 1


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_are_in_the_requested_dtype_contiguous_and_read_only(registry: Registry, dtype: str) -> None:
    data = prepare(part(registry, "wine"), Split(), 0, 0, registry, dtype)
    for name in ("x_train", "y_train", "x_valid", "y_valid", "x_test", "y_test"):
        array = getattr(data, name)
        assert array.dtype == dtype
        assert array.flags.c_contiguous
    assert not any(array.flags.writeable for array in data.arrays)


def test_names_are_given_where_the_data_set_gives_none(registry: Registry) -> None:
    data = prepare(part(registry, "blobs", classes=4), Split(), 0, 0, registry, "float32")
    assert (data.classes, data.features) == (("0", "1", "2", "3"), ("x1", "x2"))
    assert prepare(part(registry, "iris"), Split(), 0, 0, registry, "float32").classes[0] == "setosa"


# Clean targets


def test_only_the_test_split_is_scored_on_clean_targets() -> None:
    clean, noisy = np.zeros(50), np.ones(50)
    clean[::2], noisy[::2] = 1, 0
    data = toy(Data(clean[:, None], noisy, "binary", clean_y=clean), Split(standardize=False))
    assert np.array_equal(data.y_test, data.x_test)
    assert np.array_equal(data.y_train, 1 - data.x_train)
    assert np.array_equal(data.y_valid, 1 - data.x_valid)


def test_label_noise_changes_neither_inputs_nor_split_nor_test(registry: Registry) -> None:
    none, much = (
        prepare(part(registry, "iris", label_noise=share), Split(), 0, 4, registry, "float32")
        for share in (0.0, 0.4)
    )
    for name in ("x_train", "x_valid", "x_test", "y_test"):
        assert np.array_equal(getattr(none, name), getattr(much, name))
    assert not np.array_equal(none.y_train, much.y_train)


# Standardising


def _rows(n: int, seed: int = 0) -> Any:
    return split_rows(stream(0, seed, "split"), n, Split())


def test_standardising_looks_at_the_training_rows_alone() -> None:
    x, y, rows = uniform(50, 3), uniform(50), _rows(50)
    other_x, other_y = x.copy(), y.copy()
    for held in (rows.valid, rows.test):
        other_x[held], other_y[held] = 1e6, -1e6
    a, b = toy(Data(x, y, "regression")), toy(Data(other_x, other_y, "regression"))
    assert np.array_equal(a.x_train, b.x_train)
    assert np.array_equal(a.y_train, b.y_train)
    assert np.array_equal(a.y_scale, b.y_scale)
    np.testing.assert_allclose(a.x_train.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(a.x_train.std(axis=0), 1)
    np.testing.assert_allclose(a.x_test, (x[rows.test] - x[rows.train].mean(0)) / x[rows.train].std(0))


def test_a_constant_feature_keeps_its_scale() -> None:
    x = np.full((33, 2), 0.1)  # whose mean over 33 rows is not 0.1 in binary
    x[:, 1] = uniform(33)
    data = toy(Data(x, uniform(33), "regression"))
    assert np.array_equal(data.x_train[:, 0], np.zeros(len(data.x_train)))


def test_standardising_can_be_left_out() -> None:
    x, y, rows = uniform(50, 3), uniform(50), _rows(50)
    data = toy(Data(x, y, "regression"), Split(standardize=False))
    assert np.array_equal(data.x_train, x[rows.train])
    assert np.array_equal(data.y_test[:, 0], y[rows.test])


# Splits


def test_stratified_splits_keep_the_classes_shares(registry: Registry) -> None:
    data = prepare(part(registry, "iris"), Split(), 0, 0, registry, "float32")
    assert data.y_train.sum(axis=0).tolist() == [30, 30, 30]
    assert data.y_valid.sum(axis=0).tolist() == [10, 10, 10]
    assert data.y_test.sum(axis=0).tolist() == [10, 10, 10]


@pytest.mark.parametrize("name", ["checkerboard", "classification", "spirals", "friedman"])
def test_seeds_of_one_data_set_have_equal_shapes(registry: Registry, name: str) -> None:
    shapes = {inspect(part(registry, name, n=137), Split(), 0, seed, registry) for seed in range(8)}
    assert len(shapes) == 1
    (only,) = shapes
    assert (only.n_train, only.n_valid, only.n_test) == (83, 27, 27)


def test_inspect_tells_task_and_shapes(registry: Registry) -> None:
    summary = inspect(part(registry, "digits"), Split(), 0, 0, registry)
    assert summary == ("multiclass", 64, 10, 1797 - 2 * 359, 359, 359, False, "")


def test_a_given_test_split_is_kept_in_order() -> None:
    y = np.arange(20.0)
    data = toy(Data(y[:, None], y, "regression", test_index=np.array([7, 2])), Split(standardize=False))
    assert data.y_test.ravel().tolist() == [7, 2]
    assert inspect(TOY, Split(), 0, 0, offering(Data(y[:, None], y, "regression"))).n_test == 4


# Repeatability


def test_data_and_split_depend_on_both_seeds(registry: Registry) -> None:
    moons = part(registry, "two_moons")
    first = prepare(moons, Split(), 0, 0, registry, "float32")
    for other in ((0, 1), (1, 0)):
        assert not np.array_equal(prepare(moons, Split(), *other, registry, "float32").x_train, first.x_train)


SPLIT_ELSEWHERE = ("two_moons", "iris", "friedman", "mackey_glass", "unit_square", "digits")
DIGEST = """
import hashlib, sys
from anncore import load_registry
from anncore.engine.datasets import prepare
from anncore.contract.trial import Part, Split
import json
registry = load_registry(environ={"ANNX_PLUGINS": ""})
for text in sys.argv[1:]:
    prepared = prepare(Part.from_json(json.loads(text)), Split(), 3, 14, registry, "float32")
    print(hashlib.sha256(b"".join(array.tobytes() for array in prepared.arrays)).hexdigest())
"""


@pytest.mark.slow
def test_another_process_makes_the_same_bytes(registry: Registry) -> None:
    parts = [
        part(registry, component.name)
        for component in registry.of_kind("dataset")
        if component.dist == "annx" and component.name not in ("csv", "parquet", "data_frame")
    ]
    # The kit makes every data set in another process; here a few are split and standardized, too.
    some = [dataset for dataset in parts if dataset.name.partition(":")[2] in SPLIT_ELSEWHERE]
    assert len(some) == len(SPLIT_ELSEWHERE)
    command = [sys.executable, "-c", DIGEST, *(json.dumps(dataset.to_json()) for dataset in some)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    other = dict(zip((dataset.name for dataset in some), done.stdout.split(), strict=True))
    # In reverse and among other uses of randomness: nothing but the description may matter.
    digests = {}
    for dataset in reversed(parts):
        np.random.default_rng().random(3)
        data = prepare(dataset, Split(), 3, 14, registry, "float32")
        digests[dataset.name] = hashlib.sha256(b"".join(array.tobytes() for array in data.arrays)).hexdigest()
    assert {name: digests[name] for name in other} == other
    # By rows, as it is by default, it holds the pixels of the same images in the same order.
    assert digests.pop("annx:sequential_digits") == digests["annx:digits"]
    # scikit-learn's loader gives by default what the data set of ours has.
    assert digests.pop("annx:sklearn") == digests["annx:wine"]
    assert len(set(digests.values())) == len(digests)


def test_the_same_request_is_served_from_the_cache(registry: Registry) -> None:
    iris = part(registry, "iris")
    first = prepare(iris, Split(), 0, 0, registry, "float32")
    assert prepare(iris, Split(), 0, 0, registry, "float32") is first
    for other in (
        prepare(iris, Split(), 0, 0, registry, "float64"),
        prepare(iris, Split(), 0, 1, registry, "float32"),
        prepare(iris, Split(test=0.3), 0, 0, registry, "float32"),
    ):
        assert other is not first


def test_two_classes_of_one_name_do_not_share_the_cache() -> None:
    a = toy(Data(uniform(20, 1), uniform(20), "regression"))
    b = toy(Data(uniform(20, 2), uniform(20), "regression"))
    assert (a.inputs, b.inputs) == (1, 2)


def test_the_cache_is_bounded_and_forgets_the_least_recently_used() -> None:
    made = [toy(Data(uniform(100, 5), uniform(100), "regression"), seed=seed) for seed in range(3)]
    size = sum(array.nbytes for array in made[0].arrays)
    cache = _Cache(limit=2 * size)
    cache.put("a", made[0])
    cache.put("b", made[1])
    assert cache.get("a") is made[0]
    cache.put("c", made[2])
    assert cache.get("b") is None
    assert cache.get("a") is made[0]
    tight = _Cache(limit=1)
    tight.put("a", made[0])
    assert tight.get("a") is made[0]


# Refusals


def test_a_file_whose_content_changed_is_refused(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("a,y\n" + "".join(f"{i},{i * 0.5}\n" for i in range(20)))
    component = registry.get("dataset", "csv")
    before = component.cls(path=str(file)).fingerprint()
    params = {**resolve(component.cls, {"target": "y", "path": ""}), "drop": [], "fingerprint": before}
    del params["path"]
    mine = Part("dataset", component.full_name, component.code, params, paths={"path": str(file)})
    assert prepare(mine, Split(), 0, 0, registry, "float32").inputs == 1
    file.write_text(file.read_text().replace("3,1.5", "3,9.5"))
    with pytest.raises(DataError, match=r"^csv: .*mine\.csv has changed since the plan was made"):
        prepare(mine, Split(), 0, 1, registry, "float32")


def test_hyperparameters_that_do_not_fit_together_are_refused(registry: Registry) -> None:
    with pytest.raises(DataError, match=r"^classification: informative \+ redundant must be at most"):
        prepare(part(registry, "classification", features=3), Split(), 0, 0, registry, "float32")


Y = np.array([0, 1] * 10)
GOOD = Data(uniform(20, 2), Y, "binary")


def _with(value: float) -> np.ndarray:
    x = uniform(20, 2)
    x[3, 1] = value
    return x


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("no data", r"make must return an anncore\.Data, got str"),
        (dataclasses.replace(GOOD, task="ranking"), "task must be one of binary, multiclass, regression"),
        (dataclasses.replace(GOOD, x=uniform(20)), r"x must be \(N, D\)"),
        (dataclasses.replace(GOOD, x=np.empty((20, 0))), r"x must be \(N, D\) with N and D at least 1"),
        (dataclasses.replace(GOOD, y=Y[:-1]), r"y must be \(N,\) for N = 20, got \(19,\)"),
        (dataclasses.replace(GOOD, y=Y[:, None]), r"y must be \(N,\) for N = 20"),
        (dataclasses.replace(GOOD, clean_y=Y[:-1]), "clean_y must be shaped as y"),
        (dataclasses.replace(GOOD, features=("a",)), "features must name all 2 columns, got 1"),
        (dataclasses.replace(GOOD, x=_with(np.nan)), r"x must be finite, got nan in row 3, column 1"),
        (
            dataclasses.replace(GOOD, x=_with(np.inf), features=("a", "b")),
            r"x must be finite, got inf in row 3 of 'b' \(1 such values\)",
        ),
        (dataclasses.replace(GOOD, x=np.full((20, 2), "a")), "x must hold real numbers, got dtype <U1"),
        (dataclasses.replace(GOOD, y=Y + 1), r"y must hold class numbers 0 \.\.\. 1, got 2"),
        (dataclasses.replace(GOOD, y=Y / 2), r"y must hold class numbers 0 \.\.\. 1, got 0\.5"),
        (dataclasses.replace(GOOD, y=-Y), "y must hold class numbers"),
        (dataclasses.replace(GOOD, classes=("a", "b", "c")), "a binary task has 2 classes, got 3"),
        (dataclasses.replace(GOOD, task="multiclass"), "a multiclass task has 3 or more classes, got 2"),
        (
            dataclasses.replace(GOOD, task="multiclass", classes=("a", "b", "c")),
            "class 'c' has no example in the training split",
        ),
        (
            dataclasses.replace(GOOD, test_index=np.array([1, 1])),
            "test_index must hold different row numbers",
        ),
        (dataclasses.replace(GOOD, test_index=np.array([20])), r"test_index must lie in 0 \.\.\. 19"),
        (
            Data(uniform(2, 1), np.array([0, 1]), "binary"),
            "the validation split of 2 examples would be empty",
        ),
    ],
)
def test_unusable_data_are_refused(data: Any, message: str) -> None:
    with pytest.raises(DataError, match=f"^toy: {message}"):
        toy(data)


def test_a_class_missing_from_an_unstratified_training_split_is_refused() -> None:
    y = np.zeros(40, dtype=int)
    y[_rows(40).test[0]] = 1
    data = Data(uniform(40, 1), y, "binary", classes=("no", "yes"))
    with pytest.raises(
        DataError, match=r"^toy: class 'yes' has no example in the training split; .*stratify"
    ):
        toy(data, Split(stratify=False))
    assert toy(data).y_train.sum() == 1


@pytest.mark.parametrize("standardize", [True, False])
def test_numbers_too_large_for_the_dtype_are_refused(standardize: bool) -> None:
    x = uniform(20, 1)
    x[_rows(20).test[0]] = 1e300
    with pytest.raises(DataError, match=r"values up to 1e\+300 are too large for float32"):
        toy(Data(x, uniform(20), "regression"), Split(standardize=standardize), dtype="float32")
    with pytest.raises(DataError, match="too large"):
        toy(Data(uniform(20, 1) * 1e308, uniform(20), "regression"), dtype="float64")


ROWS = np.linspace(-1, 2, 24) ** 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [2.0**-900, 2.0**-565, 2.0**511, 2.0**990])
def test_the_size_of_numbers_does_not_change_what_a_trial_sees(size: float, dtype: str) -> None:
    """1e154² overflows and 1e-170² is 0 in float64; a power of two changes no digit."""
    x, y = np.column_stack([ROWS, ROWS[::-1] + 5]), ROWS + 3
    plain = toy(Data(x, y, "regression"), dtype=dtype)
    data = toy(Data(x * size, y * size, "regression"), dtype=dtype)
    for name in ("x_train", "y_train", "x_valid", "y_valid", "x_test", "y_test"):
        assert np.array_equal(getattr(data, name), getattr(plain, name)), name
    for name in ("x_scale", "x_shift", "y_scale", "y_shift"):
        assert np.array_equal(getattr(data, name), getattr(plain, name) * size), name


def test_lost_numbers_are_refused_by_the_names_of_their_columns() -> None:
    x = np.column_stack([ROWS * 1e-170, ROWS, ROWS * 1e60])
    plain = Split(standardize=False)
    with pytest.raises(DataError) as caught:
        toy(Data(x, ROWS * 1e-170, "regression", features=("a", "b", "c")), plain, dtype="float32")
    assert caught.value.lines == (
        "toy: a: values from -1e-170 to 8e-170 cannot be told apart in float32; rescale them",
        "toy: c: values up to 8e+60 are too large for float32; rescale them",
        "toy: target: values from -1e-170 to 8e-170 cannot be told apart in float32; rescale them",
    )
    toy(Data(x, ROWS, "regression"), plain, dtype="float64")
    for factor, problem in (
        (1e-310, "x1: values from -1e-310 to 8e-310 cannot be told apart in float64"),
        (1.5e300, "x1: values up to 1.2e.301 are too large for float64"),
    ):
        for standardize in (True, False):
            if standardize or factor > 1:
                with pytest.raises(DataError, match=f"^toy: {problem}"):
                    toy(Data(ROWS[:, None] * factor, ROWS, "regression"), Split(standardize=standardize))


def test_a_constant_column_of_any_size_keeps_its_scale() -> None:
    for value in (0.1, 1e300, 1e-310, 0.0):
        data = toy(Data(np.full((24, 1), value), ROWS, "regression"))
        assert not data.x_train.any()
        assert (data.x_scale.tolist(), data.x_shift.tolist()) == ([1.0], [value])


@pytest.mark.parametrize("value", [0.1, -0.3, 1e300, 1e-200])
@pytest.mark.parametrize("place", [0, 5, 23])  # in training, validation or test
def test_a_column_that_differs_by_rounding_only_is_constant(value: float, place: int) -> None:
    column = np.full(24, value)
    column[place] = np.nextafter(value, np.inf)
    data = toy(Data(np.stack([column, ROWS], axis=1), column, "regression"))
    for ready in (data.x_train[:, 0], data.x_valid[:, 0], data.x_test[:, 0], data.y_train, data.y_test):
        assert not ready.any()
    assert (data.x_scale[0], data.y_scale[0]) == (1.0, 1.0)


def test_a_column_that_differs_by_more_than_rounding_is_scaled() -> None:
    column = 0.1 + 1e-12 * ROWS
    data = toy(Data(ROWS[:, None], column, "regression"))
    assert data.y_train.std() == pytest.approx(1)


# Without targets


def test_the_inputs_are_the_targets_and_the_same_memory() -> None:
    data = toy(Data(uniform(40, 3), None, "unsupervised", features=("a", "b", "c")))
    for split in ("train", "valid", "test"):
        assert getattr(data, f"y_{split}") is getattr(data, f"x_{split}")
    assert np.array_equal(data.y_scale, data.x_scale)
    assert np.array_equal(data.y_shift, data.x_shift)
    assert data.x_train.std(axis=0) == pytest.approx(1)
    assert (data.outputs, data.classes, data.features) == (3, (), ("a", "b", "c"))
    assert len(data.x_train) + len(data.x_valid) + len(data.x_test) == 40  # [split] stratify has no classes
    assert not mappable(toy(Data(uniform(40, 2), None, "unsupervised")))


def test_a_given_test_split_and_raw_inputs_are_kept() -> None:
    x = uniform(20, 2)
    data = toy(
        Data(x, None, "unsupervised", test_index=np.array([3, 4])),
        dataclasses.replace(Split(), standardize=False),
    )
    assert np.array_equal(data.y_test, x[[3, 4]])


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Data(uniform(9, 2), uniform(9), "unsupervised"), "has no targets, but y is given; leave it out"),
        (Data(uniform(9, 2), None, "unsupervised", clean_y=uniform(9)), "but clean_y is given"),
        (Data(uniform(9, 2), None, "unsupervised", ("a", "b")), "but classes is given"),
        (Data(uniform(9, 2), None, "binary"), 'but y is None; set task = "unsupervised"?'),
    ],
)
def test_targets_and_task_must_fit(data: Data, said: str) -> None:
    with pytest.raises(DataError) as error:
        toy(data)
    assert said in str(error.value)
