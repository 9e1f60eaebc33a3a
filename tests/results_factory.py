"""Made-up sweep results with the columns of real ones: no training, every number from a formula."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from shipped import REGISTRY

from anncore.contract.problem_kinds import NETWORK_ON_DATA
from anncore.contract.registry import Registered
from anncore.contract.trial import Split, Train

LABELS = ("dataset", "network", "activation", "loss", "optimizer", "schedule", "initializer")


class Accuracy:
    name: ClassVar[str] = "accuracy"
    goal: ClassVar[str] = "max"
    bounds: ClassVar[str] = "[0, 1]"
    tasks: ClassVar[tuple[str, ...]] = ("binary", "multiclass")
    primary_for: ClassVar[tuple[str, ...]] = ("binary", "multiclass")


class RMSE:
    name: ClassVar[str] = "rmse"
    goal: ClassVar[str] = "min"
    bounds: ClassVar[str] = "[0, inf)"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    primary_for: ClassVar[tuple[str, ...]] = ("regression",)


class FakeRegistry:
    """The installed figures, and two metrics whatever is installed."""

    def __init__(self) -> None:
        self.figures = REGISTRY.of_kind("figure")

    def of_kind(self, kind: str) -> list[Registered]:
        if kind == "figure":
            return self.figures
        metrics = [Registered("metric", cls.name, cls, "annx", "1", "annx") for cls in (Accuracy, RMSE)]
        return metrics if kind == "metric" else []

    def primary_metric(self, task: str) -> Registered:
        return next(metric for metric in self.of_kind("metric") if task in metric.cls.primary_for)


def make_results(
    arms: Sequence[str] = ("sgd", "momentum", "adagrad", "rmsprop", "adam"),
    problems: Sequence[str] = ("two_moons", "spirals", "digits", "wine", "sine", "diabetes", "xor", "iris"),
    seeds: Sequence[int] = tuple(range(100, 110)),
    tune_seeds: Sequence[int] = (0, 1, 2),
    rates: Sequence[float] = (1e-3, 1e-2, 1e-1, 1.0),
    metric: str = "valid_loss",
    goal: str = "min",
    status: Callable[[str, str, int], str] | None = None,
    score: Callable[[str, str, int], float] | None = None,
    regression: Sequence[str] = ("sine", "diabetes"),
    datasets: Mapping[str, str] | None = None,
    report: Mapping[str, Any] | None = None,
    steps: int = 500,
    title: str = "Which optimizer wins on small MLPs?",
) -> Any:
    """Return an object like anncore.evidence.results.Results.

    status(problem, arm, seed) and score(problem, arm, seed) override single report trials. Losses follow
    exp(level + arm's lag + the rate's distance from its best, squared + noise shared by a seed).
    """
    rng = np.random.default_rng(5)
    level = {problem: rng.normal(-1.5, 0.6) for problem in problems}
    lag = {arm: 0.18 * (len(arms) - 1 - i) for i, arm in enumerate(arms)}
    shared = {(p, s): rng.normal(0, 0.15) for p in problems for s in (*tune_seeds, *seeds)}
    rows: list[dict[str, Any]] = []
    curves: list[pd.DataFrame] = []
    selection: list[dict[str, Any]] = []

    def add(phase: str, problem: str, arm: str, rate: float, seed: int) -> dict[str, Any]:
        best = rates[len(rates) // 2] if len(rates) else rate
        off = 0.35 * abs(math.log10(rate / best)) ** 2
        loss = math.exp(level[problem] + lag[arm] + off + shared[problem, seed] + rng.normal(0, 0.08))
        own = "ok"
        if phase == "tune" and rate >= 1.0 and arm in arms[:2]:
            own = "diverged"
        if phase == "report" and status is not None:
            own = status(problem, arm, seed)
        if phase == "report" and score is not None:
            loss = score(problem, arm, seed)
        done = own == "ok"
        regress = problem in regression
        accuracy = math.nan if regress or not done else float(np.clip(1 - loss / 2.5, 0, 1))
        values = {
            "train_loss": loss * 0.8 if done else math.nan,
            "valid_loss": loss if done else math.nan,
            "test_loss": loss * 1.05 if done and phase == "report" else math.nan,
            "valid_accuracy": accuracy,
            "test_accuracy": accuracy if phase == "report" else math.nan,
            "valid_rmse": math.sqrt(loss) if regress and done else math.nan,
            "test_rmse": math.sqrt(loss) if regress and done and phase == "report" else math.nan,
        }
        key = f"{len(rows):064x}"
        if phase == "report" and own in ("ok", "diverged"):
            at = np.unique(np.concatenate([np.arange(0, steps + 1, 10), [steps]]))
            path = loss + (1.2 - min(loss, 1.1)) * np.exp(-at / (60 * (1 + lag[arm])))
            if own == "diverged":
                path = path * np.exp(at / 50)
                at, path = at[: len(at) // 2], path[: len(path) // 2]
            parts = [
                pd.DataFrame({"key": key, "step": at, "metric": name, "value": path * factor})
                for name, factor in (("train_loss", 0.8), ("valid_loss", 1.0))
            ]
            curves.extend(parts)
        row = {
            "key": key,
            "phase": phase,
            "status": own,
            "problem": problem,
            "arm": arm,
            "config": f"lr={rate:g}" if len(rates) > 1 else "",
            **dict.fromkeys(LABELS, ""),
            "dataset": (datasets or {}).get(problem, problem),
            "optimizer": arm,
            "network": "mlp",
            "optimizer.lr": rate,
            "seed": seed,
            **values,
            "steps_done": steps,
            "stopped": "",
            "error": "" if own not in ("failed", "crashed") else "Traceback\nValueError: bad <b>luck</b>",
            "train_seconds": 0.01,
        }
        rows.append(row)
        return row

    for problem in problems:
        for arm in arms:
            chosen = list(rates)
            if tune_seeds:
                scores = {
                    rate: [add("tune", problem, arm, rate, seed) for seed in tune_seeds] for rate in rates
                }
                means = {
                    rate: np.mean([math.inf if r["status"] != "ok" else r["valid_loss"] for r in found])
                    for rate, found in scores.items()
                }
                best = min(means, key=lambda rate: means[rate])
                selection.append(
                    {
                        "problem": problem,
                        "arm": arm,
                        "config": f"lr={best:g}",
                        "tune_score": float(means[best]),
                        "n_ok": len(tune_seeds),
                        "n": len(tune_seeds),
                        "edge": best in (min(rates), max(rates)) and len(rates) > 2,
                    }
                )
                chosen = [best]
            for rate in chosen:
                for seed in seeds:
                    add("report", problem, arm, rate, seed)
    columns = ["problem", "arm", "config", "tune_score", "n_ok", "n", "edge"]
    experiment = SimpleNamespace(
        name="optimizers",
        title=title,
        question="Which optimizer is best on small networks?",
        text='title = "t"\nvary = ["optimizer"]\n',
        document={"title": "t", "report": dict(report or {})},
        overrides=(),
        only=(),
        skip=(),
        quick=False,
        vary=("optimizer",),
        entries={},
        train=Train(steps=steps),
        split=Split(),
        sweep_seed=0,
        problem=NETWORK_ON_DATA,
        rounds=None,
        widen=False,
        widened=(),
        search=None,
        tune_seeds=tuple(tune_seeds),
        report_seeds=tuple(seeds),
        select=SimpleNamespace(metric=metric, goal=goal),
        registry=FakeRegistry(),
    )
    empty = pd.DataFrame({"key": [], "step": [], "metric": [], "value": []})
    return SimpleNamespace(
        trials=pd.DataFrame(rows),
        curves=pd.concat(curves, ignore_index=True) if curves else empty,
        selection=pd.DataFrame(selection, columns=columns),
        experiment=experiment,
        plan=SimpleNamespace(arms=tuple(arms), problems=tuple(problems), counts={}),
        maps={},
        environments={},
        unchecked=(),
    )
