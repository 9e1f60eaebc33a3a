"""One hook per kind. A plugin is a module that implements at least one of them.

Each hook returns classes, not instances. The core builds a class from the values of the experiment.
"""

from __future__ import annotations

import pluggy

from anncore.contract.kinds import (
    AnyActivation,
    AnyMetric,
    AnyNetwork,
    AnyObjective,
    AnyOptimizer,
    Dataset,
    Executor,
    Figure,
    Initializer,
    Loss,
    Schedule,
)

PROJECT = "annx"  # also the entry-point group
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def annx_activations() -> list[type[AnyActivation]]:  # type: ignore[empty-body]
    """Return the activation classes this plugin provides; each must build with no arguments."""


@hookspec
def annx_losses() -> list[type[Loss]]:  # type: ignore[empty-body]
    """Return the loss classes this plugin provides; each must build with no arguments."""


@hookspec
def annx_optimizers() -> list[type[AnyOptimizer]]:  # type: ignore[empty-body]
    """Return the optimizer classes this plugin provides; each must build with no arguments."""


@hookspec
def annx_schedules() -> list[type[Schedule]]:  # type: ignore[empty-body]
    """Return the learning-rate schedule classes this plugin provides."""


@hookspec
def annx_initializers() -> list[type[Initializer]]:  # type: ignore[empty-body]
    """Return the weight initializer classes this plugin provides."""


@hookspec
def annx_datasets() -> list[type[Dataset]]:  # type: ignore[empty-body]
    """Return the data set classes this plugin provides."""


@hookspec
def annx_networks() -> list[type[AnyNetwork]]:  # type: ignore[empty-body]
    """Return the network classes this plugin provides."""


@hookspec
def annx_objectives() -> list[type[AnyObjective]]:  # type: ignore[empty-body]
    """Return the classes of functions to be minimised this plugin provides."""


@hookspec
def annx_metrics() -> list[type[AnyMetric]]:  # type: ignore[empty-body]
    """Return the metric classes this plugin provides."""


@hookspec
def annx_figures() -> list[type[Figure]]:  # type: ignore[empty-body]
    """Return the figure classes this plugin provides."""


@hookspec
def annx_executors() -> list[type[Executor]]:  # type: ignore[empty-body]
    """Return the executor classes this plugin provides."""
