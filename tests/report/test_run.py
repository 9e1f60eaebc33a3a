"""A run in Python: from a dict and a class that a session defines to answer, figures and report."""

from __future__ import annotations

import dataclasses
import html.parser
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from click.testing import CliRunner

import anncore
from anncore import Activation, Array, Hyper, Registry, Run, hyper
from anncore.cli.group import cli
from anncore.contract.errors import AnnxError, ComponentError, ExperimentError, ReportError, StoreError
from anncore.contract.shown import html_table, listed
from anncore.experiment.plan import make_plan
from anncore.testing import check_component, elsewhere


def session() -> Any:
    """Return a class as a session defines it, with a constant and a helper; no module holds them."""
    half = 0.5

    def root(z: Array) -> Array:
        return np.sqrt(z * z + 1)

    @dataclass(frozen=True)
    class Bent(Activation):
        """Bent identity: f(z) = h (√(z² + 1) - 1) + slope z, slope > 0.

        Nobody, "Fresh", 2020.
        """

        name: ClassVar[str] = "bent"
        slope: Hyper = hyper(1.0, "(0, inf)")

        def forward(self, z: Array) -> Array:
            return half * (root(z) - 1) + self.slope * z

        def backward(self, grad: Array, z: Array, a: Array) -> Array:
            return grad * (half * z / root(z) + self.slope)

    return Bent


BENT = session()
TABLES: dict[str, Any] = {
    "title": "Bent or <b>relu</b>?",
    "train": {"steps": 10, "eval_every": 5},
    "seeds": {"tune": [0], "report": [10, 11]},
    "dataset": {"two_moons": {"n": 60}},
    "activation": {"bent": {"slope": [1.0, 2.0]}, "relu": {}},
    "optimizer": {"adam": {"lr": [0.01]}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "here"


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    return anncore.sweep(TABLES, components=[BENT], out=folder, executor="serial", unchecked=True)


def test_a_session_class_is_swept_and_the_run_knows_its_folder(run: Run, folder: Path) -> None:
    assert (list(run.plan.arms), run.failures, run.missing) == (["bent", "relu"], 0, 0)
    assert len(run.trials) == 3 + 2 * 2  # three configurations on one tune seed, two arms on two seeds
    assert run.folder == folder
    assert run.unchecked == ("session:bent",)
    assert set(run.trials["status"]) == {"ok"}


def test_worker_processes_get_the_class_by_value_and_compute_the_same_bits(run: Run, tmp_path: Path) -> None:
    options: dict[str, Any] = {"components": [BENT], "executor": "processes", "jobs": 1, "unchecked": True}
    there = anncore.sweep({**TABLES, "activation": {"bent": {}}}, out=tmp_path / "there", **options)
    alike = run.trials.merge(there.trials, on="key", suffixes=("", "_there"))
    assert len(alike) == 3  # one seed to tune and two to report, as slope 1 is chosen in both
    assert (alike["valid_loss"] == alike["valid_loss_there"]).all()
    assert (alike["train_loss"] == alike["train_loss_there"]).all()


def test_an_edited_cell_runs_its_own_trials_anew_and_no_others(run: Run, folder: Path) -> None:
    def keys(cls: Any) -> dict[str, set[str]]:
        trials = list(make_plan(anncore.load_experiment(TABLES, components=[cls])).tune())
        return {arm: {trial.key for trial in trials if trial.arm == arm} for arm in ("bent", "relu")}

    edited = session()
    edited.kinks = (0.0,)
    before, again, after = keys(BENT), keys(session()), keys(edited)
    assert before == again
    assert before["relu"] == after["relu"]
    assert not before["bent"] & after["bent"]


def test_before_its_first_trial_a_session_class_is_checked(tmp_path: Path) -> None:
    class Wrong(BENT):  # type: ignore[misc]
        """Bent identity with a wrong derivative; slope > 0."""

        name: ClassVar[str] = "wrong"

        def backward(self, grad: Array, z: Array, a: Array) -> Array:
            return grad * self.slope

    tables = {**TABLES, "activation": {"wrong": {}, "relu": {}}}
    wrong = dataclass(frozen=True)(Wrong)
    with pytest.raises(anncore.PluginError, match="session:wrong cannot be trusted") as caught:
        anncore.sweep(tables, components=[wrong], out=tmp_path / "run", executor="serial")
    assert any("gradient" in failure for failure in caught.value.failures)  # type: ignore[attr-defined]
    assert not (tmp_path / "run").exists()


def test_the_kit_asks_another_process_about_a_class_of_the_main_module() -> None:
    bent = session()
    bent.__module__, bent.__qualname__ = "__main__", "Bent"
    assert elsewhere.ask(elsewhere.same, bent(slope=2.0), classes=[bent]) == bent(slope=2.0)
    check_component(bent)


def test_the_folder_is_read_again_with_the_class(run: Run, folder: Path) -> None:
    again = anncore.load_run(folder, components=[BENT])
    assert isinstance(again, Run)
    assert again.trials.equals(run.trials)
    assert again.experiment.path is None
    assert again.summary == run.summary


def test_the_folder_can_be_read_without_the_class(run: Run, folder: Path) -> None:
    """The command line cannot have it: what the folder keeps stands for it."""
    again = anncore.load_run(folder)
    assert again.trials.equals(run.trials)
    assert again.summary == run.summary
    result = CliRunner().invoke(cli, ["report", str(folder), "--no-figures"])
    assert result.exit_code == 0, result.output
    assert "session" in result.stderr
    assert "(activation bent); shown is what the folder keeps." in result.stderr


def test_the_answer_is_the_reports(run: Run) -> None:
    assert run.summary.startswith(run.findings["answer"]["headline"][:40])
    assert {row["arm"] for row in run.findings["leaderboard"]["overall"]} == {"bent", "relu"}


def test_a_figure_shows_itself_and_is_saved(run: Run, tmp_path: Path) -> None:
    drawing = run.figure("leaderboard")
    assert drawing.name == "leaderboard"
    page = drawing._repr_html_()
    assert page.startswith('<img src="data:image/png;base64,iVBOR')
    assert 'alt="' in page
    drawing.save(tmp_path / "figure.svg")
    drawing.save(tmp_path / "figure.png")
    assert "<svg" in (tmp_path / "figure.svg").read_text(encoding="utf-8")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_report_is_written_where_it_is_wanted(run: Run, folder: Path, tmp_path: Path) -> None:
    registry = run.experiment.registry
    few = tuple(
        known for known in registry.components if known.kind != "figure" or known.name == "leaderboard"
    )
    few_figures = Registry(few, registry.plugins, registry.files, registry.given)
    experiment = dataclasses.replace(run.experiment, registry=few_figures)
    run = dataclasses.replace(run, experiment=experiment)
    assert run.report() == folder / "report.html"
    made = (folder / "report.json").stat().st_mtime_ns
    assert run.report(folder) == folder / "report.html"
    assert (folder / "report.json").stat().st_mtime_ns == made  # it was up to date
    page = run.report(tmp_path / "mail")
    content = json.loads((tmp_path / "mail" / "report.json").read_text(encoding="utf-8"))
    names = [figure["name"] for figure in content["figures"]]
    assert list(run.figures) == names == ["leaderboard"]
    for link in ("trials.csv", "curves.csv.gz", "experiment.toml", "report.md", f"figures/{names[0]}.png"):
        assert (page.parent / link).is_file(), link


def test_what_a_run_lacks_is_one_line(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ComponentError, match=r"called 'leaderbord'\. Did you mean 'leaderboard'"):
        run.figure("leaderbord")
    with pytest.raises(ComponentError, match=r"called 3\. Figures are "):
        run.figure(3)  # type: ignore[arg-type]
    with pytest.raises(ReportError, match="'critical_difference' has nothing to show for these results"):
        run.figure("critical_difference")
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="file cannot hold a report: "):
        run.report(tmp_path / "file")


def test_nothing_run_has_nothing_to_report(tmp_path: Path) -> None:
    tables = {**TABLES, "activation": {"relu": {}}}
    nothing = anncore.sweep(tables, out=tmp_path / "run", executor="serial", max_time=1e-9)
    assert "trials: none; to do: 3; stopped: max_time" in repr(nothing)
    assert "none" in nothing._repr_html_()
    for ask in (nothing.report, lambda: nothing.summary, lambda: nothing.figure("leaderboard")):
        with pytest.raises(ReportError, match="nothing to report yet: 0 trials have run"):
            ask()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"jobs": 0}, "jobs must be a whole number of at least 1, got 0"),
        ({"jobs": "2"}, "jobs must be a whole number of at least 1, got '2'"),
        ({"jobs": True}, "jobs must be a whole number of at least 1, got True"),
        ({"max_time": "10m"}, "max_time must be a number of seconds, got '10m'"),
        ({"max_seeds": 5}, "max_seeds needs until_decided=True"),
        ({"executor": 3}, "executor must be a name or an Executor, got 3"),
        ({"executor": "serail", "components": [BENT]}, "No executor is called 'serail'. Did you mean"),
        ({"components": "bent.py"}, "components must be a list of classes, got 'bent.py'"),
        ({}, "No activation is called 'bent'"),
    ],
)
def test_an_option_without_meaning_is_one_line(options: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(AnnxError, match=says) as caught:
        anncore.sweep(TABLES, out=tmp_path / "run", **options)
    assert "\n" not in str(caught.value)
    assert len(caught.traceback) <= 3  # the call, the public function, and no frame of the core
    assert not (tmp_path / "run").exists()
    assert isinstance(caught.value, (ExperimentError, ComponentError, anncore.PluginError))


def test_what_no_function_on_tables_takes_is_one_line(run: Run) -> None:
    for wrong in (3, "reports/x", None):
        for make in (anncore.scores, anncore.tuning_scores, anncore.targets):
            with pytest.raises(
                TypeError, match=r"made of what sweep or load_run returned, .*load_run\(DIR\)"
            ):
                make(wrong)
        with pytest.raises(StoreError if wrong == "reports/x" else AnnxError, match=r"run folder"):
            anncore.load_run(wrong)  # type: ignore[arg-type]
    times = anncore.performance_scores
    for take in (
        anncore.summarize,
        anncore.compare_arms,
        anncore.lr_sensitivity,
        anncore.budget_curve,
        times,
    ):
        with pytest.raises(TypeError, match=r"a data frame is needed, such as \w+\(run\) gives, got <Run of"):
            take(run)  # type: ignore[operator]
    with pytest.raises(ValueError, match="no column 'seed'; it needs problem, arm, seed"):
        anncore.lr_sensitivity(anncore.summarize(anncore.scores(run)))


def test_a_run_is_compared_as_it_is_and_stands_for_its_folder(run: Run) -> None:
    compared = anncore.compare_runs(run, run)
    assert compared["trials"] == {"a": 7, "b": 7, "shared": 7, "same": 7}
    assert Path(run) == run.folder


class Reader(html.parser.HTMLParser):
    """Counts tags, which must be closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("br", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_every_public_object_shows_itself_in_a_line_and_a_table(run: Run) -> None:
    registry = run.experiment.registry
    plan = make_plan(run.experiment)
    (_, learned), *_ = run.maps.items()
    objects = [
        *(run, run.experiment, registry, plan, next(plan.tune()), learned, run._figure_input),
        *(registry.get("activation", "bent"), registry.plugins[0], registry.plugins[-1]),
        anncore.Data(np.zeros((100, 2)), np.zeros(100), "regression"),
        anncore.LayerGrid(("1", "2"), np.arange(300), np.zeros((9, 2, 300))),
        run.figure("leaderboard"),
    ]
    for shown in objects:
        line = repr(shown)
        assert len(line) <= 300, line
        assert line.startswith("<")
        assert "\n" not in line
        reader = Reader()
        page = shown._repr_html_()  # type: ignore[attr-defined]
        reader.feed(page)
        assert reader.open == []
        assert "<b>relu" not in page
    component = BENT(slope=np.ones((500, 1, 1)))
    assert "array (500, 1, 1)" in component._repr_html_()
    assert "Bent identity" in component._repr_html_()


def test_long_lists_are_counted_and_cells_are_escaped() -> None:
    assert listed(map(str, range(12)), 3) == "0, 1, 2 and 9 more"
    assert listed(["a", "b"], 2) == "a, b"
    assert html_table([["a<b", "x\ny"]], ["n&m"]) == (
        "<table><thead><tr><th>n&amp;m</th></tr></thead>"
        "<tbody><tr><td>a&lt;b</td><td>x<br>y</td></tr></tbody></table>"
    )
