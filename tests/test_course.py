"""The course: both languages say the same, every command is run, every number and figure comes from a run."""

from __future__ import annotations

import math
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from experiment_factory import registry
from PIL import Image

from anncore import load_experiment, make_plan, sweep
from anncore.cli.group import cli
from anncore.report.build import build_report

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "experiments" / "course"
GUIDES = {name: (FOLDER / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")}
ENGLISH, CHINESE = GUIDES.values()
FILES = sorted(FOLDER.glob("*.toml"))
MAIN = r"^```sh\n(annx .*)\n```$"
TEACHERS = r"^```sh\n((?:annx explain .*\n){2,})```$"
INLINE = r"`(annx (?:sweep|show) [^`]+)`"


def main_commands(text: str) -> list[str]:
    return re.findall(MAIN, text, re.M)


def changes(text: str) -> list[str]:
    return [command for command in re.findall(INLINE, text) if command.startswith("annx sweep")]


def tables(text: str) -> list[dict[str, str]]:
    """Return the rows of each lesson's table as written."""
    lessons = re.split(r"^##+ ", text, flags=re.M)
    rows = [dict(re.findall(r"^\| ([\w\[\],]+) \| (-?[\d.e-]+) \|$", lesson, re.M)) for lesson in lessons]
    return [numbers for numbers in rows if numbers]


def experiment_of(command: str, **options: Any) -> Any:
    program, verb, file, *overrides = shlex.split(command)
    assert (program, verb) == ("annx", "sweep")
    return load_experiment(ROOT / file, overrides=overrides, registry=registry(), **options)


# What the guides hold


def test_ten_lessons_each_with_a_question_a_guess_and_an_answer() -> None:
    for text, words in (
        (ENGLISH, ("**Question.**", "**Guess.**", "**Look at**", "<summary>Answer</summary>", "**Change**")),
        (CHINESE, ("**问题。**", "**猜测。**", "**观察**", "<summary>答案</summary>", "**改一处：**")),
    ):
        assert [int(n) for n in re.findall(r"^## (\d+)\. ", text, re.M)] == list(range(1, 11))
        assert {word: text.count(word) for word in words} == dict.fromkeys(words, len(FILES))


def test_both_languages_have_the_same_commands_numbers_and_figures() -> None:
    for pattern in (MAIN, INLINE, r"\((figures/[^)]+)\)", r"\*([A-Z][^*]+\?)\*"):
        english, chinese = (re.findall(pattern, text, re.M) for text in GUIDES.values())
        assert english == chinese
        assert english
    assert tables(ENGLISH) == tables(CHINESE)


def test_the_commands_for_teachers_work_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [english], [chinese] = (re.findall(TEACHERS, text, re.M) for text in GUIDES.values())
    assert english == chinese
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    monkeypatch.chdir(tmp_path)
    for command in english.splitlines():
        result = CliRunner().invoke(cli, shlex.split(command)[1:])
        assert result.exit_code == 0, result.output
    assert {"step.html", "sheet.csv"} <= {path.name for path in tmp_path.iterdir()}


def test_values_in_brackets_are_quoted_as_some_shells_need() -> None:
    for text in GUIDES.values():
        commands = [*main_commands(text), *changes(text)]
        assert not [command for command in commands if re.search(r"(?<![\"\w.])[\w.]+=\[", command)]


def test_every_lesson_has_a_file_and_every_file_a_lesson() -> None:
    assert [shlex.split(command)[2] for command in main_commands(ENGLISH)] == [
        f"experiments/course/{file.name}" for file in FILES
    ]
    for file in FILES:
        experiment = load_experiment(file, registry=registry())
        assert experiment.question.endswith("?")
        assert experiment.title.endswith("?")


def test_every_link_and_figure_is_there_and_figures_are_small() -> None:
    for text in GUIDES.values():
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            assert (FOLDER / target).exists(), target
    pictures = sorted((FOLDER / "figures").iterdir())
    assert [picture.stem for picture in pictures] == [file.stem for file in FILES]
    assert sum(picture.stat().st_size for picture in pictures) < 1_000_000
    for picture in pictures:
        with Image.open(picture) as image:
            assert image.mode == "P", "a palette"


def test_the_figures_that_are_named_are_figures_of_the_report() -> None:
    questions = {component.cls.question for component in registry().of_kind("figure")}
    assert set(re.findall(r"\*([A-Z][^*]+\?)\*", ENGLISH)) <= questions


# What the commands give


def run(command: str, out: Path, **options: Any) -> Any:
    return sweep(experiment_of(command, **options), out=out, executor="serial")


@pytest.mark.slow
@pytest.mark.parametrize("file", [f for f in FILES if f.stem != "02_xor"], ids=lambda file: file.stem)
def test_a_lesson_gives_the_numbers_of_its_answer_and_a_decided_headline(file: Path, tmp_path: Path) -> None:
    place = FILES.index(file)
    results = run(main_commands(ENGLISH)[place], tmp_path / "run")
    written = tables(ENGLISH)[place]
    report = build_report(results, {})
    (board,) = report["leaderboard"]["problems"].values()
    assert [row["arm"] for row in board] == list(written)
    for row in board:
        value = row["median"] if written[row["arm"]] == "0" else row["value"]
        # Last digits depend on the processor.
        assert math.isclose(value, float(written[row["arm"]]), rel_tol=0.1, abs_tol=1e-12), row["arm"]
    headline = report["answer"]["headline"]
    # The best arm beats others or leads with some, and what it says is not of a typical run alone.
    assert re.match(rf"(.* and )?{re.escape(board[0]['arm'])}( and .*|,.*)? (beats|leads?) ", headline), (
        headline
    )
    assert "typical run" not in headline
    names = {entry["arm"]: entry for entry in report["leaderboard"]["overall"]}
    assert all(entry["ok"] == entry["n"] for entry in names.values())


def test_the_step_by_hand_has_the_numbers_of_its_answer() -> None:
    command = next(command for command in main_commands(ENGLISH) if "explain" in command)
    shown = CliRunner().invoke(cli, shlex.split(command)[1:])
    assert shown.exit_code == 0, shown.output
    numbers = tables(ENGLISH)[1]
    assert len(numbers) == 4
    # By hand: tanh(0.5 + 0.1), tanh(0.3 - 0.2), and σ of 0.6 and -0.7 times these.
    z2 = 0.6 * math.tanh(0.6) - 0.7 * math.tanh(0.1)
    delta = 1 / (1 + math.exp(-z2)) - 1
    by_hand = {
        "a2[1]": 1 + delta,
        "delta2[1]": delta,
        "W2_new[1,1]": 0.6 - 0.5 * delta * math.tanh(0.6),
        "W2_new[1,2]": -0.7 - 0.5 * delta * math.tanh(0.1),
    }
    for name, value in numbers.items():
        assert math.isclose(float(value), by_hand[name], abs_tol=1e-5)
        assert re.search(rf"{re.escape(name)} .*= {re.escape(value)}$", shown.stdout, re.M), name


@pytest.mark.slow
@pytest.mark.parametrize("command", changes(ENGLISH))
def test_every_change_runs(command: str, tmp_path: Path) -> None:
    experiment = experiment_of(command)
    assert make_plan(experiment).total
    if "02_xor" in command:
        results = run(command, tmp_path / "run")
        headline = build_report(results, {})["answer"]["headline"]
        assert headline.startswith("eight beats every other arm on xor (new samples of 200 rows), by ")
        return
    results = run(command, tmp_path / "run", quick=True)
    assert set(results.trials["status"]) <= {"ok", "diverged"}


def test_every_component_that_is_shown_is_drawn() -> None:
    for command in re.findall(r"`(annx show \w+ --plot)`", ENGLISH):
        if "NAME" in command:
            continue
        shown = CliRunner().invoke(cli, shlex.split(command)[1:])
        assert shown.exit_code == 0, shown.output
        assert "⠒⠒⠒" in shown.stdout
