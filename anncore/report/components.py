"""The components under comparison, built as they were run, for figures that draw what they compute."""

from __future__ import annotations

import json
import math
from typing import Any

from anncore.errors import AnnxError
from anncore.params import build
from anncore.study import Study


def components_of(study: Study) -> dict[str, dict[str, Any]]:
    """Return, by varied kind and label, the component with the values that most of its report trials had.

    Values that a tuning chose may differ from problem to problem; the most frequent combination stands for
    all. Left out is what cannot be built from its values alone, such as the loss "auto" and wrappers.
    """
    found: dict[str, dict[str, Any]] = {}
    for kind in study.experiment.vary:
        built: dict[str, Any] = {}
        for entry in study.experiment.entries.get(kind, ()):
            mine = study.trials[study.trials[kind] == entry.label]
            if entry.component is None or not len(mine):
                continue
            columns = [name for name in mine.columns if str(name).startswith(f"{kind}.")]
            rows = [
                {name: value for name, value in row.items() if value is not None}
                for row in (
                    {name.partition(".")[2]: _plain(value) for name, value in record.items()}
                    for record in mine[columns].to_dict("records")
                )
            ]
            texts = [json.dumps(row, sort_keys=True) for row in rows]
            usual = rows[texts.index(max(dict.fromkeys(texts), key=texts.count))]
            try:
                built[entry.label] = build(entry.component.cls, **usual)
            except AnnxError:
                continue
        if built:
            found[kind] = built
    return found


def _plain(value: Any) -> Any:
    """Return a frame's value as a hyperparameter's: None where it has none, lists from their JSON."""
    if value is None or value != value or str(value) == "<NA>":
        return None
    if isinstance(value, str):
        return json.loads(value) if value.startswith("[") or value in ("true", "false") else value
    value = value.item() if hasattr(value, "item") else value
    # A column in which some arms have no value holds whole numbers as floats.
    return int(value) if isinstance(value, float) and math.isfinite(value) and value.is_integer() else value
