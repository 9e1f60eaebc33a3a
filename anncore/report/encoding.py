"""What report.json says of how columns were encoded, and how the views write it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anncore.evidence.sentences import counted, joined
from anncore.evidence.units import agreeing
from anncore.experiment.encodings import EncodedSet, encoded_sets

MOST_COLUMNS = 60  # of one data set, in the table of a page; report.json has all
MOST_UNSEEN = 5


def encodings_content(experiment: Any) -> list[dict[str, Any]]:
    """Return what was done to the columns of each data set that has columns to encode."""
    return [_content(done) for done in encoded_sets(experiment)]


def _content(done: EncodedSet) -> dict[str, Any]:
    names = ("train", "valid", "test")
    columns = [
        {
            **column._asdict(),
            "missing": dict(zip(names, column.missing, strict=True)),
            "unseen": list(column.unseen),
        }
        for column in done.encodings
    ]
    return {
        **done._asdict(),
        "rows": dict(zip(names, done.rows, strict=True)),
        "encodings": columns,
    }


def encoding_sentence(done: Mapping[str, Any]) -> str:
    """Say of one data set what was done to its columns, and on which rows that rests."""
    name = done["data_set"]
    if done["problem"]:
        return f"What was done to the columns of {name} is not known: {done['problem']}"
    weights = "Its examples have weights, in training and in every score that is a mean over examples."
    if not done["encodings"]:
        return f"{name}: {weights}"
    trained = counted(done["rows"]["train"], "training examples")
    columns = counted(len(done["encodings"]), "columns")
    become = agreeing(len(done["encodings"]), "become")
    text = (
        f"{name}: {columns} {become} {counted(done['inputs'], 'inputs')}. Medians, most frequent categories "
        f"and scales come from the {trained} alone; this is seed {done['seed']}, and every seed has its own. "
    )
    unseen = [column for column in done["encodings"] if column["unseen"]]
    if unseen:
        rows = sum(column["unseen_rows"] for column in unseen)
        text += (
            f"Of {joined([column['column'] for column in unseen], most=8)}, categories without a training "
            f"example are 0 in every input; {counted(rows, 'held-out examples')} "
            f"{agreeing(rows, 'have')} one. "
        )
    return (text + (weights if done["weighted"] else "")).strip()


def encoding_rows(done: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return what was done to each column as text cells."""
    header = ["column", "holds", "inputs", "missing (training, validation, test)", "filled by", "unseen"]
    rows = []
    for column in done["encodings"][:MOST_COLUMNS]:
        missing = column["missing"]
        category = column["kind"] == "category"
        holds = counted(column["categories"], "categories") if category else column["how"] or "numbers"
        gaps = ", ".join(str(missing[split]) for split in ("train", "valid", "test"))
        rows.append(
            [
                column["column"],
                holds,
                str(column["inputs"]),
                gaps if any(missing.values()) else "–",
                column["filled"] or "–",
                joined(column["unseen"], most=MOST_UNSEEN) if column["unseen"] else "–",
            ]
        )
    return header, rows


def encoding_caption(done: Mapping[str, Any]) -> str:
    """Say what the table of a data set's columns shows."""
    more = len(done["encodings"]) - MOST_COLUMNS
    columns = counted(more, "columns")
    rest = f" The other {columns} {agreeing(more, 'stand')} in report.json." if more > 0 else ""
    return f"Columns of {done['data_set']} and what became of them, with seed {done['seed']}.{rest}"
