"""The time that kernels take is counted once, and told to whoever runs the sweep."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from anncore import load_experiment, sweep
from anncore.contract.events import Event, Progressed
from anncore.engine.lanes import made
from anncore.engine.lanes.clock import counted, taken
from anncore.engine.lanes.compiling import address, kernel

FILE = """
schema = 1
vary = ["optimizer"]
[train]
steps = 20
engine = "lanes"
[seeds]
report = { start = 0, num = 2 }
[dataset.two_moons]
[network.mlp]
hidden = [[4]]
[loss.auto]
[optimizer.sgd]
[optimizer.adam]
"""


def test_what_is_counted_inside_of_it_is_counted_once() -> None:
    taken()
    with counted():
        time.sleep(0.05)
        with counted():
            time.sleep(0.05)
        time.sleep(0.05)
    compiled = taken()
    assert compiled is not None
    assert 0.15 <= compiled.seconds < 0.25
    assert taken() is None


def test_time_counts_also_where_making_fails() -> None:
    taken()
    with pytest.raises(ValueError, match="no kernel"), counted():
        raise ValueError("no kernel")
    assert taken() is not None
    with counted():  # the next one is no part of the one that failed
        pass
    assert taken() is not None


@pytest.mark.parametrize("executor", ["serial", "processes"])
def test_a_sweep_tells_what_its_kernels_took(
    executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nothing is known: neither in this process nor on the disk.
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for known in (kernel, address):
        known.cache_clear()
    made._MADE.clear()
    taken()
    (tmp_path / "e.toml").write_text(FILE, encoding="utf-8")
    events: list[Event] = []
    sweep(
        load_experiment(tmp_path / "e.toml"),
        out=tmp_path / "run",
        executor=executor,
        jobs=1,
        on_event=events.append,
    )
    told = [event.compiled for event in events if isinstance(event, Progressed)]
    assert told == sorted(told)
    assert 0.02 < told[-1] < 60
