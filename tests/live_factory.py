"""Run folders for tests of the page, made by hand: which trials there are, and which of them have ended."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from anncore.contract.trial import Part, Split, Status, Train, Trial, TrialResult
from anncore.running.store import Store

OPTIMIZER = Part("optimizer", "annx:adam", "1", {"lr": 0.1})
STEPS = (0, 10, 20)


def trial(arm: str, problem: str, seed: int, config: str = "lr=1", phase: Any = "tune") -> Trial:
    """Return a trial whose key is its own by arm, problem, configuration, seed and phase."""
    part = Part("optimizer", "annx:adam", "1", {"lr": f"{arm} {problem} {config}"})
    return Trial(
        *({"optimizer": part}, Train(), Split()),
        **{"sweep_seed": 0, "seed": seed, "test": phase == "report", "phase": phase},
        **{"problem": problem, "arm": arm, "config": config},
    )


def ended(
    one: Trial, losses: Sequence[float] = (3.0, 2.0, 1.0), status: Status = "ok", error: str = ""
) -> tuple[Trial, TrialResult]:
    """Return a trial with a result: its validation loss at STEPS."""
    curves = {"train_loss": tuple(losses), "valid_loss": tuple(losses)}
    result = TrialResult(
        *(one.key, status, {"valid_loss": losses[-1]}),
        **{"steps": STEPS, "curves": curves, "steps_done": 20, "error": error, "train_seconds": 0.5},
    )
    return one, result


def write_plan(folder: Path, trials: Sequence[Trial], report: int = 0) -> None:
    """Write a plan.json of these trials to tune, and so many to report."""
    plan = {
        **{"schema": 1, "annx": "0.1.0", "name": "made", "path": None, "base": "/", "quick": False},
        **{"overrides": [], "only": [], "skip": [], "plugin_files": []},
        "arms": list(dict.fromkeys(one.arm for one in trials)),
        "problems": list(dict.fromkeys(one.problem for one in trials)),
        "counts": {"tune": len(trials), "report": report, "total": len(trials) + report},
        "select": {"metric": "valid_loss", "goal": "min"},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(plan))


def make_run(
    folder: Path, trials: Sequence[Trial], results: Iterable[tuple[Trial, TrialResult]] = (), report: int = 0
) -> None:
    """Write a run folder with these trials to tune and these results."""
    write_plan(folder, trials, report)
    with Store(folder / "trials.sqlite") as store:
        store.plan("tune", trials)
        store.plan("report", [])
        store.add(results)
