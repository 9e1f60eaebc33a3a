"""Results from elsewhere: a table of anybody's scores, read as the trials of a sweep that annx did not run.

Long form: a row per trial with the columns arm, problem, seed and score; phase, step, config and status may
be there. Wide form: a column per arm, a row per problem and seed. Exports of W&B (Name, State, ...) and
MLflow (params.seed, metrics.loss, ...) are long forms whose columns have a prefix.
"""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from anncore.contract.columns import LOSS, parse_metric
from anncore.contract.errors import ReportError, nearest
from anncore.contract.registry import Registry
from anncore.contract.shown import shortened
from anncore.evidence.sentences import counted, joined

if TYPE_CHECKING:
    import pandas as pd

ALIASES: Mapping[str, tuple[str, ...]] = {
    "arm": ("arm", "method", "algorithm", "model", "optimizer"),
    "problem": ("problem", "dataset", "data_set", "data set", "task", "benchmark"),
    "seed": ("seed", "random_seed", "run", "fold", "repeat"),
    "status": ("status", "state"),
    "phase": ("phase",),
    "step": ("step", "_step", "epoch"),
    "config": ("config",),
}
SCORE = ("score", "value")
PREFIXES = ("params.", "metrics.", "config.", "config/", "summary.", "summary/")
NOTES = frozenset(  # columns that a wide table's arms are never called
    [*("name", "run_id", "experiment_id", "goal", "scale", "data_set", "created", "runtime", "user", "tags")]
)
ENDED = {
    **dict.fromkeys(("ok", "finished", "success", "succeeded", "completed", "done", ""), "ok"),
    **dict.fromkeys(("diverged",), "diverged"),
    **dict.fromkeys(("failed", "error"), "failed"),
    **dict.fromkeys(("crashed", "killed"), "crashed"),
    **dict.fromkeys(("timeout",), "timeout"),
}
NOTHING = frozenset(["", "nan", "na", "n/a", "none", "null", "<na>"])
ONE_PROBLEM = "results"
LARGEST = 1e100  # of a score: squares and sums of larger ones leave the floats


class Asked(NamedTuple):
    """What the caller says of the scores: which column, which way is better, between which bounds."""

    metric: str | None = None
    goal: str | None = None
    bounds: str | None = None


class Outside(NamedTuple):
    """A table as trials: columns problem, arm, seed, config, status, data_set and score; and what scores are.

    column: what the trials' table calls the score. metric: its name without a split. notes: what the reader
    must know of how it was read.
    """

    rows: pd.DataFrame
    column: str
    metric: str
    goal: str
    bounds: str
    known: bool  # whether an installed metric says goal and bounds
    notes: tuple[str, ...]


def read_table(file: str | os.PathLike[str]) -> pd.DataFrame:
    """Return a CSV file's cells as texts; commas, semicolons or tabs divide them. Raises ReportError."""
    import pandas as pd

    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ReportError(f"{path} is no CSV file in UTF-8; save it as one.") from None
    except (OSError, ValueError) as error:
        raise ReportError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    first = text.partition("\n")[0]
    divider = max(",;\t", key=first.count)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=divider))
    except csv.Error as error:
        raise ReportError(f"{path} is no CSV file: {error}.") from None
    lines = [line for line in lines if any(cell.strip() for cell in line)]
    if len(lines) < 2:
        raise ReportError(f"{path} holds no rows; it needs a header and a row per trial.")
    header = [cell.strip() for cell in lines[0]]
    for place, line in enumerate(lines[1:], start=2):
        if len(line) != len(header):
            cells, columns = counted(len(line), "cells"), counted(len(header), "columns")
            raise ReportError(f"{path}: row {place} has {cells} for {columns}.")
    return pd.DataFrame([[cell.strip() for cell in line] for line in lines[1:]], columns=header, dtype=object)


def outside(table: pd.DataFrame, asked: Asked, registry: Registry) -> Outside:
    """Return a table of scores as trials; raises ReportError, in one line, for what it lacks."""
    if len(table) == 0:
        raise ReportError("the table holds no rows; it needs a row per trial.")
    table = _named(table)
    names = _columns(table)
    column = None
    if "arm" in names:
        column = _score_column(table, names, asked, registry)
    else:
        table, names, column = _long(table, names)
    table = _reported(table, names)
    rows = _rows(table, names, column)
    rows, merged = _last_steps(rows)
    _refuse_twice(rows)
    rows = _paired(rows)
    what, notes = _what(table, column, asked, registry)
    if what.metric != LOSS or asked.bounds is not None:  # the loss of a density may be negative
        _refuse_outside(rows, what.bounds, what.metric)
    return what._replace(rows=rows.reset_index(drop=True), notes=(*notes, *merged))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with columns called without the prefix of an export; two of a name are refused."""
    names = []
    for name in map(str, table.columns):
        prefix = next((prefix for prefix in PREFIXES if name.lower().startswith(prefix)), "")
        names.append(name[len(prefix) :])
    if len(set(names)) < len(names):  # a config and a metric of one name keep their prefixes
        names = [str(name) for name in table.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ReportError(f"the table has two columns {twice!r}; keep one.")
    table = table.reset_index(drop=True)
    table.columns = names
    return table


def _columns(table: pd.DataFrame) -> dict[str, str]:
    """Return what the table calls arm, problem, seed and so on, where it has them."""
    by_word = {name.lower(): name for name in reversed(table.columns)}
    named: dict[str, str] = {}
    for role, words in ALIASES.items():
        word = next((word for word in words if word in by_word and by_word[word] not in named.values()), None)
        if word is not None:
            named[role] = by_word[word]
    return named


def _score_column(table: pd.DataFrame, names: Mapping[str, str], asked: Asked, registry: Registry) -> str:
    """Return the column that holds the scores: the one asked for, `score`, or the only one it can be."""
    columns = [str(name) for name in table.columns]
    scores = [name for name in columns if name.lower() in SCORE]
    if asked.metric is not None:
        for name in (f"test_{asked.metric}", asked.metric, *scores[:1]):
            if name in columns and name not in names.values():
                return name
        raise ReportError(
            f"the table has no column {asked.metric!r} and no score; its columns are "
            f"{joined(columns, most=20)}.{nearest(asked.metric, columns)}"
        )
    if scores:
        return scores[0]
    if "test_loss" in columns:
        return "test_loss"
    free = [name for name in columns if name not in names.values() and name.lower() not in NOTES]
    numeric = [name for name in free if _all_numbers(table[name])]
    if len(numeric) == 1:
        return numeric[0]
    known = [
        name for name in numeric if parse_metric(name)[1] in {m.name for m in registry.of_kind("metric")}
    ]
    if len(known) == 1:
        return known[0]
    several = f"; {joined(numeric, most=12)} could be it: give --metric NAME" if numeric else ""
    raise ReportError(f"the table has no column 'score'{several or '; it needs one number per trial'}.")


def _all_numbers(values: Any) -> bool:
    try:
        numbers = [_number(value) for value in values]
    except ValueError:
        return False
    return any(not math.isnan(number) for number in numbers)


def _number(value: Any) -> float:
    """Return a cell as a number, NaN for nothing; raises ValueError for a text."""
    text = str(value).strip()
    if value is None or text.lower() in NOTHING:
        return math.nan
    if "_" in text:  # Python's float would take 1_000
        raise ValueError(text)
    return float(text)


def _long(table: pd.DataFrame, names: dict[str, str]) -> tuple[pd.DataFrame, dict[str, str], str]:
    """Return a wide table, a column per arm, in long form."""
    arms = [name for name in table.columns if name not in names.values() and name.lower() not in NOTES]
    texts = [name for name in arms if not _all_numbers(table[name])]
    single = set(names) <= {"problem"} and not texts and len(arms) < 2
    if single or any(name.lower() in SCORE for name in arms):
        raise ReportError(
            "the table has no column 'arm'; it needs arm, problem, seed and score, or a column per arm."
        )
    if texts:
        raise ReportError(
            f"the table has no column 'arm', so each column is an arm, and {texts[0]!r} holds texts; name "
            "the arms in a column 'arm', or leave that column out."
        )
    if len(arms) < 2:
        raise ReportError(
            "the table has no column 'arm' and fewer than two columns of scores; there is no second arm to "
            "compare with."
        )
    kept = list(names.values())
    long = table.melt(id_vars=kept, value_vars=arms, var_name="arm of column", value_name="score of column")
    return long, {**names, "arm": "arm of column"}, "score of column"


def _reported(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows of the report's phase, where the table tells phases apart."""
    if "phase" not in names:
        return table
    phases = table[names["phase"]].map(lambda value: str(value).strip().lower())
    if (phases == "report").any():
        return table[phases == "report"].reset_index(drop=True)
    if (phases == "tune").any():
        raise ReportError("no row is of the phase 'report': tuning trials are not compared.")
    return table


def _rows(table: pd.DataFrame, names: Mapping[str, str], column: str) -> pd.DataFrame:
    """Return problem, arm, seed, config, step, status and score of every row, checked."""
    import pandas as pd

    given: dict[str, list[str]] = {
        role: [_text(value) for value in table[name]] for role, name in names.items()
    }
    for role in ("arm", "problem", "seed"):
        if "" in given.get(role, ()):
            raise ReportError(f"row {given[role].index('') + 1} has no {role}.")
    scores = []
    for place, value in enumerate(table[column], start=1):
        try:
            scores.append(_number(value))
        except ValueError:
            raise ReportError(
                f"row {place}: the score {shortened(str(value), 40)!r} is no number; where a trial failed "
                "leave it empty."
            ) from None
    huge = next((score for score in scores if LARGEST < abs(score) < math.inf), None)
    if huge is not None:
        raise ReportError(f"the score {huge:g} is too large to compare; write inf where a trial diverged.")
    size = len(table)
    problems = given.get("problem", [ONE_PROBLEM] * size)
    data_sets = [_text(value) for value in table["data_set"]] if "data_set" in table else problems
    return pd.DataFrame(
        {
            "problem": problems,
            "arm": given["arm"],
            "seed": given.get("seed", [""] * size),
            "config": given.get("config", [""] * size),
            "step": _steps(given.get("step", ["0"] * size)),
            "status": [_ended(*pair) for pair in zip(given.get("status", [""] * size), scores, strict=True)],
            "score": scores,
            "data_set": [name or problem for name, problem in zip(data_sets, problems, strict=True)],
        }
    )


def _text(value: Any) -> str:
    """Return a cell as text, "" for nothing; whole numbers without a fraction."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return " ".join(str(value).split())


def _steps(texts: Sequence[str]) -> list[float]:
    steps = []
    for place, text in enumerate(texts, start=1):
        try:
            steps.append(_number(text))
        except ValueError:
            raise ReportError(f"row {place}: the step {shortened(text, 40)!r} is no number.") from None
    return [-math.inf if math.isnan(step) else step for step in steps]


def _ended(status: str, score: float) -> str:
    """Return a trial's status: what the table says, unless its score says worse."""
    if status.lower() not in ENDED:
        known = joined(["ok", "diverged", "failed", "crashed", "timeout"])
        raise ReportError(f"the status {shortened(status, 40)!r} is unknown; known are {known}.")
    ended = ENDED[status.lower()]
    if ended == "ok" and not math.isfinite(score):
        return "failed" if math.isnan(score) else "diverged"
    return ended


def _last_steps(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return each trial's row of the last step, and a note where there were several."""
    if rows["step"].nunique() < 2:
        return rows, ()
    last = rows.groupby(["problem", "arm", "seed", "config"], sort=False)["step"].transform("max")
    kept = rows[rows["step"] == last]
    return kept, ("Of several steps of a trial the last one is its score.",) if len(kept) < len(rows) else ()


def _refuse_twice(rows: pd.DataFrame) -> None:
    if (rows["seed"] == "").all() and rows.duplicated(["problem", "arm", "config"]).any():
        raise ReportError(
            "the table has no column 'seed', and several rows of an arm on a problem: arms are paired by "
            "seed, equal ones having seen the same data and split; add the column."
        )
    twice = rows.duplicated(["problem", "arm", "seed", "config"])
    if twice.any():
        problem, arm, seed = rows.loc[twice, ["problem", "arm", "seed"]].iloc[0]
        raise ReportError(
            f"{arm} has two rows on {problem} with seed {seed or '-'}; keep one, or tell them apart in a "
            "column 'config'."
        )


def _paired(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with seeds as integers; refuses arms that do not share all problems and seeds."""
    several = rows.groupby(["problem", "arm"], sort=False)["config"].transform("nunique") > 1
    arms = rows["arm"].where(~several, rows["arm"] + " (" + rows["config"] + ")")
    names, problems = list(dict.fromkeys(arms)), list(dict.fromkeys(rows["problem"]))
    if len(names) < 2:
        raise ReportError(f"there is no second arm to compare {names[0]} with.")
    seeds: dict[str, list[str]] = {
        str(name): list(dict.fromkeys(mine["seed"])) for name, mine in rows.groupby("problem", sort=False)
    }
    there = set(zip(rows["problem"], arms, rows["seed"], strict=True))
    lacking = [
        (problem, arm, seed)
        for problem in problems
        for arm in names
        for seed in seeds[problem]
        if (problem, arm, seed) not in there
    ]
    if lacking:
        (problem, arm, seed), total = lacking[0], len(lacking) + len(there)
        of_seed = f" with seed {seed}" if seed else ""
        raise ReportError(
            f"arms are compared on equal seeds, and {len(lacking)} of {total} trials are missing, the first "
            f"{arm} on {problem}{of_seed}; add the rows, with an empty score where a trial failed."
        )
    sizes = {problem: len(own) for problem, own in seeds.items()}
    if len(set(sizes.values())) > 1:
        few, many = min(sizes, key=lambda p: sizes[p]), max(sizes, key=lambda p: sizes[p])
        raise ReportError(
            f"every problem needs as many seeds, and {few} has {sizes[few]} where {many} has {sizes[many]}; "
            "add or leave out rows."
        )
    return rows.assign(seed=_numbered(rows, seeds))


def _numbered(rows: pd.DataFrame, seeds: Mapping[str, Sequence[str]]) -> list[int]:
    """Return seeds as integers: their own where all problems share them, else their place on the problem."""
    own = {frozenset(texts) for texts in seeds.values()}
    whole = all(text.isascii() and text.isdigit() and len(text) < 16 for text in next(iter(own)))
    if len(own) == 1 and whole and len({int(text) for text in next(iter(own))}) == len(next(iter(own))):
        return [int(text) for text in rows["seed"]]
    first = next(iter(seeds.values()))
    order = {problem: first if len(own) == 1 else texts for problem, texts in seeds.items()}
    places = {problem: {text: i for i, text in enumerate(texts)} for problem, texts in order.items()}
    return [places[problem][seed] for problem, seed in zip(rows["problem"], rows["seed"], strict=True)]


def _what(
    table: pd.DataFrame, column: str, asked: Asked, registry: Registry
) -> tuple[Outside, tuple[str, ...]]:
    """Return what the scores are: their name, which way is better, and their bounds."""
    plain = column.lower() in SCORE or column == "score of column"
    shown = (asked.metric or "score") if plain else column
    split, name = parse_metric(shown)
    name, kept = (name, f"test_{name}") if split == "test" else (shown, shown)
    bare = parse_metric(shown)[1] if split else name
    metric = next((known.cls for known in registry.of_kind("metric") if known.name == bare), None)
    goal, notes = asked.goal or _same(table, "goal", ("min", "max")), []
    known = metric is not None or bare == LOSS
    if goal is None:
        goal = "min" if metric is None else str(metric.goal)
        if not known:
            notes.append(
                "Nothing says which way is better, so lower scores count as better; --goal max turns it."
            )
    scale = _same(table, "scale", ("linear", "log", "unit"))
    by_scale = {"unit": "[0, 1]", "log": "(0, inf)", "linear": "(-inf, inf)"}
    bounds = asked.bounds or (by_scale[scale] if scale else None)
    if bounds is None:
        bounds = "[0, inf)" if bare == LOSS else "(-inf, inf)" if metric is None else str(metric.bounds)
    own = ("min", "[0, inf)") if metric is None else (metric.goal, metric.bounds)
    installed = known and name == bare and own == (goal, bounds)
    return Outside(table, kept, name, goal, bounds, installed, ()), tuple(notes)


def _same(table: pd.DataFrame, name: str, words: Sequence[str]) -> str | None:
    """Return the one word of a column such as `goal`; None where there is none, or several."""
    if name not in table:
        return None
    used = {str(value) for value in table[name]}
    word = used.pop() if len(used) == 1 else None
    return word if word in words else None


def _refuse_outside(rows: pd.DataFrame, bounds: str, metric: str) -> None:
    from anncore.contract.hyperparameters import Interval

    try:
        limits = Interval.parse(bounds)
    except (ValueError, TypeError):
        raise ReportError(
            f"--bounds must be an interval such as '[0, 1]' or '[0, inf)', got {bounds!r}."
        ) from None
    scores = rows["score"].to_numpy(float)
    outer = (rows["status"] == "ok").to_numpy() & ((scores < limits.low) | (scores > limits.high))
    if outer.any():
        place = int(outer.argmax())
        arm, problem = rows["arm"].iloc[place], rows["problem"].iloc[place]
        raise ReportError(
            f"{metric} {scores[place]:g} of {arm} on {problem} lies outside of {bounds}; give shares as 0 to "
            "1, or other --bounds."
        )
