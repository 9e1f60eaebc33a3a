"""All mistakes of a file at once, one line each, and none that only follows from another."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from experiment_factory import load, plan

from anncore.cli.group import cli
from anncore.contract import errors
from anncore.contract.errors import AnnxError, ComponentError, ExperimentErrors

FIVE = """
[train]
stepz = 10
[dataset.two_moon]
[optimizer.adam]
lr = -1
beta = 2
[optimiser.sgd]
"""
WORDS = ("'optimiser'", "'stepz'", "'two_moon'", "lr must be in (0, inf), got -1", "'beta'")


def lines(tmp_path: Path, text: str, **options: object) -> list[str]:
    with pytest.raises(AnnxError) as caught:
        plan(tmp_path, text, **options)
    return list(caught.value.lines)


def test_five_mistakes_give_five_lines(tmp_path: Path) -> None:
    refusals = lines(tmp_path, FIVE)
    assert len(refusals) == 5
    for line, words in zip(refusals, WORDS, strict=True):
        assert line.startswith("x.toml: ")
        assert words in line


def test_the_command_line_prints_a_line_for_each_and_ends_with_2(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(FIVE)
    done = CliRunner().invoke(cli, ["plan", str(tmp_path / "x.toml")])
    assert done.exit_code == 2
    assert [line[:14] for line in done.stderr.splitlines()] == ["annx: x.toml: "] * 5


@pytest.mark.parametrize(
    ("typo", "meant"), [("contrl", "control"), ("taget", "target"), ("succes", "success")]
)
def test_a_key_of_the_report_that_is_spelt_nearly_right_is_a_mistake(
    tmp_path: Path, typo: str, meant: str
) -> None:
    base = "[dataset.xor]\n[optimizer.adam]\n[report]\n"
    (refusal,) = lines(tmp_path, f'{base}{typo} = "sgd"\n')
    assert refusal == f"x.toml: [report] unknown key {typo!r}. Did you mean {meant!r}?"
    assert plan(tmp_path, f"{base}of_a_plugin = 3\n").experiment.report == {"of_a_plugin": 3}


def test_one_mistake_is_an_error_of_its_own_kind(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nowhere")
    with pytest.raises(AnnxError, match="nowhere") as caught:
        load(tmp_path, "[plugins]\nfiles = ['broken.py']\n[dataset.iris]\n[optimizer.unknown]\n")
    assert type(caught.value).__name__ == "PluginError"  # what it would have brought counts as no mistake


@pytest.mark.parametrize(
    ("text", "count"),
    [
        # A wrong value, and what would follow from it.
        ("[search]\nmethod = 'x'\nsamples = 3\n", 1),
        ("[search]\nmethod = 'sobol'\nsamples = 0\nwiden = true\n", 2),  # widen needs tune seeds as well
        ("[train.stop]\nlos = 3\n", 1),
        ("[seeds]\nreport = 'x'\ntune = [1]\n", 1),
        ("[optimizer.lookahead]\noptimizer = 'unknown'\n'optimizer.lr' = 3\n", 1),
        ("[optimizer.nobody]\n[[exclude]]\noptimizer = 'nobody'\n", 1),
        ("vary = 3\n[optimizer.adam]\nlr = {log = [1, 2]}\n", 1),
        # Mistakes in different places.
        ("[split]\nvalid = 2\ntest = -1\n[limits]\ntimeout = 'x'\n[report]\nrope = 0\n", 4),
        ("[[exclude]]\noptimizer = 'x'\n[[exclude]]\n'optimizer.x' = 1\n[[include]]\ndatas = 'iris'\n", 3),
        ("[optimizer.adam]\nlr = {log = [1, 2]}\nbeta1 = {log = [0.1, 0.2]}\n", 2),
        ("[optimizer.adam]\nlr = [1, -1, 2]\nbeta1 = 1\neps_mode = 'in'\n", 3),
    ],
)
def test_each_mistake_counts_once(tmp_path: Path, text: str, count: int) -> None:
    head, _, rest = text.partition("[") if text.startswith("vary") else ("", "", text)
    refusals = lines(tmp_path, f"{head}[dataset.iris]\n[optimizer.sgd]\n{'[' if head else ''}{rest}")
    assert len(refusals) == count, refusals


def test_what_does_not_fit_together_is_collected_too(tmp_path: Path) -> None:
    text = """
        [dataset.iris]
        [dataset.two_moons]
        n = 60
        [network.mlp]
        hidden = [[4]]
        [optimizer.muon]
        [optimizer.lbfgs]
        [optimizer.sgd]
        """
    refusals = lines(tmp_path, text)
    assert len(refusals) == 2
    assert "[optimizer.muon]" in refusals[0]
    assert "lbfgs needs the full batch" in refusals[1]


def test_more_than_twenty_are_counted() -> None:
    error = ExperimentErrors.of(ComponentError(f"mistake {i}") for i in range(30))
    assert error.lines[18:] == ("mistake 18", "... and 11 more mistakes.")
    assert str(error).count("\n") == 19


def test_the_same_line_is_said_once() -> None:
    assert ExperimentErrors.of([ComponentError("a"), ComponentError("a")]).lines == ("a",)


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"k{number} = 1\n" for number in range(3000)),
        "".join(f"[loss.l{number}]\n" for number in range(3000)),
        "[train]\n" + "".join(f"k{number} = 1\n" for number in range(3000)),
    ],
    ids=["keys", "sections", "train"],
)
def test_a_file_of_thousands_of_mistakes_is_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    guesses: list[str] = []
    guess = errors.closest
    monkeypatch.setattr(errors, "closest", lambda name, known: guesses.append(name) or guess(name, known))
    refusals = lines(tmp_path, f"[dataset.iris]\n[optimizer.adam]\n{text}")
    assert len(refusals) == errors.MOST_LINES
    assert refusals[-1] == "... and at least 82 more mistakes."
    assert len(guesses) < 300
