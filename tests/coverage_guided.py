"""Coverage-guided fuzzing of what comes from outside: experiment files, CSV files, tables of results, plans.

    pip install atheris
    python tests/coverage_guided.py experiment corpus/ -max_total_time=600

The first argument is one of experiment, csv, judge, plan; the others go to libFuzzer. It stops at the first
input that ends in anything but a result or annx's own one-line error, and writes that input to a file.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["anncore", "annx_plugins"]):
    import anncore
    from anncore.contract.errors import AnnxError
    from anncore.contract.loading import load_registry
    from anncore.contract.trial import Split
    from anncore.engine.datasets import prepare
    from anncore.experiment.document import read_document
    from anncore.experiment.parts import make_part
    from anncore.experiment.plan import make_plan
    from anncore.experiment.read import ReadOptions, read_experiment
    from anncore.report.outside_files import read_table
    from anncore.running.stored_plan import read_plan

REGISTRY = load_registry()
PLACE = Path(tempfile.mkdtemp(prefix="annx-fuzz-"))


def experiment(data: bytes) -> None:
    """Read an experiment file and plan it."""
    file = PLACE / "x.toml"
    file.write_bytes(data)
    # closed: plugin files that a mutant happens to name are not looked for
    make_plan(read_experiment(read_document(file), ReadOptions(closed=True), REGISTRY))


def csv(data: bytes) -> None:
    """Read a data set and make its splits."""
    file = PLACE / "data.csv"
    file.write_bytes(data)
    part = make_part(REGISTRY.get("dataset", "csv"), {"path": str(file)})
    prepare(part, Split(), 0, 0, REGISTRY, "float32")


def judge(data: bytes) -> None:
    """Judge a table of results."""
    file = PLACE / "table.csv"
    file.write_bytes(data)
    assert anncore.judge(read_table(file)).findings


def plan(data: bytes) -> None:
    """Read the record of a run folder."""
    (PLACE / "plan.json").write_bytes(data)
    read_plan(PLACE)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "experiment": experiment,
    "csv": csv,
    "judge": judge,
    "plan": plan,
}


def main() -> None:
    """Run libFuzzer on the target that the command line names."""
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(TARGETS)} [CORPUS] [libFuzzer options]")
    target = TARGETS[sys.argv.pop(1)]
    warnings.simplefilter("error")

    def once(data: bytes) -> None:
        try:
            target(data)
        except AnnxError as error:
            if any("\n" in line for line in error.lines):
                raise AssertionError(f"more than a line: {error.lines}") from error

    atheris.Setup(sys.argv, once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
