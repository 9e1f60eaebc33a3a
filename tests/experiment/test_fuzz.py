"""Whatever a file holds: an experiment and a plan, or lines that say what is wrong.

The same inputs in every run: those of the seeds below, and those that once led to a traceback. `-m large`
tries a hundred thousand.
"""

from __future__ import annotations

import itertools
import os
import random
import resource
import signal
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from experiment_factory import registry
from mutation import byte_mutant, override, tree_mutant

from anncore.contract.errors import AnnxError
from anncore.experiment import Experiment, load_experiment
from anncore.experiment.document import Source
from anncore.experiment.plan import make_plan
from anncore.experiment.read import ReadOptions, read_experiment

HANG = 60.0  # seconds of this process's own time; the slowest input takes less than one
MOST_MEMORY = 500e6
FULL = """
schema = 1
title = "t"
vary = ["optimizer"]
[train]
steps = 10
batch_size = 8
eval_every = 5
stop = { loss = 0.05, patience = 2, min_delta = 1e-4 }
[split]
valid = 0.2
[seeds]
tune = [0, 1]
report = { start = 100, num = 2 }
[select]
metric = "valid_loss"
goal = "min"
[search]
method = "halton"
samples = 3
[dataset.two_moons]
n = [60]
noise = [0.1, 0.3]
[dataset.iris]
[network.mlp]
hidden = [[4], [8]]
activation = "relu"
[loss.auto]
[optimizer.sgd]
lr = { log = [1e-3, 1.0], num = 3 }
[optimizer.momentum]
"lr, momentum" = [[0.1, 0.9], [0.01, 0.99]]
[optimizer.adam]
lr = "search"
beta2 = { uniform = [0.9, 0.99] }
[[exclude]]
optimizer = "sgd"
"optimizer.lr" = { gt = 0.5 }
dataset = ["two_moons"]
[[include]]
optimizer = "sgd"
dataset = "iris"
"network.hidden" = [4]
"optimizer.lr" = 0.7
[limits]
max_trials = 500
timeout = "60s"
[report]
control = "sgd"
"""
DOCUMENT = tomllib.loads(FULL)

OBJECTIVES = """
# Which optimizer descends?
[train]
steps = 20
[seeds]
report = [1, 2]
[objective.rosenbrock]
[objective.quadratic]
dimensions = [2, 3]
[optimizer.adam]
lr = { log = [1e-3, 1.0], num = 3 }
[optimizer.lookahead]
optimizer = ["sgd", "adam"]
"optimizer.lr" = [0.1, 0.01]
[schedule.cosine]
[[exclude]]
optimizer = "lookahead"
"optimizer.optimizer" = "sgd"
[report]
target = { rosenbrock = 1e-3 }
"""
MATRICES = """
vary = ["optimizer", "activation"]
[dataset.wine]
[network.mlp]
hidden = [[4, 4], [4]]
[activation.relu]
[activation.prelu]
[optimizer.muon]
where = "matrices"
rest = "sgd"
[optimizer.shampoo]
preset = ["paper"]
[[exclude]]
"network.hidden" = [4]
"""
TEXTS = (FULL, OBJECTIVES, MATRICES)


@pytest.fixture(autouse=True)
def _no_hang() -> Iterator[None]:
    """End a test that hangs, by the time that this process uses, not by the clock."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"more than {HANG:g} s")

    signal.signal(signal.SIGPROF, stop)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)


@pytest.fixture(autouse=True)
def _nothing_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Run in an empty folder, and find it empty afterwards."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield
    assert os.listdir(folder) == []


@pytest.fixture(autouse=True)
def _little_memory() -> Iterator[None]:
    before = peak()
    yield
    assert peak() - before < MOST_MEMORY


def peak() -> float:
    """Return the largest memory that this process has had so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


SHAPES: dict[str, Any] = {}  # of the data sets made so far, so that each is made once


def understood(make: Callable[[], Experiment], what: Any) -> bool:
    """Tell whether `make` gives an experiment that plans; it fails unless that or lines for the user come."""
    signal.setitimer(signal.ITIMER_PROF, HANG)
    try:
        plan = make_plan(make(), shapes=SHAPES)
        SHAPES.update(plan.shapes)
        for trial in itertools.islice(itertools.chain(plan.tune(), plan.report(None)), 20):
            assert trial.key
    except AnnxError as error:
        refusal = error
    except BaseException as error:
        raise AssertionError(f"{type(error).__name__} for {repr(what)[:20_000]}") from error
    else:
        return True
    lines = str(refusal).split("\n")
    assert list(refusal.lines) == [" ".join(line.split()) for line in lines]
    assert all(line.strip() and len(line) < 2000 for line in lines), (lines, what)
    assert len(set(lines)) == len(lines) <= 20
    return False


def from_bytes(chance: random.Random) -> bool:
    raw = byte_mutant(chance, chance.choice(TEXTS))
    file = Path("..", "x.toml")
    file.write_bytes(raw)
    return understood(lambda: load_experiment(file, registry=registry()), raw)


def from_tree(chance: random.Random) -> bool:
    data = tree_mutant(chance, chance.choice(DOCUMENTS))
    source = Source(Path("x.toml"), "", data)
    return understood(lambda: read_experiment(source, ReadOptions(), registry()), data)


def from_overrides(chance: random.Random) -> bool:
    text = chance.choice(TEXTS)
    data = tomllib.loads(text)
    texts = [override(chance, data) for _ in range(chance.choice((1, 1, 2)))]
    source = Source(Path("x.toml"), text, data)
    return understood(lambda: read_experiment(source, ReadOptions(tuple(texts)), registry()), texts)


DOCUMENTS = [tomllib.loads(text) for text in TEXTS]
WAYS = {"bytes": from_bytes, "tree": from_tree, "overrides": from_overrides}


@pytest.mark.parametrize("text", TEXTS, ids=("full", "objectives", "matrices"))
def test_the_documents_themselves_plan(text: str) -> None:
    source = Source(Path("x.toml"), text, tomllib.loads(text))
    assert understood(lambda: read_experiment(source, ReadOptions(), registry()), text)


@pytest.mark.parametrize("block", range(5))
@pytest.mark.parametrize("way", WAYS)
def test_mutants(way: str, block: int) -> None:
    planned = [WAYS[way](random.Random(f"{way} {seed}")) for seed in range(100 * block, 100 * block + 100)]
    assert any(planned)
    assert not all(planned)


NARROW = "[search]\nmethod = 'random'\nsamples = 9\n[optimizer.sgd]\nlr = { uniform = [0.1, 0.10000001] }\n"
# What random search has found, each with what it led to.
PINNED = (
    "[exclude.max_trials]\nnum = 3\n",  # ValueError
    "[exclude]\nx = {}\n",
    f"[optimizer.adam.{'.'.join('a' * 1000)}]\n",  # RecursionError
    f"[optimizer.adam]\n{'.'.join('a' * 1000)} = 1\n",
    "[optimizer.adam]\nlr = 1e300\n",  # RuntimeWarning: overflow in a cast
    NARROW,  # ValueError: fewer points than samples
    f"[optimizer.sgd]\nlr = 0x{'f' * 5000}\n",  # ValueError
    "[seeds]\nreport = [9223372036854775808]\n",  # OverflowError after training
)


@pytest.mark.parametrize("text", PINNED, ids=lambda text: text[:20])
def test_what_was_found(text: str) -> None:
    file = Path("..", "x.toml")
    file.write_text(f"[dataset.two_moons]\n[optimizer.rmsprop]\n{text}")
    assert not understood(lambda: load_experiment(file, registry=registry()), text)


@pytest.mark.large
@pytest.mark.parametrize("block", range(100))
@pytest.mark.parametrize("way", WAYS)
def test_many_mutants(way: str, block: int) -> None:
    for seed in range(1000 + 334 * block, 1334 + 334 * block):
        WAYS[way](random.Random(f"{way} {seed}"))
