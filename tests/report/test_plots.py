"""`annx show NAME --plot`: what the pictures hold, by hand and from papers, and how they are written."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from experiment_factory import registry
from terminal import on_a_terminal

from anncore import ComponentError
from anncore.cli.group import cli
from anncore.report.plots import PLOTTED, plot_of, training
from anncore.report.plots.in_figure import in_figure
from anncore.report.plots.in_text import BRAILLE, CURVES, DOT, LABELS, in_text
from anncore.report.plots.plot import Line, Panel, Plot, Points


def plotted(kind: str, name: str) -> Plot:
    return plot_of(registry(), registry().get(kind, name))


def panel_of(kind: str, name: str) -> Panel:
    (panel,) = plotted(kind, name).panels
    return panel


def at(line: Line, x: float) -> float:
    place = int(np.argmin(np.abs(line.x - x)))
    assert math.isclose(line.x[place], x, abs_tol=1e-9)
    return float(line.y[place])


def show(*arguments: str, charset: str = "utf-8") -> Result:
    return CliRunner(charset=charset).invoke(cli, ["show", *arguments])


# What there is to see


def test_an_activation_has_its_values_and_its_slopes() -> None:
    f, slope = panel_of("activation", "sigmoid").lines
    assert (f.label, slope.label) == ("f(z)", "f'(z)")
    assert at(f, 0) == 0.5
    assert at(slope, 0) == 0.25
    assert math.isclose(at(slope, 2), math.exp(-2) / (1 + math.exp(-2)) ** 2)


def test_no_line_joins_the_sides_of_a_kink() -> None:
    f, slope = panel_of("activation", "relu").lines
    assert [at(f, z) for z in (-2, 0, 3)] == [0, 0, 3]
    assert [at(slope, z) for z in (-2, 2)] == [0, 1]
    assert math.isnan(at(slope, 0))


def test_activations_that_learn_or_draw_are_shown_as_they_start_and_in_evaluation() -> None:
    assert math.isclose(at(panel_of("activation", "prelu").lines[1], -1), 0.25)  # He et al. 2015
    assert math.isclose(
        at(panel_of("activation", "rrelu").lines[1], -1), (1 / 8 + 1 / 3) / 2
    )  # the mean slope


def test_a_loss_of_numbers_is_over_the_error() -> None:
    loss, gradient = panel_of("loss", "huber").lines
    assert [at(loss, error) for error in (-4, 0, 1)] == [3.5, 0, 0.5]
    assert [at(gradient, error) for error in (-4, 0, 0.5)] == [-1, 0, 0.5]


@pytest.mark.parametrize("name", ["binary_cross_entropy", "categorical_cross_entropy"])
def test_a_loss_of_classes_is_over_the_probability_of_the_true_one(name: str) -> None:
    panel = panel_of("loss", name)
    loss, gradient = panel.lines
    assert panel.x_label == "p, the probability of the true class"
    assert math.isclose(panel.x_range[0], 0.01, rel_tol=0.01)
    np.testing.assert_allclose(loss.y, -np.log(loss.x), rtol=1e-9)
    np.testing.assert_allclose(gradient.y, gradient.x - 1, atol=1e-12)  # dL/dz = p - 1


def test_a_loss_of_margins_is_over_the_output_and_one_without_gradient_has_none() -> None:
    loss, gradient = panel_of("loss", "hinge").lines
    np.testing.assert_allclose(loss.y, np.maximum(0, 1 - loss.x), atol=1e-12)
    assert set(np.round(gradient.y, 12)) == {-1, 0}
    assert [line.label for line in panel_of("loss", "zero_one").lines] == ["loss"]


def test_an_optimizer_takes_the_steps_that_its_formula_says() -> None:
    """Gradient descent: x ← x - lr f'(x), with f' by central differences of the heights that are drawn."""
    plot = plotted("optimizer", "sgd")
    (panel,) = plot.panels
    (line,) = panel.lines
    assert panel.heights is not None
    rate = float(re.search(r"sgd (\d+\.\d+)", plot.subtitle)[1])  # type: ignore[index]
    places, step = np.stack([line.x, line.y], axis=1), 1e-5
    for here, there in pairwise(places[:4]):
        ends = np.array([here + step * axis for axis in (*np.eye(2), *-np.eye(2))])
        heights = panel.heights(*ends.T)
        slopes = heights[:2] - heights[2:]
        moved = (there - here) / (slopes / (2 * step))
        np.testing.assert_allclose(moved, moved[0], rtol=1e-6)
        np.testing.assert_allclose(-moved[0], rate, rtol=0.05)  # the subtitle has two digits
    assert (line.x[0], line.y[0]) == (panel.points[0].x[0], panel.points[0].y[0])


def test_gradient_descent_is_the_reference_of_every_other_optimizer() -> None:
    plot = plotted("optimizer", "momentum")
    assert [line.label for line in plot.panels[0].lines] == ["momentum", "sgd"]
    assert "momentum goes down to" in plot.title
    assert "(sgd: " in plot.title
    assert "the best of 31: momentum" in plot.subtitle


def test_a_wrapped_optimizer_is_tuned_by_the_rate_inside() -> None:
    assert re.search(
        r"Learning rates are the best of 31: clip_norm [\d.]+, sgd",
        plotted("optimizer", "clip_norm").subtitle,
    )


def test_a_schedule_is_over_the_steps() -> None:
    (line,) = panel_of("schedule", "cosine").lines
    expected = (1 + np.cos(np.pi * np.arange(200) / 200)) / 2  # Loshchilov & Hutter 2017, equation 5
    np.testing.assert_allclose(line.y, expected, atol=1e-12)
    assert list(line.x[[0, -1]]) == [1, 200]


def test_a_schedule_that_watches_sees_a_loss_that_stops_falling() -> None:
    plot = plotted("schedule", "plateau")
    (line,) = plot.panels[0].lines
    cut = int(line.x[np.argmax(line.y < 1)])
    # Ten evaluations after the last that is better by a ten-thousandth are waited for; the next one cuts.
    assert 60 < cut <= 73
    assert "falls until step 60" in plot.subtitle
    assert "validation loss" not in plotted("schedule", "cosine").subtitle


def test_an_initializer_keeps_or_loses_the_spread_as_its_paper_says() -> None:
    """He et al. 2015: with ReLU the second moment stays 1, max(0, z) has mean 1/√π. Glorot halves it."""
    relu, tanh = panel_of("initializer", "he_normal").lines
    assert (relu.label, tanh.label) == ("relu", "tanh")
    assert math.isclose(relu.y[0], 1, rel_tol=0.02)
    assert math.isclose(relu.y[1], math.sqrt(1 - 1 / math.pi), rel_tol=0.05)
    relu, _ = panel_of("initializer", "glorot_normal").lines
    assert math.isclose(relu.y[16] / relu.y[1], 2 ** (-15 / 2), rel_tol=0.4)
    assert panel_of("initializer", "glorot_normal").log_y


def test_an_objective_has_its_start_its_minimum_and_its_heights() -> None:
    panel = panel_of("objective", "rosenbrock")
    start, minimum = panel.points
    assert (minimum.x[0], minimum.y[0]) == (1, 1)
    assert panel.heights is not None
    assert panel.heights(np.array([0.0, -1.0]), np.array([0.0, 1.0])).tolist() == [
        1,
        4,
    ]  # (1 - x)² + 100 (y - x²)²
    for place, (low, high) in ((start.x[0], panel.x_range), (start.y[0], panel.y_range)):
        assert low < place < high
    assert panel_of("objective", "noisy_quadratic").heights is not None  # of two arguments, without its noise


def test_a_data_set_has_its_classes_as_marks() -> None:
    panel = panel_of("dataset", "xor")
    for points in panel.points:
        other = np.sign(points.x) == np.sign(points.y)
        assert max(other.mean(), 1 - other.mean()) > 0.8  # a class has two opposite quadrants, but for noise
    assert sum(len(points.x) for points in panel.points) == 500
    iris = panel_of("dataset", "iris")
    assert [points.label for points in iris.points] == ["setosa", "versicolor", "virginica"]
    assert iris.x_label == "direction 1"
    assert panel_of("dataset", "sine").y_label == "target"


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("activation", "softmax", "not a function of each number alone"),
        ("activation", "swiglu", "not a function of each number alone"),
        ("loss", "gaussian_nll", "2 outputs for each target"),
        ("network", "mlp", "mlp is a network, and there is no plot of one"),
        ("metric", "accuracy", "accuracy is a metric, and there is no plot of one"),
        ("objective", "reddi", "reddi is a function of 1 argument; only one of two has a plot"),
        ("objective", "deep_quadratic", "deep_quadratic is a function of 100 arguments; only one of two"),
        ("dataset", "csv", "csv cannot be made from its defaults: path is missing"),
        (
            "optimizer",
            "muon",
            "There is no path of muon on quadratic: muon has nothing to update itself here",
        ),
    ],
)
def test_what_has_no_plot_says_so_in_one_line(kind: str, name: str, reason: str) -> None:
    with pytest.raises(ComponentError, match=re.escape(reason)) as error:
        plotted(kind, name)
    assert "\n" not in str(error.value)


def test_a_function_in_a_box_is_drawn_within_it() -> None:
    """McCormick's box is [-1.5, 4] x [-3, 4]."""
    panel = panel_of("objective", "mccormick")
    for (low, high), (least, most) in ((panel.x_range, (-1.5, 4)), (panel.y_range, (-3, 4))):
        assert least <= low < high <= most


# In text


def plain(lines: list[list[tuple[str, str]]]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def canvas_rows(lines: list[str], rows: int = CURVES) -> list[str]:
    """Return what stands right of the y axis."""
    return [line[LABELS + 2 :] for line in lines if re.match(rf".{{{LABELS}}} [|+]", line)][:rows]


def test_a_curve_goes_through_its_points_in_plain_characters() -> None:
    rows = canvas_rows(plain(in_text(plotted("activation", "relu"), 75, braille=False)))
    width = 75 - LABELS - 2
    assert rows[-1][: width // 2] == "*" * (width // 2)  # relu is 0 on the left
    assert rows[0].ljust(width)[-1] == "*"  # and 4, the highest, at 4
    ones = [row for row in rows if row.ljust(width)[-1] == "+"]
    assert len(ones) == 1  # its slope there is 1, a quarter of the way up
    assert rows.index(ones[0]) == round((CURVES - 1) * 3 / 4)


def test_a_curve_goes_through_its_points_in_braille() -> None:
    line = Line("rises", np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    plot = Plot("line", "A line", "", [Panel("x", "", (0, 1), (0, 1), [line])])
    rows = canvas_rows(plain(in_text(plot, 60)))
    width = 60 - LABELS - 2
    dots = np.zeros((4 * CURVES, 2 * width), bool)
    for row, text in enumerate(rows):
        for column, character in enumerate(text):
            mask = ord(character) - BRAILLE
            if mask > 0:
                dots[4 * row : 4 * row + 4, 2 * column : 2 * column + 2] = (DOT & mask) > 0
    up = 4 * CURVES - 1 - np.argmax(dots[:, 1:-1], axis=0)  # faint axes lie in the first column and last row
    expected = (np.arange(1, 2 * width - 1) + 0.5) / (2 * width) * 4 * CURVES - 0.5
    assert np.abs(up - expected).max() <= 1


def test_two_lines_differ_without_colour_too() -> None:
    level = [Line(label, np.array([0.0, 1.0]), np.array([y, y])) for label, y in (("one", 0.9), ("two", 0.3))]
    plot = Plot("lines", "Two lines", "", [Panel("x", "", (-0.1, 1.1), (0, 1), level)])
    lines = plain(in_text(plot, 60))
    whole, dashed = (
        next(row for row in canvas_rows(lines) if len(row.strip()) > 20 and mark(row))
        for mark in (
            lambda row: " " not in row.strip() and chr(BRAILLE) not in row.strip(),
            lambda row: " " in row.strip(),
        )
    )
    assert canvas_rows(lines).index(whole) < canvas_rows(lines).index(dashed)
    assert "⠒⠒⠒ one   ⠒⠒⠀ two" in "\n".join(lines)


def test_marks_lie_where_the_points_are() -> None:
    points = [
        Points("low", np.array([0.0]), np.array([0.0]), "class", 0),
        Points("start", np.array([1.0]), np.array([1.0]), "start"),
    ]
    plot = Plot("points", "Points", "", [Panel("a", "b", (0, 1), (0, 1), points=points)])
    lines = plain(in_text(plot, 60, braille=False))
    rows = canvas_rows(lines, 21)
    assert rows[0].rstrip().endswith("S")
    assert len(rows[0].rstrip()) == 60 - LABELS - 2
    assert rows[-1].startswith("o")
    assert "a, b upwards" in lines[-1]


@pytest.mark.slow
def test_every_component_is_drawn_or_says_why_not_at_every_width(monkeypatch: pytest.MonkeyPatch) -> None:
    # A few rates and steps: a path is drawn the same way however good it is.
    monkeypatch.setattr(training, "RATES", {"log": [1e-4, 1e1], "num": 6})
    monkeypatch.setattr(training, "STEPS", 20)
    drawn: set[str] = set()
    refusals: dict[str, str] = {}
    for component in registry().components:
        try:
            plot = plot_of(registry(), component)
        except ComponentError as error:
            refusals[component.name] = str(error)
            continue
        drawn.add(component.kind)
        for columns, braille in ((40, True), (300, False)):
            lines = plain(in_text(plot, columns, braille=braille))
            assert max(map(len, lines)) <= min(columns, 100), component.full_name
            assert not any("nan" in line.split() for line in lines), component.full_name
    assert drawn == set(PLOTTED)
    assert all(name in reason and "\n" not in reason for name, reason in refusals.items())


# As a figure


@pytest.mark.parametrize(("kind", "name"), [("activation", "tanh"), ("initializer", "glorot_normal")])
def test_the_axes_of_a_figure_hold_the_lines(kind: str, name: str) -> None:
    plot = plotted(kind, name)
    drawing = in_figure(plot)
    (ax,) = drawing.figure.axes
    (panel,) = plot.panels
    lines = {line.get_label(): line for line in ax.lines}
    for line in panel.lines:
        np.testing.assert_array_equal(lines[line.label].get_xdata(), line.x)
        np.testing.assert_array_equal(lines[line.label].get_ydata(), line.y)
    assert ax.get_xlim() == panel.x_range
    assert ax.get_yscale() == ("log" if panel.log_y else "linear")
    assert drawing.title == plot.title
    assert [text.get_text() for text in ax.get_legend().get_texts()] == [line.label for line in panel.lines]


def test_the_axes_of_a_figure_hold_path_marks_and_contours() -> None:
    plot = plotted("optimizer", "momentum")
    (ax,) = in_figure(plot).figure.axes
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["momentum", "sgd", "start", "minimum"]
    (image,) = ax.images
    bands = np.asarray(image.get_array())[..., 3]
    assert len(np.unique(bands)) > 8
    lowest = np.unravel_index(bands.argmin(), bands.shape)
    left, right, bottom, top = image.get_extent()
    assert abs(left + (lowest[1] + 0.5) / 240 * (right - left)) < 0.5  # around the minimum at 0, 0
    assert abs(bottom + (lowest[0] + 0.5) / 240 * (top - bottom)) < 0.5


# On the command line


def test_plot_draws_below_the_text_also_where_no_terminal_is() -> None:
    for arguments in (("relu", "--plot"), ("--plot", "relu"), ("--plot", "--kind", "activation", "relu")):
        shown = show(*arguments)
        assert shown.exit_code == 0, shown.output
        assert "From annx" in shown.stdout.partition("⠒⠒⠒ f(z)")[0]
        assert "⠒⠒⠒ f(z)   ⠒⠒⠀ f'(z)" in shown.stdout


@pytest.mark.parametrize("charset", ["ascii", "cp1252", "gbk"])
def test_an_encoding_without_braille_gets_plain_characters(charset: str) -> None:
    shown = show("relu", "--plot", charset=charset)
    drawn = shown.stdout_bytes.decode(charset).partition("***")[2]
    assert "+++ f'(z)" in drawn
    assert "?" not in drawn


@pytest.mark.parametrize("ending", [".png", ".svg", ".PNG"])
def test_plot_writes_a_file_of_the_asked_form(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "new folder" / f"relu{ending}"
    shown = show("relu", "--plot", str(file))
    assert (shown.exit_code, shown.stdout.strip()) == (0, str(file))
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG") if ending != ".svg" else b"<svg" in content
    assert show("relu", "--plot", str(file)).exit_code == 0
    assert file.read_bytes() == content  # the same bytes again


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("relu", "--plot", "relu.jpg"), "--plot writes a file that ends in .png or .svg, got 'relu.jpg'"),
        (("relu", "--plot", "--json"), "--json and --plot without a FILE exclude each other"),
        (("--plot",), "Missing argument 'NAME'"),
        ((), "Missing argument 'NAME'"),
        (("mlp", "--plot", "mlp.png"), "mlp is a network, and there is no plot of one"),
    ],
)
def test_what_cannot_be_plotted_ends_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    shown = show(*arguments)
    assert shown.exit_code == 2
    assert message in shown.stderr
    assert len(shown.stderr.strip().splitlines()) == 1
    assert not Path("mlp.png").exists()


def test_json_goes_together_with_a_file(tmp_path: Path) -> None:
    shown = show("relu", "--json", "--plot", str(tmp_path / "relu.svg"))
    assert shown.stdout.startswith("{")
    assert (tmp_path / "relu.svg").exists()


@pytest.mark.slow
def test_colours_are_for_terminals_that_want_them() -> None:
    assert "\x1b[34m⠒⠒⠒ f(z)" in on_a_terminal("show", "relu", "--plot")
    narrow = on_a_terminal("show", "relu", "--plot", NO_COLOR="1", COLUMNS="60")
    assert "\x1b" not in narrow
    assert max(map(len, narrow.splitlines())) <= 60


# A step of training


def test_a_step_is_drawn_forward_and_backward_with_its_numbers(tmp_path: Path) -> None:
    from anncore import load_experiment
    from anncore.report.explain.content import Wish, explain
    from anncore.report.explain.figure import step_figure

    course = Path(__file__).parents[2] / "experiments" / "course" / "02_xor.toml"
    content = explain(load_experiment(course, registry=registry()), Wish(1, 1, None, 5)).content
    forward, backward = step_figure(content).figure.axes
    texts = [[text.get_text() for text in ax.texts] for ax in (forward, backward)]
    # By hand: tanh 0.6, tanh 0.1, σ(0.25246); delta, delta times tanh 0.6; delta 0.6 (1 - tanh² 0.6).
    assert {"forward", "0.537", "0.0997", "0.563", "0.6", "-0.7", "0.5", "-0.4", "b1[1] 0.1"} <= set(texts[0])
    assert {"backward", "-0.437", "-0.235", "-0.187", "delta2[1]"} <= set(texts[1])
    assert len(forward.patches) == len(backward.patches) == 5  # units
    assert len(forward.lines) == len(backward.lines) == 6  # connections
    file = tmp_path / "step.svg"
    shown = CliRunner().invoke(cli, ["explain", str(course), "--plot", str(file)])
    assert (shown.exit_code, shown.stdout) == (0, f"Written: {file}\n")
    assert b"<svg" in file.read_bytes()


def test_a_step_of_a_network_that_is_too_large_is_not_drawn(tmp_path: Path) -> None:
    file = tmp_path / "step.svg"
    course = Path(__file__).parents[2] / "experiments" / "course" / "09_over_fitting.toml"
    shown = CliRunner().invoke(
        cli, ["explain", str(course), "--only", "optimizer=plain", "--plot", str(file)]
    )
    assert shown.exit_code == 2
    assert len(shown.stderr.strip().splitlines()) == 1
    assert not file.exists()
