"""How fast the engine is, beside its peers, in one run. Speed decides no test's pass or fail."""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed: pip install -e '.[bench]'")

from benchmarks.arena import Team
from benchmarks.contenders import CONTENDERS
from benchmarks.networks import CASES, Case
from benchmarks.overhead import SHAPES as SWEEPS, by_part, scores
from benchmarks.profile import own_share, profile
from benchmarks.reports import SHAPES, STORED, from_file_to_answer, made_up, rendered, stored
from benchmarks.sweeps import beyond_training, rates
from benchmarks.tables import Lines
from right.activations import FORMULAS, Written

from anncore.contract.loading import load_registry
from anncore.contract.registry import Registry
from anncore.engine.fusing import emit, formulas
from anncore.engine.process import one_blas_thread

TURN = 0.25  # seconds that a contender's turn lasts at least


def rounds(config: pytest.Config) -> int:
    """Return how often everything takes its turn: pytest-benchmark's --benchmark-min-rounds."""
    return max(3, int(config.getoption("benchmark_min_rounds")))


@pytest.fixture(scope="module")
def registry() -> Registry:
    return load_registry()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_network(case: Case, benchmark: Any, pytestconfig: pytest.Config, lines: Lines) -> None:
    missing = {
        contender: [package for package in contender.needs if importlib.util.find_spec(package) is None]
        for contender in CONTENDERS
    }
    with ExitStack() as stack:
        teams = [
            stack.enter_context(Team(candidate, case)) for candidate in CONTENDERS if not missing[candidate]
        ]
        for team in teams:
            team.warm_up(TURN)

        def turns() -> None:
            for team in teams:
                team.turn()

        benchmark.pedantic(turns, rounds=rounds(pytestconfig))
        times = {team.contender.name: (team.time(), team.spread()) for team in teams}
    skipped = {
        candidate.name: f"{' and '.join(gone)} not installed" for candidate, gone in missing.items() if gone
    }
    lines.add_network(case, times, skipped)
    benchmark.extra_info.update(
        {name: {"wall_us": time.wall, "cpu_us": time.cpu, "spread": spread}
         for name, (time, spread) in times.items()}
    )  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_profile(
    case: Case, benchmark: Any, registry: Registry, pytestconfig: pytest.Config, lines: Lines
) -> None:
    steps = max(10, 40_000 // sum(a * b for a, b in zip(case.widths, case.widths[1:], strict=False)))

    def measured() -> tuple[dict[str, float], dict[str, float]]:
        with one_blas_thread():
            return (
                profile(case, registry, steps, rounds(pytestconfig)),
                own_share(case, registry, steps, rounds(pytestconfig)),
            )

    phases, own = benchmark.pedantic(measured, rounds=1)
    lines.add_profile(case, phases, own)
    benchmark.extra_info.update({"us_per_trial_step": phases, "own_share": own})


@pytest.mark.parametrize(("engine", "seeds"), [("blas", 5), ("lanes", 5), ("lanes", 16)])
def test_many_small_groups(
    engine: str, seeds: int, benchmark: Any, pytestconfig: pytest.Config, lines: Lines
) -> None:
    def measured() -> dict[str, float]:
        with one_blas_thread():
            return rates(engine, seeds, 50, rounds(pytestconfig))

    seconds = benchmark.pedantic(measured, rounds=1)
    lines.add_groups(f"{engine}, {seeds} seeds", seconds)
    benchmark.extra_info.update(seconds)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_beyond_training(
    case: Case,
    benchmark: Any,
    registry: Registry,
    pytestconfig: pytest.Config,
    tmp_path: Path,
    lines: Lines,
) -> None:
    def measured() -> dict[str, float]:
        with one_blas_thread():
            return beyond_training(case, registry, tmp_path, rounds(pytestconfig))

    seconds = benchmark.pedantic(measured, rounds=1)
    lines.add_beyond(case, seconds)
    benchmark.extra_info.update(seconds)


@pytest.mark.parametrize(
    ("case", "copies"),
    [*((case, 1) for case in CASES), (CASES[0], 8)],
    ids=lambda given: getattr(given, "name", str(given)),
)
def test_scores(
    case: Case, copies: int, benchmark: Any, registry: Registry, pytestconfig: pytest.Config, lines: Lines
) -> None:
    def measured() -> dict[str, float]:
        with one_blas_thread():
            return scores(case, copies, registry, rounds(pytestconfig))

    shares = benchmark.pedantic(measured, rounds=1)
    lines.add_scores(case, shares)
    benchmark.extra_info.update(shares)


@pytest.mark.parametrize("sweep", SWEEPS)
def test_overhead(sweep: str, benchmark: Any, registry: Registry, tmp_path: Path, lines: Lines) -> None:
    us = benchmark.pedantic(lambda: by_part(sweep, registry, tmp_path), rounds=1)
    lines.add_overhead(sweep, us)
    benchmark.extra_info.update(us)


@pytest.mark.parametrize("shape", SHAPES)
def test_report_of_ten_thousand_trials(shape: str, benchmark: Any, tmp_path: Path, lines: Lines) -> None:
    results = made_up(shape)
    seconds = benchmark.pedantic(lambda: rendered(results, tmp_path), rounds=1)
    lines.add_report(shape, seconds)
    benchmark.extra_info.update(seconds)
    assert (results.trials["phase"] == "report").sum() == 10_000


@pytest.mark.parametrize("shape", STORED)
def test_report_of_a_stored_sweep(shape: str, benchmark: Any, tmp_path: Path, lines: Lines) -> None:
    seconds = benchmark.pedantic(lambda: stored(shape, tmp_path), rounds=1)
    lines.add_stored(shape, seconds)
    benchmark.extra_info.update(seconds)
    assert seconds["says"] >= 2


def test_from_file_to_answer(benchmark: Any, tmp_path: Path, lines: Lines) -> None:
    seconds = benchmark.pedantic(lambda: from_file_to_answer(tmp_path / "run"), rounds=1)
    lines.add_stages(seconds)
    benchmark.extra_info.update(seconds)
    assert (tmp_path / "run" / "report.html").is_file()


@pytest.mark.parametrize("name", FORMULAS)
def test_first_use_of_a_derived_gradient(name: str, benchmark: Any) -> None:
    """Derivation, trace, machine code and its comparison with NumPy; below 50 ms."""
    z = np.random.default_rng(0).normal(size=(16, 32, 16)).astype("float32")

    def fresh() -> Any:
        emit.compiled.cache_clear()
        formulas._AGREED.clear()
        alpha = np.full((16, 1, 1), 1.5, "float32")
        return (Written(which=name, alpha=alpha),), {}

    def first(activation: Any) -> None:
        formulas.Formula("backward", activation)(z, z, activation.forward(z))

    benchmark.pedantic(first, setup=fresh, rounds=5)
