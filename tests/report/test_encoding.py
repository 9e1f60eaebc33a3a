"""What plan and report say of how columns were encoded."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from grammar import faults

from anncore import load_experiment
from anncore.cli.group import cli
from anncore.experiment.encodings import encoded_sets, encoding_line
from anncore.experiment.plan import make_plan
from anncore.report.encoding import encoding_caption, encoding_rows, encoding_sentence, encodings_content
from anncore.report.methods_training import training_text

CITIES = ("oslo", "NA", "a|<b>")
ROWS = "".join(
    f"{i if i % 5 else ''},{CITIES[i % 3]},{1 + i % 2},{i // 4},{'no' if i % 3 else 'yes'}\n"
    for i in range(40)
)
TEXT = """seeds.report = [3]
[dataset.people]
use = "csv"
path = "people.csv"
target = "y"
weight = "w"
group = "g"
[dataset.two_moons]
n = 60
[optimizer.sgd]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "people.csv").write_text("age,city,w,g,y\n" + ROWS)
    (tmp_path / "x.toml").write_text(TEXT)
    return tmp_path / "x.toml"


def test_the_plan_and_the_report_say_what_was_done(file: Path) -> None:
    experiment = make_plan(load_experiment(file)).experiment
    [done] = encoded_sets(experiment)  # two_moons has nothing to encode
    assert (done.data_set, done.seed, sum(done.rows), done.inputs, done.weighted) == (
        "people",
        3,
        40,
        5,
        True,
    )
    line = encoding_line(done)
    assert line == (
        "people: 2 columns become 5 inputs; categories: city (3); 8 missing values of 1 column filled; "
        "examples have weights (seed 3)"
    )
    assert line in CliRunner().invoke(cli, ["plan", str(file)]).stdout
    [content] = encodings_content(experiment)
    sentence = encoding_sentence(content)
    assert sentence.startswith(
        "people: 2 columns become 5 inputs. Medians, most frequent categories and scales"
    )
    assert faults(sentence) == []
    header, (age, city) = encoding_rows(content)
    assert len(header) == len(age) == 6
    assert (age[0], age[2]) == ("age", "2")
    assert age[4].startswith("the median, ")
    assert city[:3] == ["city", "3 categories", "3"]
    assert encoding_caption(content) == "Columns of people and what became of them, with seed 3."
    assert "Of people all rows of a group are in one split." in training_text(experiment)


def test_a_file_that_is_gone_is_said(file: Path) -> None:
    experiment = make_plan(load_experiment(file)).experiment
    (file.parent / "people.csv").unlink()
    [content] = encodings_content(experiment)
    assert "people.csv: no such file" in encoding_sentence(content)
    assert content["encodings"] == []
