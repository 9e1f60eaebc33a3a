"""Strangers' components are checked before their first trial, their trials computed again after the last."""

from __future__ import annotations

import inspect
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import anncore
from anncore import PluginError, load_experiment, load_registry, load_run
from anncore.cli.group import MISUSED, OK, SOME_FAILED, cli
from anncore.contract.in_time import Overtime, in_time
from anncore.running import sweep as running
from anncore.testing import before_sweep
from anncore.testing.before_sweep import ConformanceError, admit, essential_checks

HEAD = """
from dataclasses import dataclass
from typing import Any, ClassVar
import numpy as np
from anncore import Activation, Array, Hyper, Optimizer, hookimpl, hyper
"""
# ‖g‖ over the whole stack: right for one trial, wrong for several, and it runs without a word.
NORM = (
    HEAD
    + '''
@dataclass(frozen=True)
class NormSGD(Optimizer):
    """Normalised descent: θ ← θ - lr g / ‖g‖. Domain: lr > 0. Hazan, Levy & Shalev-Shwartz 2015."""

    name: ClassVar[str] = "norm_sgd"
    scope: ClassVar[str] = "trial"
    lr: Hyper = hyper(0.1, "(0, inf)")

    def init(self, weight: Array) -> Any:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return -self.lr * grad / (NORM + 1e-8), ()

@hookimpl
def annx_optimizers() -> list[Any]:
    return [NormSGD]
'''
)
MIXING = NORM.replace("NORM +", "np.linalg.norm(grad) +")
APART = NORM.replace("NORM +", "np.sqrt((grad * grad).sum(axis=(1, 2), keepdims=True)) +")
# The derivative of z², halved: no error, and a descent of sorts.
SQUARE = (
    HEAD
    + '''
@dataclass(frozen=True)
class Square(Activation):
    """Square: f(z) = z². Domain: z real. Nobody 2020."""

    name: ClassVar[str] = "square"

    def forward(self, z: Array) -> Array:
        return z * z

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * z

@hookimpl
def annx_activations() -> list[Any]:
    return [Square]
'''
)
EXPERIMENT = """\
# silent?
vary = ["{kind}"]
train = {{ steps = 12, eval_every = 6 }}
seeds = {{ report = [1, 2, 3, 4] }}
dataset.two_moons.n = 60
network.mlp.hidden = [[8]]
plugins.files = ["mine.py"]
{arms}
"""
OPTIMIZERS = EXPERIMENT.format(kind="optimizer", arms="[optimizer.sgd]\n[optimizer.norm_sgd]")
ACTIVATIONS = EXPERIMENT.format(
    kind="activation", arms="[optimizer.sgd]\n[activation.tanh]\n[activation.square]"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "annx" / "checked"


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anncore.report.write.figures_to_draw", lambda results: [])


def lay(folder: Path, source: str, text: str = OPTIMIZERS) -> Path:
    (folder / "mine.py").write_text(source)
    (folder / "x.toml").write_text(text)
    return folder / "x.toml"


def annx(*args: object) -> Result:
    return CliRunner().invoke(cli, [str(arg) for arg in args])


def sweep(file: Path, *args: str) -> Result:
    return annx("sweep", file, "--out", file.parent / "run", "--executor", "serial", *args)


def test_what_mixes_trials_is_stopped_with_the_checks_words_and_leaves_no_folder(tmp_path: Path) -> None:
    result = sweep(lay(tmp_path, MIXING))
    assert result.exit_code == MISUSED
    whose, *lines = result.stderr.splitlines()
    assert whose.startswith("annx: ")
    assert whose.endswith("mine.py.")
    assert lines[-1].startswith("annx: optimizer mine:norm_sgd cannot be trusted, so nothing was run")
    assert "--unchecked" in lines[-1]
    failed = [line.split(": ")[1] for line in lines[:-1]]
    assert "stacked_as_alone" in failed
    assert len(failed) == len(set(failed))
    assert all(line.startswith("optimizer mine:norm_sgd: ") for line in lines[:-1])
    assert not (tmp_path / "run").exists()


def test_a_wrong_gradient_is_stopped(tmp_path: Path) -> None:
    result = sweep(lay(tmp_path, SQUARE, ACTIVATIONS))
    assert result.exit_code == MISUSED
    assert "activation mine:square: gradient: " in result.stderr
    right = SQUARE.replace("return grad * z", "return grad * 2 * z")
    assert sweep(lay(tmp_path, right, ACTIVATIONS)).exit_code == OK


UNDERIVABLE = (
    HEAD
    + """
@dataclass(frozen=True)
class Singular(Activation):
    '''Times the largest singular value. Nobody, 2020.'''

    name: ClassVar[str] = "singular"

    def forward(self, z: Array) -> Array:
        return z * np.linalg.svd(z, compute_uv=False)[:, :1, None]


@hookimpl
def annx_activations():
    return [Singular]
"""
)


def test_a_formula_that_cannot_be_derived_is_stopped_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(UNDERIVABLE)
    registry = load_registry([tmp_path / "mine.py"], environ={"ANNX_PLUGINS": ""})
    with pytest.raises(ConformanceError) as caught:
        admit([registry.get("activation", "singular")])
    [line] = caught.value.failures
    assert line.startswith("activation mine:singular: deterministic, ")
    assert "gradient: np.linalg.svd has no known derivative (mine.py, line 14: return z * np.linalg" in line


def test_what_ran_unchecked_is_computed_again_and_nothing_is_claimed_of_it(tmp_path: Path) -> None:
    result = sweep(lay(tmp_path, MIXING), "--unchecked")
    assert result.exit_code == SOME_FAILED
    assert "mine:norm_sgd gives other bits alone than in a stack (trial " in result.stderr
    assert "Nothing is claimed of it: 4 trials failed." in result.stderr
    trials = load_run(tmp_path / "run").trials
    assert trials.groupby("arm")["status"].unique().map(list).to_dict() == {
        "sgd": ["ok"],
        "norm_sgd": ["failed"],
    }
    assert trials.loc[trials["arm"] == "norm_sgd", "test_loss"].isna().all()
    assert trials["error"].str.contains("norm_sgd gives other bits alone").sum() == 4
    content = json.loads((tmp_path / "run" / "report.json").read_text())
    assert content["provenance"]["unchecked"] == ["mine:norm_sgd"]
    cautions = {caution["kind"]: caution["text"] for caution in content["answer"]["warnings"]}
    assert cautions["unchecked"].startswith("mine:norm_sgd ran --unchecked")
    assert "failures" in cautions


def test_what_keeps_trials_apart_passes_both(tmp_path: Path) -> None:
    result = sweep(lay(tmp_path, APART))
    assert result.exit_code == OK, result.output
    content = json.loads((tmp_path / "run" / "report.json").read_text())
    assert content["provenance"]["unchecked"] == []
    assert "unchecked" not in {caution["kind"] for caution in content["answer"]["warnings"]}


def test_from_python_components_are_checked_as_well(tmp_path: Path) -> None:
    experiment = load_experiment(lay(tmp_path, MIXING))
    with pytest.raises(ConformanceError, match="mine:norm_sgd cannot be trusted") as caught:
        anncore.sweep(experiment, out=tmp_path / "run")
    assert isinstance(caught.value, PluginError)
    results = anncore.sweep(experiment, out=tmp_path / "run", executor="serial", unchecked=True)
    assert (results.failures, results.unchecked) == (4, ("mine:norm_sgd",))


def test_the_public_sweep_has_the_parameters_of_the_runners_and_its_own() -> None:
    inner, public = (set(inspect.signature(sweep).parameters) for sweep in (running.sweep, anncore.sweep))
    assert public == inner - {"admit"} | {"components", "unchecked", "progress"}
    assert "retry_failed:" in (anncore.sweep.__doc__ or "")


def looks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list to which every component that is checked from here on is added."""
    seen: list[str] = []
    honest = before_sweep.failing

    def failing(component: Any) -> Any:
        seen.append(component.full_name)
        return honest(component)

    monkeypatch.setattr(before_sweep, "failing", failing)
    return seen


def test_a_check_that_passed_is_remembered_until_the_code_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = looks(monkeypatch)
    (tmp_path / "mine.py").write_text(APART)

    def component() -> Any:
        return load_registry([tmp_path / "mine.py"]).get("optimizer", "norm_sgd")

    admit([component()])
    admit([component()])
    assert seen == ["mine:norm_sgd"]
    (tmp_path / "mine.py").write_text(APART + "\n")
    admit([component()])
    assert len(seen) == 2
    (tmp_path / "mine.py").write_text(MIXING)
    for _ in range(2):  # a failure is not remembered
        with pytest.raises(ConformanceError):
            admit([component()])
    assert len(seen) == 4


def test_a_damaged_or_unwritable_cache_is_as_good_as_none(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = looks(monkeypatch)
    (tmp_path / "mine.py").write_text(APART)
    component = load_registry([tmp_path / "mine.py"]).get("optimizer", "norm_sgd")
    admit([component])
    for note in cache.iterdir():
        note.write_bytes(b"\0\1 no JSON")
    admit([component])
    assert len(seen) == 2
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    admit([component])
    assert len(seen) == 3


def test_every_kind_that_computes_has_essential_checks() -> None:
    registry = load_registry()
    for kind, name in (
        *(("activation", "tanh"), ("loss", "mse"), ("optimizer", "adam"), ("schedule", "cosine")),
        *(("initializer", "he_normal"), ("dataset", "blobs"), ("network", "mlp"), ("objective", "beale")),
        ("metric", "rmse"),
    ):
        assert len(list(essential_checks(registry.get(kind, name)))) >= 3, kind


@pytest.mark.parametrize(
    ("network", "checks"),
    [("som", {"learn", "measures", "snapshot"}), ("sparse", {"gradient", "after_step"})],
)
def test_what_a_network_measures_shows_and_changes_is_essential(network: str, checks: set[str]) -> None:
    # A trial whose network measures wrongly fails at its end, after all its training.
    assert checks <= {check.name for check in essential_checks(load_registry().get("network", network))}


def test_the_sweep_of_annx_s_own_components_checks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = looks(monkeypatch)
    file = lay(tmp_path, APART, EXPERIMENT.format(kind="optimizer", arms="[optimizer.sgd]\n[optimizer.adam]"))
    assert sweep(file).exit_code == OK
    assert seen == []
    assert np.isfinite(load_run(tmp_path / "run").trials["test_loss"]).all()


# A component that never ends

ENDLESS = NORM.replace(
    "        return -self.lr * grad / (NORM + 1e-8), ()",
    "        while True:\n            t += 1",
)


def test_a_component_that_never_ends_stops_the_sweep_with_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(before_sweep, "LIMIT", 0.5)
    (tmp_path / "mine.py").write_text(ENDLESS)
    component = load_registry(files=[tmp_path / "mine.py"]).get("optimizer", "norm_sgd")
    with pytest.raises(ConformanceError) as caught:
        admit([component])
    (failure,) = caught.value.failures
    assert failure.startswith("optimizer mine:norm_sgd: ")
    assert failure.endswith("did not end within 0.5 s; most take below one: does a loop never end?")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "limit", "reason"),
    [
        # PyDLL holds the interpreter's lock: no thread of this process would run until it returns.
        (
            "__import__('ctypes').PyDLL(None).sleep(1000)",
            0.5,
            "did not end within 0.5 s; most take below one",
        ),
        ("__import__('os').abort()", 120.0, "the process ended with exit code -6"),
    ],
)
def test_c_code_that_never_comes_back_or_crashes_takes_only_its_own_process_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, limit: float, reason: str
) -> None:
    monkeypatch.setattr(before_sweep, "LIMIT", limit)
    monkeypatch.setattr(before_sweep, "GRACE", 0.5)
    (tmp_path / "mine.py").write_text(NORM.replace("return -self.lr", f"{code}\n        return -self.lr"))
    component = load_registry(files=[tmp_path / "mine.py"]).get("optimizer", "norm_sgd")
    with pytest.raises(ConformanceError) as caught:
        admit([component])
    (failure,) = caught.value.failures
    assert failure.startswith("optimizer mine:norm_sgd: ")
    assert reason in failure


def test_what_ends_in_time_returns_or_raises_as_it_would_alone() -> None:
    assert in_time(lambda: 3, 60.0) == 3
    with pytest.raises(ZeroDivisionError):
        in_time(lambda: 1 / 0, 60.0)


def test_a_loop_that_is_late_is_ended() -> None:
    threads = threading.active_count()

    def endless() -> None:
        while True:
            pass

    with pytest.raises(Overtime, match=r"did not end within 0\.1 s"):
        in_time(endless, 0.1)
    for thread in threading.enumerate():
        if thread.name == "annx check":
            thread.join(60.0)
    assert threading.active_count() == threads
