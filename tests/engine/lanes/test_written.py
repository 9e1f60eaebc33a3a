"""What was written for a structure, on disk: found again, not for another code, structure or processor."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from shipped import REGISTRY
from trial_factory import make_part, make_trial

from anncore import Activation, Array
from anncore.contract.handed_over import with_components
from anncore.engine.lanes import facts, made, stack as stacks, update_kernels, written
from anncore.engine.lanes.nests import Unlowerable
from anncore.engine.training import train_stack

pytest.importorskip("llvmlite")

CODE = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from anncore import Activation, Array, Hyper, hyper

@dataclass(frozen=True)
class Bend(Activation):
    'A line with a bend.'
    name: ClassVar[str] = "bend"
    a: Hyper = hyper(0.5, "(0, inf)")

    def forward(self, z: Array) -> Array:
        return np.where(z > 0, z, SLOPE * z)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "annx" / "kernels"


class Counted:
    """Counts the graphs of passes that are recorded, in processes that know nothing yet."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.patch, self.count = monkeypatch, 0
        record = stacks.training_pass

        def counted(*args: Any, **more: Any) -> Any:
            self.count += 1
            return record(*args, **more)

        monkeypatch.setattr(stacks, "training_pass", counted)

    def result(self, trial: Any, registry: Any = REGISTRY) -> Any:
        """Train as in a new process."""
        self.patch.setattr(made, "_MADE", {})
        self.patch.setattr(stacks, "_AGREED", set())
        [result] = train_stack([trial], registry)
        return result


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def trial(registry: Any = REGISTRY, **options: Any) -> Any:
    return make_trial(
        registry, **{"steps": 4, "eval_every": 2, "engine": "lanes", "batch_size": "full", **options}
    )


def test_a_later_process_records_nothing_and_has_the_same_numbers(counted: Counted) -> None:
    first = counted.result(trial())
    assert counted.count == 1
    again = counted.result(trial(seed=0))
    assert counted.count == 1
    assert again.metrics == first.metrics
    other = trial(network=("mlp", {"hidden": [5]}))
    counted.result(other)
    assert counted.count == 2


@pytest.mark.parametrize("network", [("mlp", {"hidden": [4]}), ("mlp", {"hidden": [4], "dropout": 0.4})])
def test_ways_and_draws_are_kept_too(counted: Counted, monkeypatch: pytest.MonkeyPatch, network: Any) -> None:
    """Ways by the number of the step, and what a pass draws; what a formula computed itself is made anew."""

    def refused(*_: Any, **__: Any) -> Any:  # no form but those on disk
        raise Unlowerable("nothing is recorded here")

    optimizer = make_part(
        REGISTRY, "optimizer", ("lookahead", {"k": 3}), optimizer=(make_part(REGISTRY, "optimizer", "sgd"),)
    )
    mine = trial(network=network, optimizer=optimizer, steps=9, eval_every=9)
    first = counted.result(mine)
    made_once = counted.count
    monkeypatch.setattr(update_kernels, "update_graph", refused)
    assert counted.result(mine).metrics == first.metrics
    assert counted.count == made_once * (2 if "dropout" in network[1] else 1)


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b"", lambda b: b[:50] + b"?" + b[51:]])
def test_damaged_entries_are_made_anew(counted: Counted, folder: Path, damage: Any) -> None:
    first = counted.result(trial())
    for path in folder.iterdir():
        path.write_bytes(damage(path.read_bytes()))
    assert counted.result(trial()).metrics == first.metrics
    assert counted.count == 2


def test_a_hyperparameter_that_a_formula_looked_at_has_entries_by_value(counted: Counted) -> None:
    """The rate of dropout is looked at: one of 0 draws nothing."""
    one, other = (
        trial(loss=("binary_cross_entropy", {"pos_weight": weight}), output="sigmoid")
        for weight in (1.0, 3.0)
    )
    first, second = counted.result(one), counted.result(other)
    before = counted.count
    assert counted.result(one).metrics == first.metrics
    assert counted.result(other).metrics == second.metrics
    assert counted.count == before
    assert first.metrics["train_loss"] != second.metrics["train_loss"]


def test_another_code_or_processor_has_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # which tells versions apart by seconds
    names = set()
    for slope in ("0.5", "0.25"):
        file = tmp_path / "bend_of_mine.py"
        file.write_text(CODE.replace("SLOPE", slope))
        os.utime(file, (0, 0))  # as if it had been there before this process
        monkeypatch.delitem(sys.modules, "bend_of_mine", raising=False)
        written._content.cache_clear()
        import bend_of_mine  # type: ignore[import-not-found]

        names.add(written.name_of("key", [bend_of_mine.Bend()]))
        sys.modules.pop("bend_of_mine")
    written._content.cache_clear()
    names.add(written.name_of("another key", []))
    names.add(written.name_of("key", []))
    monkeypatch.setattr(written, "machine", lambda: "another processor")
    names.add(written.name_of("key", []))
    # Arrays of constants are NumPy's, as of np.sin, and other versions give other last digits.
    monkeypatch.setattr(written, "numeric_environment", lambda: "another NumPy")
    names.add(written.name_of("key", []))
    assert len(names) == 6
    assert "" not in names


def test_a_formula_that_comes_from_another_package_counts_by_that_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    names = set()
    for slope in ("0.5", "0.25"):
        (tmp_path / "bend_of_all.py").write_text(CODE.replace("SLOPE", slope))
        (tmp_path / "bend_of_one.py").write_text("from bend_of_all import Bend\nclass Mine(Bend): ...\n")
        for module in ("bend_of_all", "bend_of_one"):
            os.utime(tmp_path / f"{module}.py", (0, 0))
            monkeypatch.delitem(sys.modules, module, raising=False)
        written._content.cache_clear()
        import bend_of_one  # type: ignore[import-not-found]

        names.add(written.name_of("key", [bend_of_one.Mine()]))
    for module in ("bend_of_all", "bend_of_one"):
        sys.modules.pop(module)
    written._content.cache_clear()
    assert len(names) == 2
    assert "" not in names


def test_of_a_file_that_may_have_changed_since_it_was_imported_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the next process would find kernels of the old code under the name of the new one."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = tmp_path / "bend_of_yours.py"
    file.write_text(CODE.replace("SLOPE", "0.5"))
    import bend_of_yours  # type: ignore[import-not-found]

    file.write_text(CODE.replace("SLOPE", "0.25"))
    assert written.name_of("key", [bend_of_yours.Bend()]) == ""


def test_of_an_object_that_other_processes_do_not_have_nothing_is_kept() -> None:
    """Such a name would never be asked for again, and each process would leave its files."""
    component = REGISTRY.get("activation", "relu").cls()
    assert written.name_of(("key", facts.constants([component])), [component])
    object.__setattr__(component, "_table", object())
    assert written.name_of(("key", facts.constants([component])), [component]) == ""


def test_of_a_class_that_nobody_can_find_again_nothing_is_kept(counted: Counted) -> None:
    @dataclass(frozen=True)
    class Bent(Activation):
        """A line with a bend."""

        name: ClassVar[str] = "bent"

        def forward(self, z: Array) -> Array:
            return np.where(z > 0, z, 0.5 * z)

    registry = with_components(REGISTRY, [Bent])
    assert written.name_of("key", [Bent()]) == ""
    mine = trial(registry, activation=next(c.full_name for c in registry.components if c.cls is Bent))
    first = counted.result(mine, registry)
    assert counted.result(mine, registry).metrics == first.metrics
    assert counted.count == 2
