"""A step that is explained: the engine's numbers, and formulas that give them from the numbers they name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shipped import REGISTRY

from anncore.contract.registry import Registry
from anncore.engine.explaining.scalars import MOST, Scalar, TooLong, evaluated, text_of
from anncore.engine.explaining.sheet import Line, Sheet, names_of
from anncore.engine.explaining.sheet_maker import make_sheet
from anncore.engine.explaining.step import GivenNumbers, ObservedStep, Question, observe
from anncore.engine.training import train_stack
from anncore.experiment import load_experiment
from anncore.experiment.plan import make_plan
from anncore.report.explain.gaps import gaps_of, symbol_of, written_formula


def trial_of(registry: Registry = REGISTRY, **sections: Any) -> Any:
    document: dict[str, Any] = {
        "train": {"steps": 20, "batch_size": 1, "dtype": "float64"},
        "seeds": {"report": [3]},
        "dataset": {"two_moons": {"n": 30}},
        "network": {"mlp": {"hidden": [2]}},
        "optimizer": {"sgd": {"lr": 0.1}},
    }
    for name, section in sections.items():
        document[name] = document["train"] | section if name == "train" else section
    return next(make_plan(load_experiment(document, registry=registry)).report(None))


def observed(question: Question | None = None, **sections: Any) -> ObservedStep:
    return observe(trial_of(**sections), REGISTRY, GivenNumbers(), question or Question())


def check(step: ObservedStep, *, whole: bool = False) -> dict[str, Line]:
    """Compute every line again from the numbers that it names; return the lines by name.

    whole: every number has a formula that is written.
    """
    sheet: Sheet = make_sheet(step)
    if whole:
        assert gaps_of(sheet) == []
    lines = {line.name: line for line in sheet.lines()}
    assert len(lines) == sheet.size, "a name stands for two numbers"
    for line in lines.values():
        assert np.isfinite(line.value)
        if line.formula is not None and line.recipe is None:

            def value_of(atom: Any) -> float:
                name = atom.args[0].name(*atom.args[1:])
                return lines[name].value if name in lines else atom.value

            assert evaluated(line.formula, value_of) == pytest.approx(line.value, rel=1e-9, abs=1e-12), (
                line.name
            )
        if line.recipe is not None:
            assert set(line.reads) <= set(lines), line.name
            given = line.recipe(lambda name: lines[name].value)
            assert given == pytest.approx(line.value, rel=1e-9, abs=1e-12), line.name
    computed = [line for stage in sheet.stages[1:] for block in stage.blocks for line in block.lines]
    assert all(line.formula is not None or line.words for line in computed)
    return lines


ACTIVATIONS = [component.name for component in REGISTRY.of_kind("activation")]
LOSSES = {
    component.name: next(iter(component.cls.outputs))
    for component in REGISTRY.of_kind("loss")
    if component.cls.trainable
}
TASKS = {"binary": {"two_moons": {"n": 30}}, "multiclass": {"iris": {}}, "regression": {"sine": {"n": 30}}}
OPTIMIZERS = [component.name for component in REGISTRY.of_kind("optimizer")]


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_each_activation_is_explained(name: str) -> None:
    lines = check(observed(activation={"it": {"use": name}}, train={"batch_size": 3}))
    assert {"z1[1]", "a1[1]", "delta1[1]", "dW1[1,1]", "W1_new[1,1]"} <= set(lines) or name == "rrelu"


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("batch", [1, 3])
def test_each_loss_is_explained(name: str, batch: int) -> None:
    sections: dict[str, Any] = {"dataset": TASKS[LOSSES[name]], "loss": {"it": {"use": name}}}
    if REGISTRY.get("loss", name).cls.targets == "[0, inf)":  # those of sine are standardised, and below 0
        sections |= {"dataset": {"diabetes": {}}, "split": {"standardize": False}}
    lines = check(observed(Question(step=2, example=batch - 1), train={"batch_size": batch}, **sections))
    assert "loss" in lines


@pytest.mark.parametrize("network", [{}, {"network": {"mlp": {"hidden": [2], "activation": "crelu"}}}])
@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_loss_whose_root_is_found_in_rounds_says_that_its_formula_is_too_long(
    task: str, network: dict[str, Any]
) -> None:
    """Written out, ten rounds of Newton's method would have more parts than there are atoms."""
    lines = check(observed(dataset=TASKS[task], loss={"bi_tempered": {}}, **network))
    assert re.fullmatch(
        r"bi_tempered\(a2\[1\].*\); its formula has more than 3,000 parts, too many to write out",
        lines["loss"].words,
    )
    assert lines["loss"].formula is None
    slope = lines["da2[1]"]
    assert slope.words == "slope of bi_tempered; its formula has more than 3,000 parts, too many to write out"


def test_a_formula_that_doubles_for_ever_ends() -> None:
    number: Any = Scalar.named(1.0, "x")
    while number.size <= MOST / 2:
        number = number / number
    with pytest.raises(TooLong, match="a formula of 1,048,575 operations and names"):
        number / number


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_optimizer_is_explained(name: str) -> None:
    cls = REGISTRY.get("optimizer", name).cls
    sections: dict[str, Any] = {"optimizer": {"it": {"use": name}}, "network": {"mlp": {"hidden": [2, 2]}}}
    sections["train"] = {"batch_size": "full" if cls.full_batch else 2}
    if getattr(cls, "needs", "") == "residuals":  # which a cross-entropy has not
        sections["loss"] = {"mse": {}}
    lines = check(observed(Question(step=3), **sections))
    new = lines["W1_new[1,1]"]
    assert new.formula is not None
    assert "W1[1,1]" in names_of(new.formula)


def test_the_state_of_momentum_and_adam_is_shown_with_its_formula() -> None:
    lines = check(observed(Question(step=2), optimizer={"momentum": {}}))
    assert names_of(lines["v_new(W1)[1,2]"].formula) == ("momentum", "v(W1)[1,2]", "lr", "dW1[1,2]")
    assert lines["v(W1)[1,2]"].value != 0
    lines = check(observed(Question(step=2), optimizer={"adam": {}}))
    assert names_of(lines["m_new(b1)[1]"].formula) == ("beta1", "m(b1)[1]", "db1[1]")
    assert {"m_new(W1)[1,1]", "v_new(W1)[1,1]", "lr"} <= set(names_of(lines["W1_new[1,1]"].formula))
    assert not any(name.startswith("v") for name in check(observed(optimizer={"sgd": {}})))


NETWORKS = {
    "a linear model": ({"mlp": {"hidden": []}}, 1),
    "three layers, without biases": ({"mlp": {"hidden": [3, 2, 2], "bias": False, "activation": "tanh"}}, 2),
    "batch normalization": ({"mlp": {"hidden": [2], "norm": "batch"}}, 3),
    "layer normalization": ({"mlp": {"hidden": [3], "norm": "layer"}}, 2),
    "dropout": ({"mlp": {"hidden": [4], "dropout": 0.5}}, 2),
    "sparse wiring": ({"sparse": {"hidden": [4]}}, 2),
    "a residual network": ({"residual_mlp": {"hidden": 3}}, 1),
    "one unit": ({"mlp": {"hidden": [1]}}, 1),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_many_forms_are_explained(name: str) -> None:
    network, batch = NETWORKS[name]
    check(observed(Question(step=2, example=batch - 1), network=network, train={"batch_size": batch}))


@pytest.mark.parametrize("read", ["last", "every"])
def test_a_recurrent_network_is_unrolled_in_time(read: str) -> None:
    predict = {"last": "next", "every": "every"}[read]
    data = {"temporal_xor": {"window": 4, "n": 40, "predict": predict}}
    lines = check(observed(dataset=data, network={"elman": {"hidden": 2, "read": read}}))
    before = names_of(lines["z1(3)[2]"].formula)
    assert before == ("x[3]", "Wx[1,2]", "b[2]", "a1(2)[1]", "Wh[1,2]", "a1(2)[2]", "Wh[2,2]")
    assert {"delta1(1)[1]", "delta1(4)[2]"} <= set(lines)
    assert {"a1(1)[1]", "delta1(2)[1]", "a1(3)[1]"} <= set(names_of(lines["dWh[1,1]"].formula))


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru"])
def test_gates_that_a_network_writes_out_have_names_in_time(name: str) -> None:
    data = {"temporal_xor": {"window": 3, "n": 40}}
    lines = check(observed(dataset=data, network={name: {"hidden": 2}}))
    assert {f"delta1({step})[2]" for step in (1, 2, 3)} <= set(lines)


WHOLE = {
    "attention that looks at all steps": {"width": 4, "heads": 2, "inner": 5},
    "two blocks that look back": {
        **{"width": 2, "heads": 1, "blocks": 2, "inner": 3},
        **{"causal": True, "positions": "sinusoidal", "read": "last"},
    },
}


@pytest.mark.parametrize("form", WHOLE)
def test_every_number_of_a_transformers_step_has_a_formula_that_gives_it(form: str) -> None:
    data = {"temporal_xor": {"window": 3, "n": 40}}
    sections = {"dataset": data, "network": {"transformer": WHOLE[form]}, "optimizer": {"adam": {}}}
    step = observed(Question(step=2, example=1), train={"batch_size": 2}, **sections)
    lines = check(step, whole=True)
    assert {"dQ1[1,1]", "m_new(r1)[5]", "E_new[1,1]"} <= set(lines)


@pytest.mark.parametrize("read", ["last", "every"])
def test_every_number_of_a_reservoirs_step_is_given_by_a_formula_or_by_the_rule(read: str) -> None:
    data: dict[str, Any] = (
        {"circling": {"n": 12, "steps": 3}} if read == "every" else {"mackey_glass": {"n": 40}}
    )
    network = {"hidden": 3, "features": 3 if read == "every" else 1, "leak": 0.5, "read": read}
    sections = {"dataset": data, "network": {"echo_state": network}, "loss": {"mse": {}}}
    question = Question(example=1, transposed=read == "every")
    train = {"batch_size": "full"}
    step = observed(question, train=train, optimizer={"sgd": {"lr": 1.0}}, **sections)
    lines = check(step, whole=True)
    assert not any(name.startswith("delta") for name in lines)
    # One step with rate 1 on all examples is the ridge regression: its normal equations hold.
    states = _reservoir(step, network)
    targets = step.y.reshape(len(states), -1)
    centred, aims = states - states.mean(axis=0), targets - targets.mean(axis=0)
    solution = step.after["Wy"]
    np.testing.assert_allclose(centred.T @ (aims - centred @ solution), 1e-6 * solution, atol=1e-9)
    at = "Wy_new[2,1]" if question.transposed else "Wy_new[1,2]"
    if read == "every":
        assert lines[at].value == solution[0, 1]


def _reservoir(step: ObservedStep, network: dict[str, Any]) -> Any:
    """Return the states that are read, (examples x steps read, hidden), by the formula of the docstring."""
    weights = {name: array[0] for name, array in step.traced.inputs.weights.items()}
    state, states = np.zeros((len(step.x), network["hidden"])), []
    for inputs in np.split(step.x, step.x.shape[1] // network["features"], axis=1):
        new = np.tanh(inputs @ weights["Wx"] + state @ weights["Wh"] + weights["b"])
        state = 0.5 * state + 0.5 * new
        states.append(state)
    chosen = states if network["read"] == "every" else states[-1:]
    return np.stack(chosen, axis=1).reshape(-1, network["hidden"])


@pytest.mark.parametrize("loss", ["binary_cross_entropy", "mse", "hinge"])
def test_examples_that_count_more_or_less_keep_their_formulas(loss: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = [f"{a:.3f},{b:.3f},{n % 2},{w:.2f}" for n, (a, b, w) in enumerate(rng.uniform(0, 2, (30, 3)))]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,y,w", *rows]), "utf-8")
    data = {"csv": {"path": str(tmp_path / "rows.csv"), "target": "y", "weight": "w"}}
    for batch in (1, 3):
        step = observed(Question(step=4), dataset=data, loss={loss: {}}, train={"batch_size": batch})
        lines = check(step, whole=True)
        assert len({line.value for name, line in lines.items() if name.startswith("weight(")}) == batch


def test_a_number_that_is_0_keeps_its_formula() -> None:
    """A unit of relu that is off has gradients of 0, and so has the state of its weights."""
    given = GivenNumbers(
        x=np.array([[1.0, 2.0]]), y=np.array([[1.0]]), weights={"W1": np.array([[-1.0, 1.0], [-1.0, 1.0]])}
    )
    trial = trial_of(activation={"relu": {}}, optimizer={"adam": {}})
    lines = check(observe(trial, REGISTRY, given, Question()))
    state = lines["m_new(W1)[1,1]"]
    assert (state.value, names_of(state.formula)) == (0, ("beta1", "m(W1)[1,1]", "dW1[1,1]"))


def test_the_larger_of_two_numbers_names_both_and_what_it_cuts_off_is_constant() -> None:
    """MAXNET's units stay at 0 where the others outweigh them; no path leads back through them."""
    step = observed(dataset={"largest": {"n": 20}}, network={"maxnet": {}})
    lines = check(step, whole=True)
    off = next(name for name, line in lines.items() if re.match(r"s\d+\[", name) and line.value == 0)
    formula = lines[off].formula
    assert formula is not None
    assert formula.kind == "max"
    cut = next(line for name, line in lines.items() if name.startswith("ds") and line.value == 0)
    assert (cut.formula, cut.words) == (None, "constant here")


def test_a_long_sum_is_written_by_its_first_and_last_terms() -> None:
    step = observed(network={"mlp": {"hidden": [70]}})
    lines = check(step, whole=True)
    written = written_formula(lines["z2[1]"])
    assert written is not None
    assert text_of(written, symbol_of) == ("a1[1]*W2[1,1] + a1[2]*W2[2,1] + ... + a1[70]*W2[70,1] + b2[1]")
    assert written.value == pytest.approx(lines["z2[1]"].value, rel=1e-12)
    short = written_formula(lines["z1[1]"])
    assert short is lines["z1[1]"].formula


def test_outputs_of_several_steps_leave_the_network_as_one_row() -> None:
    """Jordan's network gives an output at each step, and the loss reads all of them."""
    lines = check(observed(dataset={"circling": {"n": 20, "steps": 3}}, network={"jordan": {"hidden": 2}}))
    made = [names_of(lines[f"z3[{place}]"].formula) for place in (1, 2, 6)]
    assert made == [("z2(1)[1]",), ("z2(1)[2]",), ("z2(3)[2]",)]
    assert lines["delta2(3)[2]"].value == lines["delta3[6]"].value


@pytest.mark.parametrize("example", [0, 1])
def test_a_network_whose_formulas_hold_plain_numbers_is_explained(example: int) -> None:
    """MAXNET leaves the diagonal of its weights out, so that sums and products hold constants."""
    data = {"largest": {"n": 20}}
    check(observed(Question(example=example), dataset=data, network={"maxnet": {}}, train={"batch_size": 2}))


def test_the_steps_before_are_trained_by_the_engine() -> None:
    settings = {"batch_size": "full", "eval_every": 1, "eval_train": "all", "steps": 6}
    trial = trial_of(train=settings, optimizer={"adam": {"lr": 0.05}}, schedule={"cosine": {}})
    [result] = train_stack([trial], REGISTRY)
    curve = result.curves["train_loss"]
    for t in (1, 4, 6):  # the loss of step t is that after t - 1 steps
        step = observe(trial, REGISTRY, GivenNumbers(), Question(step=t))
        assert step.loss == pytest.approx(curve[t - 1], rel=1e-12)
    later = observe(trial, REGISTRY, GivenNumbers(), Question(step=5))
    earlier = observe(trial, REGISTRY, GivenNumbers(), Question(step=4))
    for name, array in later.before.items():
        np.testing.assert_array_equal(array, earlier.after[name])


def test_a_schedule_that_waits_for_the_validation_loss_has_waited() -> None:
    plateau = {"plateau": {"patience": 1, "gamma": 0.1, "threshold": 0.9}}
    settings = {"steps": 40, "eval_every": 2}
    late = observed(Question(step=30), train=settings, schedule=plateau)
    rates = {name: line.value for name, line in check(late).items()}
    change = rates["b2_new[1]"] - rates["b2[1]"]
    assert abs(change) < 0.011 * abs(rates["db2[1]"])  # lr has fallen from 0.1


def test_examples_of_a_batch_share_the_gradient_and_not_the_rest() -> None:
    first, second = (check(observed(Question(example=k), train={"batch_size": 2})) for k in (0, 1))
    assert first["dW1[1,1]"].value == second["dW1[1,1]"].value
    assert first["z1[1]"].value != second["z1[1]"].value
    assert first["loss"].value == second["loss"].value
    assert first["loss(2)"].value == second["loss(2)"].value


def test_weights_may_be_written_with_the_unit_first() -> None:
    plain, turned = (make_sheet(observed(Question(transposed=turned))) for turned in (False, True))
    by_name = {line.name: line for line in plain.lines()}, {line.name: line for line in turned.lines()}
    assert by_name[0]["W2[2,1]"].value == by_name[1]["W2[1,2]"].value
    assert by_name[0]["dW1[2,1]"].value == by_name[1]["dW1[1,2]"].value
    formulas = {block.name: block.formula for stage in turned.stages for block in stage.blocks}
    assert (formulas["z2"], formulas["da1"], formulas["dW2"]) == ("W2 a1 + b2", "W2^T delta2", "delta2 a1^T")
    formulas = {block.name: block.formula for stage in plain.stages for block in stage.blocks}
    assert (formulas["z2"], formulas["da1"], formulas["dW2"]) == ("a1 W2 + b2", "delta2 W2^T", "a1^T delta2")
