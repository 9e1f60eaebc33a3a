"""Maps of what was learned: where the lattice lies, what a cell holds, who has one, and where it is kept."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sameness import as_bytes, by_key
from sweep_factory import TUNED, load, stored_maps
from trial_factory import given_data, make_objective_trial, make_trial, mixture

from anncore import load_run, sweep
from anncore.contract.errors import StoreError
from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.contract.streams import stream
from anncore.contract.trial import Split, Stop, Trial, TrialResult
from anncore.engine.batches import load as load_data
from anncore.engine.build import build_part
from anncore.engine.decision_maps import SIDE, DecisionMap, lattice, packed, quantized, unpacked
from anncore.engine.evaluation import Evaluator
from anncore.engine.network_stack import Stack
from anncore.engine.training import train_stack
from anncore.running.store import Store


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


def mapped(registry: Registry, **options: Any) -> Trial:
    return make_trial(registry, test=True, **options)


def map_of(trial: Trial, registry: Registry) -> DecisionMap:
    [result] = train_stack([trial], registry)
    return unpacked(result.map)


# ---- what a map holds


def test_the_lattice_holds_the_middles_of_the_cells_row_by_row() -> None:
    points = lattice(np.array([0.0, 100.0]), np.array([48.0, 196.0]))
    assert points.shape == (48 * 48, 2)
    assert points[:2].tolist() == [[0.5, 101], [1.5, 101]]
    assert points[48].tolist() == [0.5, 103]
    assert points[-1].tolist() == [47.5, 195]


def test_a_byte_is_the_nearest_and_one_half_is_no_second_class() -> None:
    above = np.nextafter(0.5, 1)
    levels = quantized(np.array([[0.0], [0.25], [0.5], [above], [1.0], [1.2], [-0.1]]))
    assert levels is not None
    assert levels.tolist() == [[0, 64, 127, 128, 255, 255, 0]]  # 0.25 is 63.75 of 255


def test_float32_keeps_the_class_next_to_one_half() -> None:
    half = np.float32(0.5)
    levels = quantized(np.array([[np.nextafter(half, np.float32(0))], [np.nextafter(half, np.float32(1))]]))
    assert levels is not None
    assert levels.tolist() == [[127, 128]]


@pytest.mark.parametrize(
    ("scores", "want"),
    [
        ([0.3999, 0.4001, 0.2], 1),  # both are 102 of 255
        ([0.4001, 0.3999, 0.2], 0),
        ([0.2, 0.4, 0.4], 1),  # the first of equals
        ([-3.0, -2.0, -1.0], 2),  # an output that is no probability
        ([2.0, 3.0, 1.5], 1),
    ],
)
def test_a_cell_keeps_its_class_however_near_the_next(scores: list[float], want: int) -> None:
    data = replace(given_data([[0, 0]] * 3, np.eye(3)), task="multiclass", classes=("a", "b", "c"))
    blob = packed(data, np.zeros(2), np.ones(2), np.tile(scores, (SIDE * SIDE, 1)))
    assert (unpacked(blob).predicted == want).all()


def test_two_classes_have_probabilities_that_sum_to_one() -> None:
    blob = packed(given_data([[0, 0]], [[1]]), np.zeros(2), np.ones(2), np.full((SIDE * SIDE, 1), 0.8))
    decided = unpacked(blob)
    assert decided.probabilities.shape == (2, SIDE, SIDE)
    np.testing.assert_allclose(decided.probabilities[:, 0, 0], [0.2, 0.8], atol=1e-12)  # 204 of 255


def test_a_map_comes_back_with_examples_that_lie_on_it() -> None:
    data = given_data([[0, 10], [1, 12], [5, 11], [0.25, 13]], [[0], [1], [1], [1]])
    blob = packed(data, np.array([0.0, 9.0]), np.array([1.0, 13.0]), np.zeros((SIDE * SIDE, 1)))
    decided = unpacked(blob)
    assert (decided.features, decided.classes) == (("x0", "x1"), ("0", "1"))
    assert (decided.low, decided.high) == ((0, 9), (1, 13))
    np.testing.assert_allclose(decided.examples, [[0, 10], [1, 12], [0.25, 13]], atol=4 / 65535)
    assert decided.labels.tolist() == [0, 1, 1]
    with pytest.raises(ValueError, match="read-only"):
        decided.levels[...] = 0


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_there_is_no_map_of_what_is_not_finite(odd: float) -> None:
    values = np.full((SIDE * SIDE, 1), 0.5)
    values[7] = odd
    assert packed(given_data([[0, 0]], [[1]]), np.zeros(2), np.ones(2), values) == b""


@pytest.mark.parametrize("standardize", [False, True])
def test_a_linear_model_s_map_is_its_formula_in_the_data_s_units(
    registry: Registry, standardize: bool
) -> None:
    # σ(1.5 x - 2 y + 0.25), put into the weights that see standardised inputs.
    trial = mapped(
        registry, network=("mlp", {"hidden": []}), split=Split(standardize=standardize), dtype="float64"
    )
    [data] = load_data([trial], registry)
    stack = Stack([trial], registry, [data])
    stack.initialize()
    weight, bias = (stack.weights[spec.name] for spec in stack.specs)
    weight[0, :, 0] = np.array([1.5, -2.0]) * data.x_scale
    bias[0, 0, 0] = 0.25 + np.array([1.5, -2.0]) @ data.x_shift
    decided = unpacked(Evaluator(stack).maps([0])[0])
    # The lattice spans the range of what seed 0 draws.
    x = build_part(trial.parts["dataset"], registry).make(stream(0, 0, "data")).x
    np.testing.assert_allclose(decided.low, x.min(axis=0))
    np.testing.assert_allclose(decided.high, x.max(axis=0))
    cell = (x.max(axis=0) - x.min(axis=0)) / 48
    first, second = (x[:, i].min() + cell[i] * (np.arange(48) + 0.5) for i in (0, 1))
    logit = 1.5 * first[None, :] - 2 * second[:, None] + 0.25
    want = 1 / (1 + np.exp(-logit))
    assert np.abs(decided.probabilities[1] - want).max() < 0.5 / 255 + 1e-9
    assert (decided.predicted == (logit > 0)).all()
    assert 0.2 < decided.predicted.mean() < 0.8, "the test wants a boundary that crosses the plane"


def test_examples_are_the_trial_s_own(registry: Registry) -> None:
    trial = mapped(registry, seed=7)
    data = build_part(trial.parts["dataset"], registry).make(stream(0, 7, "data"))
    decided = map_of(trial, registry)
    assert 50 < len(decided.examples) <= 64
    # Each is one of the seed's examples, with its class.
    far = np.abs(decided.examples[:, None] - data.x[None]).max(axis=2)
    assert far.min(axis=1).max() < 1e-4
    assert (data.y[far.argmin(axis=1)] == decided.labels).all()
    assert len(set(far.argmin(axis=1).tolist())) == len(decided.examples)
    # A stratified split begins with a run of one class; so they are not its first ones.
    assert 0.3 < decided.labels.mean() < 0.7
    assert 0 < decided.labels[:8].mean() < 1


# ---- who has one, and that it changes nothing


def test_all_seeds_share_the_lattice(registry: Registry) -> None:
    maps = [map_of(mapped(registry, seed=seed), registry) for seed in (0, 1, 100)]
    assert len({(decided.low, decided.high) for decided in maps}) == 1
    assert len({decided.levels.tobytes() for decided in maps}) == 3


@pytest.mark.slow
def test_a_map_is_the_same_alone_and_in_any_stack(registry: Registry) -> None:
    mixed = mixture(registry, steps=10)
    trials = [replace(trial, test=True) for row, trial in enumerate(mixed) if row // 2 % 2 == 0]
    alone = [train_stack([trial], registry)[0] for trial in trials]
    assert all(result.map for result in alone)
    for size, order in ((2, trials), (7, trials), (64, trials), (7, trials[::-1])):
        stacked = [
            result
            for start in range(0, len(order), size)
            for result in train_stack(order[start : start + size], registry)
        ]
        assert by_key(stacked) == by_key(alone)


def test_trials_that_tune_have_no_map_and_the_numbers_of_those_that_have_one(registry: Registry) -> None:
    tuning = [replace(trial, test=False) for trial in mixture(registry, steps=25)]
    mixed = [replace(trial, test=i % 2 == 0) for i, trial in enumerate(tuning)]
    without, results = train_stack(tuning, registry), train_stack(mixed, registry)
    assert [bool(result.map) for result in results] == [trial.test for trial in mixed]
    assert not any(result.map for result in without)
    for one, other in zip(without, results, strict=True):
        assert one.curves == other.curves
        assert one.metrics == {name: value for name, value in other.metrics.items() if name in one.metrics}


def test_trials_that_stop_early_have_the_map_of_where_they_stopped(registry: Registry) -> None:
    trials = [
        mapped(registry, optimizer=("adam", {"lr": lr}), stop=Stop(loss=0.2), steps=300, seed=seed)
        for lr in (0.1, 0.03, 0.001)
        for seed in range(2)
    ]
    results = train_stack(trials, registry)
    assert len({result.steps_done for result in results}) > 2, "the test wants different ends"
    for trial, result in zip(trials, results, strict=True):
        assert result.map
        assert as_bytes(result) == as_bytes(train_stack([trial], registry)[0])


def test_three_classes_are_mapped(registry: Registry) -> None:
    blobs = {
        "dataset": ("blobs", {"features": 2, "classes": 3}),
        "output": "softmax",
        "loss": "categorical_cross_entropy",
    }
    decided = map_of(mapped(registry, **blobs), registry)
    assert decided.probabilities.shape == (3, SIDE, SIDE)
    np.testing.assert_allclose(decided.probabilities.sum(axis=0), 1, atol=2 / 255)
    # Where training examples of a class lie, the class is found.
    width = np.array(decided.high) - np.array(decided.low)
    column, row = ((decided.examples - decided.low) / width * SIDE).astype(int).clip(0, SIDE - 1).T
    assert (decided.predicted[row, column] == decided.labels).mean() > 0.7  # by chance 1/3


@pytest.mark.parametrize(
    "options",
    [
        {"dataset": "breast_cancer"},  # 30 features
        {"dataset": "sine", "output": "identity", "loss": "mse"},  # no classes
        {"optimizer": ("sgd", {"lr": 1e30})},  # diverges
    ],
)
def test_where_there_is_no_plane_there_is_no_map(registry: Registry, options: dict[str, Any]) -> None:
    [result] = train_stack([mapped(registry, **options)], registry)
    assert result.map == b""
    assert (result.status == "diverged") == ("optimizer" in options)


def test_nine_classes_are_too_many_colours(registry: Registry) -> None:
    nine = ("blobs", {"features": 2, "classes": 9})
    options = {"dataset": nine, "output": "softmax", "loss": "categorical_cross_entropy"}
    [result] = train_stack([mapped(registry, **options)], registry)
    assert (result.status, result.map) == ("ok", b"")


def test_a_function_has_no_map(registry: Registry) -> None:
    [result] = train_stack([make_objective_trial(registry, test=True)], registry)
    assert (result.status, result.map) == ("ok", b"")


def test_a_trial_does_not_fail_for_want_of_a_reference(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: Any) -> Any:
        raise RuntimeError("no such draw")

    monkeypatch.setattr("anncore.engine.decision_maps.prepare", refuse)
    [result] = train_stack([mapped(registry)], registry)
    assert (result.status, result.map) == ("ok", b"")


# ---- where it is kept


def some_map() -> bytes:
    return packed(given_data([[0, 0]], [[1]]), np.zeros(2), np.ones(2), np.full((SIDE * SIDE, 1), 0.8))


def test_the_store_gives_maps_back_and_forgets_them_with_their_trial(
    tmp_path: Path, registry: Registry
) -> None:
    trials = [make_trial(registry, seed=seed) for seed in range(3)]
    keys = [trial.key for trial in trials]
    results = [
        TrialResult(keys[0], "ok", map=some_map()),
        TrialResult(keys[1], "ok"),
        TrialResult(keys[2], "ok", map=some_map()),
    ]
    with Store(tmp_path / "s.sqlite") as store:
        store.add(zip(trials, results, strict=True))
        assert set(store.maps([*keys, "unknown"])) == {keys[0], keys[2]}
        # What a trial came to before it failed is no map of it.
        store.add([(trials[2], TrialResult(keys[2], "crashed"))])
        assert set(store.maps(keys)) == {keys[0]}
        store.delete(keys[:1])
        assert store.maps(keys) == {}
        store.add([(trials[0], TrialResult(keys[0], "ok"))])
        assert store.maps(keys) == {}


def test_a_store_from_before_there_were_maps_is_read_and_taken_further(
    tmp_path: Path, registry: Registry
) -> None:
    path, trials = tmp_path / "s.sqlite", [make_trial(registry, seed=seed) for seed in range(2)]
    with Store(path) as store:
        store.add([(trials[0], TrialResult(trials[0].key, "ok"))])
    db = sqlite3.connect(path)
    db.execute("DELETE FROM maps")
    db.commit()
    db.close()
    keys = [trial.key for trial in trials]
    with Store(path, write=False) as store:
        assert store.maps(keys) == {}
        assert len(list(store.results(keys))) == 1
    with Store(path) as store:
        store.add([(trials[1], TrialResult(keys[1], "ok", map=some_map()))])
        assert set(store.maps(keys)) == {keys[1]}


@pytest.mark.parametrize("blob", [b"", b"no such thing", some_map()[:-9]])
def test_a_damaged_map_is_one_line(tmp_path: Path, registry: Registry, blob: bytes) -> None:
    trial = make_trial(registry)
    with Store(tmp_path / "s.sqlite") as store:
        store.add([(trial, TrialResult(trial.key, "ok"))])
        db = sqlite3.connect(tmp_path / "s.sqlite")
        with db:
            db.execute("INSERT INTO maps VALUES (?, ?)", (trial.key, blob))
        db.close()
        with pytest.raises(StoreError, match=r"is damaged \(trial .*Move it away"):
            store.maps([trial.key])


def test_a_sweep_maps_its_report_alone_and_load_run_has_it(tmp_path: Path) -> None:
    results = sweep(load(tmp_path, TUNED), out=tmp_path / "run", executor="serial")
    report = results.trials[results.trials["phase"] == "report"]
    assert set(results.maps) == set(report["key"])
    assert set(stored_maps(tmp_path / "run")) == set(report["key"])
    again = load_run(tmp_path / "run")
    assert {key: decided.levels.tobytes() for key, decided in again.maps.items()} == {
        key: decided.levels.tobytes() for key, decided in results.maps.items()
    }
    assert load_run(tmp_path / "run", curves=False).maps == {}


def test_fresh_makes_the_maps_that_an_older_folder_lacks(tmp_path: Path) -> None:
    experiment = load(tmp_path, TUNED)
    first = sweep(experiment, out=tmp_path / "run", executor="serial")
    before = stored_maps(tmp_path / "run")
    db = sqlite3.connect(tmp_path / "run" / "trials.sqlite")
    db.execute("DELETE FROM maps")
    db.commit()
    db.close()
    assert sweep(experiment, out=tmp_path / "run", executor="serial").maps == {}
    assert set(sweep(experiment, out=tmp_path / "run", executor="serial", fresh=True).maps) == set(first.maps)
    assert stored_maps(tmp_path / "run") == before
