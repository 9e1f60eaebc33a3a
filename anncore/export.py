"""A run's tables for other programs and for papers: CSV, Parquet, LaTeX.

Two tables: `trials`, a row per trial as in trials.csv, and `leaderboard`, a row per arm and problem with the
numbers of the report.
"""

from __future__ import annotations

import importlib.util
import io
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anncore.errors import AnnxError
from anncore.nouns import singular
from anncore.report import tables, words
from anncore.report.build import build_report
from anncore.results import Results, to_csv
from anncore.study import Study

if TYPE_CHECKING:
    import pandas as pd

FORMATS: Mapping[str, str] = {"csv": "csv", "parquet": "parquet", "latex": "tex"}
"""By name, the ending of its files."""
TABLES = ("trials", "leaderboard")


def export(results: Results, form: str) -> Iterator[tuple[str, bytes]]:
    """Yield each file's name and content, in one of FORMATS.

    A table without rows is left out: the leaderboard before any trial of the report phase is done.
    Raises AnnxError where the format needs a package that is not installed.
    """
    if form == "parquet" and importlib.util.find_spec("pyarrow") is None:
        raise AnnxError(
            "--format parquet needs pyarrow, which is not installed: pip install 'annx[parquet]'."
        )
    reported = bool((results.trials["phase"] == "report").any())
    if form == "latex":
        if len(results.trials):
            yield "trials.tex", trials_latex(results).encode()
        if reported:
            yield "leaderboard.tex", leaderboard_latex(results).encode()
        return
    write = to_csv if form == "csv" else _to_parquet
    if len(results.trials):
        yield f"trials.{FORMATS[form]}", write(results.trials)
    if reported:
        yield f"leaderboard.{FORMATS[form]}", write(leaderboard(results))


def _to_parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, engine="pyarrow", index=False)
    return buffer.getvalue()


def leaderboard(results: Results) -> pd.DataFrame:
    """Return one row per problem and arm, best first, as the report has them.

    Columns: problem, data_set, measure, goal, scale; arm, config, rank, status; n, ok, diverged, blocked
    (trials); value, low, high (mean with its 95 % interval), median, iqm; every other metric's mean; and,
    over all problems, mean_rank and wins.
    """
    import pandas as pd

    study = Study(results)
    boards = {problem: tables.leaderboard(study, problem) for problem in study.problems}
    overall = {row["arm"]: row for row in tables.overall(study, boards)}
    numbers = ("n", "ok", "diverged", "blocked", "value", "low", "high", "median", "iqm")
    rows = []
    for problem, board in boards.items():
        measure = study.measures[problem]
        for row in board:
            rows.append(
                {
                    "problem": problem,
                    "data_set": study.dataset_of[problem],
                    "measure": measure.column,
                    "goal": measure.goal,
                    "scale": measure.scale,
                    **{name: row[name] for name in ("arm", "config", "rank", "status", *numbers)},
                    **row["metrics"],
                    "mean_rank": overall[row["arm"]]["mean_rank"],
                    "wins": overall[row["arm"]]["wins"],
                }
            )
    frame = pd.DataFrame(rows)
    last = ["mean_rank", "wins"]
    return frame[[name for name in frame.columns if name not in last] + last]


# LaTeX

ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",  # the first font encoding has other signs in these places
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",  # active in some languages
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after \\ it would begin an optional argument, as * would
    "]": "{]}",
    "*": "{*}",
    "-": "{-}",  # beside another it would become a dash, as an apostrophe a quotation mark
    "'": "{'}",
    "–": "{--}",
    "−": "$-$",
    "×": r"$\times$",
    "∞": r"$\infty$",
    "±": r"$\pm$",
}


def escape(text: str) -> str:
    """Return a text so that LaTeX prints just that: no command, no ligature, no line break in it."""
    line = " ".join(str(text).split())
    printable = "".join(c for c in line if c.isprintable())
    # Braces keep neighbours from becoming a ligature; alone they need none.
    pieces = re.split(r"(?<![-'–])([-'])(?![-'–])", printable)
    return "".join(
        piece if i % 2 else "".join(ESCAPED.get(c, c) for c in piece) for i, piece in enumerate(pieces)
    )


def _number(text: str) -> str:
    """Escape numbers as the report writes them: 1.2e−07 becomes a power of ten."""
    parts = re.split(r"(−?[\d.]+)e(−?)0*(\d+)", text)
    written = [escape(parts[0])]
    for mantissa, sign, exponent, rest in zip(*(iter(parts[1:]),) * 4, strict=True):
        power = f"${mantissa} \\times 10^{{{sign}{exponent}}}$".replace("−", "-")
        written += [power, _spaced(rest)]
    return "".join(written)


def _spaced(text: str) -> str:
    """Escape what follows a number, with the space that stood between."""
    return (
        (" " if text[:1].isspace() else "") + escape(text) + (" " if text[1:] and text[-1].isspace() else "")
    )


def leaderboard_latex(results: Results) -> str:
    """Return the report's leaderboard, and below it the scores by problem, for booktabs."""
    content = build_report(results, {})
    header, rows = words.overall_rows(content)
    title = _sentence(content["title"])
    several = len(content["problems"]) > 1
    where = (
        f"Over all {content['unit']}, best mean rank first."
        if several
        else f"On {escape(content['problems'][0])}."
    )
    cells = [[escape(row[0]), *map(_number, row[1:])] for row in rows]
    parts = [_table(list(map(escape, header)), cells, f"{title} {where}", f"{content['name']}-leaderboard")]
    if several:
        parts.append(_scores(content, title))
    return "\n".join(["% Needs \\usepackage{booktabs}.", *parts])


def _scores(content: Mapping[str, Any], title: str) -> str:
    """Return arms by problems; the best of a problem is bold."""
    problems, measures = content["problems"], content["measures"]
    boards = content["leaderboard"]["problems"]
    labels = list(dict.fromkeys(measure["label"] for measure in measures.values()))
    rows = []
    for arm in (row["arm"] for row in content["leaderboard"]["overall"]):
        cells = []
        for problem in problems:
            row = next(row for row in boards[problem] if row["arm"] == arm)
            cell = _number(words.score(row, measures[problem]))
            cells.append(f"\\textbf{{{cell}}}" if row["rank"] == 1 else cell)
        rows.append([escape(arm), *cells])
    header = ["", *map(escape, problems)]
    if len(labels) > 1:
        header = ["", *(f"{escape(p)} ({escape(measures[p]['label'])})" for p in problems)]
    what = escape(labels[0].capitalize()) if len(labels) == 1 else "Score"
    marks = "the best of a column is bold, $\\times n$ marks $n$ diverged seeds"
    return _table(
        header, rows, f"{title} {what} by {singular(content['unit'])}; {marks}.", f"{content['name']}-scores"
    )


def _sentence(title: str) -> str:
    return escape(title) + ("" if title.endswith((".", "?", "!")) else ".")


def trials_latex(results: Results) -> str:
    """Return the trials as a long table: what was compared, and the scores it was compared by.

    Columns that are the same throughout are left out; CSV and Parquet have all.
    """
    trials, experiment = results.trials, results.experiment
    measures = [measure.column for measure in Study(results).measures.values()]
    wanted = ("phase", "problem", "arm", "config", "seed", "status", experiment.select.metric, *measures)
    known = [name for name in dict.fromkeys(wanted) if name in trials]
    kept = [name for name in known if len(trials[name].unique()) > 1] or ["problem", "arm", "seed"]
    rows = [[_cell(value) for value in row] for row in trials[kept].itertuples(index=False)]
    caption = f"{_sentence(experiment.title or experiment.name)} {len(trials)} trials."
    head = " & ".join(map(escape, kept))
    lines = [
        "% Needs \\usepackage{booktabs} and \\usepackage{longtable}.",
        f"\\begin{{longtable}}{{{_columns(rows)}}}",
        f"  \\caption{{{caption}}} \\label{{tab:{_label(experiment.name)}-trials}} \\\\",
        "  \\toprule",
        f"  {head} \\\\",
        "  \\midrule",
        "  \\endfirsthead",
        "  \\toprule",
        f"  {head} \\\\",
        "  \\midrule",
        "  \\endhead",
        "  \\bottomrule",
        "  \\endlastfoot",
        *(f"  {' & '.join(row)} \\\\" for row in rows),
        "\\end{longtable}",
    ]
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return escape(value)
    if value is None or value != value:
        return "--"
    if isinstance(value, float) and not value.is_integer():
        return _number(words.plain_number(value))
    return escape(f"{value:g}" if isinstance(value, float) and math.isfinite(value) else str(value))


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], caption: str, label: str) -> str:
    lines = [
        "\\begin{table}",
        "  \\centering",
        f"  \\caption{{{caption}}}",
        f"  \\label{{tab:{_label(label)}}}",
        f"  \\begin{{tabular}}{{{_columns(rows)}}}",
        "    \\toprule",
        f"    {' & '.join(header)} \\\\",
        "    \\midrule",
        *(f"    {' & '.join(row)} \\\\" for row in rows),
        "    \\bottomrule",
        "  \\end{tabular}",
        "\\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _columns(rows: Sequence[Sequence[str]]) -> str:
    """Return a letter per column: numbers stand to the right, texts to the left."""
    number = re.compile(r"(\\textbf\{)?\$?-?\$?[\d.]+\b|--$")
    return "".join(
        "r" if i and all(number.match(cell) for cell in column) else "l"
        for i, column in enumerate(zip(*rows, strict=True))
    )


def _label(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9-]+", "-", name).strip("-") or "run"
