"""One of something takes a verb in the singular: "1 of 69 optimizers passes", "1 result was there"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import anncore
from anncore import DataError, agreeing
from anncore.cli.compare import _trials
from anncore.contract.trial import Split
from anncore.engine.split import _grouped, _stratified, split_rows
from anncore.evidence.selection import _nothing
from anncore.report.encoding import encoding_caption
from anncore.report.outside_pairs import _nothing_shared

ROOT = Path(anncore.__file__).parents[1]
PLURAL = "are|were|have|do|lack|stand|need|become|show|fail|pass|diverge|differ|count|come|end|beat|rank|hold"


@pytest.mark.parametrize(
    ("verb", "one"),
    [
        ("are", "is"),
        ("were", "was"),
        ("have", "has"),
        ("do", "does"),
        ("pass", "passes"),
        ("reach", "reaches"),
        ("lack", "lacks"),
        ("diverge", "diverges"),
    ],
)
def test_a_verb_agrees_with_its_count(verb: str, one: str) -> None:
    assert [agreeing(count, verb) for count in (0, 1, 2)] == [verb, one, verb]


def sentences_with_a_count() -> Iterator[tuple[str, str]]:
    """Yield where a count of `counted` stands in a text, and what the text goes on with."""
    for path in sorted([*ROOT.glob("anncore/**/*.py"), *ROOT.glob("plugins/annx_plugins/**/*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                for value, rest in zip(node.values, node.values[1:], strict=False):
                    call = value.value if isinstance(value, ast.FormattedValue) else None
                    name = call.func if isinstance(call, ast.Call) else None
                    if isinstance(name, ast.Name) and name.id == "counted" and isinstance(rest, ast.Constant):
                        yield f"{path.relative_to(ROOT)}:{node.lineno}", str(rest.value)


def test_no_text_goes_on_in_the_plural_whatever_the_count() -> None:
    every = list(sentences_with_a_count())
    assert len(every) > 100
    wrong = re.compile(rf"( of (these|them|it))?,? ({PLURAL})\b")
    assert [f"{where}: {rest!r}" for where, rest in every if wrong.match(rest)] == []


def test_the_only_trial_that_two_runs_share_has_the_same_key() -> None:
    counts = {"shared": 1, "a": 2, "b": 3, "same": 1}
    assert _trials({"trials": counts}).startswith("Trials: 1 of 2 and 3 has the same run key and gave")
    assert " 2 of 2 and 3 have the same" in _trials({"trials": {**counts, "shared": 2, "same": 2}})


def test_one_example_or_group_is_no_plural() -> None:
    with pytest.raises(DataError, match=r"^1 training example cannot hold 2 classes"):
        _stratified(np.array([0, 1, 1]), 1, 1)
    rng = np.random.default_rng(0)
    with pytest.raises(DataError, match=r"^1 group cannot fill 3 splits"):
        _grouped(rng, np.zeros(9, int), 3, 3, None)
    with pytest.raises(DataError, match="split of 1 example would be empty"):
        split_rows(rng, 1, Split())


def test_the_only_tuning_trial_is_no_plural() -> None:
    assert _nothing(["diverged"]) == "nothing to choose from: 1 of 1 tuning trial diverged"
    assert _nothing(["failed", "failed"]) == "nothing to choose from: 2 of 2 tuning trials failed"


def test_one_trial_is_missing() -> None:
    rows = pd.DataFrame({"problem": ["p"] * 3, "compared": ["a", "b", "a"], "seed": ["1", "1", "2"]})
    assert "1 of 4 trials is missing, the first b on p with seed 2" in _nothing_shared(rows)
    assert "2 of 4 trials are missing" in _nothing_shared(rows.iloc[[0, 2]].assign(compared=["a", "b"]))


def test_one_more_column_stands_elsewhere() -> None:
    done = {"data_set": "people", "seed": 3, "encodings": [{}] * 41}
    told = [
        encoding_caption({**done, "encodings": [{}] * number}).partition(" The other ")[2]
        for number in range(1, 200)
    ]
    assert [text for text in told if text][:2] == [
        "1 column stands in report.json.",
        "2 columns stand in report.json.",
    ]
