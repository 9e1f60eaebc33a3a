"""From the store to results: the frames of a run folder."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from anncore.contract.trial import Phase
from anncore.evidence.curves import Curves
from anncore.evidence.measures import with_floor_steps
from anncore.evidence.results import PlanSummary, Results, trials_frame
from anncore.evidence.selection import select, with_fresh_scores
from anncore.running.store import Store

if TYPE_CHECKING:
    import pandas as pd

    from anncore.experiment.model import Experiment

MOST_VALUES = 5_000_000
"""Values of curves above which they are thinned in tables and figures (`curves_frame`); the store has all."""


def collect(
    plan: PlanSummary, store: Store, experiment: Experiment, *, curves: bool = True, stopped: str = ""
) -> Results:
    """Return the results of the store's plan; without curves it has no maps, moments and snapshots either."""
    phases: tuple[Phase, ...] = ("tune", "report")
    rows = {phase: store.planned(phase) for phase in phases}
    planned = [row for phase in phases for row in rows[phase]]
    keys = dict.fromkeys(row.key for row in planned)
    held = Curves()
    # Where all curves are asked for, the store is read once.
    frame = trials_frame(
        planned, held.noted(store.results(keys)) if curves else store.results(keys, curves=False)
    )
    tuned = rows["tune"] and (frame["phase"] == "tune").sum() == len(rows["tune"])
    if not experiment.problem.scored and not curves:  # scores of functions need the steps to their floor
        for result in store.results(row.key for row in rows["report"]):
            held.add(result)
    reported = [row.key for row in rows["report"]] if curves else []
    # Steps to a function's floor are counted in whole curves.
    most = MOST_VALUES if experiment.problem.scored else math.inf
    spared = {row.key for row in rows["report"]}
    series = held.frame(keys, most=most, spared=spared)
    trials = with_floor_steps(frame, series, experiment)
    tune, report = (trials[trials["phase"] == phase] for phase in phases)
    selection = select(tune if tuned else tune.iloc[:0], experiment.select, experiment.selection_rule)
    return Results(
        experiment,
        plan,
        trials,
        series if curves else series.iloc[:0],
        with_fresh_scores(selection, report, experiment.select.metric),
        stopped,
        store.maps(reported),
        snapshots=store.snapshots(reported),
        moments=store.moments(reported),
        environments=store.environments(),
        unchecked=plan.unchecked,
        planned=tuple(planned),
    )


def phase_frame(store: Store, phase: Phase) -> pd.DataFrame:
    """Return the trials of one phase that have a result."""
    rows = store.planned(phase)
    return trials_frame(rows, store.results((row.key for row in rows), curves=False))
