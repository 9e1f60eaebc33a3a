"""What each kind of component offers: the contract between the core and every plugin, as base classes.

A component derives from the base class of its kind. It must write the methods that the base class marks as
abstract. Every other attribute and method has a default, which it may replace. `help(anncore.Network)` shows
them all.

The axis convention, once. T trials, N examples, D units:

    activations, outputs, targets   (T, N, D)
    a dense weight                  (T, fan_in, fan_out)
    a bias                          (T, 1, fan_out)
    a hyperparameter                a float, or an array (T, 1, 1) in the data's dtype
    a loss, a metric                (T,)

Every array has three axes, so everything broadcasts. No component reduces over axis 0, and none changes an
array that it gets: a trial must give the same numbers alone and in any stack.

A component is a frozen dataclass. Its fields are its hyperparameters, each declared by `anncore.hyper`; its
docstring is its documentation. A field declared by `anncore.ref(kind, ...)` holds, when the core calls a
method, a tuple of components of that kind.

Some kinds have several forms. Their methods take more arguments than the plain ones: a `LearnedActivation`
gets its own weights, an `AskingOptimizer` a function that gives further gradients, a `CurvatureOptimizer` one
that answers more questions. Each form has its own base class.
"""

from __future__ import annotations

from collections.abc import Mapping

from anncore.contract.kinds.activations import (
    Activation as Activation,
    AnyActivation as AnyActivation,
    LearnedActivation as LearnedActivation,
    RandomActivation as RandomActivation,
    Weights as Weights,
    WeightSpec as WeightSpec,
)
from anncore.contract.kinds.base import (
    REAL_TASKS as REAL_TASKS,
    TASKS as TASKS,
    Array as Array,
    Component as Component,
    Hyper as Hyper,
    Task as Task,
    overrides as overrides,
)
from anncore.contract.kinds.commands import (
    Adopted as Adopted,
    Command as Command,
    component_class as component_class,
)
from anncore.contract.kinds.datasets import Column as Column, Data as Data, Dataset as Dataset
from anncore.contract.kinds.executors import (
    Executor as Executor,
    Lost as Lost,
    Worker as Worker,
)
from anncore.contract.kinds.exporters import Exporter as Exporter, ExportInput as ExportInput
from anncore.contract.kinds.figures import Figure as Figure, FigureInput as FigureInput
from anncore.contract.kinds.initializers import Initializer as Initializer
from anncore.contract.kinds.listeners import Listener as Listener
from anncore.contract.kinds.losses import (
    Draws as Draws,
    JointLoss as JointLoss,
    Likelihood as Likelihood,
    Loss as Loss,
)
from anncore.contract.kinds.metrics import (
    AnyMetric as AnyMetric,
    Metric as Metric,
    Moment as Moment,
    NetworkMetric as NetworkMetric,
    ProbingMetric as ProbingMetric,
    WatchingMetric as WatchingMetric,
)
from anncore.contract.kinds.networks import (
    AnyNetwork as AnyNetwork,
    Layer as Layer,
    LearnMode as LearnMode,
    ModalNetwork as ModalNetwork,
    Mode as Mode,
    Network as Network,
    RuleNetwork as RuleNetwork,
    learns_by_rule as learns_by_rule,
)
from anncore.contract.kinds.objectives import (
    AnyObjective as AnyObjective,
    Game as Game,
    NoisyObjective as NoisyObjective,
    Objective as Objective,
)
from anncore.contract.kinds.optimizers import (
    AnyOptimizer as AnyOptimizer,
    AskingOptimizer as AskingOptimizer,
    AskingWrapper as AskingWrapper,
    CurvatureOptimizer as CurvatureOptimizer,
    Evaluate as Evaluate,
    Evaluation as Evaluation,
    Optimizer as Optimizer,
    OptimizerWrapper as OptimizerWrapper,
    changes_the_problem as changes_the_problem,
)
from anncore.contract.kinds.samplers import Sampler as Sampler
from anncore.contract.kinds.schedules import Schedule as Schedule
from anncore.contract.kinds.sections import ReportSection as ReportSection, ReportTable as ReportTable
from anncore.contract.kinds.selectors import Candidates as Candidates, SelectionRule as SelectionRule
from anncore.contract.kinds.stoppers import Claim as Claim, Look as Look, StoppingRule as StoppingRule
from anncore.contract.kinds.suites import Problem as Problem, Sections as Sections, Suite as Suite

BASES: Mapping[str, type[Component]] = {
    "activation": AnyActivation,
    "loss": Loss,
    "optimizer": AnyOptimizer,
    "schedule": Schedule,
    "initializer": Initializer,
    "dataset": Dataset,
    "network": AnyNetwork,
    "objective": AnyObjective,
    "metric": AnyMetric,
    "figure": Figure,
    "executor": Executor,
    "sampler": Sampler,
    "selector": SelectionRule,
    "stopper": StoppingRule,
    "suite": Suite,
    "section": ReportSection,
    "exporter": Exporter,
    "listener": Listener,
    "command": Command,
}
"""The base class of each kind: what all its forms derive from."""
