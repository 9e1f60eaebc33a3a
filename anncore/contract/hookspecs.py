"""One hook per kind. A plugin is a module that implements at least one of them.

Each hook returns classes, not instances. The core builds a class from the values of the experiment.
`annx_commands` may return click commands too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pluggy

from anncore.contract.home import PROJECT as PROJECT
from anncore.contract.kinds import (
    AnyActivation,
    AnyMetric,
    AnyNetwork,
    AnyObjective,
    AnyOptimizer,
    Command,
    Dataset,
    Executor,
    Exporter,
    Figure,
    Initializer,
    Listener,
    Loss,
    ReportSection,
    Sampler,
    Schedule,
    SelectionRule,
    StoppingRule,
    Suite,
)
from anncore.contract.libraries import Library

if TYPE_CHECKING:
    import click

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


@hookspec
def annx_samplers() -> list[type[Sampler]]:  # type: ignore[empty-body]
    """Return the classes of search methods this plugin provides: [search] method = NAME."""


@hookspec
def annx_selectors() -> list[type[SelectionRule]]:  # type: ignore[empty-body]
    """Return the classes of selection rules this plugin provides: [select] rule = NAME."""


@hookspec
def annx_stoppers() -> list[type[StoppingRule]]:  # type: ignore[empty-body]
    """Return the classes of stopping rules this plugin provides: [rounds] rule = NAME."""


@hookspec
def annx_suites() -> list[type[Suite]]:  # type: ignore[empty-body]
    """Return the classes of suites of problems this plugin provides: suite = NAME."""


@hookspec
def annx_sections() -> list[type[ReportSection]]:  # type: ignore[empty-body]
    """Return the classes of report sections this plugin provides; each is in every report."""


@hookspec
def annx_exporters() -> list[type[Exporter]]:  # type: ignore[empty-body]
    """Return the classes of export formats this plugin provides: annx export DIR --format NAME."""


@hookspec
def annx_listeners() -> list[type[Listener]]:  # type: ignore[empty-body]
    """Return the classes of listeners this plugin provides; each hears every sweep."""


@hookspec
def annx_commands() -> list[type[Command] | click.Command]:  # type: ignore[empty-body]
    """Return the commands this plugin provides, as Command classes or click commands."""


@hookspec
def annx_libraries() -> list[type[Library]]:  # type: ignore[empty-body]
    """Return the libraries whose classes and functions this plugin makes components of, by a prefix."""
