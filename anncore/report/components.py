"""The components under comparison, and the objectives they are compared on, built as they were run."""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

from anncore.contract.errors import AnnxError
from anncore.contract.hyperparameters import Declared, build, declared
from anncore.contract.stand_ins import StandIn
from anncore.evidence.study import Study


def components_of(study: Study) -> dict[str, dict[str, Any]]:
    """Return, by varied kind and label, the component with the values that most of its report trials had.

    Values that a tuning chose may differ from problem to problem; the most frequent combination stands for
    all. Left out is what cannot be built from its values alone, such as the loss "auto" and wrappers.
    """
    by_kind: dict[str, dict[str, Any]] = {}
    for kind in study.experiment.vary:
        built: dict[str, Any] = {}
        for entry in study.experiment.entries.get(kind, ()):
            component = _built(entry, kind, study.trials[study.trials[kind] == entry.label])
            if component is not None:
                built[entry.label] = component
        if built:
            by_kind[kind] = built
    return by_kind


def objectives_of(study: Study) -> dict[str, Any]:
    """Return, by problem, the objective that its trials minimise; nothing where they train on data."""
    entries = {entry.label: entry for entry in study.experiment.entries.get("objective", ())}
    by_problem: dict[str, Any] = {}
    if "objective" not in study.all_trials:
        return by_problem
    for problem, label in study.dataset_of.items():
        mine = study.all_trials[study.all_trials["problem"] == problem]
        component = _built(entries[label], "objective", mine) if label in entries else None
        if component is not None:
            by_problem[problem] = component
    return by_problem


def _built(entry: Any, kind: str, mine: Any) -> Any:
    """Return an entry's component with the values that most of the trials `mine` had.

    None without trials, and of a component that is not installed any more.
    """
    if entry.component is None or not len(mine) or issubclass(entry.component.cls, StandIn):
        return None
    known = declared(entry.component.cls)
    columns = [name for name in mine.columns if str(name).startswith(f"{kind}.")]
    rows = [
        {name: plain for name, value in row.items() if (plain := _plain(value, known.get(name))) is not None}
        for row in (
            {name.partition(".")[2]: value for name, value in record.items()}
            # Without columns pandas below 3.1 has no records at all.
            for record in (mine[columns].to_dict("records") or [{}])
        )
    ]
    texts = [json.dumps(row, sort_keys=True) for row in rows]
    usual = rows[texts.index(max(dict.fromkeys(texts), key=texts.count))]
    try:
        return build(entry.component.cls, **usual)
    except AnnxError:
        return None


def _plain(value: Any, known: Declared | None) -> Any:
    """Return a frame's value as a hyperparameter's: None where it has none, lists from their JSON."""
    if isinstance(value, str):
        return _read(value, known)
    if value is None or str(value) == "<NA>" or value != value:
        return None
    value = value.item() if hasattr(value, "item") else value
    # A column in which some arms have no value holds whole numbers as floats.
    return int(value) if isinstance(value, float) and math.isfinite(value) and value.is_integer() else value


def _read(text: str, known: Declared | None) -> Any:
    """Return what a text of a frame stands for: itself where the hyperparameter admits it, else its JSON."""
    with contextlib.suppress(ValueError):
        if known is not None:
            return known.domain.check(text)
    with contextlib.suppress(ValueError):
        if text.startswith("[") or text in ("true", "false"):
            return json.loads(text)
    return text
