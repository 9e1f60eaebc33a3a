"""The command line: what each verb prints, and what it imports."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner, Result
from shipped import REGISTRY
from terminal import ANNX, on_a_terminal

from anncore import __version__
from anncore.cli.common import folded, table
from anncore.cli.group import MISUSED, NOTHING_MATCHED, VERBS, cli
from anncore.contract.kind_names import KINDS

SLOTH = """
from dataclasses import dataclass
from typing import ClassVar
from anncore import Hyper, Optimizer, hookimpl, log, hyper

@dataclass(frozen=True)
class Sloth(Optimizer):
    '''A sloth that stands still.

    No reference.
    '''
    name: ClassVar[str] = "sloth"
    presets: ClassVar = {"tame": {"lr": 0.5}}
    lr: Hyper = hyper(1e-3, "(0, inf)", search=log(1e-5, 1e-1), help="of no use")
    hidden: tuple = hyper((1, 2), "list int [1, inf)")
    def init(self, weight): return ()
    def step(self, weight, grad, state, t): return 0 * weight, ()

@hookimpl
def annx_optimizers(): return [Sloth]
"""


def run(*args: str) -> Result:
    result = CliRunner().invoke(cli, args)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def sloth(tmp_path: Path) -> str:
    path = tmp_path / "sloth.py"
    path.write_text(SLOTH)
    return str(path)


# The group


def test_show_prints_back_propagation_of_a_network() -> None:
    text = run("show", "mlp").stdout
    assert "Derived from the formula\n  z1 = x W1 + b1\n  a1 = relu(z1)\n" in text
    assert "  δ1 = (δ2 W2ᵀ) ∘ relu'(z1)\n" in text
    assert json.loads(run("show", "mlp", "--json").stdout)["derivative"][-1] == "∂L/∂W1 = xᵀ δ1"
    assert json.loads(run("show", "elman", "--json").stdout)["derivative"] == []  # written by hand


def test_help_names_every_verb_with_a_line() -> None:
    output = run("--help").stdout
    for verb in VERBS:
        (line,) = [line for line in output.splitlines() if line.startswith(f"  {verb} ")]
        assert len(line.split()) > 3
    assert "130 interrupted" in output
    assert "_ANNX_COMPLETE" in output
    assert run().stdout == output


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_and_every_option_is_explained(verb: str) -> None:
    assert run(verb, "--help").stdout.startswith(f"Usage: annx {verb} ")
    command = cli.get_command(click.Context(cli), verb)
    assert command is not None
    assert [p.name for p in command.params if isinstance(p, click.Option) and not p.help] == []


def test_version() -> None:
    assert run("--version").stdout == f"annx {__version__}\n"


MEASURED = """
import sys
from anncore.cli import main
try:
    main()
finally:
    print(*sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
"""
SLOW_TO_IMPORT = {
    "numpy",
    "pandas",
    "scipy",
    "sklearn",
    "matplotlib",
    "seaborn",
    "rich",
    "jinja2",
    "llvmlite",
}


@pytest.mark.parametrize(
    ("args", "needed"),
    [
        (("--help",), set()),
        (("--version",), set()),
        (("sweep", "--help"), set()),
        (("check", "--help"), set()),
        (("list",), {"numpy"}),
        (("show", "adam"), {"numpy", "llvmlite"}),
    ],
)
def test_it_answers_at_once_as_it_imports_only_what_it_needs(args: tuple[str, ...], needed: set[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *args], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout
    assert set(done.stderr.split()) & SLOW_TO_IMPORT <= needed


def test_python_m_anncore_is_annx() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "anncore", "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout == f"annx {__version__}\n"


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_error() -> None:
    for args in ("list", "show adam", "list --json"):
        done = subprocess.run(
            ["bash", "-c", f"'{ANNX}' {args} | true; echo ${{PIPESTATUS[0]}}"],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert (done.stdout, done.stderr) == ("0\n", "")


def test_blas_is_limited_before_numpy_comes() -> None:
    code = (
        "import sys, os, anncore.cli.group as g, anncore.cli as c\n"
        "def cli(): assert 'numpy' not in sys.modules; print(os.environ['OPENBLAS_NUM_THREADS'])\n"
        "g.cli = cli; c.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300
    )
    assert done.stdout == "1\n"


# list


def test_list_shows_every_kind_with_names_and_summaries() -> None:
    lines = run("list").stdout.splitlines()
    assert [line.split()[0] for line in lines if line[0] != " "] == [*KINDS, "library"]
    assert any(line.split()[:1] == ["relu"] and "Rectified linear unit." in line for line in lines)


@pytest.mark.parametrize("kind", ["activation", "activations"])
def test_list_of_one_kind(kind: str) -> None:
    names = [line.split()[0] for line in run("list", kind).stdout.splitlines()]
    assert names == sorted(names)
    assert {"identity", "leaky_relu", "relu", "sigmoid", "softmax", "tanh"} <= set(names)
    assert not {"adam", "mse"} & set(names)


def test_losses_may_be_asked_for_in_the_plural() -> None:
    assert "huber" in run("list", "losses").stdout


@pytest.mark.parametrize(
    ("args", "first", "among", "absent"),
    [
        (("optimizer", "--like", "adam"), "adam", {"adamw", "nadam", "radam", "amsgrad"}, {"sgd", "lion"}),
        (("optimizer", "--like", "ADAM w"), "adamw", {"schedule_free_adamw"}, {"adam", "lion"}),
        (("activation", "--like", "relu"), "relu", {"leaky_relu", "prelu", "softplus"}, {"tanh"}),
        (("losses", "--like", "cross-entropy"), "binary_cross_entropy", {"focal"}, {"mse"}),
        (("optimizer", "--like", "adm"), "adam", {"adamw"}, {"sgd"}),  # a slip
        (("optimizer", "--like", "schampoo"), "shampoo", set(), {"adam"}),
    ],
)
def test_list_of_what_is_like_a_text_begins_with_the_closest(
    args: tuple[str, ...], first: str, among: set[str], absent: set[str]
) -> None:
    names = [line.split()[0] for line in run("list", *args).stdout.splitlines()]
    assert names[0] == first
    assert among <= set(names)
    assert not absent & set(names)


def test_list_of_all_kinds_that_are_like_a_text_has_groups_and_json() -> None:
    lines = run("list", "--like", "mean").stdout.splitlines()
    kinds = [line.split()[0] for line in lines if line[0] != " "]
    assert [kind for kind in KINDS if kind in kinds] == kinds
    assert {"loss", "metric"} <= set(kinds)
    assert not {"library", "(none)"} & {word for line in lines for word in line.split()}
    listed = json.loads(run("list", "--like", "mean", "--json").stdout)
    assert len(listed) == len(lines)
    assert {"mae", "mse"} <= {component["name"] for component in listed}


def test_list_of_what_is_like_nothing_says_so() -> None:
    result = CliRunner().invoke(cli, ["list", "loss", "--like", "qqqq"])
    assert (result.exit_code, result.stdout) == (NOTHING_MATCHED, "")
    assert result.stderr == "No loss has a name or a first line like 'qqqq'. 'annx list loss' names all.\n"
    empty = CliRunner().invoke(cli, ["list", "--like", " "])
    assert empty.exit_code == MISUSED
    assert "--like needs a text" in empty.stderr


def test_list_as_json_is_a_list_of_components(sloth: str) -> None:
    listed = json.loads(run("list", "optimizer", "--json", "--plugin", sloth).stdout)
    (entry,) = [component for component in listed if component["name"] == "sloth"]
    assert entry["full_name"] == "sloth:sloth"
    assert entry["summary"] == "A sloth that stands still."
    assert entry["kind"] == "optimizer"


# show


def test_show_prints_documentation_hyperparameters_presets_and_origin(sloth: str) -> None:
    output = run("show", "sloth", "--plugin", sloth).stdout
    assert output.startswith("sloth (optimizer)\n\nA sloth that stands still.\n\nNo reference.\n")
    (line,) = [line for line in output.splitlines() if line.startswith("  lr ")]
    assert line.split() == [
        "lr",
        "0.001",
        "in",
        "(0,",
        "inf)",
        "log",
        "1e-05",
        "to",
        "0.1",
        "of",
        "no",
        "use",
    ]
    assert "[1, 2]" in output
    assert "  tame  lr = 0.5\n" in output
    assert "From sloth " in output


@pytest.mark.parametrize(
    "args",
    [("optimizer:sloth",), ("sloth:sloth",), ("optimizer:sloth:sloth",), ("sloth", "--kind", "optimizer")],
)
def test_show_takes_short_full_and_kinded_names(sloth: str, args: tuple[str, ...]) -> None:
    assert json.loads(run("show", *args, "--json", "--plugin", sloth).stdout)["full_name"] == "sloth:sloth"


def test_a_name_of_two_kinds_must_be_told_apart() -> None:
    result = CliRunner().invoke(cli, ["show", "mae"])
    assert result.exit_code == 2
    assert result.stderr == "annx: 'mae' names a component of 2 kinds; write loss:mae or metric:mae.\n"
    assert json.loads(run("show", "metric:mae", "--json").stdout)["kind"] == "metric"


def test_show_as_json_holds_all_a_form_would_need(sloth: str) -> None:
    shown = json.loads(run("show", "sloth", "--json", "--plugin", sloth).stdout)
    assert shown["hyperparameters"]["lr"] == {
        "default": 0.001,
        "domain": "in (0, inf)",
        "search": {"how": "log", "values": [1e-5, 1e-1]},
        "help": "of no use",
    }
    assert shown["presets"] == {"tame": {"lr": 0.5}}
    assert shown["documentation"].startswith("A sloth that stands still.")


@pytest.mark.slow
def test_every_component_can_be_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anncore.load_registry", lambda plugins: REGISTRY)  # once for all of them
    for entry in json.loads(run("list", "--json").stdout):
        assert entry["summary"] in run("show", f"{entry['kind']}:{entry['full_name']}").stdout


@pytest.mark.slow
def test_an_activation_is_drawn_on_a_terminal_only() -> None:
    assert "⠒⠒⠒ f(z)" in on_a_terminal("show", "relu", NO_COLOR="1")
    assert "⠒⠒⠒ f(z)" not in run("show", "relu").stdout


@pytest.mark.slow
def test_what_is_no_function_of_one_number_is_not_drawn() -> None:
    shown = on_a_terminal("show", "softmax", NO_COLOR="1")
    assert "⠒⠒⠒" not in shown
    assert "From annx" in shown


@pytest.mark.slow
@pytest.mark.parametrize("columns", [60, 100])
def test_tables_are_folded_to_the_terminals_width(columns: int) -> None:
    """Nothing of a table is lost: how a range is searched stands in the last column of `show`."""
    shown = on_a_terminal("show", "adam", COLUMNS=str(columns))
    assert "…" not in shown
    assert "choice of 0.9, 0.99, 0.999" in shown or "choice of 0.9,\n" in shown
    assert max(map(len, shown.splitlines())) <= columns
    lines = on_a_terminal("list", "optimizer", COLUMNS=str(columns)).splitlines()
    assert max(map(len, lines)) <= columns
    whole = CliRunner().invoke(cli, ["list", "optimizer"]).stdout
    # Lines may be folded after a hyphen.
    assert sorted(re.split(r"[\s-]+", " ".join(lines))) == sorted(re.split(r"[\s-]+", whole.strip()))


def test_paragraphs_are_filled_and_formulas_keep_their_indent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anncore.cli.common.width", lambda: 20)
    text = "One line that is\ntoo long for it.\n\nShort.\nStays.\n\n    m = a + b  (when it is on)"
    assert folded("A word too many, here.\nAnd more.").splitlines() == ["A word too many,", "here. And more."]
    assert folded(text).split("\n\n")[1:] == ["Short.\nStays.", "    m = a + b  (when\n        it is on)"]
    monkeypatch.setattr("anncore.cli.common.width", lambda: None)
    assert folded(text) == text


def test_a_terminal_too_narrow_to_fold_for_cuts_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anncore.cli.common.width", lambda: 20)
    lines = table([("name", "one two three four", "five six seven")]).splitlines()
    assert lines == ["name  one two three…", "      four"]


# plugins


def test_plugins_counts_what_each_distribution_brought(sloth: str) -> None:
    lines = run("plugins", "--plugin", sloth).stdout.splitlines()
    assert lines[0].startswith(f"annx {__version__}: ")
    assert lines[1:] == [f"{sloth}: 1 component from 1 plugin", "  file:sloth  optimizer sloth"]


def test_plugins_as_json_lists_each(sloth: str) -> None:
    last = json.loads(run("plugins", "--json", "--plugin", sloth).stdout)[-1]
    assert last["name"] == "file:sloth"
    assert last["components"] == ["optimizer sloth"]
    assert last["problem"] == ""


# Completion


@pytest.fixture
def complete() -> Callable[..., list[str]]:
    def completions(*args: str) -> list[str]:
        shell = ShellComplete(cli, {}, "annx", "_ANNX_COMPLETE")
        return [item.value for item in shell.get_completions(list(args[:-1]), args[-1])]

    return completions


def test_the_shell_completes_verbs_names_and_kinds(complete: Callable[..., list[str]]) -> None:
    assert complete("pl") == ["plan", "plugins"]
    moments = ["adabelief", "adabound", "adadelta", "adafactor", "adagrad", "adam", "adam_mini"]
    assert complete("show", "ada") == [*moments, "adamax", "adamuon", "adamw", "adan"]
    assert complete("list", "in") == ["initializer"]


def test_the_shells_script_is_there() -> None:
    environ = {**os.environ, "_ANNX_COMPLETE": "zsh_source"}
    done = subprocess.run([str(ANNX)], env=environ, capture_output=True, text=True, check=True, timeout=300)
    assert "_ANNX_COMPLETE=zsh_complete" in done.stdout


DEAR = {"scipy.stats", "seaborn", "sklearn"}  # a second each, which few need


def test_no_verb_imports_what_it_does_not_need(tmp_path: Path) -> None:
    """seaborn draws heat maps, scikit-learn has data sets and encodes columns: nobody else waits."""
    experiment, folder = tmp_path / "e.toml", str(tmp_path / "run")
    experiment.write_text(
        'schema = 1\nvary = ["optimizer"]\n[train]\nsteps = 20\n[seeds]\nreport = { start = 0, num = 3 }\n'
        "[dataset.xor]\n[dataset.two_moons]\n[dataset.sine]\n[dataset.checkerboard]\n"
        "[network.mlp]\nhidden = [[4]]\n[loss.auto]\n[optimizer.sgd]\n[optimizer.adam]\n",
        encoding="utf-8",
    )
    script = "import sys\nfrom anncore.cli import main\ntry:\n    main()\nfinally:\n    "
    script += f"print(*sorted({DEAR!r} & sys.modules.keys()), file=sys.stderr)\n"
    for command in (
        ("plan", str(experiment)),
        ("sweep", str(experiment), "--out", folder, "--executor", "serial", "--no-figures"),
        ("report", folder, "--no-figures"),
        ("status", folder),
        ("compare", folder, folder),
        ("export", folder, "--format", "csv"),
        ("list",),
        ("show", "adam"),
    ):
        done = subprocess.run(
            [sys.executable, "-c", script, *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr.splitlines()[-1] == "", command
