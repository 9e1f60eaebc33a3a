"""Results from elsewhere: a table of anybody's scores, read as the trials of a sweep that annx did not run.

Long form: a row per trial with the columns arm, problem, seed and score; phase, step, config and status may
be there. Wide form: a column per arm, a row per problem and seed. Exports of W&B and MLflow are made plain
first (`outside_exports.py`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from anncore.contract.columns import LOSS, parse_metric
from anncore.contract.errors import ReportError, nearest
from anncore.contract.registry import Registry
from anncore.contract.shown import shortened
from anncore.evidence.sentences import counted, joined
from anncore.report.outside_exports import Export, plain_table
from anncore.report.outside_pairs import paired

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
NOTES = frozenset(  # columns that a wide table's arms are never called
    [
        *(
            "name",
            "id",
            "run_id",
            "run id",
            "experiment_id",
            "goal",
            "scale",
            "data_set",
            "created",
            "runtime",
        ),
        *(
            "user",
            "tags",
            "notes",
            "group",
            "job type",
            "sweep",
            "host",
            "hostname",
            "_runtime",
            "_timestamp",
        ),
        *("start_time", "end_time", "start time", "end time", "duration", "artifact_uri", "source type"),
        *("source name", "version", "models", "dataset", "gpu count", "gpu type", "created at", "updated at"),
    ]
)
ENDED = {
    **dict.fromkeys(("ok", "finished", "success", "succeeded", "completed", "done", ""), "ok"),
    **dict.fromkeys(("diverged",), "diverged"),
    **dict.fromkeys(("failed", "error"), "failed"),
    **dict.fromkeys(("crashed", "killed", "preempted", "stopped"), "crashed"),
    **dict.fromkeys(("timeout",), "timeout"),
}
UNFINISHED = frozenset(["running", "scheduled", "pending", "queued", "preempting"])
ROLES = (*ALIASES, "score")
NOTHING = frozenset(["", "nan", "na", "n/a", "none", "null", "<na>"])
ONE_PROBLEM = "results"
CONFIG = "settings of row"
MOST_SETTINGS = 6  # of an arm that its row in the leaderboard shows
LARGEST = 1e100  # of a score: squares and sums of larger ones leave the floats


class Asked(NamedTuple):
    """What the caller says of the scores: which column, which way is better, between which bounds.

    columns: by role (arm, problem, seed, score, ...) the name of its column; of config the names of several.
    """

    metric: str | None = None
    goal: str | None = None
    bounds: str | None = None
    columns: Mapping[str, str | Sequence[str]] | None = None
    decimal: str | None = None


class Outside(NamedTuple):
    """A table as trials: columns problem, arm, seed, config, status, data_set and score; and what scores are.

    column: what the trials' table calls the score. metric: its name without a split. notes: what the reader
    must know of how it was read. curves: scores by problem, arm, seed, config and step, where a trial has
    several.
    """

    rows: pd.DataFrame
    column: str
    metric: str
    goal: str
    bounds: str
    known: bool  # whether an installed metric says goal and bounds
    notes: tuple[str, ...]
    curves: pd.DataFrame | None = None


def outside(table: pd.DataFrame, asked: Asked, registry: Registry) -> Outside:
    """Return a table of scores as trials; raises ReportError, in one line, for what it lacks."""
    if len(table) == 0:
        raise ReportError("the table holds no rows; it needs a row per trial.")
    export = plain_table(table, asked.decimal)
    table, given = _with_config(export, _given(export, asked))
    names, column = _columns(table, given), given.get("score")
    names.pop("score", None)
    guessed: tuple[str, ...] = ()
    if "arm" not in names:
        table, names, column, guessed = _long(table, names)
    elif column is None:
        column = _score_column(table, names, asked, registry)
    if "config" not in names:
        table, names = _with_settings(table, names, export.settings, column)
    table, left_out = _reported(table, names)
    rows = _rows(table, names, column)
    rows, curves, merged = _last_steps(rows)
    _refuse_twice(rows)
    pairs = paired(rows)
    what, notes = _what(table, column, asked, registry)
    if what.metric != LOSS or asked.bounds is not None:  # the loss of a density may be negative
        _refuse_outside(pairs.rows, what.bounds, what.metric)
    return what._replace(
        rows=pairs.rows.reset_index(drop=True),
        notes=(*notes, *guessed, *left_out, *merged, *pairs.notes),
        curves=curves,
    )


def _given(export: Export, asked: Asked) -> dict[str, Any]:
    """Return the columns that the caller names, by role, as the table calls them now."""
    named: dict[str, Any] = {}
    for role, given in (asked.columns or {}).items():
        if role not in ROLES:
            raise ReportError(
                f"--columns: {role!r} is no role; there are {joined(list(ROLES))}.{nearest(role, ROLES)}"
            )
        single = [given] if isinstance(given, str) else list(given)
        if not single or (len(single) > 1 and role != "config"):
            raise ReportError(
                f"--columns: {role} is one column, got {', '.join(map(str, single)) or 'none'}."
            )
        known = [export.given.get(str(name), str(name)) for name in single]
        for name, asked_for in zip(known, single, strict=True):
            if name not in export.table.columns:
                columns = [str(column) for column in export.table.columns]
                raise ReportError(
                    f"--columns: the table has no column {str(asked_for)!r} for {role}; its columns are "
                    f"{joined(columns, most=20)}.{nearest(str(asked_for), columns)}"
                )
        named[role] = known if role == "config" else known[0]
    return named


def _with_config(export: Export, given: dict[str, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the table with one column for the configuration, where the caller names some for it."""
    table, columns = export.table, given.get("config")
    if not columns:
        return table, given
    if len(columns) == 1:
        return table, {**given, "config": columns[0]}
    return _settings_text(table, columns), {**given, "config": CONFIG}


def _settings_text(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    texts = [
        ", ".join(f"{name}={_text(cell)}" for name, cell in zip(columns, row, strict=True) if _text(cell))
        for row in zip(*(table[name] for name in columns), strict=True)
    ]
    return table.assign(**{CONFIG: texts})


def _with_settings(
    table: pd.DataFrame, names: dict[str, str], settings: Sequence[str], column: str
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the table with what a tracker calls each arm's settings, where they tell arms apart."""
    free = [name for name in settings if name in table and name not in (*names.values(), column)]
    texts = {name: table[name].map(_text) for name in free}
    arms = table[names["arm"]].map(_text)
    own = [
        name
        for name, cells in texts.items()
        if len(set(cells)) > 1 and len(set(zip(arms, cells, strict=True))) == len(set(arms))
    ][:MOST_SETTINGS]
    if not own:
        return table, names
    return _settings_text(table, own), {**names, "config": CONFIG}


def _columns(table: pd.DataFrame, given: Mapping[str, str]) -> dict[str, str]:
    """Return what the table calls arm, problem, seed and so on; what is given comes first."""
    by_word = {name.lower(): name for name in reversed(table.columns)}
    named: dict[str, str] = dict(given)
    for role, words in ALIASES.items():
        if role in named:
            continue
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


def _long(
    table: pd.DataFrame, names: dict[str, str]
) -> tuple[pd.DataFrame, dict[str, str], str, tuple[str, ...]]:
    """Return a wide table, a column per arm, in long form, with what is said of it where that is a guess."""
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
    notes: tuple[str, ...] = ()
    if not {"problem", "seed"} & set(names):
        notes = (
            f"The table names no arm, problem or seed, so each column is taken for an arm: "
            f"{joined(arms, 6)}.",
        )
    return long, {**names, "arm": "arm of column"}, "score of column", notes


def _reported(table: pd.DataFrame, names: Mapping[str, str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the finished rows of the report's phase, where the table tells phases apart, and notes."""
    notes: tuple[str, ...] = ()
    if "status" in names:
        waiting = table[names["status"]].map(lambda value: str(value).strip().lower() in UNFINISHED)
        if waiting.all():
            raise ReportError("no trial has finished: every row is still running or waiting.")
        if waiting.any():
            notes += (f"Left out: {counted(int(waiting.sum()), 'rows')} of trials that have not finished.",)
            table = table[~waiting].reset_index(drop=True)
    if "phase" not in names:
        return table, notes
    phases = table[names["phase"]].map(lambda value: str(value).strip().lower())
    if (phases == "report").any():
        others = int((phases != "report").sum())
        if others:
            notes += (f"Left out: {counted(others, 'rows')} of another phase than the report.",)
        return table[phases == "report"].reset_index(drop=True), notes
    if (phases == "tune").any():
        raise ReportError("no row is of the phase 'report': tuning trials are not compared.")
    return table, notes


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
    if value is None or str(value) == "<NA>" or value != value:
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


def _last_steps(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame | None, tuple[str, ...]]:
    """Return each trial's row of the last step, the scores of all its steps, and a note."""
    if rows["step"].nunique() < 2:
        return rows, None, ()
    trial = ["problem", "arm", "seed", "config"]
    twice = rows.duplicated([*trial, "step"])
    last = rows.groupby(trial, sort=False)["step"].transform("max")
    kept = rows[rows["step"] == last]
    if len(kept) == len(rows):
        return kept, None, ()
    there = rows["score"].map(math.isfinite) & rows["step"].map(math.isfinite) & ~twice
    note = "Of several steps of a trial the last one is its score."
    return kept, rows[there], (note,)


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
