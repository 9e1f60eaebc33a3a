"""What surrounds the trials comes from plugins: the guide's examples in one sweep, and what goes wrong."""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import click
import numpy as np
import pytest
from click.testing import CliRunner, Result
from right.doors import DOORS, Diary, Ends, Middle, Narrow, Strata, greet

import anncore
from anncore import (
    ComponentError,
    Event,
    ExperimentError,
    FigureInput,
    Listener,
    PluginError,
    ReportTable,
    SweepDone,
    SweepStarted,
    hookimpl,
)
from anncore.cli.group import MISUSED, OK, cli
from anncore.cli.plugin_commands import HOOK, plugin_commands
from anncore.contract.hyperparameters import Search
from anncore.contract.telling import TELLER
from anncore.contract.verbs import VERBS
from anncore.experiment import Range, sampling
from anncore.report.sections import MOST_ROWS, checked, write_section
from anncore.testing import checks_for, figure_data

ROOT = Path(__file__).parents[2]
HEAD = """
vary = ["optimizer"]
train.steps = 4
seeds = { tune = [0, 1], report = [10, 11, 12] }
dataset.xor.n = 60
network.mlp.hidden = [[3]]
[optimizer.sgd]
lr = { log = [0.01, 1.0] }
[optimizer.adam]
lr = { log = [0.01, 1.0] }
[search]
method = "METHOD"
samples = 3
"""


def guide_files(folder: Path) -> list[str]:
    """Write the guide's examples of doors into a folder; return their names."""
    text = (ROOT / "plugins" / "README.md").read_text(encoding="utf-8").partition("\n## Doors\n")[2]
    names = []
    for code in re.findall(r"^```python\n(.*?)^```$", text.partition("\n## ")[0], re.M | re.S):
        name = re.findall(r"def annx_(\w+)\(", code)[0]
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
        names.append(f"{name}.py")
    assert len(names) == 8
    return names


def annx(*args: object) -> Result:
    return CliRunner().invoke(cli, list(map(str, args)))


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep in which every example of the guide takes part, by [plugins] files."""
    folder = tmp_path_factory.mktemp("doors")
    files = guide_files(folder)
    text = HEAD.replace("METHOD", "lattice") + (
        f"[plugins]\nfiles = {json.dumps(files)}\n"
        "[select]\nrule = 'pessimist'\nweight = 2\n"
        "[rounds]\nrule = 'precise'\nwidth = 0.001\nmost = 5\n"
    )
    (folder / "x.toml").write_text(text, encoding="utf-8")
    result = annx("sweep", folder / "x.toml", "--out", folder / "run", "--executor", "serial", "--no-figures")
    assert result.exit_code == OK, result.output
    return folder / "run"


def test_the_search_method_of_a_plugin_draws_the_configurations(swept: Path) -> None:
    """By hand: a one-dimensional lattice goes on by 1 / golden ratio, whatever its shift."""
    trials = anncore.load_run(swept, curves=False).trials
    lrs = trials[(trials["phase"] == "tune") & (trials["arm"] == "sgd")]["optimizer.lr"].unique()
    shares = (np.log10(lrs) + 2) / 2
    golden = (1 + 5**0.5) / 2
    assert np.diff(shares) % 1 == pytest.approx([1 / golden % 1] * 2, abs=1e-5)
    both = [set(trials[trials["arm"] == arm]["optimizer.lr"]) for arm in ("sgd", "adam")]
    assert len(both[0] | both[1]) == 3  # every arm has the same points


def test_the_selection_rule_of_a_plugin_chooses(swept: Path) -> None:
    run = anncore.load_run(swept, curves=False)
    tune = run.trials[run.trials["phase"] == "tune"]
    scores = tune.groupby(["arm", "config"], sort=False)["valid_loss"]
    bounds = scores.mean() + 2 * scores.std(ddof=0)
    for row in run.selection.to_dict("records"):
        assert row["config"] == bounds[row["arm"]].idxmin()


def test_the_stopping_rule_of_a_plugin_asks_for_seeds(swept: Path) -> None:
    """From 3 seeds half as many again, rounded up, is 5, which is the limit as well."""
    run = anncore.load_run(swept, curves=False)
    assert run.experiment.rounds is not None
    assert run.experiment.rounds.looks == (3, 5)
    assert run.experiment.rounds.most == 5


def test_the_report_names_each_with_its_package_and_version(swept: Path) -> None:
    content = json.loads((swept / "report.json").read_text(encoding="utf-8"))
    rules = content["rules"]
    assert {kind: (rule["name"], rule["package"]) for kind, rule in rules.items()} == {
        "sampler": ("lattice", "samplers"),
        "selector": ("pessimist", "selectors"),
        "stopper": ("precise", "stoppers"),
    }
    assert rules["stopper"]["values"] == {"width": 0.001}
    texts = {paragraph["title"]: paragraph["text"] for paragraph in content["methods"]["paragraphs"]}
    assert f"search method lattice (samplers {rules['sampler']['version']}) drew 3 config" in texts["Tuning"]
    assert f"rule pessimist (selectors {rules['selector']['version']}, weight = 2)" in texts["Tuning"]
    assert "The least mean cost plus `weight` standard deviations" in texts["Tuning"]
    assert f"rule precise (stoppers {rules['stopper']['version']}, width = 0.001)" in texts["Rounds"]


def test_the_section_of_a_plugin_is_in_every_view_behind_the_one_it_names(swept: Path) -> None:
    content = json.loads((swept / "report.json").read_text(encoding="utf-8"))
    (section,) = content["sections"]
    assert [row[0] for row in section["tables"][0]["rows"]] == ["sgd", "adam"]
    markdown = (swept / "report.md").read_text(encoding="utf-8")
    places = [
        markdown.index(f"\n## {title}\n") for title in ("Speed", "Which trials took longest?", "Methods")
    ]
    assert places == sorted(places)
    page = (swept / "report.html").read_text(encoding="utf-8")
    assert 'id="plugin-sections-slowest"' in page
    assert "The slowest trial of each arm." in page
    files = annx("export", swept, "--format", "latex", "--json")
    assert any(name.endswith("slowest-1.tex") for name in json.loads(files.stdout))


def test_the_export_format_of_a_plugin_is_written(swept: Path) -> None:
    done = annx("export", swept, "--format", "jsonl")
    assert (done.exit_code, done.stdout.split()) == (OK, [str(swept / "export" / "trials.jsonl")])
    lines = (swept / "export" / "trials.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 2 * 3 * 2 + 2 * 5
    assert json.loads(lines[0])["arm"] == "sgd"
    unknown = annx("export", swept, "--format", "jsnl")
    assert unknown.exit_code == MISUSED
    assert "Did you mean 'jsonl'?" in unknown.stderr
    assert unknown.stderr.count("\n") == 1


def test_the_listener_of_a_plugin_hears_the_sweep(swept: Path) -> None:
    lines = (swept.parent / "sweeps.jsonl").read_text(encoding="utf-8").splitlines()
    heard = [json.loads(line) for line in lines]
    assert [line["event"] for line in heard] == ["SweepStarted", *["PhaseDone"] * 3, "SweepDone"]
    assert [line["counts"] for line in heard[1:-1]] == [{"ok": 12}, {"ok": 6}, {"ok": 10}]


def test_the_command_of_a_plugin_runs(swept: Path) -> None:
    file = swept.parent / "commands.py"
    assert "Commands of plugins:\n  winner  Print the arm" in annx("--plugin", file, "--help").stdout
    done = annx("--plugin", file, "winner", swept)
    assert done.exit_code == OK, done.output
    assert done.stdout.strip() in ("sgd", "adam")
    assert annx("--plugin", file, "winner", swept / "no").stderr.startswith("annx: ")
    assert "Did you mean 'winner'?" in annx("--plugin", file, "winer").stderr


def test_a_folder_whose_rules_are_gone_is_read_all_the_same(swept: Path, tmp_path: Path) -> None:
    before = anncore.load_run(swept, curves=False)
    import shutil

    shutil.copytree(swept, tmp_path / "run")
    plan = json.loads((tmp_path / "run" / "plan.json").read_text(encoding="utf-8"))
    plan["plugin_files"] = [str(tmp_path / "gone" / Path(file).name) for file in plan["plugin_files"]]
    plan["path"] = str(tmp_path / "gone" / "x.toml")
    plan["base"] = str(tmp_path / "gone")
    (tmp_path / "run" / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    after = anncore.load_run(tmp_path / "run", curves=False)
    assert after.selection.equals(before.selection)
    assert "pessimist (selectors" in json.dumps(after.findings["methods"])


# From Python, and keys


def sweep(folder: Path, text: str, components: Sequence[type[Any]], **options: Any) -> anncore.Run:
    experiment = anncore.load_experiment(text, components=components)
    return anncore.sweep(experiment, out=folder / "run", executor="serial", **options)


def test_classes_given_from_python_come_in_by_the_same_doors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (
        HEAD.replace("METHOD", "strata")
        + "[select]\nrule = 'middle'\nshare = 0.25\n[rounds]\nrule = 'narrow'\nmost = 4\n"
    )
    run = sweep(tmp_path, text, [cls for kind, cls in DOORS.items() if kind != "command"])
    assert run.experiment.rounds is not None
    assert run.experiment.rounds.looks == (3, 4)
    assert (tmp_path / "diary.txt").read_text(encoding="utf-8") == "tune: 12\nreport: 6\nreport: 8\n"
    content = json.loads((run.report(figures=False).parent / "report.json").read_text(encoding="utf-8"))
    assert [section["name"] for section in content["sections"]] == ["ends"]
    assert content["rules"]["selector"]["values"] == {"share": 0.25}


def test_search_selection_and_rounds_change_no_key() -> None:
    from anncore import make_plan

    plain = HEAD.partition("[search]")[0].replace("{ log = [0.01, 1.0] }", "[0.1, 0.2]")
    others = plain + "[select]\nrule = 'middle'\n[rounds]\nrule = 'narrow'\n"
    keys = [
        [trial.key for trial in make_plan(anncore.load_experiment(text, components=[Middle, Narrow])).tune()]
        for text in (plain, others)
    ]
    assert keys[0] == keys[1]


def test_quick_adds_no_seeds() -> None:
    text = HEAD.replace("METHOD", "random") + "[rounds]\n"
    assert anncore.load_experiment(text).in_rounds is not None
    assert anncore.load_experiment(text, quick=True).in_rounds is None


# What goes wrong


@pytest.mark.parametrize(
    ("addition", "says"),
    [
        ("[select]\nrule = 'midle'", "[select] rule: No selector is called 'midle'. Did you mean 'middle'?"),
        ("[select]\nrule = 3", "[select] rule must be a text, got 3"),
        ("[select]\nrule = 'middle'\nshare = 2", "[select] middle: share must be in [0, 1], got 2"),
        ("[select]\nrule = 'middle'\nshape = 1", "unknown key 'shape' in [select]"),
        ("[select]\nshare = 0.5", "unknown key 'share' in [select]; known keys are metric, goal, rule."),
        ("[rounds]\nrule = 'narrow'\nwidth = 0", "[rounds] narrow: width must be in (0, inf), got 0"),
        ("[rounds]\nmost = 0", "[rounds] most must be a whole number of at least 1"),
        ("[rounds]\nfirst = 3", "unknown key 'first' in [rounds]; known keys are rule, most."),
        ("rounds = 3", "[rounds] must be a table, got 3"),
    ],
)
def test_a_mistake_in_the_file_is_one_line(addition: str, says: str) -> None:
    head, search, rest = HEAD.replace("METHOD", "random").partition("[search]")
    text = (
        f"{addition}\n{head}{search}{rest}"
        if addition.startswith("rounds")
        else f"{head}{search}{rest}{addition}\n"
    )
    with pytest.raises(ExperimentError) as caught:
        anncore.load_experiment(text, components=[Middle, Narrow])
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


LR = Range(("lr",), Search("log", (1e-4, 1e-1)), False)


@pytest.mark.parametrize(
    ("batch", "says"),
    [
        (np.ones((3, 1)), "must yield numbers in [0, 1), got others"),
        (np.full((3, 1), np.nan), "must yield numbers in [0, 1), got others"),
        (np.zeros((3, 2)), "must yield arrays (n, 1), got one of (3, 2)"),
        (np.zeros((3, 1)), "gives 1 different configuration in 64 batches, where 3 are asked for"),
    ],
)
def test_a_sampler_that_gives_no_points_is_named(batch: Any, says: str) -> None:
    @dataclasses.dataclass(frozen=True)
    class Broken(Strata):
        name: ClassVar[str] = "broken"

        def batches(self, samples: int, dimensions: int, rng: Any) -> Any:
            while True:
                yield batch

    with pytest.raises(ComponentError, match=re.escape(f"sampler 'broken' {says}")):
        sampling.draw(Broken(), 3, [LR], 0)


def spoilt(right: Any, method: str, result: Any) -> Any:
    def instead(self: Any, *arguments: Any) -> Any:
        if isinstance(result, Exception):
            raise result
        return result

    own = {"__doc__": right.__doc__, "__module__": __name__, method: instead}
    return dataclasses.dataclass(frozen=True)(type(f"Spoilt{right.__name__}", (right,), own))


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (
            "lr=9",
            "selection rule 'middle' on arm a and p must choose one of the 1 configurations with a score",
        ),
        (ValueError("no"), "selection rule 'middle' on arm a and p raised ValueError: no."),
    ],
)
def test_a_selection_rule_that_chooses_nothing_is_named(result: Any, says: str) -> None:
    import pandas as pd

    row = {"problem": "p", "arm": "a", "config": "lr=1", "status": "ok", "valid_loss": 0.5, "seed": 0}
    with pytest.raises(ComponentError, match=re.escape(says)):
        anncore.select(pd.DataFrame([row]), _loss(), spoilt(Middle, "choose", result)())


def _loss() -> Any:
    from anncore.experiment import Select

    return Select("valid_loss", "min")


@pytest.mark.parametrize(
    ("result", "says"),
    [
        (3, "must return None or a whole number above 3, the report seeds so far, got 3"),
        (4.5, "must return None or a whole number above 3"),
        (ValueError("no"), "raised ValueError: no."),
    ],
)
def test_a_stopping_rule_that_gives_no_number_is_named(tmp_path: Path, result: Any, says: str) -> None:
    from anncore import Look
    from anncore.experiment.model import Chosen, Rounds
    from anncore.running import seed_rounds

    experiment = anncore.load_experiment(HEAD.replace("METHOD", "random"), components=[Narrow])
    component = experiment.registry.get("stopper", "narrow")
    wrong = dataclasses.replace(component, cls=spoilt(Narrow, "next_seeds", result))
    chosen = {**experiment.chosen, "stopper": Chosen(wrong, {"width": 0.5})}
    begun = dataclasses.replace(experiment, rounds=Rounds((3,), 9), chosen=chosen)
    with pytest.raises(ComponentError, match=re.escape(f"stopping rule 'narrow' {says}")):
        seed_rounds.following(begun, Look((), (3,), 9, 6))


@dataclasses.dataclass(frozen=True)
class Half(Strata):
    """One point in each of n slices of the lower half of every dimension.

    The upper half stays empty.
    """

    name: ClassVar[str] = "half"

    def batches(self, samples: int, dimensions: int, rng: Any) -> Any:
        for batch in Strata.batches(self, samples, dimensions, rng):
            yield batch / 2


def test_a_search_method_that_breaks_its_promise_stops_the_sweep_before_it_begins(tmp_path: Path) -> None:
    experiment = anncore.load_experiment(HEAD.replace("METHOD", "half"), components=[Half])
    with pytest.raises(PluginError, match="cannot be trusted, so nothing was run") as caught:
        anncore.sweep(experiment, out=tmp_path / "run")
    (failure,) = caught.value.failures  # type: ignore[attr-defined]
    assert failure.startswith(f"sampler {experiment.chosen['sampler'].component.full_name}: even: ")
    assert not (tmp_path / "run").exists()


def test_a_listener_that_raises_is_named_once_and_the_sweep_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(TELLER, "say", said.append)
    monkeypatch.chdir(tmp_path)
    events: list[Event] = []

    @dataclasses.dataclass(frozen=True)
    class Grumpy(Listener):
        """Raises at everything.

        Even at the end.
        """

        name: ClassVar[str] = "grumpy"

        def hear(self, event: Event) -> None:
            raise SystemExit("not\nnow")

    @dataclasses.dataclass(frozen=True)
    class Ear(Listener):
        """Writes every event down.

        In a file.
        """

        name: ClassVar[str] = "ear"

        def hear(self, event: Event) -> None:
            with Path("heard.txt").open("a", encoding="utf-8") as file:
                file.write(f"{event!r}\n")

    text = (
        HEAD.partition("[search]")[0].replace("{ log = [0.01, 1.0] }", "0.1").replace("tune = [0, 1], ", "")
    )
    run = sweep(tmp_path, text, [Grumpy, Ear, Diary], on_event=events.append)
    assert (run.failures, run.missing) == (0, 0)
    assert said == [
        "listener session:grumpy raised SystemExit: not now; it hears no more of this sweep, which goes on."
    ]
    assert (tmp_path / "diary.txt").read_text(encoding="utf-8") == "report: 6\n"
    folder = str((tmp_path / "run").absolute())
    first, last = SweepStarted(run.experiment.name, folder, 0, 6), SweepDone(run.experiment.name, folder, "")
    heard = (tmp_path / "heard.txt").read_text(encoding="utf-8").splitlines()
    # The caller of a sweep knows by itself when it begins and ends.
    assert heard == [repr(event) for event in (first, *events, last)]


# Sections

HOSTILE = "<script>alert(1)</script> & | `x` [y](javascript:z) \u202e \x1b[31m \ud800"


def section(**members: Any) -> Any:
    own = {"__doc__": Ends.__doc__, "__module__": __name__, **members}
    cls = dataclasses.dataclass(frozen=True)(type("Hostile", (Ends,), own))
    return anncore.load_experiment(HEAD.replace("METHOD", "random"), components=[cls]).registry.get(
        "section", "ends"
    )


def test_hostile_texts_of_a_section_are_escaped_in_every_view() -> None:
    from results_factory import make_results

    from anncore.report.build import build_report, plain
    from anncore.report.html import render_html
    from anncore.report.latex import render_tables
    from anncore.report.markdown import render_markdown

    table = ReportTable(HOSTILE, [HOSTILE, "n"], [[HOSTILE, 1]])
    component = section(title=HOSTILE, write=lambda self, data: [HOSTILE, table])
    content = build_report(make_results(), {})
    content["sections"].append(write_section(component, figure_data.copied(figure_data.ordinary().data)))
    content = plain(content)
    json.dumps(content).encode()
    page, text = render_html(content, {}), render_markdown(content)
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 4
    for view in (page, text, *(one for _, one in render_tables(content))):
        view.encode()
        assert "<script>alert" not in view
        assert not {"\u202e", "\x1b", "\ud800"} & set(view)
    assert not re.search(r"(?<!\\)\]\(javascript", text)
    assert not re.search(r"^\| <", text, re.M)


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"write": lambda self, data: 1 / 0}, "ZeroDivisionError: division by zero"),
        ({"write": lambda self, data: sys.exit(3)}, "SystemExit: 3"),
        (
            {"write": lambda self, data: 3},
            "TypeError: write must return texts and tables, a text or None, got int",
        ),
        ({"write": lambda self, data: [3]}, "TypeError: write must return texts and ReportTables, got a int"),
        (
            {"write": lambda self, data: ReportTable("t", ["a", "b"], [["x"]])},
            "row 1 of a ReportTable has 1 cell for 2 columns",
        ),
    ],
)
def test_a_section_that_fails_says_so_and_loses_nothing(members: Any, problem: str) -> None:
    entry = write_section(section(**members), figure_data.copied(figure_data.ordinary().data))
    assert problem in entry["problem"]
    assert (entry["paragraphs"], entry["tables"]) == ([], [])


def test_a_failed_section_is_in_the_report_and_among_the_warnings(tmp_path: Path) -> None:
    from results_factory import make_results

    from anncore.report.write import write_report

    def spoil(self: Any, data: FigureInput) -> Any:
        data.report["arms"].clear()
        data.trials["arm"] = "mine"
        raise ZeroDivisionError("<b>no</b>")

    results = make_results()
    registry = anncore.load_experiment(
        HEAD.replace("METHOD", "random"), components=[section(write=spoil).cls]
    ).registry
    results = dataclasses.replace(
        results, experiment=dataclasses.replace(results.experiment, registry=registry)
    )
    content = write_report(results, tmp_path, figures=False)
    assert content["arms"]
    (warning,) = [one["text"] for one in content["answer"]["warnings"] if one["kind"] == "section"]
    assert warning.startswith("Section ends (session ")
    assert "could not be written: ZeroDivisionError: <b>no</b>" in warning
    assert "This section could not be written: ZeroDivisionError: &lt;b&gt;no" in (
        tmp_path / "report.html"
    ).read_text(encoding="utf-8")


def test_long_tables_are_cut_and_say_so() -> None:
    paragraphs, tables = checked(ReportTable("Many", ["n"], [[n] for n in range(MOST_ROWS + 5)]))
    assert len(tables[0]["rows"]) == MOST_ROWS
    assert paragraphs == ["Of 1,005 rows of the table “Many” the first 1,000 are shown."]


def test_cells_are_texts_numbers_and_nothing() -> None:
    row = ["a", 1.23456, float("nan"), None, True, np.float64(2), np.int64(7), 10**6]
    _, (table,) = checked([ReportTable("t", [str(i) for i in range(len(row))], [row])])
    assert table["rows"] == [["a", "1.23", "–", "–", "yes", "2.00", "7", "1000000"]]


# Commands


def distribution(folder: Path, code: str, name: str = "annx_tools") -> None:
    """Write a distribution with one plugin module into a folder, as an installer would."""
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    info = folder / f"{name}-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(f"[annx]\ntools = {name}\n")


PLAIN = """
import click
from anncore import hookimpl

@click.command()
@click.option("--times", default=1, help="How often.")
def hello_there(times):
    \"\"\"Say hello.\"\"\"
    if times > 8:
        raise TypeError("too often")
    click.echo("hello " * times)
    return times

@hookimpl
def annx_commands():
    return [hello_there]
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("ANNX_PLUGINS", raising=False)
    for name in [name for name in sys.modules if name.startswith("annx_tools")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def test_a_click_command_of_an_installed_package_is_a_verb(installed: Path) -> None:
    distribution(installed, PLAIN)
    assert "Commands of plugins:\n  hello-there  Say hello.\n" in annx("--help").stdout
    done = annx("hello-there", "--times", 2)
    assert (done.stdout, done.exit_code) == ("hello hello \n", 2)  # the exit code is what it returns
    assert annx("annx-tools:hello-there").stdout == "hello \n"
    assert annx("hello-there", "--help").stdout.startswith(
        "Usage: annx hello-there [OPTIONS]\n\n  Say hello."
    )
    raised = annx("hello-there", "--times", 9)
    assert raised.exit_code == MISUSED
    assert raised.stderr.startswith(
        "annx: command 'hello-there' of annx-tools 1.2 raised TypeError: too often"
    )
    assert annx("show", "command:hello_there").stdout.startswith("hello_there (command)\n\nSay hello.\n")


def test_a_broken_one_is_named_and_the_help_is_whole(installed: Path) -> None:
    distribution(installed, "import nowhere_to_be_found\n# annx_commands\n")
    shown = annx("--help")
    assert shown.exit_code == OK
    assert "(annx-tools:tools)" in shown.stdout
    assert "nowhere_to_be_found" in shown.stdout.replace("\n", "").replace(" " * 21, "")
    assert [verb for verb in VERBS if f"\n  {verb} " not in shown.stdout] == []
    assert "Plugin 'annx-tools:tools' is broken: ModuleNotFoundError" in annx("hello-there").stderr


def test_a_module_without_commands_is_not_imported_for_the_help(installed: Path) -> None:
    distribution(installed, "raise SystemExit('imported')\n")
    assert HOOK.decode() not in (installed / "annx_tools.py").read_text(encoding="utf-8")
    assert annx("--help").exit_code == OK
    assert plugin_commands().broken == ()
    assert "annx_tools" not in sys.modules


def test_two_packages_with_one_command_are_told_apart(installed: Path) -> None:
    distribution(installed, PLAIN)
    distribution(installed, PLAIN, "annx_tools_too")
    refused = annx("hello-there")
    assert refused.exit_code == MISUSED
    assert "write one of annx-tools:hello-there, annx-tools-too:hello-there" in refused.stderr
    assert annx("annx-tools-too:hello-there").stdout == "hello \n"
    assert "annx-tools-too:hello-there  Say hello." in annx("--help").stdout


def test_a_verb_of_ours_is_reserved(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLAIN.replace("hello_there", "new_plugin"), encoding="utf-8")
    with pytest.raises(PluginError, match="cannot be called 'new-plugin', which is a verb of annx's own"):
        anncore.load_registry([tmp_path / "mine.py"])


def test_a_click_command_keeps_the_promises_of_a_command() -> None:
    outcomes = [check.outcome() for check in checks_for(greet)]
    assert {outcome.name: outcome.reason for outcome in outcomes if outcome.reason} == {}
    assert "help" in {outcome.name for outcome in outcomes}


def test_a_format_called_like_a_data_set_gives_way_to_it() -> None:
    assert annx("show", "csv").stdout.startswith("csv (dataset)")
    assert annx("show", "exporter:csv").stdout.startswith("csv (exporter)")


def test_plugin_before_a_verb_of_ours_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLAIN, encoding="utf-8")
    refused = annx("--plugin", tmp_path / "mine.py", "list")
    assert refused.exit_code == MISUSED
    assert "for 'list' write it after the verb" in refused.stderr


def test_what_is_no_command_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLAIN.replace("[hello_there]", "[3]"), encoding="utf-8")
    with pytest.raises(PluginError, match="annx_commands must return classes, got 3"):
        anncore.load_registry([tmp_path / "mine.py"])
    assert isinstance(greet, click.Command)
    assert hookimpl is not None
