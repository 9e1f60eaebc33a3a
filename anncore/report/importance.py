"""What report.json says of which hyperparameters mattered, and how the views write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from anncore.evidence.importance import Importance, Part, importances
from anncore.evidence.sentences import counted, joined, percent
from anncore.evidence.study import Study
from anncore.evidence.units import agreeing, singular

HUTTER = (
    "Hutter, Hoos & Leyton-Brown (2014), An efficient approach for assessing hyperparameter importance, "
    "ICML, PMLR 32(1)."
)
MOST_ROWS = 200


def importance_content(study: Study) -> dict[str, Any] | None:
    """Return which hyperparameters mattered; None where no arm tuned two of them or more."""
    rows = importances(study)
    return importance_of(rows, study.problem_unit) if rows else None


def importance_of(rows: Sequence[Importance], unit: str) -> dict[str, Any]:
    """Return the rows as report.json has them, with a sentence for each arm."""
    by_arm: dict[str, list[Importance]] = {}
    for row in rows:
        by_arm.setdefault(row.arm, []).append(row)
    return {
        "rows": [_row(row) for row in rows],
        "sentences": [arm_sentence(arm, own, unit) for arm, own in by_arm.items()],
    }


def _row(row: Importance) -> dict[str, Any]:
    drawn = row.map
    return {
        **{
            name: getattr(row, name) for name in ("problem", "arm", "method", "n", "seeds", "leads", "reason")
        },
        "replaced": row.replaced,
        "explained": row.explained,
        "knobs": [_part(part) for part in row.knobs],
        "pairs": [_part(part) for part in row.pairs],
        "map": {"names": drawn.names, "a": drawn.a, "b": drawn.b, "costs": drawn.costs.tolist()},
    }


def _part(part: Part) -> dict[str, Any]:
    return {"names": list(part.names), "share": part.share, "low": part.low, "high": part.high}


def arm_sentence(arm: str, rows: Sequence[Importance], unit: str) -> str:
    """Say which hyperparameter mattered most for an arm, as far as its tuning trials bear it."""
    short = _short_names(rows)
    if len(rows) == 1:
        return _on_one(arm, rows[0], short)
    leaders = [row.knobs[0].names[0] for row in rows if row.leads]
    shares: dict[str, list[float]] = {}
    for row in rows:
        for part in row.knobs:
            shares.setdefault(part.names[0], []).append(part.share)
    means = sorted(((sum(own) / len(own), name) for name, own in shares.items()), reverse=True)
    first, *others = [(short[name], percent(mean, 0)) for mean, name in means]
    beside = [f"{name} {share}" for name, share in others]
    average = (
        f"on average {first[0]} explains {first[1]} of the variance of its tuning scores, {joined(beside, 4)}"
    )
    if not leaders:
        places = counted(len(rows), unit)
        return f"For {arm} no hyperparameter surely matters most on any of {places}; {average}."
    counts = {name: leaders.count(name) for name in dict.fromkeys(leaders)}
    where = [f"{short[name]} matters most on {_of(count, len(rows), unit)}" for name, count in counts.items()]
    return f"For {arm} {joined(where)}; {average}."


def _of(count: int, total: int, unit: str) -> str:
    if count == total:
        return f"both {unit}" if total == 2 else f"all {counted(total, unit)}"
    return f"{count} of {counted(total, unit)}"


def _short_names(rows: Sequence[Importance]) -> dict[str, str]:
    """Return "lr" for "optimizer.lr", unless another kind has a hyperparameter of that name."""
    names = list(dict.fromkeys(part.names[0] for row in rows for part in row.knobs))
    keys = [name.partition(".")[2] or name for name in names]
    return {name: key if keys.count(key) == 1 else name for name, key in zip(names, keys, strict=True)}


def _on_one(arm: str, row: Importance, short: Mapping[str, str]) -> str:
    first, *others = row.knobs
    name, share = short[first.names[0]], percent(first.share, 0)
    rest = joined([f"{short[part.names[0]]} {percent(part.share, 0)}" for part in others], 4)
    where = f"For {arm} on {row.problem}"
    if row.reason:
        return (
            f"{where} nothing is said of which hyperparameter mattered, as {row.reason} "
            f"({name} {share}, {rest})."
        )
    most = f"{name} matters most: it" if row.leads else f"no hyperparameter surely matters most: {name}"
    return (
        f"{where} {most} explains {share} of the variance of scores over {counted(row.n, 'configurations')} "
        f"(95 % interval {100 * first.low:.0f} to {100 * first.high:.0f} %), {rest}."
    )


def importance_rows(content: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return the table of shares as text cells, a row per problem, arm and part, the largest parts first."""
    several = len({row["problem"] for row in content["importance"]["rows"]}) > 1
    header = [*([singular(content["unit"])] if several else []), "arm", "hyperparameter", "share of variance"]
    header += ["95 % interval", "matters most"]
    cells = []
    for row in content["importance"]["rows"]:
        top = [*row["knobs"], *row["pairs"][:1]]
        for place, part in enumerate(top):
            most = (
                "surely" if row["leads"] else f"not claimed: {row['reason']}" if row["reason"] else "perhaps"
            )
            cells.append(
                [
                    *([row["problem"]] if several else []),
                    row["arm"],
                    " with ".join(part["names"]),
                    percent(part["share"], 0),
                    _between(part),
                    most if place == 0 else "–",
                ]
            )
    return header, cells[:MOST_ROWS]


def _between(part: Mapping[str, Any]) -> str:
    low, high = part["low"], part["high"]
    return "–" if low is None or low != low else f"{100 * low:.0f} to {100 * high:.0f} %"


def importance_caption(content: Mapping[str, Any]) -> str:
    """Say what the table of shares holds, and what it leaves out."""
    rows = content["importance"]["rows"]
    caption = (
        "Which tuned hyperparameter mattered: the share of the variance of the mean validation score that "
        "each explains by itself, and the pair that explains most beyond that."
    )
    if sum(len(row["knobs"]) + bool(row["pairs"]) for row in rows) > MOST_ROWS:
        caption += f" The first {MOST_ROWS} rows; report.json has all."
    return caption


def importance_method(content: Mapping[str, Any]) -> str:
    """Say for the methods how shares were found."""
    rows = content["importance"]["rows"]
    methods = {row["method"] for row in rows}
    texts = [
        "The variance of the mean validation score over the configurations that were tried is split into "
        "what each hyperparameter explains by itself and what each pair explains beyond that, every value "
        "counting as often as it was tried; scores that are positive and better when low are logarithms."
    ]
    if "grid" in methods:
        texts.append(
            "On a grid the averages are of the scores themselves; what noise of seeds adds is subtracted, "
            "and intervals come from scores drawn anew with that noise. Where an F test finds no difference "
            "beyond that of seeds, or there is one seed, nothing is claimed."
        )
    if "forest" in methods:
        texts.append(
            "Where values were drawn, a random forest fills in what was not tried (Hutter, Hoos & "
            "Leyton-Brown 2014), and intervals are over its trees. A hyperparameter is said to matter most "
            "only where its lead is larger than the share of the variance that the forest cannot foretell."
        )
    replaced = sum(row["replaced"] for row in rows)
    if replaced:
        count = counted(replaced, "configurations")
        verb = agreeing(replaced, "count")
        texts.append(f"{count} with a trial that did not finish {verb} as the worst that did.")
    return " ".join(texts)
