"""Compare the parts of small neural networks: which is better, by how much, and how sure are we?

    run = anncore.sweep("experiment.toml")    run an experiment, or resume it; what is done is not run again
    print(run.summary)                        the answer in words
    run.trials, run.curves, run.selection     pandas data frames
    run.figure("learning_curves")             a figure of the report, which a notebook shows
    run.report()                              writes report.html, report.md, report.json and the figures

Run an experiment, which is a path, a dict with the tables of such a file, or its text:

    load_experiment, make_plan, sweep, load_run, merge_runs, compare_runs; Results, Run, Stopper;
    dataset_from_frame makes a data frame the data set of one

Judge results that were trained elsewhere: a data frame with the columns arm, problem, seed and score.

    judge; Judged

Place a component among those of its kind, on a suite of problems: a name, a file, or a class of your own.

    challenge; Challenged

Compute from a run. `scores(run)` gives a frame with the columns problem, arm, seed and score, which most of
the others take; a frame of your own does as well (`help(anncore.evidence)`):

    frames       scores, tuning_scores, curve_frame, layer_frame, layer_grids, LayerGrid,
                 boundary_rows, BoundaryRow
    arms         summarize, compare_arms, probability_of_improvement
    data sets    average_ranks, friedman_test, normalized_scores, aggregate_scores
    speed        targets, time_to_target, typical_times, performance_profile, _ratios and _scores
    run times    run_time_targets, run_times, run_time_shares, run_time_curves, average_run_time
    tuning       select, with_fresh_scores, selection_gaps, budget_curve, lr_sensitivity
    seeds        pairs_needed, pairs_for_power, pairs_range, pairs_until_decided, always_valid_p,
                 always_valid_interval

Write a component: a frozen dataclass, derived from the base class of its kind (`help(anncore.Activation)`):

    kinds        Activation, Loss, Optimizer, Schedule, Initializer, Dataset, Network, Objective, Metric,
                 Figure, Executor, Sampler, SelectionRule, StoppingRule, Suite, ReportSection, Exporter,
                 Listener, Command; LearnedActivation, RandomActivation, JointLoss, OptimizerWrapper,
                 AskingOptimizer, AskingWrapper, CurvatureOptimizer, ModalNetwork, RuleNetwork,
                 NoisyObjective, Game, NetworkMetric, WatchingMetric, ProbingMetric, TableDataset
    fields       hyper, ref, linear, log, choice, shorthand; build makes a component from plain values
    handed       Array, Hyper, Task, Data, Column, Table, Weights, WeightSpec, Layer, Moment, Mode, LearnMode,
                 Evaluate, Evaluation, Draws, Likelihood, FigureInput, DecisionMap, Snapshot, Candidates,
                 Look, Claim, Problem, ReportTable, ExportInput
    events       SweepStarted, PhaseStarted, StackDone, Progressed, PhaseDone, OtherEnvironment, Distrusted,
                 TooShort, StopRequested, WorkersChanged, TablesStarted, SweepDone; Event is any of them
    numbers      dense, eigh, power, sum_examples, times_transposed, truncated_normal, time_steps,
                 steps_first, read_states, root_mean_squares, add_outliers, flip_labels, WeightDecay,
                 DECAY_MODES
    figures      drawing, Drawing; agreeing, counted, joined, number, percent, pair_percent, singular,
                 metric_words, differences, mean_band
    files        to_csv, latex_files
    processes    Lost, children_on_one_blas_thread
    plugins      hookimpl, load_registry, Registry, Component; `anncore.testing` checks what a kind promises;
                 derivative gives the derivatives that annx derives from a component's formulas, as text

A mistake that a user can mend raises an AnnxError of one line: ExperimentError, ComponentError, PluginError,
DataError, StoreError or ReportError. A wrong argument of a function on frames is a ValueError or a TypeError.
"""

# `__init__.pyi` lists the names. They load when they are first used: `annx --help` need not wait for NumPy.

from typing import Any

import lazy_loader

_load, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

_RENAMED = {"param": "hyper", "Params": "Weights", "ParamSpec": "WeightSpec"}


def __getattr__(name: str) -> Any:
    if name in _RENAMED:  # a plugin for an older annx; an AttributeError could not say the new name
        raise ImportError(f"anncore.{name} is called anncore.{_RENAMED[name]} now")
    return _load(name)
