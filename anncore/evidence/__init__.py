"""Statistics and protocol as functions on data frames: what reports say, for programs.

Everything here takes the long frame that `frame.py` describes and returns a frame. `scores(results)` makes
one from a sweep; a frame of your own needs the columns problem, arm, seed and score.

    frame.py         the long frame: scores, tuning_scores, curve_frame
    arms.py          summarize, compare_arms, probability_of_improvement
    data_sets.py     data_set_costs, average_ranks, friedman_test, normalized_scores, aggregate_scores
    run_times.py     run_time_targets, run_times, run_time_shares, run_time_curves, average_run_time
    speed.py         targets, time_to_target, typical_times, performance_ratios, _profile and _scores
    budget.py        best_of_k, budget_curve
    sensitivity.py   lr_sensitivity
    layers.py        layer_frame, layer_grids
    boundaries.py    boundary_rows

Each module's `__all__` says what is public. The statistics themselves, on arrays, are in `stats`; what may
be said, in `verdicts`; the words, in `sentences`.
"""

from __future__ import annotations

from anncore.evidence.arms import *
from anncore.evidence.boundaries import *
from anncore.evidence.budget import *
from anncore.evidence.data_sets import *
from anncore.evidence.layers import *
from anncore.evidence.run_times import *
from anncore.evidence.sensitivity import *
from anncore.evidence.sources import *
from anncore.evidence.speed import *
