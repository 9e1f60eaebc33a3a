"""Which networks fit which data: what does not is refused before a trial runs, in one line with a cure."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiment_factory import load

from anncore.contract.errors import ExperimentError
from anncore.experiment.plan import make_plan

RAW = "split.standardize = false\n"
MISLED = '''
from dataclasses import dataclass
from typing import ClassVar
from annx_plugins.networks.competitive import Competitive
from anncore import hookimpl

@dataclass(frozen=True)
class Misled(Competitive):
    """Competitive units."""
    name: ClassVar[str] = "misled"
    measured: ClassVar[tuple[str, ...]] = ("MEASURED",)

@hookimpl
def annx_networks():
    return [Misled]
'''


def refused(folder: Path, dataset: str, network: str, more: str = "") -> str:
    text = f"# Q?\n{more}[dataset.{dataset}]\n[network.{network}]\n[optimizer.sgd]\n"
    with pytest.raises(ExperimentError) as error:
        make_plan(load(folder, text))
    message = str(error.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize("network", ["competitive", "som", "gan", "boltzmann"])
@pytest.mark.parametrize("dataset", ["sine", "stored_patterns", "largest"])  # as many outputs as inputs
def test_networks_that_look_at_no_target_are_not_for_data_with_targets(
    tmp_path: Path, network: str, dataset: str
) -> None:
    task = "multiclass" if dataset == "largest" else "regression"
    assert (
        f"{network} is for unsupervised tasks, and this is a {task} task; use a data set of such a task"
        in (refused(tmp_path, dataset, network))
    )


@pytest.mark.parametrize("network", ["autoencoder", "hopfield"])
def test_networks_that_return_patterns_are_not_for_classes(tmp_path: Path, network: str) -> None:
    assert "is for regression, unsupervised tasks" in refused(tmp_path, "largest", network)


def test_a_hopfield_network_takes_patterns_of_minus_1_and_1_alone(tmp_path: Path) -> None:
    wanted = "hopfield takes inputs and targets of -1 and 1 alone, got"
    assert wanted in refused(tmp_path, "stored_patterns", "hopfield")  # scaled: its columns have a mean
    assert f"{wanted} 0 in training" in refused(tmp_path, "bars_and_stripes", "hopfield", RAW)
    for dataset in ("stored_patterns", "letters"):
        text = f"# Q?\n{RAW}[dataset.{dataset}]\n[network.hopfield]\n[optimizer.sgd]\n"
        assert make_plan(load(tmp_path, text)).arms


def test_a_machine_is_not_chosen_by_a_likelihood_that_it_is_too_large_for(tmp_path: Path) -> None:

    def machine(hidden: int, more: str = "") -> str:
        shape = f"[dataset.bars_and_stripes]\nside = 5\n[network.boltzmann]\nhidden = {hidden}\n"
        return f"# Q?\n{RAW}{more}{shape}[optimizer.sgd]\n"

    chosen = "select.metric = 'valid_log_likelihood'\n"
    with pytest.raises(ExperimentError) as error:
        make_plan(load(tmp_path, machine(20, chosen)))
    assert str(error.value).endswith(
        "log_likelihood cannot be computed: its smaller side has 20 units, and 14 can be enumerated; make it "
        "smaller, or name another [select] metric."
    )
    assert make_plan(load(tmp_path, machine(14, chosen))).arms
    assert make_plan(load(tmp_path, machine(20))).arms


def test_a_boltzmann_machine_takes_inputs_between_0_and_1(tmp_path: Path) -> None:
    # Its likelihood is that of binary inputs; elsewhere it would be above 1.
    message = refused(tmp_path, "bars_and_stripes", "boltzmann")
    assert "boltzmann takes inputs in [0, 1], but they lie in " in message
    assert "set [split] standardize = false, or use other data" in message
    assert "takes inputs in [0, 1]" in refused(tmp_path, "gaussian_ring", "boltzmann", RAW)
    make_plan(
        load(tmp_path, f"# Q?\n{RAW}[dataset.bars_and_stripes]\n[network.boltzmann]\n[optimizer.sgd]\n")
    )


def test_a_loss_of_two_outputs_is_named_where_a_network_has_no_place_for_them(tmp_path: Path) -> None:
    message = refused(tmp_path, "unit_square", "som", "loss.gaussian_nll = {}\n")
    assert message.endswith("(loss 'gaussian_nll' takes 2 for each target)")


@pytest.mark.parametrize("loss", ["categorical_cross_entropy", "focal"])
def test_a_weight_for_each_class_is_counted_in_the_plan(tmp_path: Path, loss: str) -> None:
    of_three, of_two = "1.0, 2.0, 3.0", "1.0, 2.0"
    lists = f"loss.{loss}.class_weights = [[{of_three}], [{of_two}]]\n"
    assert refused(tmp_path, "iris", "mlp", lists) == (
        f"x.toml: [loss.{loss}] on data set 'iris': {loss}: class_weights must hold one number for each of "
        "the 3 classes, got 2."
    )
    text = f"# Q?\nloss.{loss}.class_weights = [{of_three}]\n[dataset.iris]\n[network.mlp]\n[optimizer.sgd]\n"
    make_plan(load(tmp_path, text))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "idle_prototype",
            "measures 'idle_prototype', and no NetworkMetric is called so. Did you mean 'idle_pro",
        ),
        ("accuracy", "measures 'accuracy', and no NetworkMetric is called so."),
    ],
)
def test_a_network_that_measures_no_known_metric(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "misled.py").write_text(MISLED.replace("MEASURED", name))
    more = "plugins.files = ['misled.py']\n"
    assert message in refused(tmp_path, "unit_square", "misled", more)


@pytest.mark.parametrize(
    ("network", "dataset"),
    [("som", "gaussian_ring"), ("gan", "gaussian_ring"), ("hopfield", "stored_patterns")],
)
def test_an_initializer_that_looks_at_layers_needs_a_network_that_shows_them(
    tmp_path: Path, network: str, dataset: str
) -> None:
    initializers = "initializer.lsuv = {}\ninitializer.normal = {}\n"
    message = refused(tmp_path, dataset, network, RAW + initializers)
    assert (
        f"[initializer.lsuv] lsuv looks at the layers of a network, and [network.{network}] does not"
        in message
    )
    text = "# Q?\n[initializer.lsuv]\n[dataset.unit_square]\n[network.autoencoder]\n[optimizer.sgd]\n"
    make_plan(load(tmp_path, text))
