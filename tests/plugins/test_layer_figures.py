"""What was watched layer by layer, judged by what the axes hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from lazy_report import LazyReport
from results_factory import asked, make_results
from shipped import REGISTRY

from anncore import Drawing, FigureInput, WatchingMetric
from anncore.contract.registry import Registered, Registry
from anncore.contract.trial import Train
from anncore.evidence import layer_frame, layer_grids
from anncore.report.build import build_report, plain
from anncore.report.drawing import PHONE, WIDE, Theme, drawing_style, text_width
from anncore.report.drawing.layers import step_places
from anncore.report.write import draw_figures, figure_input

STEPS = (0, 10, 100, 1000)
NAMES = ("layer_health", "layer_scales")
Value = Callable[[str, str, int, int, int], float]
"""A value from problem, arm, seed, layer and step."""


class Alive(WatchingMetric):
    """Share of the units that are alive. More of it is better."""

    name: ClassVar[str] = "alive_units"
    goal: ClassVar[str] = "max"
    bounds: ClassVar[str] = "[0, 1]"
    tasks: ClassVar[tuple[str, ...]] = ()


class Angle(WatchingMetric):
    """Angle to the step before, in degrees.

    Nothing else.
    """

    name: ClassVar[str] = "angle"
    goal: ClassVar[str] = "min"
    bounds: ClassVar[str] = "[0, 180]"
    tasks: ClassVar[tuple[str, ...]] = ()


STRANGE = {cls.name: Registered("metric", cls.name, cls, "x", "1", "x") for cls in (Alive, Angle)}


def watching(layers: int = 3, unfinished: int = 2, **values: Any) -> Any:
    """Return a sweep in which metrics watched: their values, as `Value`; other options for make_results."""
    watched = {name: values.pop(name) for name in list(values) if callable(values[name]) and name != "status"}
    given = {
        "arms": ("relu", "tanh"),
        "problems": ("sine", "xor"),
        "seeds": range(10, 16),
        "tune_seeds": (0, 1),
    }
    results = make_results(**{**given, "steps": 100, **values})
    trials = results.trials[results.trials["phase"] == "report"]
    rows = [results.curves]
    for trial in trials[trials["status"].isin(["ok", "diverged"])].to_dict("records"):
        steps = STEPS if trial["status"] == "ok" else STEPS[:unfinished]
        for name, value in watched.items():
            for layer in range(1, layers + 1):
                values_of_layer = [
                    value(trial["problem"], trial["arm"], trial["seed"], layer, step) for step in steps
                ]
                column = f"train_{name}.{layer}"
                rows.append(
                    pd.DataFrame(
                        {"key": trial["key"], "step": steps, "metric": column, "value": values_of_layer}
                    )
                )
    results = replace(results, curves=pd.concat(rows, ignore_index=True))
    registry = Registry((*REGISTRY.components, *STRANGE.values()), REGISTRY.plugins)
    return asked(results, train=Train(steps=STEPS[-1], watch=tuple(watched)), registry=registry)


def draw(results: Any, width: float = WIDE) -> dict[str, Drawing]:
    report, drawings = LazyReport(results), {}
    data = replace(figure_input(results, report), width=width)
    for component, drawing in draw_figures(results, report, data, only=NAMES):
        assert isinstance(drawing, Drawing), drawing
        drawings[component.name] = drawing
    return drawings


def texts(holder: Any) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in holder.findobj(Text) if text.get_text()]


def panels(drawing: Drawing) -> dict[str, Any]:
    """Return the panels by their titles; of several rows the last."""
    return {ax.get_title(loc="left"): ax for ax in drawing.figure.axes if ax.get_title(loc="left")}


def colors(ax: Any) -> list[list[str]]:
    """Return the colours of each layer's bars, from the first layer on."""
    from matplotlib.colors import to_hex

    return [[to_hex(color) for color in bars.get_facecolor()] for bars in ax.collections]


def dying(problem: str, arm: str, seed: int, layer: int, step: int) -> float:
    """Only relu dies, on xor most, in deep layers, with time: 3 of 4 units in layer 3 at the end."""
    return 0.25 * layer * (step / 1000) * (arm == "relu") * (1 if problem == "xor" else 0.5)


def vanishing(problem: str, arm: str, seed: int, layer: int, step: int) -> float:
    """tanh loses a factor of 100 from the last layer to the first, and of 10^0.8 = 6.3 at the end."""
    return 10.0 ** ((layer - 3) * (1 if step < 1000 else 0.4)) if arm == "tanh" else 1.0


def test_a_share_is_coloured_by_layer_and_step_and_its_last_value_written() -> None:
    drawing = draw(watching(dead_units=dying))["layer_health"]
    assert drawing.title == "relu: 75 % dead units in layer 3 on xor at the end of training"
    assert "dead units on xor, relu: 25 %, 50 %, 75 %; dead units on xor, tanh: 0 %, 0 %, 0 %." in drawing.alt
    relu = panels(drawing)["relu"]
    ramp = Theme().ramp
    # 0, 0.75 %, 7.5 % and 75 %: of sixteen colours the first for three evaluations and 7.5 %, the thirteenth
    assert colors(relu)[2] == [ramp[0], ramp[1], ramp[12]]
    # tanh's panels would be of one colour: it is named, and both of relu's stand in one line.
    assert "Not drawn, as every layer stays at the pale end of the scale: tanh." in drawing.subtitle
    assert [ax.get_title(loc="left") for ax in drawing.figure.axes[:2]] == ["relu", "relu"]
    assert len({round(ax.get_position().y0, 6) for ax in drawing.figure.axes[:2]}) == 1
    written = [text.get_text() for text in relu.texts if "%" in text.get_text()]
    assert written == ["25 %", "50 %", "75 %"]
    assert [text.get_color() for text in relu.texts if "%" in text.get_text()] == [
        Theme().text_on(level) for level in (4, 8, 12)
    ]


def test_definitions_are_printed_as_the_metric_says_them() -> None:
    drawing = draw(watching(dead_units=dying, saturated_units=dying))["layer_health"]
    assert (
        "Share of dead hidden units: their activation is 0 on every example of the sample. "
        "Share of saturated hidden units: |f'(z)| < 0.01 on at least 95 % of the examples "
        "of the sample. Colour, and number at the last step: median over 6 seeds."
    ) in drawing.subtitle
    assert drawing.title == (
        "relu: 75 % dead units and 75 % saturated units in layer 3 on xor at the end of training"
    )


def test_where_nothing_dies_the_title_says_so() -> None:
    drawing = draw(watching(dead_units=lambda *_: 0.0, saturated_units=dying))["layer_health"]
    assert drawing.title == (
        "No layer has dead units; relu: 75 % saturated units in layer 3 on xor at the end of training"
    )


def test_colours_end_where_there_is_nothing_more_to_see() -> None:
    """Of at most 20 % dead units the colours span 25 %: 20 % lie at four fifths of the ramp."""
    drawing = draw(watching(dead_units=lambda p, arm, s, layer, t: 0.2 * (layer == 3) * (arm == "relu")))
    ax = panels(drawing["layer_health"])["relu"]
    assert colors(ax)[2] == [Theme().ramp[int(0.8 * 16)]]
    assert {"0 %", "12 %", "25 %"} <= set(texts(drawing["layer_health"].figure))


def test_sizes_lie_over_the_layers_from_the_last_to_the_first() -> None:
    drawing = draw(watching(gradient_norm=vanishing))["layer_scales"]
    assert drawing.title == (
        "tanh: gradient norm in layer 1 is 1/100 of that in layer 3 at the start of training on sine, "
        "0.16 times it at the end; 1/10 or less on 2 of 2 data sets"
    )
    assert list(panels(drawing)) == ["sine, step 0", "sine, step 1000", "xor, step 0", "xor, step 1000"]
    start, end = panels(drawing)["xor, step 0"], panels(drawing)["xor, step 1000"]
    assert [label.get_text() for label in start.get_xticklabels()] == ["3", "2", "1"]
    lines = {line.get_label(): list(line.get_ydata()) for line in start.lines}
    assert lines["relu"] == [1, 1, 1]
    assert lines["tanh"] == pytest.approx([1, 0.1, 0.01])
    lines = {line.get_label(): list(line.get_ydata()) for line in end.lines}
    assert lines["tanh"] == pytest.approx([1, 10**-0.4, 10**-0.8])
    assert {"1/100", "1"} <= set(texts(start))
    assert "0.16" in texts(end)
    assert start.get_ylim() == end.get_ylim()
    assert "xor, tanh: 1/100 → 0.16" in drawing.alt


def test_what_explodes_is_told_as_what_vanishes() -> None:
    drawing = draw(watching(gradient_norm=lambda p, a, s, layer, t: 50.0 ** (3 - layer)))["layer_scales"]
    assert drawing.title == (
        "relu: gradient norm in layer 1 is 2500 times that in layer 3 at the start of training on sine, "
        "2500 times it at the end; 10 times or more on 2 of 2 data sets"
    )


def test_a_ratio_is_counted_on_the_data_sets_where_it_is_as_far() -> None:
    def only_on_xor(problem: str, arm: str, seed: int, layer: int, step: int) -> float:
        return 10.0 ** ((layer - 3) * (2 if problem == "xor" else -1 if problem == "sine" else 0.1))

    options = {"problems": ("sine", "xor", "iris")}
    drawing = draw(watching(gradient_norm=only_on_xor, **options))["layer_scales"]
    # 1/10000 on xor; 100 on sine and 0.63 on iris are nothing of the sort.
    assert drawing.title.endswith("on xor, 1/10000 of it at the end; 1/10 or less on 1 of 3 data sets")
    assert "1/10000" in [text for ax in drawing.figure.axes for text in texts(ax)]  # not cut short


def test_layers_of_a_size_are_no_finding() -> None:
    drawing = draw(watching(gradient_norm=lambda p, a, s, layer, t: 2.0**layer))["layer_scales"]
    assert drawing.title == (
        "Between layers 1 and 3 gradient norm differs by less than a factor of 10 for every arm, at the "
        "start and at the end of training"
    )


def test_a_strangers_metric_is_drawn_as_its_bounds_and_goal_say() -> None:
    drawn = draw(
        watching(
            alive_units=lambda p, arm, s, layer, t: 1 - dying(p, arm, s, layer, t),
            angle=lambda p, arm, s, layer, t: 45.0 * layer,
        )
    )
    assert set(drawn) == {"layer_health"}
    drawing = drawn["layer_health"]
    # Of 3/4 dead a quarter is alive, which is the worst; of an angle 135 of 180 degrees.
    assert drawing.title == (
        "relu: 25 % alive units in layer 3 on xor; relu: angle 135 in layer 3 on sine at the end of training"
    )
    assert (
        "Share of the units that are alive. More of it is better. Angle to the step before, in degrees."
        in (drawing.subtitle)
    )
    assert {"100 %", "50 %", "0 %", "0", "90", "180"} <= set(texts(drawing.figure))


def test_the_median_is_over_seeds_that_finished_and_the_others_are_counted() -> None:
    def status(problem: str, arm: str, seed: int) -> str:
        return "diverged" if arm == "relu" and seed < 12 else "ok"

    def by_seed(problem: str, arm: str, seed: int, layer: int, step: int) -> float:
        return {12: 0.1, 13: 0.2, 14: 0.4, 15: 0.9}.get(seed, 1.0)

    drawing = draw(watching(dead_units=by_seed, status=status, problems=("xor",)))["layer_health"]
    assert "×k/n: k of n seeds did not finish and are left out." in drawing.subtitle
    ax = panels(drawing)["relu ×2/6"]
    assert [text for text in texts(ax) if "%" in text] == ["30 %"] * 3  # halfway from 0.2 to 0.4
    assert " on " not in drawing.title  # there is but one data set


def test_an_arm_of_which_no_seed_finished_is_counted_and_has_no_line() -> None:
    results = watching(
        dead_units=dying, gradient_norm=vanishing, status=lambda p, arm, s: _lost(arm == "relu")
    )
    drawings = draw(results)
    ax = panels(drawings["layer_health"])["relu ×6/6"]
    assert "diverged\n6/6" in texts(ax)
    assert [patch.get_hatch() for patch in ax.patches] == ["////"]
    ax = panels(drawings["layer_scales"])["xor, step 0"]
    assert "relu ×6/6" in texts(ax)
    assert "relu" not in [line.get_label() for line in ax.lines]


def _lost(yes: bool) -> str:
    return "diverged" if yes else "ok"


def test_of_many_data_sets_and_arms_the_worst_are_shown_and_counted() -> None:
    arms, problems = tuple(f"arm {i}" for i in range(12)), tuple(f"set {i}" for i in range(10))

    def worse(problem: str, arm: str, seed: int, layer: int, step: int) -> float:
        # arm 11 on set 9 is the worst of all
        return (int(arm[4:]) + 12 * int(problem[4:]) + 1) / 200 * (layer == 3)

    options = {"arms": arms, "problems": problems, "seeds": (1, 2), "tune_seeds": (), "rates": (0.1,)}
    drawing = draw(watching(dead_units=worse, **options))["layer_health"]
    assert drawing.title == "arm 11: 60 % dead units in layer 3 on set 9 at the end of training"
    assert "Shown: 2 of 10 data sets and 8 of 12 arms" in drawing.subtitle
    assert list(panels(drawing)) == [f"arm {i}" for i in range(4, 12)]
    shown = [text for text in texts(drawing.figure) if text.startswith("dead units on")]
    assert shown == ["dead units on set 8", "dead units on set 9"]


def test_where_nothing_is_watched_nothing_is_drawn() -> None:
    assert draw(make_results(arms=("a", "b"), problems=("xor",), seeds=(1, 2))) == {}


LONG = "mlp(hidden=[256, 256, 256], activation=leaky_relu) with a name that goes on and on"
HARD: dict[str, Callable[[], Any]] = {
    "one arm": lambda: watching(dead_units=dying, gradient_norm=vanishing, arms=("relu",)),
    "one seed": lambda: watching(dead_units=dying, gradient_norm=vanishing, seeds=(1,), tune_seeds=()),
    "one layer": lambda: watching(1, dead_units=dying, gradient_norm=vanishing),
    "forty layers": lambda: watching(
        40, dead_units=lambda *_: 0.3, gradient_norm=lambda p, a, s, layer, t: 0.1**layer
    ),
    "all diverged": lambda: watching(dead_units=dying, gradient_norm=vanishing, status=lambda *_: "diverged"),
    "all failed": lambda: watching(dead_units=dying, gradient_norm=vanishing, status=lambda *_: "failed"),
    "not defined": lambda: watching(saturated_units=lambda *_: math.nan, gradient_norm=lambda *_: math.nan),
    "all zero": lambda: watching(dead_units=lambda *_: 0.0, gradient_norm=lambda *_: 0.0),
    "first layer zero": lambda: watching(gradient_norm=lambda p, a, s, layer, t: float(layer > 1)),
    "tiny and huge": lambda: watching(gradient_norm=lambda p, a, s, layer, t: 1e-30 if layer < 2 else 1e30),
    "infinite": lambda: watching(gradient_norm=lambda p, a, s, layer, t: math.inf),
    "long names": lambda: watching(dead_units=dying, gradient_norm=vanishing, arms=(LONG, LONG + "!")),
    "hostile names": lambda: watching(dead_units=dying, arms=("<script>", "$\\alpha^{"), problems=("_{",)),
    "stopped early": lambda: watching(unfinished=1, dead_units=dying, gradient_norm=vanishing),
}


@pytest.mark.parametrize("width", [WIDE, PHONE])
@pytest.mark.parametrize("name", HARD)
def test_hard_cases_break_no_figure(name: str, width: float) -> None:
    for drawing in draw(HARD[name](), width).values():
        with drawing_style():
            drawing.figure.draw_without_rendering()
        assert drawing.figure.get_figwidth() <= width + 0.01
        for text in (drawing.title, drawing.subtitle, drawing.alt, *texts(drawing.figure)):
            assert not re.search(r"\b(nan|inf)\b", text, re.IGNORECASE), text
            assert not re.search(r"\b1 (seeds|data sets|arms)\b", text), text
        for ax in drawing.figure.axes:  # no title runs into the next panel
            room = ax.get_position().width * drawing.figure.get_figwidth()
            assert text_width(ax.get_title(loc="left"), 8.5, "bold") <= room + 0.01


def test_frames_have_layers_in_their_order_and_early_stoppers_keep_their_last_value() -> None:
    results = watching(11, dead_units=lambda p, a, s, layer, step: layer / 100 + step / 1e6)
    frame = layer_frame(results, "dead_units")
    assert list(frame.columns) == ["problem", "arm", "seed", "status", "layer", "step", "value"]
    assert list(dict.fromkeys(frame["layer"])) == [str(i) for i in range(1, 12)]
    assert len(frame) == 2 * 2 * 6 * 11 * 4
    gone = (results.curves["step"] > 100) & results.curves["metric"].str.startswith("train_dead")
    first = results.trials.loc[(results.trials["phase"] == "report").idxmax(), "key"]
    results = replace(results, curves=results.curves[~(gone & (results.curves["key"] == first))])
    grid = layer_grids(results, "dead_units")["sine", "relu"]
    assert grid.values.shape == (6, 11, 4)
    np.testing.assert_allclose(grid.values[0, 2], [0.03, 0.03001, 0.0301, 0.0301])
    np.testing.assert_allclose(grid.median[2], [0.03, 0.03001, 0.0301, 0.031])


def test_a_metric_without_layers_has_one_for_the_whole_network() -> None:
    results = watching(dead_units=dying)
    results.curves["metric"] = results.curves["metric"].replace("train_dead_units.2", "train_dead_units")
    results = replace(results, curves=results.curves[~results.curves["metric"].str.contains(r"\.")])
    assert set(layer_frame(results, "dead_units")["layer"]) == {""}
    title = draw(results)["layer_health"].title
    assert title == "relu: 50 % dead units on xor at the end of training"
    assert len(layer_frame(results, "dead_unit")) == 0  # no metric's name is another one's beginning


def test_the_report_says_what_was_watched() -> None:
    report = plain(build_report(watching(gradient_norm=vanishing, angle=vanishing), {}))
    assert report["watched"] == [
        {
            "metric": "gradient_norm",
            "goal": "min",
            "low": 0.0,
            "high": None,
            "definition": "Euclidean length of the training loss's gradient, of each layer's weights and of "
            "all weights together.",
        },
        {
            "metric": "angle",
            "goal": "min",
            "low": 0.0,
            "high": 180.0,
            "definition": "Angle to the step before, in degrees.",
        },
    ]


@pytest.mark.parametrize(
    ("steps", "places", "edges"),
    [
        ([0, 10, 100], [0, 1, 2], [-0.5, 0.5, 1.5, 2.5]),  # step 0 as far before 10 as 100 lies after it
        ([0, 100], [5 / 3, 2], [1.5, 11 / 6, 13 / 6]),  # a third of a decade
        ([0, 10, 12], [2 / 3, 1, math.log10(12)], None),
        ([0], [0], [-0.5, 0.5]),
        ([10], [1], [0.5, 1.5]),
    ],
)
def test_step_0_has_a_place_on_a_log_scale(steps: list[int], places: Any, edges: Any) -> None:
    place, cells = step_places(np.array(steps))
    np.testing.assert_allclose(place, places)
    assert len(cells) == len(steps) + 1
    if edges is not None:
        np.testing.assert_allclose(cells, edges)


def test_an_input_without_a_report_of_what_was_watched_draws_nothing() -> None:
    results = watching(dead_units=dying)
    report = build_report(results, {})
    del report["watched"]
    data = FigureInput(results.trials.assign(label=results.trials["arm"]), results.curves, report, Theme())
    for component in REGISTRY.of_kind("figure"):
        if component.name in NAMES:
            assert isinstance(component.cls().draw(data), str)
