"""A field: protocols, arms in small files that read back to the same bits, and what is refused."""

from __future__ import annotations

import dataclasses
import gzip
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from shipped import REGISTRY

from anncore import StoreError
from anncore.cli.group import cli
from anncore.evidence.field_board import Board, board_of
from anncore.experiment.challengers import RATES, RATES_BESIDE, arm_table, protocol
from anncore.experiment.protocols import arms_of, grouped, read_protocol
from anncore.report.atlas_page import atlas_page, atlases
from anncore.report.field_pages import board_sentence, field_study, no_place, write_pages
from anncore.running.field import KEY_DIGITS, field_folder, protocols, read_arm, read_field, write_arm
from anncore.running.sweep import sweep
from anncore.running.verify_folder import verify_folder

SHIPPED = Path(__file__).parents[2] / "reports" / "field"
PROTOCOL = """
title = "Which optimizer stands what?"
vary = ["optimizer"]
suite = { name = "pathologies", only = ["saddle", "plain", "heavy_tails"] }
train = { steps = 10, eval_every = 10 }
seeds = { tune = [0], report = { start = 100, num = 3 } }
field.lr = { log = [1e-2, 1e0], num = 2 }
report.success.at_most = { saddle = 1.0, plain = 0.99, heavy_tails = 1e3 }
"""
NAMES = ("sgd", "adam", "lbfgs", "muon")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Return a field with three arms, and the results that each was made of."""
    folder = tmp_path_factory.mktemp("made") / "field"
    (folder / "optimizer").mkdir(parents=True)
    (folder / "optimizer" / "hard.toml").write_text(PROTOCOL)
    (one,) = protocols(folder)
    results: dict[str, Any] = {}
    groups, left_out = grouped(one, arms_of("optimizer", REGISTRY, NAMES), REGISTRY)
    assert set(left_out) == {"muon"}  # which trains matrices alone
    for number, group in enumerate(groups):
        experiment = one.experiment(group.arms, REGISTRY, group.only)
        run = sweep(experiment, out=folder.parent / str(number), executor="serial")
        for label in group.arms:
            write_arm(one, label, group, run)
            results[label] = run
    write_pages(folder, REGISTRY)
    return folder, results


@pytest.fixture
def field(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    shutil.copytree(made[0], tmp_path / "field")
    return tmp_path / "field"


def test_a_field_reads_back_to_the_bits_of_the_report_trials(made: tuple[Path, dict[str, Any]]) -> None:
    folder, results = made
    field = read_field(folder, "optimizer", "hard")
    assert field.arms == ("adam", "lbfgs", "sgd")
    assert set(field.trials["phase"]) == {"report"}
    for arm in field.arms:
        trials = results[arm].trials
        theirs = trials[(trials["arm"] == arm) & (trials["phase"] == "report")].set_index("key")
        mine = field.trials[field.trials["arm"] == arm]
        assert mine["key"].tolist() == [key[:KEY_DIGITS] for key in theirs.index]
        for name in ("test_loss", "problem", "config", "seed", "status"):
            assert mine[name].tolist() == theirs[name].tolist()
        assert set(mine["environment"]) == set(results[arm].environments)
    assert field.stale(REGISTRY) == {}


def test_an_arm_runs_where_it_can_be_trained_and_says_where_not(made: tuple[Path, dict[str, Any]]) -> None:
    field = read_field(made[0], "optimizer", "hard")
    assert list(field.meta["lbfgs"]["skipped"]) == ["heavy_tails"]  # it needs an exact gradient
    assert "lbfgs needs the full batch" in field.meta["lbfgs"]["skipped"]["heavy_tails"]
    assert field.trials.groupby("arm").size().to_dict() == {"adam": 9, "lbfgs": 6, "sgd": 9}


def test_the_trials_of_a_field_are_verified_as_those_of_a_run_folder(field: Path) -> None:
    outcome = verify_folder(field, executor="serial", sample=100)
    assert (outcome.finished, outcome.count("bits"), outcome.unchecked) == (24, 24, ())
    changed_row(field, "adam", lambda row: {**row, "test_loss": repr(2 * float(row["test_loss"]))})
    result = CliRunner().invoke(cli, ["verify", str(field), "--sample", "100", "--executor", "serial"])
    assert result.exit_code == 6
    (line,) = result.stdout.splitlines()[1:]
    _, rows = read_arm(field / "optimizer" / "hard" / "adam.csv.gz")
    kept = rows[0]["test_loss"]
    assert line.startswith(
        f"deviates: {rows[0]['key']} report adam {rows[0]['config']} on {rows[0]['problem']}"
    )
    assert f"of optimizer/hard, seed 100: test_loss was {kept!r} and is {kept / 2!r}" in line


def test_a_trial_that_is_another_one_here_is_named_unless_its_numbers_are_the_same(field: Path) -> None:
    changed_row(field, "adam", lambda row: {**row, "key": "0" * KEY_DIGITS})
    assert verify_folder(field, executor="serial", sample=100).count("bits") == 24
    changed_row(field, "adam", lambda row: {**row, "test_loss": "1.5"})
    outcome = verify_folder(field, executor="serial", sample=100)
    assert (outcome.count("bits"), outcome.count("other")) == (23, 0)
    ((row, why),) = outcome.unchecked
    assert (row.arm, row.key) == ("adam", "0" * KEY_DIGITS)
    assert why == "its description is not what it was: the component or the suite has changed"


TRAPS = """
vary = ["optimizer"]
suite = "pathologies_of_data"
train = { steps = 3, eval_every = 3 }
seeds = { tune = [0], report = { start = 100, num = 3 } }
field.lr = { log = [1e-2, 1e0], num = 2 }
report.success = { metric = "test_loss", at_most = { wilson = 10.0, wilson_rare = 1e-9 } }
"""


def test_the_atlas_holds_the_pathologies_of_all_protocols(field: Path) -> None:
    path = field / "optimizer" / "data.toml"
    path.write_text(TRAPS)
    one = read_protocol(path)
    (group,), _ = grouped(one, arms_of("optimizer", REGISTRY, ("adam", "sgd")), REGISTRY)
    run = sweep(one.experiment(group.arms, REGISTRY), out=field.parent / "data", executor="serial")
    for label in group.arms:
        write_arm(one, label, group, run)
    both = atlases([read_field(field, "optimizer", name) for name in ("data", "hard")], REGISTRY)
    assert both is not None
    assert both.plain is None
    assert both.tuned.problems == ("saddle", "plain", "heavy_tails", "wilson", "wilson_rare")
    outcomes = {
        arm: [both.tuned.cells[arm, name].outcome for name in ("wilson", "wilson_rare")]
        for arm in both.tuned.arms
    }
    assert outcomes == {"adam": ["passes", "fails"], "sgd": ["passes", "fails"], "lbfgs": ["none", "none"]}
    notes = " ".join(atlas_page(both, REGISTRY).notes)
    assert "On wilson and wilson_rare a network is trained on data, and the value is its loss" in notes
    assert "because they need exact gradients or cannot be trained there: lbfgs." in notes


def changed_row(field: Path, arm: str, change: Any) -> None:
    """Change the first row of an arm's file."""
    file = field / "optimizer" / "hard" / f"{arm}.csv.gz"
    head, names, first, *rest = gzip.decompress(file.read_bytes()).decode().splitlines()
    row = change(dict(zip(names.split(","), first.split(","), strict=True)))
    file.write_bytes(gzip.compress("\n".join([head, names, ",".join(row.values()), *rest, ""]).encode()))


def rewritten(change: Any) -> Any:
    return lambda data: gzip.compress(change(gzip.decompress(data).decode()).encode())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda data: data[:40], "cannot be read as an arm of a field"),
        (lambda data: b"no gzip", "cannot be read as an arm of a field"),
        (rewritten(lambda text: text.removeprefix("# {")), "cannot be read as an arm of a field"),
        (rewritten(lambda text: text.replace('"protocol"', '"x"')), "its first line lacks protocol"),
        (rewritten(lambda text: text.replace('"schema": 1', '"schema": 2')), "by a newer annx"),
        (rewritten(lambda text: text.rstrip("\n") + ",1,2\n"), "does not fit the header"),
        (rewritten(lambda text: text.replace(",ok,0,", ",ok,7,")), "cannot be read as an arm of a field"),
    ],
)
def test_a_damaged_arm_is_named_in_one_line(field: Path, damage: Any, message: str) -> None:
    file = field / "optimizer" / "hard" / "adam.csv.gz"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(StoreError, match=r"adam\.csv\.gz") as error:
        read_field(field, "optimizer", "hard")
    assert message in str(error.value)


def test_an_arm_of_other_code_suite_or_protocol_is_stale(field: Path) -> None:
    whole = read_field(field, "optimizer", "hard")
    changes = {
        "adam": {"code": "scipy 0.1"},
        "sgd": {"suite_version": 0},
        "lbfgs": {"component": "annx-gone:lbfgs"},
    }
    meta = {arm: {**whole.meta[arm], **change} for arm, change in changes.items()}
    reasons = dataclasses.replace(whole, meta=meta).stale(REGISTRY)
    assert reasons["adam"].startswith("annx:adam was scipy 0.1 and is ")
    assert reasons["sgd"] == "it ran on version 0 of hard, and here is 1"
    assert "annx-gone:lbfgs" in reasons["lbfgs"]
    path = field / "optimizer" / "hard.toml"
    path.write_text(path.read_text().replace("1e3", "1e2") + "# another limit\n")
    assert read_field(field, "optimizer", "hard").stale(REGISTRY) == {}
    path.write_text(path.read_text().replace("start = 100", "start = 200"))
    other = read_field(field, "optimizer", "hard").stale(REGISTRY)
    assert set(other.values()) == {"it ran by another form of hard.toml"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("vary = ['activation']\n", "must have vary = ['optimizer']"),
        (PROTOCOL + "[optimizer.sgd]\n", "[optimizer] must be absent"),
        (PROTOCOL.replace("field.lr", "field.rate"), "[field] holds lr and reference alone"),
        (PROTOCOL + "field.reference = 3\n", "[field] reference must be an arm, got 3"),
        ("vary = [", "is no protocol of a field"),
    ],
)
def test_what_is_no_protocol_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "optimizer" / "core.toml"
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(StoreError) as error:
        read_protocol(path)
    assert message in str(error.value)


def test_a_folder_without_protocols_is_no_field(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"is no field: it has no KIND/SUITE\.toml"):
        field_folder(tmp_path)
    assert field_folder().samefile(SHIPPED)


def test_losses_are_compared_task_by_task_by_one_metric_on_all_problems_of_core() -> None:
    kept: list[str] = []
    metrics = {"binary": "accuracy", "multiclass": "accuracy", "regression": "rmse"}
    assert {one.suite for one in protocols(SHIPPED, "loss")} == {f"core_{task}" for task in metrics}
    for one in protocols(SHIPPED, "loss"):
        task = one.suite.removeprefix("core_")
        arms = {
            name: component
            for name, component in arms_of("loss", REGISTRY).items()
            if component.cls.trainable and task in component.cls.outputs
        }
        assert len(arms) >= 10
        experiment = one.experiment(arms, REGISTRY)
        assert experiment.select_metric == f"valid_{metrics[task]}"
        kept += [problem.name for problem in experiment.suite.problems]
    assert sorted(kept) == sorted(problem.name for problem in REGISTRY.get("suite", "core").cls().problems())


def test_whom_arms_are_compared_with_changes_no_trial(tmp_path: Path) -> None:
    path = tmp_path / "optimizer" / "hard.toml"
    path.parent.mkdir()
    digests = []
    for text in (PROTOCOL, PROTOCOL + "field.reference = 'sgd'\n"):
        path.write_text(text)
        digests.append(read_protocol(path).digest)
    assert digests[0] == digests[1]


@pytest.mark.parametrize(
    ("task", "units", "pairs", "needed", "reference"),
    [  # the least n with 2^(1 - n) <= 0.05 / pairs; 16 losses make 120 pairs, which need 13, and 18 make 153
        ("binary", 11, 17, 10, "binary_cross_entropy"),
        ("multiclass", 7, 19, 10, "categorical_cross_entropy"),
        ("regression", 13, 66, 12, None),  # 12 losses
    ],
)
def test_losses_are_compared_with_the_usual_one_where_data_sets_are_too_few_for_all_pairs(
    task: str, units: int, pairs: int, needed: int, reference: str | None
) -> None:
    field = read_field(SHIPPED, "loss", f"core_{task}")
    board = board_of(field_study(field, REGISTRY), field.protocol.reference)
    assert (board.units, board.pairs, board.needed, board.reference) == (units, pairs, needed, reference)
    assert board.too_few == (units < needed)
    page = (SHIPPED / f"loss_core_{task}.md").read_text(encoding="utf-8")
    assert ("too few to compare so many, even with" in page) == board.too_few
    assert ("| the reference |" in page) == (reference is not None)


def board(**own: Any) -> Board:
    """Return the board of four arms, where a beats b."""
    arms = ("a", "b", "c", "d")
    beaten = {"a": (), "b": ("a",), "c": (), "d": ()}
    given = {"beaten_by": beaten, "circles": (), "without": {}, "diverged": {}, "metrics": ("test loss",)}
    ranks = dict.fromkeys(arms, 1.0)
    return Board(arms, {"a": 1, "b": 2, "c": 1, "d": 1}, ranks, units=9, pairs=6, **{**given, **own})


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (board(), "Of 4 losses on core, no other beats a, c, d: 3 in the first tier."),
        (board(reference="a"), "Of 4 losses on core, none beats a; a beats b; 2 are not told apart from it."),
        (board(reference="b"), "Of 4 losses on core, a beats b; 2 are not told apart from it."),
        (
            board(reference="a", beaten_by={"a": (), "b": ("a",), "c": ("a",), "d": ()}),
            "Of 4 losses on core, none beats a; a beats b, c; 1 is not told apart from it.",
        ),
        (
            board(reference="a", needed=10),
            "Nothing is told apart among 4 losses on core: 9 data sets are too few to compare so many, even "
            "with a alone, as at least 10 are needed.",
        ),
        (
            board(needed=10),
            "Nothing is told apart among 4 losses on core: 9 data sets are too few to compare so many, as at "
            "least 10 are needed.",
        ),
    ],
)
def test_the_first_sentence_of_a_leaderboard(table: Board, sentence: str) -> None:
    assert board_sentence(table, "4 losses on core") == sentence


@pytest.mark.parametrize("kind", ["optimizer", "activation", "initializer", "schedule"])
def test_a_field_on_core_has_the_terms_of_a_challenge(kind: str) -> None:
    shipped = read_protocol(SHIPPED / kind / "core.toml")
    theirs = protocol(kind, "core", REGISTRY)
    mine = {name: value for name, value in shipped.document.items() if name not in ("title", "schema")}
    del theirs["title"]
    theirs_beside, mine_beside = theirs.pop("optimizer", {}), mine.pop("optimizer", {})
    assert mine == theirs
    assert list(mine_beside) == list(theirs_beside)
    for name, table in mine_beside.items():
        assert table["lr"] == {"log": list(theirs_beside[name]["lr"]["log"]), "num": RATES_BESIDE}
    assert shipped.rates == (RATES if kind == "optimizer" else None)


def test_every_arm_gets_the_rates_of_the_protocol(made: tuple[Path, dict[str, Any]]) -> None:
    adam = REGISTRY.get("optimizer", "adam")
    assert arm_table(adam, REGISTRY, {"log": [1e-6, 1e1], "num": 8}) == {"lr": {"log": [1e-6, 1e1], "num": 8}}
    (one,) = protocols(made[0])
    entries = one.experiment({"adam": adam}, REGISTRY).entries["optimizer"]
    assert [axis.keys for entry in entries for axis in entry.axes] == [("lr",)]


def test_an_arm_without_a_place_is_told_where_it_diverged_at_every_rate(
    made: tuple[Path, dict[str, Any]],
) -> None:
    """Such an arm has no rows there; one that cannot be trained there has none either, and is skipped."""
    field = read_field(made[0], "optimizer", "hard")
    lost = (field.trials["arm"] == "adam") & (field.trials["problem"] == "plain")
    less = dataclasses.replace(field, trials=field.trials[~lost])
    assert no_place(less, "adam", "5 not run") == "it diverged at every rate on plain"
    skipped = {**field.meta, "adam": {**field.meta["adam"], "skipped": {"plain": "no gradients"}}}
    assert no_place(dataclasses.replace(less, meta=skipped), "adam", "5 not run") == "5 not run"


def test_the_command_adds_an_arm_and_says_what_to_commit(field: Path, tmp_path: Path) -> None:
    options = ["--folder", str(field), "--work", str(tmp_path / "work"), "--executor", "serial"]
    result = CliRunner().invoke(cli, ["field", "momentum", *options])
    assert result.exit_code == 0, result.output
    assert (field / "optimizer" / "hard" / "momentum.csv.gz").is_file()
    assert "Wrote 1 arm and 4 pages." in result.stdout
    assert f"  git add {field / 'optimizer' / 'hard'} {field}" in result.stdout
    assert "momentum" in (field / "atlas.md").read_text()
    nothing = CliRunner().invoke(cli, ["field", "relu", *options])
    assert nothing.exit_code == 5
    assert "no protocol in" in nothing.stderr
    unknown = CliRunner().invoke(cli, ["field", "momentun", *options])
    assert unknown.exit_code == 2
    assert "Did you mean 'momentum'?" in unknown.stderr
