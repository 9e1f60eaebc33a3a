"""Settings of every test: repeatable examples, and one process per core where many tests run."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hanging import pytest_configure, pytest_enter_pdb, pytest_runtest_protocol  # noqa: F401
from hypothesis import settings

# The examples are the same in every run, so that a test that passes here passes everywhere.
# HYPOTHESIS_PROFILE=random looks at other ones, and at more where a test does not say how many.
settings.register_profile("repeatable", derandomize=True, database=None, deadline=None)
settings.register_profile("random", derandomize=False, database=None, deadline=None, max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# Fewer rounds of the garbage collector: figures make many objects, and it looks at all that stay, too.
gc.set_threshold(20_000, 10, 10)

MOST_WORKERS = 8  # each one imports everything and collects every test
TESTS = Path(__file__).parent


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Return 0, for this process alone, where workers would cost more than they save, or would disturb.

    That is where single files or tests are named, for benchmarks, and where figures are recorded. `-n 4`
    and PYTEST_XDIST_AUTO_NUM_WORKERS=4 always give four workers, `-n 0` none.
    """
    if os.environ.get("PYTEST_XDIST_AUTO_NUM_WORKERS"):
        return None  # xdist reads it
    named = [Path(config.invocation_params.dir, str(arg).partition("::")[0]) for arg in config.args]
    in_benchmarks = any(path.resolve().is_relative_to(TESTS / "benchmarks") for path in named)
    if in_benchmarks or all(path.is_file() for path in named) or config.getoption("--record", False):
        return 0
    return min(
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        MOST_WORKERS,
    )


# Slow as a whole: what runs sweeps, draws figures, opens pages or starts processes, test after test.
SLOW = (
    *("running", "report", "oracles", "test_experiments.py", "test_readme.py"),
    *("testing/test_before_sweep.py", "experiment/test_widening.py"),
    *(f"evidence/test_{name}.py" for name in ("cautions", "claim", "success", "trust")),
    *("cli/test_encodings.py", "contract/test_code_digest.py", "evidence/test_many_seeds.py"),
    *(f"cli/test_{name}.py" for name in ("sweep", "third_party", "hostile_names", "stale_results", "check")),
    *(f"cli/test_{name}.py" for name in ("doctor", "environments", "new_plugin")),
    *(f"plugins/test_{name}.py" for name in ("conformance", "boundary_over_time", "comparison_figures")),
    "plugins/test_decision_boundaries.py",
    *(f"plugins/test_{name}.py" for name in ("failures_in_figures", "figures", "galleries", "layer_figures")),
    *(f"plugins/test_{name}.py" for name in ("many_panels", "trajectories", "executors", "wrappers")),
    *(f"plugins/test_{name}.py" for name in ("matrix_optimizers", "lbfgs", "csv_file", "schedule_forms")),
    *(f"plugins/test_{name}.py" for name in ("metric_forms", "initializer_forms", "loss_forms")),
    *(f"plugins/test_{name}.py" for name in ("heat_map", "learning_curves", "lr_sensitivity")),
    "engine/test_bits.py",
    *(
        f"engine/test_{name}.py"
        for name in ("training", "training_forms", "decision_maps", "objective_stack")
    ),
)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not read the files that are slow as a whole where -m leaves out all that is slow."""
    if config.getoption("-m") != "not slow" or not collection_path.is_relative_to(TESTS):
        return None
    path = collection_path.relative_to(TESTS).as_posix()
    slow = any(path == name or path.startswith(f"{name}/") for name in SLOW)
    return True if slow and collection_path.is_file() else None


# The dearest files, by measured seconds of CPU. They begin first, so that no process is left alone with one.
DEAREST = (
    *("report/test_browser.py", "report/test_report.py", "plugins/test_conformance.py"),
    *("running/test_stopping.py", "running/test_sweep.py", "engine/test_training.py"),
    *("plugins/test_optimizers.py", "engine/test_training_forms.py", "report/test_sentences.py"),
    *("plugins/test_figures.py", "plugins/test_lr_sensitivity.py"),
    *("cli/test_hostile_names.py", "cli/test_new_plugin.py", "running/test_chain.py", "cli/test_sweep.py"),
    *("plugins/test_decision_boundaries.py", "plugins/test_matrix_optimizers.py"),
    *("plugins/test_layer_figures.py", "plugins/test_executors.py", "cli/test_encodings.py"),
    *("running/test_damaged_folders.py", "plugins/test_many_panels.py"),
    *("report/test_partial.py", "engine/test_objective_stack.py", "report/test_schema.py"),
    *("plugins/test_failures_in_figures.py", "report/test_markdown.py", "cli/test_stale_results.py"),
    *("running/test_seed_rounds.py", "report/test_compare_runs.py", "plugins/test_wrappers.py"),
    *("cli/test_cli.py", "cli/test_third_party.py", "plugins/test_networks.py"),
)


@pytest.hookimpl(trylast=True, specname="pytest_collection_modifyitems")
def pytest_dearest_first(items: list[pytest.Item]) -> None:
    """Bring the dearest files to the front where several processes share the tests.

    pytest looks for hooks among names that begin with pytest_ only, also where specname says which one it is.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        places = {TESTS / name: place for place, name in enumerate(DEAREST)}
        items.sort(key=lambda item: places.get(item.path, len(places)))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what is slow as a whole, and the conformance kit over every shipped component.

    The kit over the tests' own components is slow where it draws.
    """
    for item in items:
        path = item.path.relative_to(TESTS).as_posix()
        kit = getattr(item, "originalname", "") == "test_conformance" or _draws(item)
        # A -m of the command line takes the place of "not large", so what is large must be slow too.
        if kit or path.startswith(SLOW) or item.get_closest_marker("large"):
            item.add_marker(pytest.mark.slow)


def _draws(item: pytest.Item) -> bool:
    """Tell whether a test is one of the kit's checks of a figure or an exporter."""
    check = item.callspec.params.get("check") if hasattr(item, "callspec") else None
    return getattr(getattr(check, "subject", None), "kind", "") in ("figure", "exporter")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Show frozen objects to the garbage collector again.

    Training freezes all objects of the process. hypothesis asks the collector at its first test who refers
    to its generator of random numbers; without an answer it warns, and the test fails.
    """
    gc.unfreeze()
