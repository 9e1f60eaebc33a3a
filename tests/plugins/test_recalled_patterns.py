"""The figure of recalled patterns: what its panels hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.patches import PathPatch

from anncore import Run, sweep

EXPERIMENT = """
# What does each rule recall of two letters, and of many?
vary = ["network"]
seeds.report = [100, 101]
split.standardize = false
train = { steps = 1, batch_size = "full", eval_every = 1 }
[dataset.two]
use = "letters"
letters = "LX"
noise = 0.1
[dataset.many]
use = "letters"
letters = "ABCDEFGHIJKLM"
noise = 0.1
[loss.mae]
[network.hebb]
use = "hopfield"
update = "asynchronous"
steps = 4
output = "sign"
[network.exact]
use = "hopfield"
rule = "pseudo_inverse"
update = "asynchronous"
steps = 4
output = "sign"
[optimizer.sgd]
lr = 1.0
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return sweep(EXPERIMENT, out=tmp_path_factory.mktemp("recall") / "run", executor="serial")


@pytest.fixture(scope="module")
def drawn(run: Run) -> Any:
    return run.figure("recalled_patterns")


def squares(ax: Any, *, filled: bool) -> int:
    """Count the pixels of the patches of a panel that are filled, or frames."""
    patches = [
        patch
        for patch in ax.patches
        if isinstance(patch, PathPatch)
        and bool(patch.get_fill())
        and (patch.get_facecolor()[3] > 0) == filled
    ]
    return sum(len(patch.get_path().vertices) // 5 for patch in patches)


def test_a_snapshot_holds_what_is_recalled_and_energies_that_never_rise(run: Run) -> None:
    assert len(run.snapshots) == 8
    for snapshot in run.snapshots.values():
        arrays = snapshot.arrays
        assert arrays["recalled"].shape == snapshot.y.shape
        assert arrays["energy"].shape == (len(snapshot.y), 5)
        assert (np.diff(arrays["energy"], axis=1) <= 1e-4).all()
        assert set(np.unique(arrays["recalled"])) <= {-1, 1}


def test_the_title_counts_patterns_without_a_wrong_bit_over_all_seeds(run: Run, drawn: Any) -> None:
    trials = run.trials[run.trials["problem"] == "many"]
    shares = {}
    for arm, mine in trials.groupby("network"):
        right = [
            (run.snapshots[key].arrays["recalled"] == run.snapshots[key].y).all(axis=1) for key in mine["key"]
        ]
        shares[arm] = np.concatenate(right).mean()
    assert shares["exact"] > 0.9 > 0.5 > shares["hebb"]
    assert drawn.title == (
        f"many: exact recalls {shares['exact']:.0%} of damaged patterns without a wrong bit, hebb "
        f"{shares['hebb']:.0%}"
    ).replace("%", " %")


def test_pictures_hold_the_pixels_and_frames_where_ink_is_missing(run: Run, drawn: Any) -> None:
    pictures = [ax for ax in drawn.figure.axes if not ax.lines]
    stored, seen = pictures[0], pictures[6]  # six columns in a line
    trials = run.trials[(run.trials["problem"] == "many") & (run.trials["seed"] == 100)]
    snapshot = run.snapshots[trials["key"].iloc[0]]
    _, different = np.unique(np.sign(snapshot.y), axis=0, return_index=True)
    example = np.sort(different)[0]
    assert squares(stored, filled=True) == (snapshot.y[example] > 0).sum()
    assert squares(seen, filled=True) == (snapshot.x[example] > 0).sum()
    missing = ((snapshot.x[example] < 0) & (snapshot.y[example] > 0)).sum()
    assert squares(seen, filled=False) == missing


def test_energies_end_at_the_pattern_s_where_it_is_recalled(drawn: Any) -> None:
    energies = [ax for ax in drawn.figure.axes if len(ax.lines) > 2]
    assert len(energies) == 2  # one for each data set
    two = energies[1]
    thick = [line for line in two.lines if line.get_linewidth() == 2]
    assert [line.get_ydata()[-1] for line in thick] == pytest.approx([-1, -1], abs=0.02)
    assert all(line.get_ydata()[0] > -0.95 for line in thick)


def test_without_such_networks_it_says_so(tmp_path: Path) -> None:
    from anncore.contract.errors import ReportError

    other = sweep(
        'vary = ["optimizer"]\nseeds.report = [0]\ntrain.steps = 2\ndataset.two_moons = {n = 20}\n'
        "optimizer.sgd = {}\noptimizer.adam = {}\n",
        out=tmp_path / "run",
        executor="serial",
    )
    with pytest.raises(ReportError, match="No network that recalls patterns has been trained"):
        other.figure("recalled_patterns")
