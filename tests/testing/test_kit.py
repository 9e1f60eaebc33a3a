"""The conformance kit must catch what it promises to catch: components that are wrong on purpose."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from right import OPENED, RIGHT
from right.activations import Bent
from shipped import REGISTRY
from wrong import WRONG, Wrong, changed, spoilt, touched

from anncore import Activation, ComponentError, hyper, load_registry
from anncore.contract.kind_names import KINDS
from anncore.contract.kinds import Array
from anncore.contract.registry import Registry
from anncore.testing import KITS, Check, check_component, checks_for, elsewhere, parametrize_with_checks
from anncore.testing.kit import must_equal_bits


@pytest.fixture(scope="module")
def registry() -> Registry:
    return REGISTRY


def failures(cls: Any, **how: Any) -> dict[str, str]:
    """Run every check and return the reasons of those that fail, by name."""
    outcomes = [check.outcome() for check in checks_for(cls, **how)]
    return {outcome.name: outcome.reason for outcome in outcomes if outcome.reason}


@parametrize_with_checks([*RIGHT.values(), *(cls for _, cls in OPENED)])
def test_components_that_are_right_pass(check: Check) -> None:
    check()


@pytest.mark.parametrize("draws_itself", [False, True])
def test_a_library_that_draws_while_it_is_imported_is_not_the_components_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, draws_itself: bool
) -> None:
    library = f"drawing_library_{draws_itself}"
    (tmp_path / f"{library}.py").write_text("import random\n\nrandom.random()\n")
    monkeypatch.syspath_prepend(tmp_path)

    def needing(result: Any) -> Any:
        __import__(library)
        return result + 0 * (np.random.rand() if draws_itself else 0)  # noqa: NPY002

    cls = type("Needing", (RIGHT["activation"],), changed("activation", needing))
    (check,) = [check for check in checks_for(cls) if check.name == "no_global_rng"]
    assert bool(check.outcome().reason) == draws_itself


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: f"{wrong.kind}-{wrong.check}-{wrong.because}")
def test_components_that_are_wrong_fail_for_the_reason(wrong: Wrong) -> None:
    (check,) = [check for check in checks_for(wrong.cls, kind=wrong.kind) if check.name == wrong.check]
    with pytest.raises(AssertionError) as caught:
        check()
    assert str(caught.value).startswith(f"{wrong.kind} {wrong.cls.name}: {wrong.check}: ")
    assert wrong.because in str(caught.value)


def test_no_check_is_without_a_wrong_component() -> None:
    every = {(kind, check.name) for kind, cls in [*RIGHT.items(), *OPENED] for check in checks_for(cls)}
    met = {(wrong.kind, wrong.check) for wrong in WRONG}
    assert every - met == set()
    assert met - every == set()


def test_every_kind_is_checked() -> None:
    assert set(KITS) == set(RIGHT) == set(KINDS)


def test_every_check_says_what_is_promised() -> None:
    for cls in [*RIGHT.values(), *(cls for _, cls in OPENED)]:
        for check in checks_for(cls):
            assert check.promise.endswith("."), check.name


def test_promises_that_are_not_made_are_not_checked(registry: Registry) -> None:
    plain = [check.name for check in checks_for(RIGHT["optimizer"])]
    assert not {"asks", "evaluated", "route"} & set(plain)
    names = [check.name for check in checks_for(registry.get("loss", "zero_one"))]
    assert "gradient" not in names
    assert "joint_as_chained" not in names


def test_a_domain_that_is_not_enforced_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchecked(cls: Any, **values: Any) -> Any:
        known = {key: value for key, value in values.items() if key == "slope"}
        if known != values:
            raise ComponentError("unknown hyperparameter no_such_hyperparameter")
        return cls(**known)

    monkeypatch.setattr("anncore.testing.generic.build", unchecked)
    assert "slope = nan was accepted" in failures(Bent)["out_of_domain"]


def test_a_joint_form_that_is_another_loss_is_found(registry: Registry) -> None:
    right = registry.get("loss", "binary_cross_entropy").cls
    wrong = spoilt(right, grad_from_logits=lambda self, z, target, link: (z - target) / z.shape[1])
    assert "grad_from_logits with sigmoid" in failures(wrong)["joint_as_chained"]


@dataclass(frozen=True)
class Powered(Activation):
    """A power of the magnitude, f(z) = |z|ⁿ with n = exponent, 2 by default.

    By nobody, 2020.
    """

    name: ClassVar[str] = "powered"
    exponent: Any = hyper(2.0, "(1, 4]")

    def forward(self, z: Array) -> Array:
        return np.abs(z) ** self.exponent  # NumPy squares for one trial and calls pow for several

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return grad * self.exponent * np.sign(z) * np.abs(z) ** (self.exponent - 1)


def test_a_power_that_is_computed_otherwise_for_one_trial_than_for_two_is_found() -> None:
    z = np.abs(np.random.default_rng(3).normal(size=(1, 200, 10))).astype("float32")
    two = np.array([2, 3], "float32").reshape(2, 1, 1)
    alike = ((z ** two[:1]) == (np.concatenate([z, z]) ** two)[:1]).all()  # as in NumPy 2.0
    said = failures(Powered).get("stacked_as_alone", "")
    assert ("in a stack of 2 and alone" in said) == (not alike)


def test_all_broken_promises_are_named_at_once() -> None:
    wrong = spoilt(Bent, __doc__="Bent", **changed("activation", touched))
    with pytest.raises(AssertionError) as caught:
        check_component(wrong)
    lines = str(caught.value).splitlines()
    assert {"documentation", "isolated"} <= {line.split(": ")[1] for line in lines}


# Expected failures


@dataclass(frozen=True)
class Understated(Bent):
    __doc__ = Bent.__doc__
    range: ClassVar[str] = "[0, inf)"


def test_expected_failures_are_strict() -> None:
    check_component(Understated, expected_failures={"range": "negative on purpose"})
    with pytest.raises(AssertionError, match=r"range: passes, though expected to fail \(a mistake\)"):
        check_component(Bent, expected_failures={"range": "a mistake"})
    with pytest.raises(AssertionError, match="rang: no such check"):
        check_component(Bent, expected_failures={"rang": "a misspelling"})
    with pytest.raises(ValueError, match="range is expected to fail without a reason"):
        check_component(Bent, expected_failures={"range": ""})


def test_expected_failures_of_parametrized_checks_are_strict() -> None:
    def case(cls: Any) -> Any:
        mark = parametrize_with_checks([cls], expected_failures={"bent": {"range": "on purpose"}})
        (bent,) = [param for param in mark.args[1] if param.id == "bent-range"]
        return bent

    for cls in (Bent, Understated):
        (mark,) = case(cls).marks
        assert mark.name == "xfail"
        # strict: pytest fails a case that passes; raises: an error of the kit itself stays an error.
        assert mark.kwargs == {"reason": "on purpose", "strict": True, "raises": AssertionError}
    with pytest.raises(AssertionError):
        case(Understated).values[0]()
    case(Bent).values[0]()


def test_what_is_expected_of_nobody_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="bent has no check called rang"):
        parametrize_with_checks([Bent], expected_failures={"bent": {"rang": "a misspelling"}})
    with pytest.raises(ValueError, match="no component is called bend; they are bent"):
        parametrize_with_checks([Bent], expected_failures={"bend": {"range": "a misspelling"}})
    with pytest.raises(ValueError, match="range is expected to fail without a reason"):
        parametrize_with_checks([Bent], expected_failures={"bent": {"range": ""}})


# Which checks of what


def test_a_registered_component_is_as_good_as_its_class(registry: Registry) -> None:
    component = registry.get("activation", "tanh")
    by_class = [check.name for check in checks_for(component.cls)]
    assert [check.name for check in checks_for(component)] == by_class


def test_the_kind_is_told_by_the_methods() -> None:
    assert [next(iter(checks_for(cls))).subject.kind for cls in RIGHT.values()] == list(RIGHT)


def test_what_is_no_component_is_refused() -> None:
    with pytest.raises(TypeError, match="'int' is not derived from any kind"):
        list(checks_for(int))


# Outcomes


def gradient_of(**members: Any) -> Check:
    (check,) = [named for named in checks_for(spoilt(Bent, **members)) if named.name == "gradient"]
    return check


def test_an_outcome_tells_how_much_was_looked_at_and_where_it_raised() -> None:
    good, bad = gradient_of().outcome(), gradient_of(forward=lambda self, z: 1 / 0).outcome()
    assert (good.reason, good.detail) == ("", "")
    assert good.looked_at > 30
    assert bad.reason == "raised ZeroDivisionError: division by zero"
    assert bad.detail.startswith("Traceback")
    assert 0 < good.seconds < 60


def test_an_undeclared_corner_is_named_with_its_place_and_is_not_called_another_formula() -> None:
    reason = gradient_of(kinks=()).outcome().reason
    assert "f' jumps at z = 0 (declare a corner there in kinks: kinks = (0.0,))" in reason
    assert "another formula" not in reason
    shifted = gradient_of(kinks=(), forward=lambda self, z: np.abs(z - 3), backward=Activation.backward)
    assert "f' jumps at z = 3 (declare a corner there in kinks: kinks = (3.0,))" in shifted.outcome().reason


def test_a_gradient_that_is_wrong_away_from_a_corner_is_not_excused_by_it() -> None:
    def steeper(self: Any, grad: Array, z: Array, a: Array) -> Array:
        return np.where(z > 0, grad, 2 * self.slope * grad)

    for kinks in ((), (0.0,)):
        reason = gradient_of(kinks=kinks, backward=steeper).outcome().reason
        assert "it is 2 times the right value only at z < 0" in reason
        assert "kinks" not in reason


def test_a_loss_whose_gradient_is_wrong_everywhere_is_not_asked_for_a_corner() -> None:
    cls = next(case.cls for case in WRONG if case.because == "; it misses 1/N everywhere")
    (check,) = [named for named in checks_for(cls) if named.name == "gradient"]
    assert "it misses 1/N everywhere" in check.outcome().reason
    assert "corner" not in check.outcome().reason


def test_numbers_in_messages_are_written_plainly() -> None:
    with pytest.raises(AssertionError, match=r"^change: 0\.5 and 0\.25 at \(0,\)$"):
        must_equal_bits(np.array([0.5], "float32"), np.array([0.25], "float32"), "change")


ODD = """
from dataclasses import dataclass
from typing import ClassVar
import math
import numpy as np
from anncore import Activation, hookimpl

@dataclass(frozen=True)
class Odd(Activation):
    '''f(z) = FORMULA.

    Nobody, 2020.
    '''
    name: ClassVar[str] = "odd"
    def forward(self, z):
        return FORMULA

@hookimpl
def annx_activations():
    return [Odd]
"""


@pytest.mark.parametrize(
    ("formula", "name", "expected"),
    [
        (
            "z * np.log(1 + np.exp(z))",
            "extremes_finite",
            "raised FloatingPointError: overflow encountered in exp",
        ),
        ("math.tanh(z)", "keeps_dtype", "raised TypeError: only "),
        (
            "z if z > 0 else -z",
            "keeps_dtype",
            "it cannot decide by an array (if, while, and, or): use np.where",
        ),
    ],
)
def test_what_a_plugin_raises_is_said_with_the_line_of_its_file(
    formula: str, name: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd_activation.py").write_text(ODD.replace("FORMULA", formula), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    cls = importlib.import_module("odd_activation").Odd
    (check,) = [named for named in checks_for(cls) if named.name == name]
    reason = check.outcome().reason
    sys.modules.pop("odd_activation")
    assert reason.startswith(expected)
    assert f"(odd_activation.py, line 16: return {formula})" in reason


def test_a_component_that_ends_its_process_fails_and_ends_nothing() -> None:
    def leave(self: Any, z: Array) -> Array:
        raise SystemExit("bye")

    assert gradient_of(forward=leave).outcome().reason == "raised SystemExit: bye"


def test_what_a_component_prints_does_not_reach_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    def talk(self: Any, z: Array) -> Array:
        sys.stdout.write("talk")
        return z

    gradient_of(forward=talk).outcome()
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "talk" in captured.err


# The other process


def test_the_other_process_is_another_with_other_hashes() -> None:
    assert elsewhere.ask(os.getpid) != os.getpid()
    assert elsewhere.ask(hash, "a word") != hash("a word")
    assert elsewhere.ask(os.getpid) == elsewhere.ask(os.getpid)


def test_the_other_process_runs_blas_on_one_thread() -> None:
    assert elsewhere.ask(os.getenv, "OPENBLAS_NUM_THREADS") == "1"


def test_files_that_are_called_like_modules_of_python_disturb_no_other_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("random", "json", "pickle", "socket"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('the wrong one')")
    monkeypatch.chdir(tmp_path)
    elsewhere._Other.end()
    assert elsewhere.ask(os.getcwd) == str(tmp_path)
    elsewhere._Other.end()  # the next test's process starts in its own folder


def test_the_other_process_may_die_and_is_replaced() -> None:
    with pytest.raises(AssertionError, match="in another process: the process ended with exit code 3"):
        elsewhere.ask(os._exit, 3)
    assert elsewhere.ask(abs, -1) == 1


@pytest.mark.parametrize("name", ["SIGINT", "SIGKILL"])
def test_the_other_process_outlives_an_interrupt_and_is_replaced_when_killed(name: str) -> None:
    before = elsewhere.ask(os.getpid)
    os.kill(before, getattr(signal, name))
    if name == "SIGKILL":
        os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
    assert (elsewhere.ask(os.getpid) == before) == (name == "SIGINT")


def test_what_raises_in_the_other_process_is_told() -> None:
    with pytest.raises(AssertionError, match="in another process: SystemExit: bye"):
        elsewhere.ask(sys.exit, "bye")
    assert elsewhere.ask(abs, -1) == 1


def test_what_is_printed_in_the_other_process_is_no_answer() -> None:
    assert elsewhere.ask(print, "talk") is None
    assert elsewhere.ask(abs, -1) == 1


HALVED = """
from dataclasses import dataclass
from typing import ClassVar
from anncore import Activation, hookimpl

@dataclass(frozen=True)
class Halved(Activation):
    '''Half of all.

    By nobody, 2020.
    '''
    name: ClassVar[str] = "halved"
    label: ClassVar[str] = "LABEL"
    def forward(self, z): return 0.5 * z
    def backward(self, grad, z, a): return 0.5 * grad

@hookimpl
def annx_activations(): return [Halved]
"""


def test_a_file_that_was_mended_is_read_again_in_the_other_process(tmp_path: Path) -> None:
    file = tmp_path / "mended.py"
    for label in ("wrong", "right"):
        file.write_text(HALVED.replace("LABEL", label))
        registry = load_registry([file], environ={"ANNX_PLUGINS": ""})
        cls: Any = registry.get("activation", "halved").cls
        assert elsewhere.ask(getattr, cls, "label", classes=[cls]) == label
        check_component(cls)


SCRIPT = (
    HALVED
    + """
print("run as", __name__)
if __name__ == "__main__":
    from anncore.testing import check_component
    check_component(Halved)
    print("passed")
"""
)


def test_a_script_may_check_a_class_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "run as __main__\npassed\n"), done.stderr


def test_a_local_class_reaches_no_worker() -> None:
    @dataclass(frozen=True)
    class Local(Bent):
        __doc__ = Bent.__doc__

    assert "it cannot be pickled: Can't " in failures(Local)["pickles"]
