"""A run's tables for other programs and for papers, in the formats that exporters bring.

What exporters are handed: `trials`, a row per trial as in trials.csv; `leaderboard`, a row per arm and
problem with the numbers of the report; curves; and the report itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anncore.contract.errors import AnnxError
from anncore.contract.kinds import Exporter, ExportInput
from anncore.contract.registry import Registered
from anncore.evidence.results import Results
from anncore.evidence.risk import risks
from anncore.evidence.study import Study
from anncore.evidence.success import successes
from anncore.evidence.units import FUNCTIONS, counted, metric_words
from anncore.report import tables, words
from anncore.report.json_values import plain
from anncore.report.latex import PREVIEW, preview, render_table, render_tables, unique
from anncore.report.view import Table, table
from anncore.report.write import figure_input, with_sections
from anncore.running.files import make_folder, not_written, remove_leftovers, replace_file, replace_files

if TYPE_CHECKING:
    import pandas as pd

LIST = ".annx-export.json"  # beside the files: what an export wrote there


def export(results: Results, form: str | Registered) -> dict[str, bytes]:
    """Return each file's content by its name, as the exporter of that name writes it.

    A table without rows is left out: the leaderboard before any trial of the report phase is done. Raises
    AnnxError where the exporter lacks something, fails, or returns what are no files.
    """
    component = results.experiment.registry.get("exporter", form) if isinstance(form, str) else form
    exporter: Exporter = component.cls()
    try:
        files = exporter.files(export_input(results, whole=exporter.whole))
    except AnnxError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise AnnxError(f"exporter {component.full_name} raised {reason}.") from error
    return checked_files(component.full_name, files)


def checked_files(name: str, files: Any) -> dict[str, bytes]:
    """Return an exporter's files; raises AnnxError where a name leads elsewhere or a content is no bytes."""
    if not isinstance(files, Mapping):
        raise AnnxError(f"exporter {name} must return files by their names, got {type(files).__name__}.")
    for file, content in files.items():
        if not is_plain_name(file):
            raise AnnxError(f"exporter {name} must name files without folders, got {file!r}.")
        if not isinstance(content, bytes):
            kind = type(content).__name__
            raise AnnxError(f"exporter {name} must return bytes for {file}, got {kind}.")
    return dict(files)


def is_plain_name(file: Any) -> bool:
    """Tell whether a text can be the name of an exported file: no folder, nothing hidden, printable."""
    return (
        isinstance(file, str)
        and Path(file).name == file
        and not file.startswith(".")
        and "\\" not in file
        and file.isprintable()
    )


def export_input(results: Results, *, whole: bool) -> ExportInput:
    """Return what an exporter is handed; without `whole` neither curves nor report nor what figures show."""
    import pandas as pd

    content = with_sections(results, {}) if whole else {}
    reported = bool((results.trials["phase"] == "report").any())
    return ExportInput(
        results.experiment.name,
        results.trials,
        leaderboard(results) if reported else pd.DataFrame(),
        results.curves if whole else results.curves.iloc[:0],
        plain(content),
        figure_input(results, content) if whole else None,
    )


def write_files(
    folder: Path, files: Mapping[str, bytes], form: str, experiment: str
) -> tuple[list[str], list[str]]:
    """Write an export's files, and remove what the last one of this format and experiment wrote besides.

    A table that is no more must not be taken for one of today's. Returns the names of the files that were
    removed, and of those that stay since they were changed after they had been written. LIST tells which
    files these are; whatever it does not name is left alone. Raises StoreError where a file cannot be
    written or removed.
    """
    make_folder(folder)
    remove_leftovers([folder])
    known = _listed(folder)
    replace_files({folder / name: content for name, content in files.items()})
    removed: list[str] = []
    kept: list[str] = []
    for name, entry in list(known.items()):
        if name in files or (entry.get("format"), entry.get("experiment")) != (form, experiment):
            continue
        del known[name]
        if not (folder / name).is_file():
            continue
        try:
            same = hashlib.sha256((folder / name).read_bytes()).hexdigest() == entry.get("sha256")
            if same:
                (folder / name).unlink()
        except OSError as error:
            raise not_written(folder / name, error) from error
        (removed if same else kept).append(name)
    for name, content in files.items():
        digest = hashlib.sha256(content).hexdigest()
        known[name] = {"format": form, "experiment": experiment, "sha256": digest}
    if known or removed or kept:
        replace_file(folder / LIST, json.dumps({"files": known}, indent=1, sort_keys=True).encode())
    return removed, kept


def _listed(folder: Path) -> dict[str, dict[str, str]]:
    """Return what LIST says of each file that lies in the folder itself; nothing where it is no such list."""
    try:
        files = json.loads((folder / LIST).read_text(encoding="utf-8"))["files"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: entry for name, entry in files if isinstance(entry, dict) and Path(name).name == name}


def leaderboard(results: Results) -> pd.DataFrame:
    """Return one row per problem and arm, best first, as the report has them.

    Columns: problem, data_set, measure, goal, scale; arm, config, rank, status; n, ok, diverged, blocked
    (trials), and how many of the blocked ones have not_run or are left_out; value, low, high (mean with its
    95 % interval), median, iqm; worst_decile with the ends of its interval, worst_decile_better and _worse;
    every other metric's mean; where the experiment says what success is, successes, of success_n trials,
    success_rate and its interval success_low, success_high; and, over all problems, mean_rank and wins.
    """
    import pandas as pd

    study = Study(results)
    boards = {problem: tables.leaderboard(study, problem) for problem in study.problems}
    overall = {row["arm"]: row for row in tables.overall(study, boards)}
    numbers = (*tables.COUNTS, "value", "low", "high", "median", "iqm")
    succeeded = _successes(study)
    deciles = {(risk.problem, risk.arm): risk for risk in risks(study)}
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
                    "worst_decile": deciles[problem, row["arm"]].value,
                    "worst_decile_better": deciles[problem, row["arm"]].low,
                    "worst_decile_worse": deciles[problem, row["arm"]].high,
                    **row["metrics"],
                    **succeeded.get((problem, row["arm"]), {}),
                    "mean_rank": overall[row["arm"]]["mean_rank"],
                    "wins": overall[row["arm"]]["wins"],
                }
            )
    frame = pd.DataFrame(rows)
    last = ["mean_rank", "wins"]
    return frame[[name for name in frame.columns if name not in last] + last]


def _successes(study: Study) -> dict[tuple[str, str], dict[str, float]]:
    """Return how often each arm succeeds on each problem, as columns; nothing where no success is defined."""
    result = successes(study)
    rates = [] if result is None else [rate for own in result.rates.values() for rate in own]
    return {
        (rate.problem, rate.arm): {
            "successes": rate.successes,
            "success_n": rate.n,
            "success_rate": rate.share,
            "success_low": rate.low,
            "success_high": rate.high,
        }
        for rate in rates
    }


def latex_files(data: ExportInput) -> dict[str, bytes]:
    """Return a file per table of the report, one of the trials, and a document that shows them all."""
    written: dict[str, str] = {}
    if len(data.leaderboard):
        written.update(render_tables(data.report))
    if len(data.trials):
        table_of_trials = render_table(trials_table(data.trials, data.report), data.report, "trials")
        written[unique("trials", set(written))] = table_of_trials
    files = {f"{name}.tex": text.encode() for name, text in written.items()}
    return {**files, PREVIEW: preview(data.report, list(written)).encode()} if written else {}


def trials_table(trials: pd.DataFrame, content: Mapping[str, Any]) -> Table:
    """Return the trials as a table: what was compared, and the scores it was compared by.

    content: the report's. Columns that are the same throughout are left out; CSV and Parquet have all.
    """
    measures = [measure["column"] for measure in content["measures"].values()]
    if content["unit"] == FUNCTIONS:  # a function has one value, whatever split it is called after
        measures = []
    metric = content["select"]["metric"]
    wanted = ("phase", "problem", "arm", "config", "seed", "status", metric, *measures)
    known = [name for name in dict.fromkeys(wanted) if name in trials]
    kept = [name for name in known if len(trials[name].unique()) > 1] or ["problem", "arm", "seed"]
    rows = [[_text(value) for value in row] for row in trials[kept].itertuples(index=False)]
    caption = f"{counted(len(trials), 'trials')}."
    return table(caption, [metric_words(name, content["unit"]) for name in kept], rows, "trials")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value or "–"
    if value is None or str(value) == "<NA>" or value != value:
        return "–"
    return words.plain_number(value) if isinstance(value, float) else str(value)
