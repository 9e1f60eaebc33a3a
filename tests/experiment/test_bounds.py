"""Every number and duration of a file at its bounds and beyond: taken, or refused in one line."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiment_factory import load, plan

from anncore.contract.errors import AnnxError

BASE = """
[dataset.two_moons]
n = 60
[optimizer.sgd]
[seeds]
tune = [0]
report = [1]
[search]
method = "random"
samples = 2
"""
NUMBERS = (
    *("train.steps", "train.epochs", "train.batch_size", "train.eval_every", "train.diverged_above"),
    *("train.stop.patience", "train.stop.loss", "split.valid", "split.test", "seeds.sweep"),
    *("search.samples", "limits.max_trials", "limits.timeout", "report.rope", "report.target"),
    *("dataset.two_moons.n", "dataset.two_moons.noise", "optimizer.sgd.lr", "optimizer.sgd.momentum"),
    *("seeds.report.num", "seeds.report.start", "optimizer.sgd.lr.num"),
)
WRONG = (
    "true",
    "nan",
    "inf",
    "-inf",
    "1e999",
    '"x"',
    "[[]]",
    "{ a = 1 }",
    "2024-01-01",
    "9223372036854775808",
)


def overridden(key: str, value: str) -> list[str]:
    more = {"seeds.report.num": ["seeds.report={num=1}"], "seeds.report.start": ["seeds.report={num=1}"]}
    more["optimizer.sgd.lr.num"] = ["optimizer.sgd.lr={log=[0.1,1]}"]
    if key == "train.stop.patience":
        more[key] = ["train.stop={loss=0}"]
    return [*more.get(key, ()), f"{key}={value}"]


@pytest.mark.parametrize("key", NUMBERS)
def test_what_is_no_finite_number_is_refused(tmp_path: Path, key: str) -> None:
    text = BASE.replace("report = [1]\n", "") if key.startswith("seeds.report") else BASE
    for value in WRONG:
        if (key, value) == ("report.target", "{ a = 1 }"):  # a target for each data set
            continue
        with pytest.raises(AnnxError) as caught:
            load(tmp_path, text, overrides=overridden(key, value))
        (line,) = caught.value.lines
        assert key.rpartition(".")[2] in line, (value, line)


@pytest.mark.parametrize("key", [key for key in NUMBERS if key not in ("train.stop.loss", "report.target")])
def test_a_negative_number_is_refused(tmp_path: Path, key: str) -> None:
    text = BASE.replace("report = [1]\n", "") if key.startswith("seeds.report") else BASE
    for value in ("-1", "-1e-300", "-9223372036854775808"):
        with pytest.raises(AnnxError, match=key.rpartition(".")[2]):
            load(tmp_path, text, overrides=overridden(key, value))


@pytest.mark.parametrize("seeds", ["[9223372036854775807]", "{ start = 9223372036854675807, num = 2 }"])
def test_the_greatest_seeds_are_taken(tmp_path: Path, seeds: str) -> None:
    assert load(tmp_path, BASE.replace("report = [1]", f"report = {seeds}")).report_seeds[0] > 2**62


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ("report = [9223372036854775808]", r"the number in \[seeds.report\] 0 does not fit into 64 bits"),
        ("report = [1e19]", r"report must be a list of whole numbers of at least 0 and below 2\^63"),
        ("report = [-1]", "report must be a list of whole numbers of at least 0"),
        ("report = { start = 9223372036854775807, num = 2 }", r"\[seeds.report\] start must be .* at most"),
        ("sweep = 9223372036854775808", r"\[seeds\] sweep does not fit"),
    ],
)
def test_a_seed_that_no_store_can_hold_is_refused_before_training(
    tmp_path: Path, seeds: str, message: str
) -> None:
    with pytest.raises(AnnxError, match=message):
        load(tmp_path, BASE.replace("report = [1]", seeds))


@pytest.mark.parametrize(
    ("timeout", "seconds"),
    [
        ("600h", 1e6),
        ("'600h'", 1e6),
        ("1e300", 1e6),
        ("9999999", 1e6),
        ("'5m'", 300),
        ("'0.5s'", 0.5),
        ("'20ms'", 0.02),
    ],
)
def test_a_timeout_is_at_most_eleven_days(tmp_path: Path, timeout: str, seconds: float) -> None:
    overrides = [f"limits.timeout={timeout}"]
    assert load(tmp_path, BASE, overrides=overrides).limits.timeout == pytest.approx(seconds)


@pytest.mark.parametrize("timeout", ["0", "'0s'", "'1 day'", "'-5s'", "'1e3s'", "'s'", "''", "false"])
def test_what_is_no_timeout(tmp_path: Path, timeout: str) -> None:
    with pytest.raises(AnnxError, match="timeout must be a positive number of seconds"):
        load(tmp_path, BASE, overrides=[f"limits.timeout={timeout}"])


@pytest.mark.parametrize(
    ("lr", "shown", "held"),
    [
        ("1e300", "1e+300", "inf"),
        ("1e39", "1e+39", "inf"),
        ("1e-46", "1e-46", "0"),
        ("5e-324", "4.94066e-324", "0"),
    ],
)
def test_a_number_that_float32_cannot_hold_is_refused(tmp_path: Path, lr: str, shown: str, held: str) -> None:
    text, overrides = BASE.partition("[search]")[0], [f"optimizer.sgd.lr={lr}"]
    with pytest.raises(AnnxError, match="dtype") as caught:
        plan(tmp_path, text, overrides=overrides)
    assert f"[optimizer.sgd] sgd: lr = {shown} is {held} in float32; choose" in str(caught.value)
    if lr != "5e-324":
        assert plan(tmp_path, text, overrides=[*overrides, "train.dtype=float64"]).total == 2


def test_zero_is_a_number_where_the_domain_has_it(tmp_path: Path) -> None:
    overrides = ["optimizer.sgd.momentum=1e-60"]  # 0 in float32, which momentum may be
    assert plan(tmp_path, BASE.partition("[search]")[0], overrides=overrides).total == 2
