"""Statistics and protocol as functions on data frames: what reports say, for programs.

Everything here takes the long frame that `frame.py` describes and returns a frame. `scores(results)` makes
one from a sweep; a frame of your own needs the columns problem, arm, seed and score.

    frame.py         the long frame: scores, tuning_scores, curve_frame
    arms.py          summarize, compare_arms, probability_of_improvement
    data_sets.py     data_set_costs, average_ranks, friedman_test, normalized_scores, aggregate_scores
    speed.py         targets, time_to_target, typical_times, performance_ratios, _profile and _scores
    budget.py        best_of_k, budget_curve
    sensitivity.py   lr_sensitivity
    layers.py        layer_frame, layer_grids

The statistics themselves, on arrays, are in `anncore.stats`; what may be said, in `anncore.findings`.
"""

from __future__ import annotations

from anncore.evidence.arms import Summary, compare_arms, probability_of_improvement, summarize
from anncore.evidence.budget import BudgetCurve, best_of_k, budget_curve
from anncore.evidence.data_sets import (
    Friedman,
    aggregate_scores,
    average_ranks,
    data_set_costs,
    friedman_test,
    normalized_scores,
)
from anncore.evidence.frame import curve_frame, scores, tuning_scores
from anncore.evidence.layers import LayerGrid, layer_frame, layer_grids
from anncore.evidence.sensitivity import lr_sensitivity
from anncore.evidence.speed import (
    performance_profile,
    performance_ratios,
    performance_scores,
    targets,
    time_to_target,
    typical_times,
)

__all__ = [
    "BudgetCurve",
    "Friedman",
    "LayerGrid",
    "Summary",
    "aggregate_scores",
    "average_ranks",
    "best_of_k",
    "budget_curve",
    "compare_arms",
    "curve_frame",
    "data_set_costs",
    "friedman_test",
    "layer_frame",
    "layer_grids",
    "lr_sensitivity",
    "normalized_scores",
    "performance_profile",
    "performance_ratios",
    "performance_scores",
    "probability_of_improvement",
    "scores",
    "summarize",
    "targets",
    "time_to_target",
    "tuning_scores",
    "typical_times",
]
