"""A trial's key: the same for the same numbers, another for others."""

import dataclasses
import hashlib
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from anncore.contract.trial import Part, Split, Stop, Train, Trial, canonical


def make_trial(**changes: Any) -> Trial:
    relu = Part("activation", "annx:relu", "0.1.0")
    parts = {
        "dataset": Part("dataset", "annx:two_moons", "0.1.0", {"n": 100, "noise": 0.1}),
        "network": Part("network", "annx:mlp", "0.1.0", {"hidden": [8]}, {"activation": (relu,)}),
        "optimizer": Part("optimizer", "annx:sgd", "0.1.0", {"lr": 0.1}),
    }
    base: dict[str, Any] = {
        "parts": parts,
        "train": Train(),
        "split": Split(),
        "sweep_seed": 0,
        "seed": 1,
        "test": True,
        "engine": "numbers 1, numpy 2.3.5",
    }
    return Trial(**{**base, **changes})


def test_canonical_json_is_sorted_and_compact() -> None:
    assert canonical({"b": {"c": True}, "a": (1.0, 0.5, "é")}) == '{"a":[1,0.5,"\\u00e9"],"b":{"c":true}}'


def test_the_key_is_the_sha256_of_the_description() -> None:
    # printf '{"engine":"numbers 1, numpy 2.3.5","parts":{},'\
    # '"seed":1,"split":{"standardize":true,"stratify":true,"test":0.2,"valid":0.2},'\
    # '"sweep_seed":0,"test":true,"train":{"batch_size":32,"diverged_above":100,"dtype":"float32",'\
    # '"epochs":null,"eval_every":50,"eval_train":"sample","shuffle":true,"steps":500,'\
    # '"stop":{"loss":null,"min_delta":0,"monitor":"valid_loss","patience":null},"watch":[]}}' | sha256sum
    assert make_trial(parts={}).key == "1afe4b34380eec2011121cdeef42b1fd7360b90d7e5b233b38a884ef28abaf19"


def test_one_and_one_point_zero_are_the_same_key() -> None:
    one, other = make_trial(), make_trial()
    one.parts["optimizer"].params["lr"] = 1  # type: ignore[index]
    other.parts["optimizer"].params["lr"] = 1.0  # type: ignore[index]
    assert one.key == other.key


def test_the_order_of_parts_and_hyperparameters_does_not_matter() -> None:
    trial = make_trial()
    parts = dict(reversed(trial.parts.items()))
    dataset = trial.parts["dataset"]
    parts["dataset"] = dataclasses.replace(dataset, params=dict(reversed(dataset.params.items())))
    assert make_trial(parts=parts).key == trial.key


def test_labels_phase_and_timeout_are_no_part_of_the_key() -> None:
    dressed = make_trial(
        phase="tune",
        labels={"optimizer": "plain"},
        problem="p",
        arm="a",
        config="c",
        values={"optimizer.lr": 0.1},
        timeout=3.0,
    )
    assert dressed.key == make_trial().key


def test_the_place_of_a_file_is_no_part_of_the_key() -> None:
    def key(path: str) -> str:
        part = Part("dataset", "annx:csv", "0.1.0", {"fingerprint": "f"}, paths={"path": path})
        wrapped = Part("network", "annx:mlp", "0.1.0", {}, {"inner": (part,)})
        return make_trial(parts={"dataset": part, "network": wrapped}).key

    assert key("/a/x.csv") == key("/b/x.csv")


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"sweep_seed": 1},
        {"engine": "numbers 2, numpy 2.3.5"},
        {"engine": "numbers 1, numpy 2.4.0"},
        {"test": False},
        {"train": Train(steps=501)},
        {"train": Train(stop=Stop(loss=0.1))},
        {"train": Train(dtype="float64")},
        {"split": Split(valid=0.1)},
        {"parts": {"optimizer": Part("optimizer", "annx:sgd", "0.1.1", {"lr": 0.1})}},
        {"parts": {"optimizer": Part("optimizer", "other:sgd", "0.1.0", {"lr": 0.1})}},
    ],
)
def test_whatever_determines_the_numbers_changes_the_key(change: dict[str, Any]) -> None:
    trial = make_trial()
    if "parts" in change:
        change = {"parts": {**trial.parts, **change["parts"]}}
    assert make_trial(**change).key != trial.key


def test_a_references_hyperparameter_changes_the_key() -> None:
    def key(slope: float) -> str:
        leaky = Part("activation", "annx:leaky_relu", "0.1.0", {"slope": slope})
        network = Part("network", "annx:mlp", "0.1.0", {}, {"activation": (leaky,)})
        return make_trial(parts={"network": network}).key

    assert key(0.1) != key(0.2)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


kinds = st.sampled_from(["dataset", "network", "optimizer", "loss", 'a "kind" of é'])
leaves = st.builds(
    Part,
    kinds,
    st.text(),
    st.text(),
    st.dictionaries(st.text(), json_values, max_size=3),
    paths=st.dictionaries(st.text(), st.text(), max_size=2),
)
some_parts = st.builds(
    Part,
    kinds,
    st.text(),
    st.text(),
    st.dictionaries(st.text(), json_values, max_size=3),
    st.dictionaries(st.text(), st.lists(leaves, max_size=2).map(tuple), max_size=2),
)
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
some_trials = st.builds(
    Trial,
    parts=st.dictionaries(kinds, some_parts, max_size=3),
    train=st.builds(
        Train,
        steps=numbers,
        batch_size=st.just("full") | numbers,
        shuffle=numbers,
        stop=st.builds(Stop, st.none() | numbers, min_delta=numbers),
    ),
    split=st.builds(Split, numbers, numbers, numbers),
    sweep_seed=numbers,
    seed=numbers,
    test=st.booleans(),
)


@given(some_trials)
def test_a_trials_text_is_the_canonical_json_of_its_description(trial: Trial) -> None:
    assert trial.text == canonical(trial.description)
    assert trial.key == hashlib.sha256(trial.text.encode()).hexdigest()


@given(json_values)
def test_canonical_json_survives_a_round_trip(value: Any) -> None:
    text = canonical(value)
    assert canonical(json.loads(text)) == text


def test_numpy_numbers_are_the_numbers() -> None:
    assert canonical([np.float64(0.5), np.float32(0.5), np.int64(3), np.bool_(True)]) == "[0.5,0.5,3,true]"


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))


@pytest.mark.parametrize("trial", [make_trial()])
def test_a_part_survives_json(trial: Trial) -> None:
    for part in trial.parts.values():
        assert Part.from_json(json.loads(json.dumps(part.to_json()))) == part
