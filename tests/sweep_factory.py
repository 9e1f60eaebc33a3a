"""Small experiments for tests of sweeps, with an optimizer that makes trouble when it is told to."""

from __future__ import annotations

import csv
import io
import sqlite3
import sys
from pathlib import Path
from typing import Any

from anncore import load_experiment
from anncore.evidence.results import Results

TROUBLE = '''
import ctypes, os, sys, time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
import numpy as np
from anncore import Array, Hyper, hookimpl, hyper, Optimizer

HOWS = "raise exit hang leave nan slow hang-later abort segfault allocate".split()

@dataclass(frozen=True)
class Trouble(Optimizer):
    """Gradient descent that makes trouble."""
    name: ClassVar[str] = "trouble"
    how: str = hyper("none", ("none", *HOWS))
    lr: Hyper = hyper(0.1, "(0, inf)")

    def init(self, weight: Array) -> Any:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        if self.how == "raise":
            raise ArithmeticError("I cannot go on")
        if self.how == "leave":
            sys.exit("bye")
        if self.how == "exit":
            os._exit(3)
        if self.how == "abort":
            os.abort()
        if self.how == "segfault":
            ctypes.string_at(0)
        if self.how == "allocate":
            hoard = []
            while True:
                hoard.append(np.empty(1 << 24))
        if self.how == "hang":
            Path(__file__).with_name("hanging").touch()
            time.sleep(600)
        if self.how == "hang-later" and t == 20:
            time.sleep(600)
        if self.how == "slow" and float(np.abs(grad).max()) >= 0:  # a look keeps the step from being compiled
            time.sleep(0.01)
        if self.how == "nan":
            return grad * np.nan, ()
        if self.how == "none":
            print("plugins talk")
        return -self.lr * grad, ()

@hookimpl
def annx_optimizers() -> list[Any]:
    return [Trouble]
'''

REPORT = "seeds = { report = [0, 1] }\n"
TUNED = """
seeds = { tune = [0, 1], report = [100, 101, 102] }
optimizer.sgd.lr = [0.01, 0.1, 1.0]
optimizer.adam.lr = [0.001, 0.01]
"""

SLOW = """
seeds = { tune = [0, 1], report = [100, 101] }
optimizer.trouble = { how = "slow", lr = [0.1, 0.2] }
"""


def load(folder: Path, text: str, hidden: str = "[[4]]", **options: Any) -> Any:
    """Write an experiment and the plugin file into the folder, and load it."""
    (folder / "trouble.py").write_text(TROUBLE)
    head = (
        "# Which is better?",
        'vary = ["optimizer"]',
        'plugins.files = ["trouble.py"]',
        "train = { steps = 6, eval_every = 3, batch_size = 16 }",
        "dataset.xor.n = 60",
        f"network.mlp.hidden = {hidden}",
    )
    (folder / "small.toml").write_text("\n".join(head) + text)
    return load_experiment(folder / "small.toml", **options)


def load_slow(folder: Path) -> Any:
    """Return an experiment of sixteen stacks, each a shape of its own, of a tenth of a second each."""
    return load(folder, SLOW, hidden="[[2], [3], [4], [5], [6], [7], [8], [9]]")


def without_seconds(results: Results | Path) -> list[dict[str, str]]:
    """Return trials.csv's rows but for what may differ between two runs."""
    from anncore.evidence.csv_text import to_csv

    data = (results / "trials.csv").read_bytes() if isinstance(results, Path) else to_csv(results.trials)
    rows = csv.DictReader(io.StringIO(data.decode(), newline=""))
    return [{name: value for name, value in row.items() if not name.endswith("_seconds")} for row in rows]


def stored_maps(run: Path) -> dict[str, bytes]:
    """Return the maps in a run folder's store by key, as they lie there."""
    db = sqlite3.connect(run / "trials.sqlite")
    maps = dict(db.execute("SELECT key, map FROM maps").fetchall())
    db.close()
    return maps


DRIVER = [
    sys.executable,
    "-c",
    "import sys\n"
    "from pathlib import Path\n"
    "from sweep_factory import load_slow\n"
    "from anncore.running.sweep import sweep\n"
    "say = lambda event: print(type(event).__name__, flush=True)\n"
    "experiment = load_slow(Path(sys.argv[1]))\n"
    "results = sweep(experiment, out=sys.argv[2], jobs=2, on_event=say)\n"
    "print('stopped:', results.stopped or 'no', flush=True)\n",
]
"""The command of a process that sweeps `load_slow`; takes the experiment's folder and the run folder."""
