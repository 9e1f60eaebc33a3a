"""Paths over contours: what the axes hold, by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lazy_report import LazyReport
from results_factory import make_results

from anncore import Drawing, sweep
from anncore.evidence.study import Study
from anncore.experiment import load_experiment
from anncore.report.components import objectives_of
from anncore.report.drawing import drawing_style, to_svg
from anncore.report.write import draw_figures

HEAD = """
vary = ["optimizer"]
[train]
steps = 20
eval_every = 1
dtype = "float64"
[seeds]
tune = [0]
report = [1, 2, 3]
"""
BOWL = """
[objective.bowl]
use = "quadratic"
condition = 4
spread = 0.1
"""


def ran(tmp_path: Path, text: str, *, tuned: bool = True) -> Any:
    file = tmp_path / "paths.toml"
    # Of an arm whose tuning trials all diverge no configuration is chosen, and so no path is kept.
    file.write_text((HEAD if tuned else HEAD.replace("tune = [0]\n", "")) + text)
    return sweep(load_experiment(file), out=tmp_path / "out", executor="serial")


def draw(results: Any) -> Drawing | None:
    for component, drawing in draw_figures(results, LazyReport(results), only=("trajectories",)):
        assert component.name == "trajectories"
        assert isinstance(drawing, Drawing), drawing
        return drawing
    return None


def drawn(results: Any) -> Drawing:
    drawing = draw(results)
    assert drawing is not None
    return drawing


def line(ax: Any, label: str) -> Any:
    return next(artist for artist in ax.lines if artist.get_label() == label)


def words(ax: Any) -> str:
    return " / ".join(text.get_text() for text in ax.texts)


def test_a_path_leads_from_the_start_to_the_minimum_of_the_function(tmp_path: Path) -> None:
    """Descent with lr 1/4 on h = (1, 4) leaves 3/4 of x₁ at each step and nothing of x₂."""
    drawing = drawn(ran(tmp_path, BOWL + "[optimizer.sgd]\nlr = [0.25, 10.0]\n"))
    (ax,) = drawing.figure.axes
    x, y = line(ax, "sgd").get_data()
    assert len(x) == 21
    np.testing.assert_allclose(x[1:] / x[:-1], 0.75, rtol=1e-9)
    np.testing.assert_allclose(y[1:], 0, atol=1e-15)
    assert abs(x[0] + 1) < 0.5
    assert abs(y[0] - 1) < 0.5
    cross = next(artist for artist in ax.lines if artist.get_marker() == "P")
    np.testing.assert_array_equal(np.ravel(cross.get_data()), [0, 0])
    assert "lr 0.25 · f = " in words(ax)
    assert "1 of 2 rates diverge" in words(ax)  # beyond 2 / 4 descent grows
    assert drawing.title == "sgd ends lowest on bowl; no arm reaches a minimum"  # 0.75⁴⁰ is 1e-5


def test_the_minimum_is_reached_at_a_millionth(tmp_path: Path) -> None:
    """With lr 1/2 half of x₁ is left: after 20 steps f has fallen by 4²⁰ = 1e12."""
    text = BOWL.replace("4", "2") + "[optimizer.sgd]\nlr = 0.5\n[optimizer.slow]\nuse = 'sgd'\nlr = 0.01\n"
    drawing = drawn(ran(tmp_path, text))
    assert drawing.title == "sgd reaches the minimum of bowl"
    assert "diverge" not in "".join(map(words, drawing.figure.axes))  # nothing was tuned


def test_every_function_has_a_row_of_its_own_and_every_arm_a_column(tmp_path: Path) -> None:
    text = BOWL + "[objective.rosenbrock]\n[optimizer.sgd]\nlr = 0.001\n[optimizer.adam]\nlr = 0.1\n"
    axes = drawn(ran(tmp_path, text)).figure.axes
    assert [ax.get_title(loc="left") for ax in axes] == ["sgd", "adam"] * 2
    assert [axes[i].get_ylabel() for i in (0, 2)] == ["bowl", "rosenbrock"]
    assert axes[0].get_xlim() == axes[1].get_xlim() != axes[2].get_xlim()
    starts = [
        tuple(np.ravel(line(ax, ax.get_title(loc="left")).get_data()).reshape(2, -1)[:, 0]) for ax in axes
    ]
    assert starts[0] == starts[1]
    assert starts[2] == starts[3] == (-1.2, 1.0)


def test_contours_are_bands_of_equal_height_in_the_logarithm(tmp_path: Path) -> None:
    """On a round bowl log f = 2 log r + c: bands along a ray grow by one and the same factor in r."""
    results = ran(tmp_path, BOWL.replace("4", "1") + "[optimizer.sgd]\nlr = 0.1\n")
    (ax,) = drawn(results).figure.axes
    (image,) = ax.images
    alpha = np.asarray(image.get_array())[..., 3]
    left, right, low, high = image.get_extent()
    row = int(-low / (high - low) * len(alpha))
    x = left + (np.arange(alpha.shape[1]) + 0.5) / alpha.shape[1] * (right - left)
    ray = alpha[row][x < -0.05][::-1]
    radius = -x[x < -0.05][::-1]
    ends = radius[np.flatnonzero(np.diff(np.maximum.accumulate(ray.astype(int))) > 2)]
    factors = ends[1:] / ends[:-1]
    assert len(factors) > 4
    assert factors.max() / factors.min() < 1.25  # as fine as the pixels are


def test_a_diverged_path_ends_in_a_cross_inside_the_window(tmp_path: Path) -> None:
    text = BOWL + "[optimizer.sgd]\nlr = 0.25\n[optimizer.wild]\nuse = 'sgd'\nlr = 1e30\n"
    drawing = drawn(ran(tmp_path, text, tuned=False))
    calm, wild = drawing.figure.axes
    assert calm.get_xlim() == wild.get_xlim()
    assert -3 < calm.get_xlim()[0] < calm.get_xlim()[1] < 3
    (mark,) = [artist for artist in wild.lines if artist.get_marker() == "x"]
    x, y = (float(artist[0]) for artist in mark.get_data())
    assert wild.get_xlim()[0] <= x <= wild.get_xlim()[1]
    assert wild.get_ylim()[0] <= y <= wild.get_ylim()[1]
    assert "diverged at step" in words(wild)
    assert "3 of 3 seeds diverged" in words(wild)


def test_where_every_path_diverges_the_title_says_so(tmp_path: Path) -> None:
    drawing = drawn(ran(tmp_path, BOWL + "[optimizer.sgd]\nlr = 1e30\n", tuned=False))
    assert drawing.title == "Every path diverges on bowl"


def test_a_noisy_function_is_drawn_by_its_mean(tmp_path: Path) -> None:
    text = "[objective.noisy_quadratic]\ndimensions = 2\n[optimizer.sgd]\nlr = 0.1\n"
    drawing = drawn(ran(tmp_path, text))
    assert len(drawing.figure.axes[0].images) == 1
    assert drawing.title == "sgd ends lowest on noisy_quadratic; no arm reaches a minimum"


def test_functions_of_more_arguments_are_left_out(tmp_path: Path) -> None:
    assert draw(ran(tmp_path, "[objective.rosenbrock]\ndimensions = 3\n[optimizer.sgd]\n")) is None


def test_on_data_sets_there_are_no_paths() -> None:
    assert draw(make_results(problems=("xor",), seeds=(100,), tune_seeds=())) is None


@pytest.mark.parametrize("arms", [1, 6, 20])
def test_many_arms_wrap_and_the_rest_is_named(tmp_path: Path, arms: int) -> None:
    entries = "".join(f"[optimizer.arm_{i}]\nuse = 'sgd'\nlr = {0.01 * (i + 1)}\n" for i in range(arms))
    drawing = drawn(ran(tmp_path, BOWL + entries))
    axes = drawing.figure.axes
    assert len(axes) == (7 if arms == 20 else arms)  # the theme has colours for seven beside grey ones
    assert ("Not drawn: arm_" in drawing.subtitle) == (arms == 20)
    assert len({round(ax.get_position().y0, 3) for ax in axes}) == (1 if arms == 1 else 2)
    with drawing_style():
        assert "<image" in to_svg(drawing.figure)


def test_the_seed_shown_is_the_median_s(tmp_path: Path) -> None:
    results = ran(tmp_path, BOWL + "[optimizer.sgd]\nlr = 0.1\n[optimizer.adam]\nlr = 0.1\n")
    trials = results.trials[results.trials["phase"] == "report"]
    table = trials.pivot_table(index="seed", columns="arm", values="test_loss")
    middle = {arm: set(column[column == column.median()].index) for arm, column in table.items()}
    starts = results.curves[(results.curves["step"] == 0) & (results.curves["metric"] == "x.1")]
    first = starts.merge(trials[["key", "seed", "arm"]], on="key").set_index(["seed", "arm"])["value"]
    shown = line(drawn(results).figure.axes[0], "sgd").get_xdata()[0]
    (seed,) = {int(s) for s, _ in first[first == shown].index}
    assert seed in middle["sgd"] | middle["adam"]


def test_an_objective_comes_with_the_values_of_its_problem(tmp_path: Path) -> None:
    results = ran(tmp_path, BOWL.replace("= 4", "= [4, 9]") + "[optimizer.sgd]\n")
    objectives = objectives_of(Study(results))
    assert {name: objective.condition for name, objective in objectives.items()} == {
        "bowl condition=4": 4,
        "bowl condition=9": 9,
    }
    assert all(objective.spread == 0.1 for objective in objectives.values())


def test_an_objective_without_a_known_minimum_is_measured_from_the_lowest_value(tmp_path: Path) -> None:
    plugin = tmp_path / "tilted.py"
    plugin.write_text(TILTED)
    head = f"plugins = {{ files = ['{plugin}'] }}\n"
    file = tmp_path / "paths.toml"
    file.write_text(head + HEAD + "[objective.tilted]\n[optimizer.sgd]\nlr = 0.1\n")
    drawing = drawn(sweep(load_experiment(file), out=tmp_path / "out", executor="serial"))
    assert drawing.title == "sgd ends lowest on tilted"
    assert "No minimum is known of tilted" in drawing.subtitle


TILTED = '''
"""A plane: it has no minimum."""
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from anncore import hookimpl, Objective


@dataclass(frozen=True)
class Tilted(Objective):
    """f(x) = x₁. Nobody, "Planes", 2020."""

    name: ClassVar[str] = "tilted"
    dimensions: ClassVar[int] = 2

    def start(self, rng):
        return np.array([5.0, 0.0])

    def value(self, x):
        return x[:, 0, 0] * 1.0

    def grad(self, x):
        return np.broadcast_to(np.array([1.0, 0.0], x.dtype), x.shape)


@hookimpl
def annx_objectives():
    return [Tilted]
'''
