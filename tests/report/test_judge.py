"""Results from elsewhere: what is read, what is refused, and that the verdicts are a sweep's own."""

from __future__ import annotations

import itertools
import json
import math
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings, strategies as st
from report_schema import complaints
from results_factory import make_results

import anncore
from anncore.cli import printing
from anncore.cli.group import cli
from anncore.cli.judge import roles_of
from anncore.contract.errors import ReportError
from anncore.contract.loading import load_registry
from anncore.evidence.csv_text import to_csv
from anncore.report.build import build_report, plain
from anncore.report.markdown import render_markdown
from anncore.report.outside import Asked, Outside, outside
from anncore.report.outside_files import read_table

REGISTRY = load_registry()
FEW: dict[str, Any] = {"arms": ("sgd", "adam", "lion"), "problems": ("xor", "iris"), "regression": ()}


def table(text: str, tmp_path: Path) -> pd.DataFrame:
    file = tmp_path / "table.csv"
    file.write_text(text, encoding="utf-8")
    return read_table(file)


def read(text: str, tmp_path: Path, **asked: str) -> Outside:
    return outside(table(text, tmp_path), Asked(**asked), REGISTRY)


def rows(found: Outside) -> list[tuple[Any, ...]]:
    columns = ["problem", "arm", "seed", "status", "score"]
    return list(found.rows[columns].itertuples(index=False, name=None))


@pytest.mark.parametrize("metric", [None, "accuracy"])
@pytest.mark.parametrize("tuned", [False, True])
def test_a_sweeps_own_trials_get_its_own_verdicts(tmp_path: Path, metric: str | None, tuned: bool) -> None:
    select = {} if metric is None else {"metric": f"valid_{metric}", "goal": "max"}
    rates = {"tune_seeds": (0, 1)} if tuned else {"tune_seeds": (), "rates": (0.01, 0.1)}
    results = make_results(
        **{**FEW, **select, **rates},
        status=lambda p, arm, seed: "diverged" if (arm, seed) == ("sgd", 103) else "ok",
    )
    file = tmp_path / "trials.csv"
    file.write_bytes(to_csv(results.trials))
    ours = plain(build_report(results, {}))
    theirs = plain(anncore.judge(read_table(file), metric=metric).findings)
    assert complaints(theirs) == []
    if tuned:
        assert theirs["arms"] == ours["arms"]
        names = dict(zip(theirs["arms"], ours["arms"], strict=True))
    else:  # "sgd (lr 0.1)" and "sgd (lr=0.1)" are one
        names = {arm: arm.replace("lr ", "lr=") for arm in theirs["arms"]}
    for key in ("comparisons", "leaderboard", "improvement"):
        one, other = (json.dumps(report[key], sort_keys=True) for report in (theirs, ours))
        assert _without_configs(json.loads(one)) == _without_configs(json.loads(other)), names
    assert theirs["answer"]["headline"] == ours["answer"]["headline"]


def _without_configs(value: Any) -> Any:
    """Return a part of a report without the further metrics and configurations, which are not handed over."""
    if isinstance(value, dict):
        left_out = ("config", "metrics", "medians")
        return {name: _without_configs(item) for name, item in value.items() if name not in left_out}
    return [_without_configs(item) for item in value] if isinstance(value, list) else value


def test_wide_and_long_forms_are_one(tmp_path: Path) -> None:
    long = read("arm,problem,seed,score\na,p,0,1\nb,p,0,2\na,p,1,3\nb,p,1,\n", tmp_path)
    wide = read("problem;seed;a;b\np;0;1;2\np;1;3;\n", tmp_path)
    key = lambda row: row[:3]  # noqa: E731
    for one, other in zip(sorted(rows(long), key=key), sorted(rows(wide), key=key), strict=True):
        assert one[:4] == other[:4]
        assert one[4] == other[4] or (math.isnan(one[4]) and math.isnan(other[4]))
    assert ("p", "b", 1, "failed") in [row[:4] for row in rows(long)]


def test_exports_of_wandb_and_mlflow_are_read(tmp_path: Path) -> None:
    wandb = "Name,State,seed,dataset,optimizer,accuracy\nr1,finished,1,p,adam,0.5\nr2,crashed,1,p,sgd,\n"
    assert rows(read(wandb, tmp_path))[:1] == [("p", "adam", 1, "ok", 0.5)]
    assert rows(read(wandb, tmp_path))[1][:4] == ("p", "sgd", 1, "crashed")
    mlflow = (
        "run_id,status,start_time,params.optimizer,params.seed,params.dataset,metrics.loss\n"
        "x,FINISHED,2024-01-01,adam,1,p,0.5\ny,FINISHED,2024-01-01,sgd,1,p,inf\n"
    )
    assert rows(read(mlflow, tmp_path)) == [
        ("p", "adam", 1, "ok", 0.5),
        ("p", "sgd", 1, "diverged", math.inf),
    ]


def test_phases_steps_and_configurations(tmp_path: Path) -> None:
    text = (
        "arm,problem,seed,phase,step,config,score\n"
        "a,p,0,tune,9,x,7\na,p,0,report,5,x,1\na,p,0,report,10,x,2\nb,p,0,report,10,x,3\nb,p,0,report,10,y,4\n"
    )
    found = read(text, tmp_path)
    assert rows(found) == [("p", "a", 0, "ok", 2), ("p", "b", 0, "ok", 3), ("p", "b", 0, "ok", 4)]
    assert found.rows["config"].to_list() == ["x", "x", "y"]
    assert found.notes[-1] == "Of several steps of a trial the last one is its score."


def test_curves_are_the_steps_of_trials(tmp_path: Path) -> None:
    text = "arm,problem,seed,step,score\n" + "".join(
        f"{arm},{problem},s{seed},{step},{0.5 + 0.1 * step + 0.01 * seed}\n"
        for arm in ("a", "b")
        for problem in ("p", "q")
        for seed in range(3)
        for step in (2, 1, 3)
    )
    judged = anncore.judge(table(text, tmp_path), metric="accuracy")
    assert len(judged.curves) == 2 * 2 * 3 * 3
    assert set(judged.curves["metric"]) == {"accuracy"}
    first = judged.trials.iloc[0]
    mine = judged.curves[judged.curves["key"] == first["key"]]
    assert mine["step"].to_list() == [1, 2, 3]
    np.testing.assert_allclose(mine["value"], [0.6, 0.7, 0.8])
    assert (first["accuracy"], first["steps_done"]) == (pytest.approx(0.8), 3)
    assert anncore.judge(table("arm,seed,step,score\na,0,5,1\nb,0,5,1\n", tmp_path)).curves.empty


def test_what_pairs_is_compared_and_the_rest_is_said(tmp_path: Path) -> None:
    text = "arm,problem,seed,score\n" + "".join(
        f"{arm},{problem},{seed},{seed}\n"
        for arm, problem, seeds in (
            *(("a", "p", range(4)), ("b", "p", range(1, 6))),
            *(("a", "q", range(3)), ("b", "q", range(3))),
            *(("a", "r", range(2)), ("c", "p", [2])),
        )
        for seed in seeds
    )
    found = read(text, tmp_path)
    # c has one row, and r is a's alone: both cost the fewest rows.
    assert set(found.rows["arm"]) == {"a", "b"}
    assert found.rows.groupby("problem")["seed"].nunique().to_dict() == {"p": 3, "q": 3}
    assert found.rows.query("problem == 'p'")["score"].to_list() == [1, 2, 3, 1, 2, 3]
    assert found.notes[1:] == (
        "Left out: the arm c, which lacks q and r.",
        "Left out: the problem r, which b lacks.",
        "Left out: 3 rows of 15, which are of 3 seeds that not every arm has, on p; arms are compared on the "
        "seeds that all of them share.",
    )


def test_problems_may_differ_in_their_number_of_seeds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [
        f"{arm},{problem},{seed},{0.7 + 0.02 * (arm == 'b') + rng.normal(0, 0.002)}"
        for problem, seeds in (("p", 6), ("q", 9))
        for seed in range(seeds)
        for arm in ("a", "b")
    ]
    frame = table("\n".join(["arm,problem,seed,score", *lines]), tmp_path)
    content = judged(frame, metric="accuracy")
    assert complaints(content) == []
    assert content["counts"]["report_not_run"] == 0
    boards = content["leaderboard"]["problems"]
    assert {problem: {row["n"] for row in board} for problem, board in boards.items()} == {"p": {6}, "q": {9}}
    alone = judged(frame[frame["problem"] == "p"], metric="accuracy")
    [mine], [ours] = (one["comparisons"]["problems"]["p"] for one in (content, alone))
    assert (mine["n"], mine["effect"], mine["low"], mine["high"]) == (
        *(ours["n"], ours["effect"], ours["low"], ours["high"]),
    )
    notes = content["provenance"]["judged"]["notes"]
    assert "Problems differ in their number of seeds: p has 6, q has 9." in notes


def test_columns_are_named_by_the_caller(tmp_path: Path) -> None:
    text = "how,where,run no,top1,lr,wd\nx,p,1,0.5,0.1,0\ny,p,1,0.25,0.2,0\n"
    columns = {"arm": "how", "problem": "where", "seed": "run no", "score": "top1", "config": ["lr", "wd"]}
    found = read(text, tmp_path, columns=columns, goal="max")  # type: ignore[arg-type]
    assert rows(found) == [("p", "x", 1, "ok", 0.5), ("p", "y", 1, "ok", 0.25)]
    assert found.rows["config"].to_list() == ["lr=0.1, wd=0", "lr=0.2, wd=0"]
    assert found.metric == "top1"
    for wrong, reason in (
        ({"arms": "how"}, "'arms' is no role; .* Did you mean 'arm'"),
        ({"arm": "hwo"}, "has no column 'hwo' for arm; .* Did you mean 'how'"),
        ({"arm": ["how", "where"]}, "arm is one column, got how, where"),
    ):
        with pytest.raises(ReportError, match=reason):
            read(text, tmp_path, columns=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "roles"),
    [
        (("arm=how,seed=run no",), {"arm": "how", "seed": "run no"}),
        (("arm=how", "score=top1"), {"arm": "how", "score": "top1"}),
        (("arm=a,b,score=x",), {"arm": "a,b", "score": "x"}),
        (("config=lr+wd",), {"config": ["lr", "wd"]}),
    ],
)
def test_columns_on_the_command_line(given: tuple[str, ...], roles: dict[str, Any]) -> None:
    assert roles_of(given) == roles


@pytest.mark.parametrize("given", [("how",), ("arm=a,arm=b",), (",arm=a",)])
def test_columns_that_cannot_be_read_are_refused(given: tuple[str, ...]) -> None:
    with pytest.raises(click.UsageError):
        roles_of(given)


def test_decimal_commas_and_marks_of_encodings(tmp_path: Path) -> None:
    text = "arm;problem;seed;score\na;p;0;0,5\nb;p;0;1,25e-1\n"
    assert [row[4] for row in rows(read(text, tmp_path))] == [0.5, 0.125]
    quoted = 'arm,problem,seed,score\na,p,0,"0,5"\nb,p,0,"7"\n'
    assert [row[4] for row in rows(read(quoted, tmp_path))] == [0.5, 7]
    thousands = 'arm,problem,seed,score\na,p,0,"1,234"\nb,p,0,"2,345"\n'
    assert [row[4] for row in rows(read(thousands, tmp_path, decimal=","))] == [1.234, 2.345]
    for encoding in ("utf-8-sig", "utf-16"):
        (tmp_path / "marked.csv").write_bytes('"arm, or so";seed;score\na;0;1\nb;0;2\n'.encode(encoding))
        assert list(read_table(tmp_path / "marked.csv").columns) == ["arm, or so", "seed", "score"]


def test_the_public_api_of_wandb_gives_columns_of_dicts(tmp_path: Path) -> None:
    runs = pd.DataFrame(
        {
            "name": ["r1", "r2"],
            "config": [
                {"optimizer": o, "seed": 1, "dataset": "p", "lr": lr}
                for o, lr in (("adam", 1e-3), ("sgd", 0.1))
            ],
            "summary": [{"accuracy": a, "_step": 9, "_wandb": {"runtime": 3}} for a in (0.5, 0.25)],
        }
    )
    runs.to_csv(tmp_path / "runs.csv", index=False)  # dicts become texts
    for frame in (runs, read_table(tmp_path / "runs.csv")):
        found = outside(frame, Asked(), REGISTRY)
        assert rows(found) == [("p", "adam", 1, "ok", 0.5), ("p", "sgd", 1, "ok", 0.25)]
        assert found.rows["config"].to_list() == ["lr=0.001", "lr=0.1"]


def test_a_panel_of_wandb_is_a_row_per_step(tmp_path: Path) -> None:
    text = (
        "Step,adam-1 - val_loss,adam-1 - val_loss__MIN,adam-1 - val_loss__MAX,sgd seed 1 - val_loss,"
        "sgd seed 1 - val_loss__MIN,sgd seed 1 - val_loss__MAX\n1,3,3,3,4,4,4\n2,1,1,1,,,\n3,,,,2,2,2\n"
    )
    found = read(text, tmp_path)
    assert rows(found) == [("results", "adam", 1, "ok", 1), ("results", "sgd", 1, "ok", 2)]
    assert found.curves is not None
    assert found.curves["score"].to_list() == [3, 1, 4, 2]


def test_runs_of_mlflow_with_all_their_columns(tmp_path: Path) -> None:
    text = (
        "run_id,experiment_id,status,artifact_uri,start_time,end_time,metrics.accuracy,params.model,params.seed,"
        "params.dataset,params.lr,tags.mlflow.runName,tags.mlflow.user\n"
        "1,0,FINISHED,u,t,t,0.5,a,1,p,0.1,n,me\n2,0,FINISHED,u,t,t,0.25,b,1,p,0.2,n,me\n"
        "3,0,RUNNING,u,t,,0.1,b,2,p,0.2,n,me\n4,0,FINISHED,u,t,t,0.1,a,2,p,0.1,n,me\n"
    )
    found = read(text, tmp_path)
    assert rows(found) == [("p", "a", 1, "ok", 0.5), ("p", "b", 1, "ok", 0.25)]
    assert found.notes[0] == "Left out: 1 row of trials that have not finished."
    assert found.rows["config"].to_list() == ["lr=0.1", "lr=0.2"]


def test_parquet_is_read_as_it_is(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"arm": ["a", "b"], "problem": "p", "seed": [0, 0], "score": [0.5, None]})
    frame.to_parquet(tmp_path / "x.parquet")
    assert [row[:4] for row in rows(outside(read_table(tmp_path / "x.parquet"), Asked(), REGISTRY))] == [
        *(("p", "a", 0, "ok"), ("p", "b", 0, "failed")),
    ]
    (tmp_path / "y.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ReportError, match="is no Parquet file that can be read"):
        read_table(tmp_path / "y.parquet")


def test_seeds_are_pairs_whatever_they_are_called(tmp_path: Path) -> None:
    texts = read("arm,problem,seed,score\na,p,run-x,1\na,p,run-y,2\nb,p,run-y,3\nb,p,run-x,4\n", tmp_path)
    assert [(row[1], row[2], row[4]) for row in rows(texts)] == [
        ("a", 0, 1),
        ("a", 1, 2),
        ("b", 1, 3),
        ("b", 0, 4),
    ]
    differ = read("arm,problem,seed,score\na,p,7,1\nb,p,7,2\na,q,9,1\nb,q,9,2\n", tmp_path)
    assert {row[2] for row in rows(differ)} == {0}
    without = read("problem,a,b\np,1,2\nq,3,4\n", tmp_path)
    assert [row[2] for row in rows(without)] == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("column", "asked", "expected"),
    [
        ("score", {}, ("score", "min", "(-inf, inf)")),
        ("score", {"goal": "max", "bounds": "[0, 1]"}, ("score", "max", "[0, 1]")),
        ("score", {"metric": "accuracy"}, ("accuracy", "max", "[0, 1]")),
        ("accuracy", {}, ("accuracy", "max", "[0, 1]")),
        ("test_loss", {}, ("loss", "min", "[0, inf)")),
        ("reward", {"metric": "reward", "goal": "max"}, ("reward", "max", "(-inf, inf)")),
    ],
)
def test_what_the_scores_are(tmp_path: Path, column: str, asked: dict[str, str], expected: Any) -> None:
    found = read(f"arm,problem,seed,{column}\na,p,0,0.5\nb,p,0,0.25\n", tmp_path, **asked)
    assert (found.metric, found.goal, found.bounds) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "holds no rows"),
        ("arm,problem,seed,score\n", "holds no rows"),
        ("arm,problem,seed,score\na,p,0\n", "row 2 has 3 cells for 4 columns"),
        ("arm,arm,seed,score\na,b,0,1\n", "two columns 'arm'"),
        ("arm,problem,seed\na,p,0\nb,p,0\n", "no column 'score'"),
        ("arm,seed,u,v\na,0,1,2\nb,0,1,2\n", "u and v could be it: give --metric NAME"),
        ("problem,seed,score\np,0,1\n", "no column 'arm'"),
        ("problem,seed,a,b\np,0,1,x\n", "'b' holds texts"),
        ("problem,seed,a\np,0,1\n", "no second arm"),
        ("arm,problem,seed,score\na,p,0,1\na,p,1,1\n", "no second arm to compare a with"),
        (
            "arm,problem,seed,score\na,p,0,1\nb,p,1,1\n",
            "2 of 4 trials are missing, the first a on p with seed 1",
        ),
        ("arm,problem,seed,score\na,p,0,1\nb,p,0,1\na,p,0,2\n", "a has two rows on p with seed 0"),
        ("arm,problem,score\na,p,1\nb,p,1\na,p,2\nb,p,3\n", "no column 'seed'"),
        ("arm,problem,seed,score\na,p,0,good\nb,p,0,1\n", "row 1: the score 'good' is no number"),
        ("arm,problem,seed,score\na,p,0,1_0\nb,p,0,1\n", "row 1: the score '1_0' is no number"),
        ("arm,problem,seed,score\na,p,0,1e101\nb,p,0,1\n", "the score 1e+101 is too large to compare"),
        ("arm,problem,seed,score\n,p,0,1\nb,p,0,1\n", "row 1 has no arm"),
        ("arm,problem,seed,score,status\na,p,0,1,odd\nb,p,0,1,ok\n", "the status 'odd' is unknown"),
        ("arm,problem,seed,score,phase\na,p,0,1,tune\nb,p,0,1,tune\n", "no row is of the phase 'report'"),
        ("arm,problem,seed,accuracy\na,p,0,93\nb,p,0,91\n", "accuracy 93 of a on p lies outside of [0, 1]"),
        ("arm,problem,seed,score\na,p,0,1\na,p,1,1\nb,q,0,1\nb,q,1,1\n", "no seed is shared by all of them"),
        ("arm,problem,seed,score,status\na,p,0,1,running\nb,p,0,1,pending\n", "no trial has finished"),
        ('arm,problem,seed,score\na,p,0,"1,234"\nb,p,0,"2,345"\n', "give --decimal"),
        ('arm,problem,seed,score\na,p,0,"1,5"\nb,p,0,2.5\n', "numbers with a comma and numbers with a point"),
        ("Step,adam - loss,adam - loss__MIN,adam - loss__MAX\n1,2,2,2\n", "does not end in its seed"),
    ],
)
def test_a_refusal_says_in_one_line_what_is_missing(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ReportError) as caught:
        read(text, tmp_path)
    [line] = caught.value.lines
    assert reason in line


def test_other_refusals(tmp_path: Path) -> None:
    text = "arm,problem,seed,score\na,p,0,1\nb,p,0,2\n"
    for asked, reason in (
        ({"bounds": "0 to 1"}, "--bounds must be an interval"),
        ({"bounds": "[0, 1]"}, "outside"),
    ):
        with pytest.raises(ReportError, match=reason):
            read(text, tmp_path, **asked)
    with pytest.raises(ReportError, match="cannot be read"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReportError, match="no CSV file in UTF-8"):
        read_table(tmp_path / "binary.csv")
    with pytest.raises(TypeError, match="a data frame is needed"):
        anncore.judge([1, 2])  # type: ignore[arg-type]
    with pytest.raises(ReportError, match="goal must be"):
        anncore.judge(table(text, tmp_path), goal="up")


CELLS = st.sampled_from(
    ["a", "b", "0", "1", "2.5", "-1", "", "nan", "inf", "-inf", "ok", "tune", "x y", "1e999"]
)
HEADS = (
    "arm",
    "problem",
    "seed",
    "score",
    "status",
    "phase",
    "step",
    "config",
    "a",
    "test_loss",
    "goal",
    "scale",
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_small_tables_are_judged_or_refused_in_one_line(data: st.DataObject) -> None:
    header = data.draw(st.lists(st.sampled_from(HEADS), min_size=1, max_size=6))
    lines = data.draw(st.lists(st.lists(CELLS, min_size=len(header), max_size=len(header)), max_size=6))
    refused: tuple[str, ...] = ()
    try:
        assert judged(pd.DataFrame(lines, columns=header, dtype=object))
    except ReportError as error:
        refused = error.lines
    assert len(refused) <= 1


def test_a_table_without_any_role_is_said_to_be_read_as_wide(tmp_path: Path) -> None:
    assert read("foo,bar\n1,2\n", tmp_path).notes[-1] == (
        "The table names no arm, problem or seed, so each column is taken for an arm: foo and bar."
    )
    assert not [note for note in read("seed,a,b\n0,1,2\n1,3,4\n", tmp_path).notes if "taken for" in note]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("arm,seed,score\na,0,x\n", "row 1: the score 'x' is no number"),
        ("arm,seed,score\na,0,1\n", "there is no second arm to compare a with"),
        ("arm,seed\na,0\n", "the table has no column 'score'"),
    ],
)
def test_what_a_table_lacks_is_said_with_the_files_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.csv").write_text(text)
    result = CliRunner().invoke(cli, ["judge", "mine.csv"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"annx: mine.csv: {words}")


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_whole_tables_of_odd_scores_are_judged(data: st.DataObject) -> None:
    scores = st.sampled_from(["", "nan", "inf", "-inf", "0", "-0.0", "1", "1e99", "-1e99", "1e-320", "0.5"])
    grid = list(itertools.product(("a", "b", "=c"), ("p", "<q>"), data.draw(st.sampled_from(["0", "012"]))))
    table = pd.DataFrame(grid, columns=["arm", "problem", "seed"])
    table["score"] = data.draw(st.lists(scores, min_size=len(grid), max_size=len(grid)))
    bounds = data.draw(st.sampled_from([None, "(-inf, inf)"]))
    content = judged(table, goal=data.draw(st.sampled_from(["min", "max"])), bounds=bounds)
    assert complaints(content) == []
    assert render_markdown(content)


def judged(table: pd.DataFrame, **asked: Any) -> dict[str, Any]:
    """Return the content of the report on a table."""
    return plain(anncore.judge(table, **asked).findings)  # type: ignore[no-any-return]


def test_the_verb_writes_a_report_and_keeps_a_gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(1)
    lines = ["arm,problem,seed,score"]
    for seed in range(10):
        level = rng.normal(0.8, 0.02)
        lines += [
            f"{arm},p,{seed},{level + gain + rng.normal(0, 0.002)}"
            for arm, gain in (("old", 0), ("new", 0.01))
        ]
    Path("mine.csv").write_text("\n".join(lines))
    args = ["judge", "mine.csv", "--metric", "accuracy", "--no-figures", "--require", "new better than old"]
    result = CliRunner().invoke(cli, args)
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("Yes: new beats old") or "new beats old" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("Required: new better than old: holds.")
    folder = tmp_path / "reports" / "mine"
    assert {file.name for file in folder.iterdir()} == {
        *("report.html", "report.md", "report.json", "trials.csv", "figures")
    }
    content = json.loads((folder / "report.json").read_text())
    assert complaints(content) == []
    titles = [paragraph["title"] for paragraph in content["methods"]["paragraphs"]]
    assert not {"Training", "Tuning", "Speed", "Sensitivity", "Budget"} & {*titles}
    assert "unknown" not in (folder / "report.md").read_text()
    assert content["answer"]["warnings"] == [
        {"kind": "figures_left_out", "text": content["answer"]["warnings"][0]["text"]}
    ]
    refused = CliRunner().invoke(cli, ["judge", "mine.csv", "--require", "new better than odd"])
    assert (refused.exit_code, refused.stdout) == (2, "")
    contrary = [*args[:-1], "old better than new"]
    assert CliRunner().invoke(cli, contrary).exit_code == 6
    with monkeypatch.context() as unread:  # as `| head -1` does
        unread.setattr(printing.click, "echo", _closed_pipe)
        unread.setattr(printing, "drop_stream", lambda: None)
        assert CliRunner().invoke(cli, contrary).exit_code == 6
    (folder / "trials.sqlite").touch()
    assert "is a sweep's run folder" in CliRunner().invoke(cli, args).stderr


def _closed_pipe(*_text: object, err: bool = False, **_how: object) -> None:
    if not err:
        raise BrokenPipeError


@pytest.mark.slow
def test_no_figure_fails_for_lack_of_training_data(tmp_path: Path) -> None:
    results = make_results(**{**FEW, "tune_seeds": (), "rates": (0.1,)})
    judged = anncore.judge(results.trials, folder=tmp_path / "out")
    judged.report()
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    assert not [warning for warning in content["answer"]["warnings"] if warning["kind"] == "figure"]
    drawn = {figure["name"] for figure in content["figures"]}
    assert drawn
    assert not drawn & {"learning_curves", "sensitivity", "score_against_cost", "performance_profile"}
