"""annx's core: compare the parts of neural networks honestly.

A plugin's author imports everything from here. Names load when they are first used, so that
`annx --help` need not wait for NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from anncore._version import __version__

if TYPE_CHECKING:
    from anncore.arrays import dense, power, sum_examples, times_transposed
    from anncore.decay import DECAY_MODES, WeightDecay
    from anncore.errors import (
        AnnxError,
        ComponentError,
        DataError,
        ExperimentError,
        PluginError,
        StoreError,
        nearest,
    )
    from anncore.events import Stopper
    from anncore.experiment import load_experiment
    from anncore.findings import (
        joined,
        number,
        percent,
    )
    from anncore.hookspecs import hookimpl
    from anncore.noise import add_outliers, flip_labels
    from anncore.params import build, choice, linear, log, param, ref
    from anncore.plan import make_plan
    from anncore.process import children_on_one_blas_thread
    from anncore.registry import Registry, load_registry
    from anncore.report import (
        NARROW,
        WIDE,
        Drawing,
        Theme,
        end_labels,
        log_axis,
        lost_count,
        new_sheet,
        padded,
        panel_title,
        panels,
        place,
        shorten,
        spread,
        text_width,
        tick_text,
    )
    from anncore.results import Results
    from anncore.rng import truncated_normal
    from anncore.runfolder import load_run
    from anncore.runner import sweep
    from anncore.stats import (
        differences,
        mean_band,
        mean_interval,
    )
    from anncore.types import (
        Activation,
        Array,
        Data,
        Dataset,
        Evaluate,
        Executor,
        Figure,
        FigureInput,
        Hyper,
        Initializer,
        Layer,
        Loss,
        Lost,
        Metric,
        Mode,
        Network,
        Objective,
        Optimizer,
        Params,
        ParamSpec,
        Schedule,
        Task,
    )

_HOMES = {
    "anncore.arrays": ("dense", "power", "sum_examples", "times_transposed"),
    "anncore.decay": ("DECAY_MODES", "WeightDecay"),
    "anncore.errors": (
        "AnnxError",
        "ComponentError",
        "DataError",
        "ExperimentError",
        "PluginError",
        "StoreError",
        "nearest",
    ),
    "anncore.events": ("Stopper",),
    "anncore.experiment": ("load_experiment",),
    "anncore.hookspecs": ("hookimpl",),
    "anncore.noise": ("add_outliers", "flip_labels"),
    "anncore.params": ("build", "choice", "linear", "log", "param", "ref"),
    "anncore.plan": ("make_plan",),
    "anncore.results": ("Results",),
    "anncore.runfolder": ("load_run",),
    "anncore.runner": ("sweep",),
    "anncore.process": ("children_on_one_blas_thread",),
    "anncore.registry": ("Registry", "load_registry"),
    "anncore.rng": ("truncated_normal",),
    "anncore.findings": (
        "joined",
        "number",
        "percent",
    ),
    "anncore.report": (
        "NARROW",
        "WIDE",
        "Drawing",
        "Theme",
        "end_labels",
        "lost_count",
        "log_axis",
        "new_sheet",
        "padded",
        "panel_title",
        "panels",
        "place",
        "shorten",
        "spread",
        "text_width",
        "tick_text",
    ),
    "anncore.stats": (
        "differences",
        "mean_band",
        "mean_interval",
    ),
    "anncore.types": (
        "Activation",
        "Array",
        "Data",
        "Dataset",
        "Evaluate",
        "Executor",
        "Figure",
        "FigureInput",
        "Hyper",
        "Initializer",
        "Layer",
        "Loss",
        "Lost",
        "Metric",
        "Mode",
        "Network",
        "Objective",
        "Optimizer",
        "ParamSpec",
        "Params",
        "Schedule",
        "Task",
    ),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "DECAY_MODES",
    "NARROW",
    "WIDE",
    "Activation",
    "AnnxError",
    "Array",
    "ComponentError",
    "Data",
    "DataError",
    "Dataset",
    "Drawing",
    "Evaluate",
    "Executor",
    "ExperimentError",
    "Figure",
    "FigureInput",
    "Hyper",
    "Initializer",
    "Layer",
    "Loss",
    "Lost",
    "Metric",
    "Mode",
    "Network",
    "Objective",
    "Optimizer",
    "ParamSpec",
    "Params",
    "PluginError",
    "Registry",
    "Results",
    "Schedule",
    "Stopper",
    "StoreError",
    "Task",
    "Theme",
    "WeightDecay",
    "__version__",
    "add_outliers",
    "build",
    "children_on_one_blas_thread",
    "choice",
    "dense",
    "differences",
    "end_labels",
    "flip_labels",
    "hookimpl",
    "joined",
    "linear",
    "load_experiment",
    "load_registry",
    "load_run",
    "log",
    "log_axis",
    "lost_count",
    "make_plan",
    "mean_band",
    "mean_interval",
    "nearest",
    "new_sheet",
    "number",
    "padded",
    "panel_title",
    "panels",
    "param",
    "percent",
    "place",
    "power",
    "ref",
    "shorten",
    "spread",
    "sum_examples",
    "sweep",
    "text_width",
    "tick_text",
    "times_transposed",
    "truncated_normal",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'anncore' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
