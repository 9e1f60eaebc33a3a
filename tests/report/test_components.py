"""Components as figures get them: built from the columns of a sweep's trials."""

from __future__ import annotations

from pathlib import Path

import pytest

from anncore import load_experiment, sweep
from anncore.evidence.study import Study
from anncore.report.components import components_of

PLUGIN = '''
from dataclasses import dataclass
from typing import Any, ClassVar
from anncore import Array, Hyper, hookimpl, hyper, Optimizer

@dataclass(frozen=True)
class Noted(Optimizer):
    """Gradient descent with notes."""
    name: ClassVar[str] = "noted"
    note: str = hyper("", "str")
    drop: tuple[str, ...] = hyper((), "list str")
    flag: bool = hyper(False, "bool")
    lr: Hyper = hyper(0.1, "(0, inf)")

    def init(self, weight: Array) -> Any:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        return -self.lr * grad, ()

@hookimpl
def annx_optimizers() -> list[Any]:
    return [Noted]
'''


@pytest.mark.parametrize("note", ["[bold", "[1, 2]", "true", "<NA>", "nan", "", "plain"])
def test_a_text_stays_a_text_whatever_it_looks_like(tmp_path: Path, note: str) -> None:
    (tmp_path / "noted.py").write_text(PLUGIN)
    (tmp_path / "x.toml").write_text(
        'vary = ["optimizer"]\nplugins.files = ["noted.py"]\ntrain = { steps = 2, eval_every = 1 }\n'
        "seeds.report = [1, 2]\ndataset.xor.n = 60\nnetwork.mlp.hidden = [[2]]\n[optimizer.noted]\n"
        f'note = "{note}"\ndrop = [["a", "[b"]]\nflag = true\n[optimizer.sgd]\n'
    )
    results = sweep(load_experiment(tmp_path / "x.toml"), out=tmp_path / "run", executor="serial")
    built = components_of(Study(results))["optimizer"]
    assert (built["noted"].note, built["noted"].drop, built["noted"].flag) == (note, ("a", "[b"), True)
    assert set(built) == {"noted", "sgd"}
