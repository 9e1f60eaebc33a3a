"""One small sweep whose every name is an attack, and a twin of it with harmless names: all views of both."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result
from markdown_it import MarkdownIt
from terminal import on_a_terminal

from anncore import load_run
from anncore.cli.group import cli
from anncore.cli.progress import progress
from anncore.evidence.csv_text import FORMULA
from anncore.report.latex import escape as latex_text
from anncore.report.refresh import render
from anncore.report.view import Section, Table, first_screen, sections
from anncore.report.write import figures_to_draw

pytestmark = pytest.mark.slow
NOTES = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    '" onload="alert(3)" x=\'',
    "| a | b | [x](javascript:alert(4)) ![y](http://a.example/z.png) `c`",
    "=1+1",
    "@SUM(A1)",
    "-2+3",
    "\\input{x}\\write18{y} $z^2$ % & # _ ~ ^ {",
    "\u202egnp.exe\u2066 \u200f",
    "two\nlines\r\x85\u2028",
    "\x1b[31mred\x1b[0m \x9b32m \x07\x7f",
    "[bold red]rich[/] [/] [link=file:///x]y[/link]",
    "</title></style>--> ]]> &lt; ünï 中文 😀",
)
HARMLESS = tuple(f"note{i}" for i in range(len(NOTES)))
PLUGIN = '''
from dataclasses import dataclass
from typing import Any, ClassVar
import numpy as np
from anncore import Array, Data, Hyper, hookimpl, hyper, Dataset, Optimizer

NOTES = {notes!r}

@dataclass(frozen=True)
class Noted(Optimizer):
    """Gradient descent with a note. {said}"""
    name: ClassVar[str] = "noted"
    note: str = hyper("", "str", help={said!r})
    lr: Hyper = hyper(0.1, "(0, inf)")

    def init(self, weight: Array) -> Any:
        return ()

    def step(self, weight: Array, grad: Array, state: Any, t: int) -> tuple[Array, Any]:
        if self.note == "raise":
            raise ArithmeticError(NOTES[0] + NOTES[7] + NOTES[9])
        return -self.lr * grad, ()

@dataclass(frozen=True)
class NotedData(Dataset):
    """Two clouds with a note. {said}"""
    name: ClassVar[str] = "noted_data"
    note: str = hyper("", "str")
    tasks: ClassVar[tuple[str, ...]] = ("binary",)

    def make(self, rng: np.random.Generator) -> Data:
        y = np.arange(60) % 2
        x = rng.normal(size=(60, 2)) + y[:, None]
        return Data(x, y, "binary", classes=(NOTES[0], NOTES[9]), features=(NOTES[7], NOTES[8]))

@hookimpl
def annx_optimizers() -> list[Any]:
    return [Noted]

@hookimpl
def annx_datasets() -> list[Any]:
    return [NotedData]
'''
QUESTION = "<i>Which</i> | `is` [best](javascript:x) \u202e =1 [bold]?[/]"
STEM = "=x <b>`[red] & \u202e"


FIGURES = ("leaderboard", "heat_map", "decision_boundaries")
"""Those of the page that show arms, values and what the data say of themselves; tests/plugins/test_figures.py
draws every figure with hostile names."""


class Run(NamedTuple):
    """A swept experiment: its file and plugin, its folder, and what the sweep printed."""

    file: Path
    plugin: Path
    folder: Path
    notes: tuple[str, ...]
    said: str

    @property
    def report(self) -> Any:
        return json.loads((self.folder / "report.json").read_text(), parse_constant=pytest.fail)


def quoted(text: str) -> str:
    """Write a text as TOML, whose basic strings take JSON's escapes."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def write(folder: Path, notes: tuple[str, ...], hostile: bool, tuned: bool) -> tuple[Path, Path]:
    """Write experiment and plugin; untuned, each note is an arm of its own, tuned, a configuration."""
    file = folder / (f"{STEM}.toml" if hostile else "plain.toml")
    said = (NOTES[9] + NOTES[10] + NOTES[7]) if hostile else "Nothing."
    plugin = folder / "noted.py"
    plugin.write_text(PLUGIN.format(notes=notes, said=said))
    seeds = "{ tune = [0], report = [100, 101] }" if tuned else "{ report = [100, 101] }"
    title = "\n".join((NOTES[0], NOTES[9], NOTES[7], NOTES[10])) if hostile else "Plain\ntitle\nof\nlines"
    file.write_text(
        "\n".join(
            (
                f"# {QUESTION if hostile else 'Which is best?'}",
                f"title = {quoted(title)}",
                'vary = ["optimizer"]',
                'plugins.files = ["noted.py"]',
                f"seeds = {seeds}",
                "train = { steps = 4, eval_every = 2, batch_size = 16 }",
                "network.mlp.hidden = [[3]]",
                "[dataset.noted_data]",
                f"note = [{quoted(notes[0])}, {quoted(notes[9])}]",
                "[optimizer.noted]",
                f"note = [{', '.join(map(quoted, notes))}]",
                '[optimizer."1. ünï (中/文): -x"]' if hostile else "[optimizer.other]",
                'use = "sgd"',
                "[optimizer.broken]",
                'use = "noted"',
                'note = "raise"',
            )
        )
    )
    return file, plugin


def annx(*args: object, code: int = 0) -> str:
    """Return all that it prints, on standard output and standard error."""
    result = CliRunner().invoke(cli, list(map(str, args)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module", params=[False, True], ids=["untuned", "tuned"])
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """Return the run of hostile names and its twin."""
    both = []
    for hostile in (True, False):
        folder = tmp_path_factory.mktemp("hostile" if hostile else "plain")
        notes = NOTES if hostile else HARMLESS
        file, plugin = write(folder, notes, hostile, request.param)
        out = folder / ("run [bold]\x1b[31m<b>" if hostile else "run")
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(
                "anncore.report.write.figures_to_draw", partial(figures_to_draw, only=FIGURES)
            )
            # Names travel to worker processes and back in one of the four sweeps.
            where = () if hostile and not request.param else ("--executor", "serial")
            said = annx("sweep", file, "--out", out, "-v", *where, code=1)
        both.append(Run(file, plugin, out, notes, said))
    return both[0], both[1]


@pytest.fixture
def hostile(runs: tuple[Run, Run]) -> Run:
    return runs[0]


# The page


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_has_the_elements_of_its_twin_and_no_others(runs: tuple[Run, Run]) -> None:
    pages = [Page((run.folder / "report.html").read_text()) for run in runs]
    shown = [[tag for tag, _ in page.tags if tag not in ("source", "picture")] for page in pages]
    assert shown[0] == shown[1]
    for tag, attrs in pages[0].tags:
        assert not [name for name in attrs if name.startswith("on") or name in ("style", "srcdoc")], tag
        for name in ("href", "src", "srcset"):
            link = attrs.get(name)
            assert link is None or re.fullmatch(
                r"data:image/[\w+]+;base64,[\w+/=]+|#[\w-]+|[\w.]+/?|figures/\w+\.(svg|png)", link
            ), (tag, link)
    policies = [[a["content"] for _, a in page.tags if a.get("http-equiv")] for page in pages]
    assert policies[0] == policies[1]
    assert len(policies[0]) == 1


def test_no_view_holds_characters_that_steer_what_shows_it(hostile: Run) -> None:
    """Neither a terminal that prints the file nor the direction of the text around a name."""
    for name in ("report.html", "report.md"):
        text = (hostile.folder / name).read_text()
        assert {c for c in text if not c.isprintable()} <= {"\n"}, name


def test_the_page_shows_every_arm_by_its_name(hostile: Run) -> None:
    texts = {text.strip() for text in Page((hostile.folder / "report.html").read_text()).texts}
    assert len(hostile.report["arms"]) in (3, len(NOTES) + 2)
    for arm in hostile.report["arms"]:
        assert arm in texts


def test_names_that_tell_apart_stay_apart(runs: tuple[Run, Run]) -> None:
    for name in ("arms", "problems"):
        assert len(set(runs[0].report[name])) == len(set(runs[1].report[name]))
    assert len(runs[0].report["problems"]) == 2


# Markdown


def every_table(parts: list[Section]) -> list[Table]:
    return [table for part in parts for table in (*part.tables, *every_table(list(part.parts)))]


def test_markdown_has_the_tables_of_the_report_and_nothing_that_a_name_made(hostile: Run) -> None:
    markdown = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    tokens = markdown.parse((hostile.folder / "report.md").read_text())
    inline = [child for token in tokens for child in token.children or ()]
    kinds = {token.type for token in (*tokens, *inline)}
    assert not kinds & {"html_block", "html_inline", "code_inline", "code_block", "ordered_list_open"}
    links = [str(child.attrs.get("href") or child.attrs.get("src")) for child in inline if child.attrs]
    assert all(re.fullmatch(r"#[\w-]+|[\w.]+/?|figures/\w+\.png", link) for link in links)
    cells = [
        "".join(child.content for child in token.children or ())
        for before, token in itertools.pairwise(tokens)
        if token.type == "inline" and before.type in ("th_open", "td_open")
    ]
    wanted = [
        text
        for table in every_table([first_screen(hostile.report), *sections(hostile.report)])
        for text in (*table.header, *(cell.text for row in table.rows for cell in row))
    ]
    assert [shown(cell) for cell in cells] == [shown(text) for text in wanted]


def shown(text: str) -> str:
    """Return a text as a reader sees it."""
    return " ".join("".join(c for c in " ".join(text.split()) if c.isprintable()).split())


# CSV and LaTeX


def test_no_cell_of_a_csv_is_a_formula_and_every_text_is_there(hostile: Run) -> None:
    annx("export", hostile.folder, "--format", "csv")
    trials = load_run(hostile.folder).trials
    for file in (hostile.folder / "trials.csv", *(hostile.folder / "export").glob("*.csv")):
        rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode(), newline="")))
        assert rows
        for row in rows:
            for name, cell in row.items():
                assert not str(name).startswith(FORMULA)
                if cell.startswith(FORMULA):
                    float(cell)  # a number
    rows = list(
        csv.DictReader(io.StringIO((hostile.folder / "trials.csv").read_bytes().decode(), newline=""))
    )
    assert len(rows) == len(trials)
    notes = trials["optimizer.note"].fillna("").tolist()
    read = [row["optimizer.note"].removeprefix("'") for row in rows]
    assert read == [note.removeprefix("'").replace("\r", "\n") for note in notes]
    assert {"=1+1", "@SUM(A1)", "-2+3"} <= set(notes)


def test_latex_prints_names_and_runs_none(hostile: Run) -> None:
    annx("export", hostile.folder, "--format", "latex")
    files = list((hostile.folder / "export").glob("*.tex"))
    assert len(files) > 5
    for file in files:
        text = file.read_text()
        assert all(c.isprintable() or c == "\n" for c in text)
        assert not re.search(r"\\write|\\input\{x", text)
        assert re.fullmatch(r"[a-z0-9_-]+\.tex", file.name)
    board = (hostile.folder / "export" / "trials.tex").read_text()
    assert latex_text("\\write18{y}") in board.replace("\\allowbreak{}", "")


# Figures


def test_every_svg_is_a_drawing_and_no_more(hostile: Run) -> None:
    files = list((hostile.folder / "figures").glob("*.svg"))
    assert len(files) >= 5
    assert "decision_boundaries" in {file.stem for file in files}
    for file in files:
        root = ElementTree.fromstring(file.read_text())
        tags = {element.tag.rpartition("}")[2] for element in root.iter()}
        assert tags <= {"svg", "defs", "style", "g", "path", "use", "clipPath", "rect", "image", "pattern"}
        for element in root.iter():
            for name, value in element.attrib.items():
                short = name.rpartition("}")[2]
                assert not short.startswith("on")
                if short == "href":
                    assert value.startswith(("#", "data:image/png;base64,"))
        assert "[bold" not in file.read_text()


# report.json


def test_the_json_holds_the_names_as_they_are(hostile: Run) -> None:
    report = hostile.report
    assert json.loads(json.dumps(report)) == report
    results = load_run(hostile.folder)
    assert report["problems"] == list(results.plan.problems)
    assert report["title"] == results.experiment.title == "\n".join((NOTES[0], NOTES[9], NOTES[7], NOTES[10]))
    assert report["question"] == QUESTION
    assert report["name"] == STEM
    errors = {trial["error"] for trial in report["failed_trials"]}
    assert any(NOTES[0] in error for error in errors)


# The terminal


def printed(text: str) -> None:
    assert text
    assert {c for c in text if not c.isprintable()} <= {"\n"}


VERBS = {  # of a run
    "plan": ("plan", "FILE", "--out", "RUN"),
    "plan --json": ("plan", "FILE", "--out", "RUN", "--json"),
    "explain": ("explain", "FILE"),
    "explain --json": ("explain", "FILE", "--json"),
    "status": ("status", "RUN"),
    "status --json": ("status", "RUN", "--json"),
    "compare": ("compare", "RUN", "TWIN"),
    "compare --json": ("compare", "RUN", "TWIN", "--json"),
    "verify": ("verify", "RUN", "--sample", "1", "--executor", "serial"),
    "export": ("export", "RUN", "--format", "csv"),
    "export --json": ("export", "RUN", "--format", "latex", "--json"),
    "report": ("report", "RUN"),
    "report --json": ("report", "RUN", "--json"),
    "sweep again": ("sweep", "FILE", "--out", "RUN", "-v"),
    "sweep --json": ("sweep", "FILE", "--out", "RUN", "--json"),
}
PLUGIN_VERBS = {  # which look at no run
    "list": ("list", "--plugin", "PLUGIN"),
    "list --json": ("list", "--plugin", "PLUGIN", "--json"),
    "show": ("show", "noted:noted", "--plugin", "PLUGIN"),
    "show --json": ("show", "noted:noted", "--plugin", "PLUGIN", "--json"),
    "plugins": ("plugins", "-v", "--plugin", "PLUGIN"),
    "check": ("check", "noted:noted", "--plugin", "PLUGIN", "--only", "documentation\x1b[31m"),
}


@pytest.mark.parametrize("verb", VERBS)
def test_no_name_steers_the_terminal(
    runs: tuple[Run, Run], verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unchanged(results: Any, folder: Path, *, again: bool, figures: bool) -> Any:
        """Yield the report as it stands: what is tested is what the verb prints."""
        yield render(results, folder, figures=figures)

    monkeypatch.setattr("anncore.cli.conclusion.rendering", unchanged)
    run, twin = runs
    result = steered(VERBS[verb], {"FILE": run.file, "RUN": run.folder, "TWIN": twin.folder})
    if verb == "compare --json":
        assert json.loads(result.stdout)["a"]["title"] == run.report["title"]
    if verb == "sweep --json":
        assert json.loads(result.stdout)["report"] == run.report


def steered(verb: tuple[str, ...], places: dict[str, Path]) -> Result:
    """Return what a verb prints, in which no name steers the terminal."""
    result = CliRunner().invoke(cli, [str(places.get(word, word)) for word in verb])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    printed(result.output)
    if "--json" in verb:
        assert json.loads(result.stdout)
    return result


@pytest.mark.parametrize("verb", PLUGIN_VERBS)
def test_no_component_steers_the_terminal(verb: str, tmp_path: Path) -> None:
    _, plugin = write(tmp_path, NOTES, True, False)
    result = steered(PLUGIN_VERBS[verb], {"PLUGIN": plugin})
    if verb == "list":
        (line,) = [line for line in result.stdout.splitlines() if "Gradient descent with a note." in line]
        assert "[bold red]rich[/] [/]" in line


def test_what_the_sweep_said_are_plain_lines(runs: tuple[Run, Run]) -> None:
    printed(runs[0].said)
    # A name that holds a line break makes no line of its own.
    heads = [[line.partition(":")[0] for line in run.said.splitlines() if ", seed " in line] for run in runs]
    assert heads[0] == heads[1]
    assert heads[0]


def test_a_line_break_in_a_name_makes_no_line_of_its_own(runs: tuple[Run, Run]) -> None:
    run, twin = runs
    compared = [annx("compare", made.folder, made.folder).splitlines() for made in (run, twin)]
    assert len(compared[0]) == len(compared[1])
    planned = [annx("plan", made.file, "--out", made.folder).splitlines() for made in (run, twin)]
    assert len(planned[0]) == len(planned[1])


def test_rich_takes_no_markup_from_a_name(hostile: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with progress(hostile.report["title"], visible=True):
        pass
    said = capsys.readouterr().err
    assert "[bold red]rich[/] [/]" in " ".join(said.split())
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", said)


def test_on_a_terminal_too(hostile: Run) -> None:
    must_be_plain("status", str(hostile.folder))


def test_components_on_a_terminal_too(tmp_path: Path) -> None:
    _, plugin = write(tmp_path, NOTES, True, False)
    must_be_plain("check", "noted:noted", "--plugin", str(plugin), "-v", code=1)
    must_be_plain("list", "optimizer", "--plugin", str(plugin))


def must_be_plain(*args: str, code: int = 0) -> None:
    """Colours are rich's own: none of what the names ask for is among them."""
    said = on_a_terminal(*args, code=code)
    assert "\x1b[31mred" not in said
    assert "\x9b" not in said
    assert "\u202e" not in said


@pytest.mark.parametrize("text", ['[optimizer."\\u001b[31mx"]\nuse = "sgd"', 'optimizer."\\u202Ex" = 3'])
def test_a_mistake_is_told_without_the_characters_that_made_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.toml").write_text(f'vary = ["optimizer"]\n{text}\n[dataset.iris]\n')
    result = CliRunner().invoke(cli, ["plan", str(tmp_path / "x.toml")])
    assert result.exit_code == 2
    printed(result.stderr)
    assert result.stderr.count("\n") == 1


def test_a_folder_that_is_none_is_named_without_its_control_characters(tmp_path: Path) -> None:
    for verb in ("status", "report"):
        said = annx(verb, tmp_path / "no\x1b[31m\u202e\x9bfolder", code=2)
        printed(said)
        assert "no[31mfolder" in said
