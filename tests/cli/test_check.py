"""`annx check`: which components a target means, what is said of them, and the exit code."""

from __future__ import annotations

import importlib.metadata
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.shell_completion import CompletionItem, ShellComplete
from click.testing import CliRunner, Result
from terminal import on_a_terminal

from anncore.cli.group import MISUSED, NOTHING_MATCHED, OK, SOME_FAILED, cli

HALVED = """
from dataclasses import dataclass
from typing import ClassVar
from anncore import Hyper, hookimpl, hyper, Activation

@dataclass(frozen=True)
class Halved(Activation):
    '''A share of all, f(z) = share z with share = 1/2 by default.

    By nobody, 2020.
    '''
    name: ClassVar[str] = "halved"
    share: Hyper = hyper(0.5, "(0, 1]")
    def forward(self, z): return self.share * z
    def backward(self, grad, z, a): return self.share * grad

@hookimpl
def annx_activations(): return [Halved]
"""
WRONG = HALVED.replace("return self.share * grad", "return grad")


def check(*args: str) -> Result:
    return CliRunner().invoke(cli, ["check", *args])


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    def written(text: str, name: str = "mine.py") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return written


UNDERIVABLE = """
from dataclasses import dataclass
from typing import ClassVar
import numpy as np
from anncore import hookimpl, Activation

@dataclass(frozen=True)
class Halved(Activation):
    '''Half of all, by singular values.

    By nobody, 2020.
    '''
    name: ClassVar[str] = "halved"
    def forward(self, z):
        return z * np.linalg.svd(z, compute_uv=False)[:, :1, None]

@hookimpl
def annx_activations(): return [Halved]
"""


# What is said


def test_a_formula_that_cannot_be_derived_is_one_line_for_all_checks(write: Callable[..., str]) -> None:
    file = write(UNDERIVABLE)
    result = check(file)
    assert result.exit_code == SOME_FAILED
    first, second, *others = result.output.splitlines()
    assert re.match(r"activation halved: 10 of 16 checks fail", first)
    assert second.strip().startswith("deterministic, no_global_rng, other_process, stacked_as_alone, ")
    assert second.endswith(
        "gradient, range, extremes_finite: np.linalg.svd has no known derivative (mine.py, line 15: return z "
        "* np.linalg.svd(z, compute_uv=False)[:, :1, None]); write backward, or the formula without it"
    )
    assert others == []
    assert "Traceback" not in check(file, "-v").output


@pytest.mark.slow
def test_what_holds_is_one_line(write: Callable[..., str]) -> None:
    result = check(write(HALVED))
    assert result.exit_code == OK
    assert result.stdout.startswith("activation halved: 16 checks hold (")
    assert result.stdout.count("\n") == 1
    assert result.stderr == ""


def test_what_fails_is_told_in_a_line_each(write: Callable[..., str]) -> None:
    result = check(write(WRONG))
    assert result.exit_code == SOME_FAILED
    head, line = result.stdout.splitlines()
    assert head.startswith("activation halved: 1 of 16 checks fails (")
    assert line.startswith("  gradient: defaults: backward at z = ")
    assert "in place of" in line


def test_verbose_adds_every_check_its_promise_and_tracebacks(write: Callable[..., str]) -> None:
    broken = HALVED.replace("return self.share * z", "return (1).missing * z")
    output = check("-v", write(broken)).stdout
    assert "\n  documentation: ok\n" in output
    assert "\n      In float64, backward agrees with central differences of forward," in output
    raised = "\n  gradient: raised AttributeError: 'int' object has no attribute 'missing' ("
    assert raised in output
    place, _, _ = output.split(raised)[1].partition("\n")
    assert place.endswith(": return (1).missing * z)")
    assert "\n      Traceback (most recent call last):\n" in output


def test_several_components_are_summed_up(write: Callable[..., str]) -> None:
    result = check(write(WRONG), "relu", "--only", "gradient", "--only", "range")
    assert result.exit_code == SOME_FAILED
    assert result.stdout.splitlines()[-1] == "2 components, 4 checks: 1 of them fails."


def test_json_tells_everything(write: Callable[..., str]) -> None:
    result = check(write(WRONG), "--json")
    assert result.exit_code == SOME_FAILED
    content = json.loads(result.stdout)
    (component,) = content["components"]
    assert (content["holds"], component["holds"], component["full_name"]) == (False, False, "mine:halved")
    by_name = {outcome["name"]: outcome for outcome in component["checks"]}
    assert len(by_name) == 16
    assert by_name["range"]["holds"] is True
    assert by_name["range"]["looked_at"] > 0
    assert by_name["gradient"]["holds"] is False
    assert "backward at z" in by_name["gradient"]["reason"]
    assert by_name["gradient"]["promise"].startswith("In float64, backward agrees")


@pytest.mark.slow
def test_a_terminal_gets_a_table(write: Callable[..., str]) -> None:
    output = on_a_terminal("check", write(WRONG), "relu", code=SOME_FAILED)
    assert "\x1b[" in output
    output = re.sub(r"\x1b\[[0-9;]*m", "", output)
    assert re.search(r"^activation +halved +1 of 16 checks fails +\d", output, re.MULTILINE)
    assert re.search(r"^activation +relu +16 checks hold +\d", output, re.MULTILINE)
    assert "✗ gradient: defaults: backward at z" in output


# Several processes


@pytest.mark.slow
def test_several_processes_give_the_same_outcomes_in_the_same_order(write: Callable[..., str]) -> None:
    args = [
        write(WRONG),
        "relu",
        "adam",
        "serial",
        "--only",
        "gradient",
        "--only",
        "scope",
        "--only",
        "stops",
    ]

    def without_times(*more: str) -> list[dict[str, Any]]:
        result = check(*args, *more, "--json")
        assert result.exit_code == SOME_FAILED
        components: list[dict[str, Any]] = json.loads(result.stdout)["components"]
        for component in components:
            for outcome in component["checks"]:
                outcome.pop("seconds")
        return components

    alone, together = without_times("--jobs", "1"), without_times("-j", "2")
    assert together == alone
    assert [component["name"] for component in together] == ["halved", "relu", "adam", "serial"]


@pytest.mark.slow
def test_a_component_that_ends_its_worker_fails_and_the_others_are_checked(
    write: Callable[..., str],
) -> None:
    ends = HALVED.replace("return self.share * z", "import os; os._exit(3)")
    result = check(write(ends), "relu", "-j", "2", "--only", "range")
    assert result.exit_code == SOME_FAILED
    first, reason, second, summary = result.stdout.splitlines()
    assert first.startswith("activation halved: 1 of 1 check fails (")
    assert reason == "  process: the worker process ended with exit code 3"
    assert second.startswith("activation relu: 1 check holds (")
    assert summary == "2 components, 2 checks: 1 of them fails."


# What a target means


def names(*args: str) -> list[str]:
    """Return the components that are checked, by their full names."""
    content = json.loads(check(*args, "--json", "--only", "well_formed", "--jobs", "1").stdout)
    return [f"{component['kind']}:{component['full_name']}" for component in content["components"]]


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        (["adam"], ["optimizer:annx:adam"]),
        (["annx:adam", "adam"], ["optimizer:annx:adam"]),
        (["metric:mae"], ["metric:annx:mae"]),
        (["annx:optimizer_adam"], ["optimizer:annx:adam"]),
        (["relu", "adam"], ["activation:annx:relu", "optimizer:annx:adam"]),
    ],
)
def test_a_target_is_a_component_a_plugin_or_a_kind(targets: list[str], expected: list[str]) -> None:
    assert names(*targets) == expected


def test_a_kind_is_all_of_its_components() -> None:
    checked = names("schedules")
    assert {"schedule:annx:constant", "schedule:annx:cosine", "schedule:annx:step"} <= set(checked)
    assert all(name.startswith("schedule:") for name in checked)


def test_a_file_is_checked_with_all_it_brings(write: Callable[..., str]) -> None:
    two = HALVED + HALVED.replace("Halved", "Third").replace('"halved"', '"third"').replace(
        "return [Third]", "return [Halved, Third]"
    )
    assert names(write(two)) == ["activation:mine:halved", "activation:mine:third"]
    assert names("third", "--plugin", write(two)) == ["activation:mine:third"]


def test_our_own_distribution_is_a_target_and_what_reads_a_file_is_left_out() -> None:
    result = check("annx", "--json", "--only", "well_formed", "--jobs", "1")
    assert result.exit_code == OK
    content = json.loads(result.stdout)
    ours = importlib.metadata.entry_points(group="annx")
    assert len(content["components"]) + len(content["left_out"]) == len(
        [
            entry
            for entry in ours
            # A library is no component: it makes components of what another package has.
            if entry.dist is not None and entry.dist.name == "annx" and not entry.name.startswith("library_")
        ]
    )
    files = ("dataset:annx:csv", "dataset:annx:data_frame", "dataset:annx:parquet")
    assert content["left_out"] == [*files, "initializer:annx:from_file"]
    assert "dataset:csv reads a file and is left out: annx check dataset:csv path=FILE" in result.stderr


def test_hyperparameters_can_be_given(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    rows = "".join(f"{i},{i * i % 7}.5,{'ab'[i % 2]}\n" for i in range(30))
    file.write_text("x,z,y\n" + rows)
    result = check("csv", f"path={file}", "target=y", "--only", "data", "--only", "splits")
    assert (result.exit_code, result.stdout[:27]) == (OK, "dataset csv: 2 checks hold "), result.output


# Mistakes, and nothing to do


def one_line(result: Result, code: int) -> str:
    assert result.exit_code == code, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["adm"], "No component is called 'adm'. Did you mean 'adam'?"),
        (["mae"], "write loss:mae or metric:mae"),
        (["no_such.py"], "file 'no_such.py' does not exist"),
        (["csv"], "dataset 'csv' reads a file: annx check csv path=FILE"),
        (["relu", "adam", "lr=1"], "'lr=1' is for a single component, and 2 components were named"),
        (["adam", "lr=-1"], "adam: lr must be in (0, inf), got -1"),
        (["adam", "rate=1"], "unknown hyperparameter 'rate'"),
        (["adam", "a.b=1"], "'a.b=1' must be KEY=VALUE"),
    ],
)
def test_a_mistake_is_one_line(args: list[str], says: str) -> None:
    assert says in one_line(check(*args), MISUSED)


def test_without_a_target_the_usage_is_told() -> None:
    assert "Missing argument" in one_line(check(), MISUSED)


def test_a_check_that_none_has_matches_nothing() -> None:
    result = check("adam", "--only", "quadratc")
    assert "Did you mean 'quadratic'?" in one_line(result, NOTHING_MATCHED)
    assert result.stdout == ""


@pytest.mark.slow
def test_a_broken_file_fails_with_its_reason(write: Callable[..., str]) -> None:
    file = write(HALVED.replace("def annx_activations", "def annx_activation"))
    good = write(HALVED, "good.py")
    result = check(file, good, "--only", "gradient")
    assert result.exit_code == SOME_FAILED
    lines = result.stdout.splitlines()
    assert lines[0].startswith("activation halved: 1 check holds")
    assert lines[1] == (
        f"plugin {file}: broken: no hook is called 'annx_activation'. Did you mean 'annx_activations'?"
    )
    assert json.loads(check(file, "--json").stdout)["broken_plugins"][file].startswith("no hook is called")


def test_a_broken_distribution_fails_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dist:
        metadata: ClassVar = {"Name": "annx-broken"}
        version = "1"

    real = importlib.metadata.entry_points

    def with_broken(group: str) -> list[Any]:
        entry = importlib.metadata.EntryPoint("broken", "no_such_module_anywhere", "annx")
        return [*real(group=group), entry._for(Dist())]  # type: ignore[attr-defined]

    monkeypatch.setattr(importlib.metadata, "entry_points", with_broken)
    for target in ("annx-broken", "annx-broken:broken"):
        result = check(target)
        assert result.exit_code == SOME_FAILED
        reason = "ModuleNotFoundError: No module named 'no_such_module_anywhere'"
        assert result.stdout == f"plugin annx-broken:broken: broken: {reason}\n"


# Completion


def test_the_shell_completes_components_kinds_and_distributions_then_files() -> None:
    def complete(incomplete: str) -> list[CompletionItem]:
        return ShellComplete(cli, {}, "annx", "_ANNX_COMPLETE").get_completions(["check"], incomplete)

    assert [item.value for item in complete("adag")] == ["adagrad"]
    assert [item.value for item in complete("schedule")][:1] == ["schedule"]
    assert "annx" in [item.value for item in complete("ann")]
    assert [(item.value, item.type) for item in complete("./mi")] == [("./mi", "file")]
