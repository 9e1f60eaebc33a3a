"""What `annx show NAME --plot` draws: one component as a picture, with the numbers of the engine.

plot       Plot, Panel, Line, Points: what there is to see, without a word about how it is drawn
functions  activations and losses as curves with their slopes, objectives as heights of a plane
training   optimizers on a valley, schedules over steps, initializers by depth
examples   the examples of a data set
in_text    a Plot as lines of text, for a terminal
in_figure  a Plot as a Drawing, for PNG and SVG
"""

from __future__ import annotations

from anncore.contract.errors import ComponentError
from anncore.contract.kind_names import ALL_KINDS, article
from anncore.contract.registry import Registered, Registry
from anncore.engine.process import one_blas_thread, prepare_process
from anncore.evidence.sentences import joined
from anncore.report.plots.examples import plot_dataset
from anncore.report.plots.functions import plot_activation, plot_loss, plot_objective
from anncore.report.plots.plot import Plot
from anncore.report.plots.training import plot_initializer, plot_optimizer, plot_schedule

PLOTTED = {
    "activation": plot_activation,
    "loss": plot_loss,
    "optimizer": plot_optimizer,
    "schedule": plot_schedule,
    "initializer": plot_initializer,
    "objective": plot_objective,
    "dataset": plot_dataset,
}


def plot_of(registry: Registry, component: Registered) -> Plot:
    """Return the picture of a component with its default hyperparameters.

    Raises ComponentError, in one line, for a kind that has no picture, and for a component that cannot be
    drawn: an activation that mixes units, a function of three numbers.
    """
    plot = PLOTTED.get(component.kind)
    if plot is None:
        plural = {kind.name: kind.plural.replace("dataset", "data set") for kind in ALL_KINDS}
        raise ComponentError(
            f"{component.name} is {article(component.kind)} {component.kind}, and there is no plot of one. "
            f"Plots show {joined([plural[kind] for kind in PLOTTED], len(PLOTTED))}."
        )
    prepare_process()
    with one_blas_thread():
        return plot(registry, component)
