"""`annx challenge` and `annx suites`: the card, refusals, resuming, finished arms that are not run again."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import anncore
from anncore import ComponentError
from anncore.cli.challenge import _concluded
from anncore.cli.group import cli
from anncore.cli.options import OutputOptions
from anncore.contract.loading import load_registry
from anncore.evidence.results import Results
from anncore.experiment.challengers import COMPARABLE, arm_table, protocol
from anncore.report import challenge as cards
from anncore.report.challenge import Challenge, card, joined_study, render_markdown, render_page, write_card
from anncore.running.run_folder import load_run
from anncore.testing.challenging import Asked, prepare

TINY = '''
"""A suite of six problems, and an optimizer."""
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from anncore import Array, Hyper, Optimizer, Problem, Suite, hookimpl, hyper, log


@dataclass(frozen=True)
class Tiny(Suite):
    """Seven data sets of few examples.

    For tests.
    """

    name: ClassVar[str] = "tiny"
    version: ClassVar[int] = 1

    def sections(self):
        data = {f"moons{i}": {"use": "two_moons", "n": 30, "noise": i / 10} for i in range(1, 7)}
        return {"dataset": {**data, "sine": {"n": 30}}, "network": {"small": {"use": "mlp", "hidden": [2]}}}

    def problems(self):
        return [
            Problem(name, GROUP.get(name, "moons"), {"dataset": name, "network": "small"}, {"steps": 3})
            for name in self.sections()["dataset"]
        ]


GROUP = {"sine": "curves"}


class Momentum(NamedTuple):
    v: Array


@dataclass(frozen=True)
class Mine(Optimizer):
    """Gradient descent on a running sum.

        v <- v / 2 + g, w <- w - lr v

    Domain: lr > 0. Nobody, "Mine", 2026.
    """

    name: ClassVar[str] = "mine"
    lr: Hyper = hyper(0.01, "(0, inf)", search=log(1e-3, 1.0))

    def init(self, weight):
        return Momentum(np.zeros_like(weight))

    def step(self, weight, grad, state, t):
        v = state.v / 2 + grad
        return -self.lr * v, Momentum(v)


@hookimpl
def annx_suites():
    return [Tiny]


@hookimpl
def annx_optimizers():
    return [Mine]
'''
RUN = ("--suite", "tiny", "--against", "sgd,adam", "--executor", "serial", "--unchecked")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("challenge")
    (folder / "mine.py").write_text(TINY, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def first(place: Path) -> Result:
    return annx(place, str(place / "mine.py"), *RUN, "--out", place / "run")


def annx(place: Path, *args: object, verb: str = "challenge") -> Result:
    return CliRunner().invoke(cli, [verb, *map(str, args)])


@pytest.fixture(scope="module")
def results(place: Path, first: Result) -> Results:
    assert first.exit_code == 0, first.output
    return load_run(place / "run")


def test_the_first_line_says_where_it_stands_and_the_card_lies_in_the_run_folder(
    place: Path, first: Result
) -> None:
    assert first.exit_code == 0, first.output
    line, where, *_ = first.stdout.splitlines()
    assert line.startswith("mine: ")
    assert " on tiny" in line
    assert where == f"Card: {place / 'run' / 'card_mine' / 'card.html'}"
    content = json.loads((place / "run" / "card_mine" / "card.json").read_text(encoding="utf-8"))
    assert content["sentence"] == line
    assert {row["arm"] for row in content["arms"]} == {"mine", "sgd", "adam"}
    assert sorted(content["better"] + content["worse"] + content["undecided"] + content["equivalent"]) == [
        "adam",
        "sgd",
    ]
    assert content["suite"]["version"] == 1
    assert content["data_sets"] == 7
    assert "at most 8 configurations on 1 tuning seed" in content["terms"]
    assert "5 fresh seeds" in content["terms"]


def test_what_is_finished_is_not_run_again(
    place: Path, first: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys(place)
    assert len(before) == 7 * 3 * (8 + 5)
    again = annx(place, str(place / "mine.py"), *RUN, "--out", place / "run")
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    other = annx(place, "momentum", *RUN, "--plugin", place / "mine.py", "--out", place / "run")
    assert other.exit_code == 0, other.output
    assert len(keys(place)) == len(before) + 7 * (8 + 5)  # momentum alone was trained
    assert (place / "run" / "card_mine").is_dir()
    assert (place / "run" / "card_momentum").is_dir()
    annx(place, str(place / "mine.py"), *RUN, "--out", place / "run")


def keys(place: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(place / "run" / "trials.sqlite")) as store:
        return {key for (key,) in store.execute("SELECT key FROM trials")}


def test_json_is_one_document(place: Path, first: Result) -> None:
    shown = annx(place, str(place / "mine.py"), *RUN, "--out", place / "run", "--json")
    content = json.loads(shown.stdout)
    assert content["card"]["sentence"] == first.stdout.splitlines()[0]
    assert (content["stopped"], content["folder"]) == ("", str(place / "run"))


def test_from_python_it_is_the_same_challenge(place: Path, first: Result) -> None:
    how: dict[str, Any] = {"executor": "serial", "unchecked": True, "out": place / "run"}
    placed = anncore.challenge(place / "mine.py", suite="tiny", against=["sgd", "adam"], **how)
    assert str(placed) == placed.sentence == first.stdout.splitlines()[0]
    assert placed.card is not None
    assert placed.card["sentence"] == placed.sentence
    assert set(placed.run.trials["arm"]) == {"mine", "sgd", "adam"}
    assert (placed.folder / "card.html").read_text(encoding="utf-8") == placed._repr_html_()
    assert repr(placed).startswith("<Challenged: standing: mine: ")
    with pytest.raises(ComponentError, match=r"^against names the newcomer itself, 'adam'; leave it out\."):
        anncore.challenge("adam", against="sgd,adam")


@dataclasses.dataclass(frozen=True)
class Adam(anncore.Optimizer):
    """Gradient descent under another's name. Domain: lr > 0. Nobody, "Mine", 2026."""

    name: ClassVar[str] = "adam"
    lr: anncore.Hyper = anncore.hyper(0.01, "(0, inf)", search=anncore.log(1e-3, 1.0))

    def init(self, weight: Any) -> Any:
        return ()

    def step(self, weight: Any, grad: Any, state: Any, t: int) -> Any:
        return -self.lr * grad, state


def test_a_newcomer_with_the_name_of_another_is_remarked() -> None:
    asked = Asked(Adam, suite="quick", against=("sgd",))
    prepared = prepare(asked)
    own = prepared.newcomer.full_name
    assert own != "annx:adam"
    assert prepared.challenge.newcomer == own
    assert prepared.challenge.namesake == (
        f"The newcomer is {own!r}; another optimizer has the same name: 'annx:adam'."
    )
    theirs = prepare(asked._replace(target="adam", classes=(Adam,)))
    assert theirs.challenge.namesake == (
        f"The newcomer is annx's own adam; another optimizer has the same name: {own!r}."
    )
    assert prepare(asked._replace(target="momentum")).challenge.namesake == ""


MISTAKES = [
    (("adm",), "No component is called 'adm'. Did you mean 'adam'?"),
    (("nowhere.py",), "does not exist. Give the path of a Python file."),
    (("iris",), "iris is a dataset, and only network, activation, loss, optimizer"),
    (("adam", "--suite", "cor"), "No suite is called 'cor'. Did you mean 'core'?"),
    (("adam", "--against", "sdg"), "No optimizer is called 'sdg'. Did you mean 'sgd'?"),
    (("adam", "--against", "sgd,adam"), "--against names the newcomer itself, 'adam'; leave it out."),
    (("adam", "--against", " , "), "--against names nothing; write for example --against adam,sgd."),
    (("adam", "--field", "nowhere"), "nowhere is no field"),
    (("sine",), "write dataset:sine or activation:sine"),
    (("adam", "--shard", "1/2"), "a challenge is too short to divide; leave --shard out."),
]


@pytest.mark.parametrize(("args", "words"), MISTAKES)
def test_a_mistake_is_one_line_and_leaves_no_folder(place: Path, args: tuple[str, ...], words: str) -> None:
    shown = annx(place, *args, "--out", place / "none")
    assert shown.exit_code == 2
    assert words in " ".join(shown.stderr.split())
    assert "Traceback" not in shown.output
    assert not (place / "none").exists()


def test_a_file_with_no_newcomer_or_several_says_so(place: Path, tmp_path: Path) -> None:
    (tmp_path / "two.py").write_text(
        TINY.replace('"mine"', '"one"').replace("return [Mine]", "return [Mine, Second]")
        + "\n\n@dataclass(frozen=True)\nclass Second(Mine):\n"
        + '    """Another.\n\n    As before. Nobody, "Second", 2026.\n    """\n\n'
        + '    name: ClassVar[str] = "second"\n',
        encoding="utf-8",
    )
    (tmp_path / "none.py").write_text(TINY.replace("return [Mine]", "return []"), encoding="utf-8")
    for name, words in (
        ("two", "brings 2 components (optimizer:two:one, optimizer:two:second); name one"),
        ("none", "brings no component that has a field"),
    ):
        shown = annx(place, tmp_path / f"{name}.py", "--suite", "tiny", "--out", tmp_path / "run")
        assert shown.exit_code == 2
        assert words in " ".join(shown.stderr.split())


def finished(results: Results, arms: tuple[str, ...]) -> pd.DataFrame:
    """Return some arms' report trials as a field keeps them."""
    trials = results.trials[(results.trials["phase"] == "report") & results.trials["arm"].isin(arms)]
    return trials[["phase", "problem", "arm", "config", "seed", "status", "key", "environment", "test_loss"]]


def without(results: Results, arms: tuple[str, ...]) -> Results:
    plan = results.plan._replace(arms=tuple(arm for arm in results.plan.arms if arm not in arms))
    return dataclasses.replace(results, trials=results.trials[~results.trials["arm"].isin(arms)], plan=plan)


def test_a_newcomer_that_diverges_at_every_rate_is_told_so(
    results: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A command that ends without a card says why."""
    trials = results.trials[results.trials["phase"] == "tune"].assign(status="diverged")
    lost = dataclasses.replace(results, trials=trials)
    prepared: Any = SimpleNamespace(challenge=Challenge("mine", "mine:mine 1", "optimizer"))
    assert _concluded(lost, prepared, tmp_path, OutputOptions(as_json=False, quiet=False)) == 0
    count = (trials["arm"] == "mine").sum()
    words = " ".join(capsys.readouterr().out.split())
    assert f"mine has no place: none of its {count} tuning trials ended well ({count} diverged)" in words


def test_finished_arms_give_the_same_card_as_arms_that_are_run(results: Results) -> None:
    whole = card(results, Challenge("mine", "mine:mine 1", "optimizer"))
    kept = finished(results, ("sgd", "adam"))
    alone = card(without(results, ("sgd", "adam")), Challenge("mine", "mine:mine 1", "optimizer", kept))
    for name in ("sentence", "place", "of", "arms", "groups", "problems", "better", "worse", "undecided"):
        assert alone[name] == whole[name], name


def test_a_finished_arm_that_lacks_a_trial_is_no_evidence(results: Results) -> None:
    kept = finished(results, ("sgd", "adam")).iloc[:-1]
    study = joined_study(without(results, ("sgd", "adam")), Challenge("mine", "", "optimizer", kept))
    assert "not run" in study.statuses("sine")["adam"].tolist()
    content = card(without(results, ("sgd", "adam")), Challenge("mine", "", "optimizer", kept))
    assert content["blocked"] == ["adam"]
    assert content["of"] == 2


def test_an_arm_that_diverged_with_every_configuration_is_said_to_diverge(results: Results) -> None:
    import dataclasses

    mine = results.trials["arm"] == "mine"
    trials = results.trials[~mine | (results.trials["phase"] == "tune")].copy()
    trials.loc[trials["arm"] == "mine", "status"] = "diverged"
    selection = results.selection.copy()
    selection.loc[selection["arm"] == "mine", "n_ok"] = 0
    diverged = dataclasses.replace(results, trials=trials, selection=selection)
    content = card(diverged, Challenge("mine", "mine:mine 1", "optimizer"))
    row = next(row for row in content["arms"] if row["arm"] == "mine")
    assert row["diverged"] == row["trials"] > 0
    shown = next(texts for texts in cards.arm_rows(content) if texts[0] == "mine")
    assert shown[-1] == f"{row['trials']} of {row['trials']} trials"


def test_the_field_knows_what_is_stale_whose_arm_is_the_newcomer_and_what_it_lacks(results: Results) -> None:
    class Path_:
        parent = Path("field/optimizer")

    class Protocol:
        path = Path_()

    class Field:
        protocol = Protocol()
        trials = finished(results, ("sgd", "adam", "mine")).iloc[:-1]
        meta: ClassVar[dict[str, dict[str, str]]] = {
            name: {"component": f"annx:{name}", "annx": "1"} for name in ("sgd", "adam", "mine", "lion")
        }

        def stale(self, registry: Any) -> dict[str, str]:
            return {"lion": "it was another"}

    known = cards.finished_of(Field(), None, "annx:mine")
    assert known.arms == {"annx:sgd": "sgd", "annx:adam": "adam"}
    trials, lacking = known.on(results.experiment, None)
    assert set(trials["arm"]) | set(lacking) == {"sgd", "adam", "lion"}
    assert lacking["lion"] == "its numbers in the field do not hold here: it was another"
    only, lacking = known.on(results.experiment, {"annx:sgd"})
    assert set(only["arm"]) | set(lacking) == {"sgd"}
    assert cards.finished_of(None, None, "x").on(results.experiment, None)[1] == {}


HOSTILE = "<b>`a|b`</b> 100 % _x_"


def test_hostile_names_stay_text_in_every_view(results: Results, tmp_path: Path) -> None:
    content = card(results, Challenge("mine", HOSTILE, "optimizer", left_out={HOSTILE: HOSTILE}))
    next(row for row in content["arms"] if row["verdict"])["arm"] = HOSTILE
    files = write_card(content, tmp_path / "card")
    assert [file.name for file in files] == ["card.html", "card.md", "card.json"]
    page, text = render_page(content), render_markdown(content)
    assert "<b>" not in page.replace("&lt;b&gt;", "")
    assert "<b>" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in rows[: len(content["arms"]) + 2]}) == 1
    assert "http" not in page.replace("http-equiv", "")


def configurations() -> Iterator[tuple[str, dict[str, Any]]]:
    registry = load_registry()
    for component in registry.of_kind("optimizer"):
        yield component.name, arm_table(component, registry)


def test_every_optimizer_has_eight_rates_over_its_own_range_or_none_at_all() -> None:
    tables = dict(configurations())
    assert tables["adam"] == {"lr": {"log": [1e-4, 1e-1], "num": 8}}
    assert tables["lookahead"] == {"optimizer.lr": {"log": [1e-4, 1e-1], "num": 8}}
    assert tables["lbfgs"] == {}
    assert {table[key]["num"] for table in tables.values() for key in table} == {8}


def test_terms_without_a_field() -> None:
    registry = load_registry()
    for kind in COMPARABLE:
        terms = protocol(kind, "core", registry)
        assert (terms["vary"], terms["suite"], kind in terms) == ([kind], "core", False)
        assert ("optimizer" in terms) == (kind != "optimizer")


def test_suites_are_listed(place: Path) -> None:
    every = annx(place, verb="suites")
    assert every.exit_code == 0
    assert [line.split()[0] for line in every.stdout.splitlines()][:2] == ["core", "deep"]
    one = annx(place, "tiny", "--plugin", place / "mine.py", verb="suites")
    assert one.stdout.splitlines()[0].startswith("tiny, version 1 (mine ")
    assert "dataset two_moons (n = 30, noise = 0.1); network mlp (hidden = [2])" in one.stdout
    told = json.loads(annx(place, "tiny", "--plugin", place / "mine.py", "--json", verb="suites").stdout)
    assert [problem["name"] for problem in told["problems"]][-1] == "sine"
    wrong = annx(place, "tyny", "--plugin", place / "mine.py", verb="suites")
    assert (wrong.exit_code, "Did you mean 'tiny'?" in wrong.stderr) == (2, True)


TASKS = {"binary": [f"moons{i}" for i in range(1, 7)], "regression": ["sine"]}
OTHER_TASK = "it is a {} task, and losses are compared on one task, here {}."


def loss_card(place: Path, name: str, *how: str) -> Any:
    """Return the card of a loss on the suite tiny."""
    run = ("--plugin", place / "mine.py", "--executor", "serial", "--out", place / f"loss_{name}", "--json")
    suite = () if "--suite" in how else ("--suite", "tiny")
    return json.loads(annx(place, name, *suite, *how, *run).stdout)["card"]


def test_a_loss_meets_others_on_its_natural_task_else_on_that_of_most_problems(place: Path) -> None:
    content = loss_card(place, "huber", "--against", "mse")
    assert content["data_sets"] == 6
    assert content["skipped"] == {"sine": OTHER_TASK.format("regression", "binary")}
    content = loss_card(place, "mse", "--against", "huber")
    assert content["data_sets"] == 1
    assert content["skipped"] == dict.fromkeys(TASKS["binary"], OTHER_TASK.format("binary", "regression"))


def test_a_loss_meets_the_finished_losses_of_its_task(place: Path, tmp_path: Path) -> None:
    field = tmp_path / "field"
    (field / "loss").mkdir(parents=True)
    for task, problems in TASKS.items():
        (field / "loss" / f"tiny_{task}.toml").write_text(
            f"vary = ['loss']\nsuite = {{ name = 'tiny', only = {problems} }}\n"
            "seeds = { tune = [0], report = { start = 100, num = 2 } }\n"
            "optimizer.sgd.lr = { log = [0.01, 0.1], num = 2 }\n"
        )
    mine = ("--plugin", place / "mine.py", "--executor", "serial", "--work", tmp_path / "runs")
    written = annx(place, "huber", "mae", "--folder", field, *mine, verb="field")
    assert "Wrote 4 arms" in written.stdout
    shown = {name: loss_card(place, name, "--field", str(field)) for name in ("mse", "log_cosh")}
    named = loss_card(place, "mse", "--field", str(field), "--suite", "tiny_binary")
    assert [row["arm"] for row in sorted(shown["mse"]["arms"], key=lambda row: row["arm"])] == [
        "huber",
        "mae",
        "mse",
    ]
    for content, task in ((shown["mse"], "regression"), (shown["log_cosh"], "binary"), (named, "binary")):
        assert [row["problem"] for row in content["problems"]] == TASKS[task]
        assert f"on tiny (tiny_{task})" in content["sentence"]
        left_out = TASKS["binary" if task == "regression" else "regression"]
        assert content["skipped"] == dict.fromkeys(left_out, f"loss/tiny_{task}.toml leaves it out.")
        assert content["origin"].startswith("Trials of others come from the field")
