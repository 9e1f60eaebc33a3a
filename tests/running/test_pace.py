"""How long the rest of a sweep takes: by the work of its trials, never by their number."""

from __future__ import annotations

import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from shipped import REGISTRY
from trial_factory import make_objective_trial, make_trial

from anncore.running.pace import Meter, work_of
from anncore.running.progress import EVERY, Progress


class Clock:
    """Tells the time that it is set to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def small(seed: int, **options: Any) -> Any:
    return make_trial(REGISTRY, network=("mlp", {"hidden": [4]}), seed=seed, test=False, steps=100, **options)


def reported(few: int, seed: int) -> Any:
    hidden = [4] if few else [64, 64]
    return make_trial(REGISTRY, network=("mlp", {"hidden": hidden}), seed=seed, steps=100)


def large(seed: int) -> Any:
    return make_trial(REGISTRY, network=("mlp", {"hidden": [64, 64]}), seed=seed, test=False, steps=100)


def test_work_grows_with_steps_weights_and_examples() -> None:
    one = work_of(small(0), REGISTRY)
    assert work_of(
        make_trial(REGISTRY, network=("mlp", {"hidden": [4]}), test=False, steps=200), REGISTRY
    ) == (pytest.approx(2 * one, rel=0.02))
    assert work_of(large(0), REGISTRY) > 5 * one
    assert work_of(small(0, batch_size=320), REGISTRY) > one
    assert work_of(make_objective_trial(REGISTRY, test=False), REGISTRY) > 0


def test_nothing_is_told_before_something_is_known() -> None:
    clock = Clock()
    meter = Meter(REGISTRY, clock)
    meter.begin([small(0), small(1)], [], later=0)
    clock.now = 40.0
    assert (meter.trials(), meter.share(), meter.elapsed(), meter.left()) == (0, 0.0, 40.0, None)


def test_parts_of_trials_count_and_the_rest_takes_as_long_as_the_work_says() -> None:
    clock, trials = Clock(), [small(seed) for seed in range(4)]
    meter = Meter(REGISTRY, clock)
    meter.begin(trials, [], later=0)
    clock.now = 10.0
    meter.heard(trials, 0.0)
    clock.now = 12.0
    meter.heard(trials, 1.0)  # a quarter of each
    assert (meter.trials(), meter.share()) == (1.0, pytest.approx(0.25))
    assert meter.left() == pytest.approx(6.0)  # 2 s for a quarter
    meter.finished([trial.key for trial in trials])
    assert (meter.trials(), meter.share(), meter.left()) == (4, pytest.approx(1.0), pytest.approx(0.0))


def test_what_is_computed_again_or_one_by_one_counts_once() -> None:
    clock, trials = Clock(), [small(seed) for seed in range(4)]
    meter = Meter(REGISTRY, clock)
    meter.begin(trials, [], later=0)
    meter.heard(trials, 2.0)  # a stack that is lost then
    meter.heard(trials[1:2], 0.5)
    assert meter.trials() == 0.5
    meter.heard(trials[:1], 0.5)
    assert meter.trials() == 1.0
    meter.finished([trial.key for trial in trials])
    meter.heard(trials[2:3], 0.5)
    meter.heard([small(9)], 0.5)  # of another phase
    assert (meter.trials(), meter.share()) == (4, 1.0)


def test_large_networks_take_longer_than_small_ones() -> None:
    clock, few, many = Clock(), [large(seed) for seed in range(2)], [small(seed) for seed in range(10)]
    meter = Meter(REGISTRY, clock)
    meter.begin([*few, *many], [], later=0)
    meter.heard(many, 0.0)
    clock.now = 1.0
    meter.finished([trial.key for trial in many])
    works = [2 * work_of(large(0), REGISTRY), 10 * work_of(small(0), REGISTRY)]
    assert meter.left() == pytest.approx(works[0] / works[1])
    assert meter.left() > 1.0, "two large ones are more than ten small ones"


def test_a_phase_to_come_counts_and_one_that_was_done_before_takes_no_time() -> None:
    clock, tune = Clock(), [small(seed) for seed in range(4)]
    meter = Meter(REGISTRY, clock)
    meter.begin(tune, [trial.key for trial in tune[:2]], later=4)  # of which each takes 1.5 times as long
    meter.heard(tune[2:], 0.0)
    clock.now = 3.0
    meter.finished([trial.key for trial in tune[2:]])
    assert meter.share() == pytest.approx(4 / 10)
    assert meter.left() == pytest.approx(9.0)  # 2 took 3 s, 6 are left
    report = [
        make_trial(REGISTRY, network=("mlp", {"hidden": [4]}), seed=seed, steps=100) for seed in range(4)
    ]
    meter.begin(report, [], later=0)
    assert meter.share() == pytest.approx(4 / 10)
    assert meter.left() == pytest.approx(9.0)


def test_the_speed_of_late_counts() -> None:
    """Ten seconds for a first trial on a busy machine, then one second each: two are left."""
    clock, trials = Clock(), [small(seed) for seed in range(14)]
    meter = Meter(REGISTRY, clock)
    meter.begin(trials, [], later=0)
    meter.heard(trials, 0.0)
    for number in range(1, 13):
        clock.now = 9.0 + number
        meter.heard(trials, float(number))
    assert meter.left() == pytest.approx(2.0)


def test_a_pause_between_two_data_sets_changes_little() -> None:
    """Eight trials in eight seconds, then six in which workers compile: eight trials are left."""
    clock, trials = Clock(), [small(seed) for seed in range(16)]
    meter = Meter(REGISTRY, clock)
    meter.begin(trials, [], later=0)
    meter.heard(trials[:8], 0.0)
    for number in range(1, 9):
        clock.now = float(number)
        meter.heard(trials[:8], float(number))
    assert meter.left() == pytest.approx(8.0)
    for pause in range(1, 7):
        clock.now = 8.0 + pause
        meter.heard(trials[8:], 0.0)
        assert meter.left() == pytest.approx(8.0 + pause)
    for number in range(1, 8):
        clock.now = 14.0 + number
        meter.heard(trials[8:], float(number))
        assert (8 - number) <= meter.left() <= 2 * (8 - number)


def test_tuning_that_was_over_before_counts_as_what_its_sizes_say() -> None:
    """A sweep that resumes after its tuning: 4 of 10 parts of the work are done, before a step is."""
    clock, tune = Clock(), [small(seed) for seed in range(4)]
    meter = Meter(REGISTRY, clock)
    meter.begin(tune, [trial.key for trial in tune], later=4)  # of which each takes 1.5 times as long
    assert meter.share() == pytest.approx(4 / 10)
    report = [
        make_trial(REGISTRY, network=("mlp", {"hidden": [4]}), seed=seed, steps=100) for seed in range(4)
    ]
    meter.begin(report, [], later=0)
    assert meter.share() == pytest.approx(4 / 10)
    meter.heard(report, 0.0)
    clock.now = 2.0
    meter.heard(report, 1.0)
    assert meter.left() == pytest.approx(6.0)
    meter.finished([trial.key for trial in report])
    assert meter.share() == pytest.approx(1.0)


@pytest.mark.parametrize("seed", range(4))
def test_the_time_left_is_right_within_a_factor_of_two_from_a_minute_on(seed: int) -> None:
    """A simulated sweep of about ten minutes on two workers, under a clock that is set.

    Workers start for ten seconds, stacks take 0.6 to 1.6 of what their work says, another program takes a
    fifth of the machine from the middle on, and reporting follows tuning.
    """
    chance, clock = random.Random(seed), Clock()
    meter = Meter(REGISTRY, clock)
    phases = [
        [[(small if stack % 3 else large)(100 * stack + place) for place in range(2)] for stack in range(48)],
        [[reported(stack % 3, 10_000 + 100 * stack + place) for place in range(2)] for stack in range(32)],
    ]
    unit = 400.0 / sum(work_of(trial, REGISTRY) for phase in phases for stack in phase for trial in stack)
    estimates: list[tuple[float, float]] = []
    clock.now, slower = 10.0, 1.0
    for phase, later in zip(phases, (64, 0), strict=True):
        meter.begin([trial for stack in phase for trial in stack], [], later=later)
        waiting = list(phase)
        running: list[list[Any]] = []  # stack, seconds it has had, seconds it takes
        while waiting or running:
            while waiting and len(running) < 2:
                stack = waiting.pop(0)
                work = sum(work_of(trial, REGISTRY) for trial in stack)
                running.append([stack, 0.0, 2 * unit * work * chance.uniform(0.6, 1.6)])
            clock.now += 1.0
            slower = 1.2 if clock.now > 250 else 1.0
            for entry in list(running):
                entry[1] += 1.0 / slower
                stack, had, takes = entry
                if had >= takes:
                    meter.finished([trial.key for trial in stack])
                    running.remove(entry)
                else:
                    meter.heard(stack, len(stack) * had / takes)
            left = meter.left()
            if clock.now >= 60 and left is not None:
                estimates.append((clock.now, left))
    end = clock.now
    assert end > 300
    # In the last part one stack that begins last decides, which no estimate can know.
    checked = [(now, left) for now, left in estimates if now < 0.8 * end]
    assert len(checked) > 200
    assert [(now, left) for now, left in checked if not 0.5 <= left / (end - now) <= 2.0] == []


def test_the_rate_is_that_of_the_phase_since_its_first_stack_was_heard_of() -> None:
    clock, trials = Clock(), [small(seed) for seed in range(6)]
    meter = Meter(REGISTRY, clock)
    meter.begin(trials, [trial.key for trial in trials[:2]], later=0)
    assert meter.rate() is None
    clock.now = 10.0
    meter.heard(trials[2:], 0.0)
    assert meter.rate() is None
    clock.now = 12.0
    meter.heard(trials[2:], 1.0)
    assert meter.rate() == pytest.approx(0.5)  # those that were done before count for nothing


@pytest.mark.parametrize(("seconds", "most"), [(0.0, 0.0), (0.2, 10.0), (2.0, 14.0)])
def test_a_disk_that_is_slow_does_not_hold_up_the_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float, most: float
) -> None:
    """In 200 s of work a write takes some seconds; those who listen in this process hear all the same.

    A write of 0.2 s comes every 4.2 s, one of 2 s every 32 s: LONGEST limits the pause to 30 s.
    """
    now, waited, told = 0.0, 0.0, 0

    def slow_write(path: Path, data: bytes) -> None:
        nonlocal now, waited
        now, waited = now + seconds, waited + seconds

    def hear(event: Any) -> None:
        nonlocal told
        told += 1

    clock = SimpleNamespace(monotonic=lambda: now, time=lambda: now)
    monkeypatch.setattr("anncore.running.progress.time", clock)
    monkeypatch.setattr("anncore.running.progress.replace_file", slow_write)
    progress = Progress(tmp_path, REGISTRY, hear)
    while now < 200:
        progress.show()
        now += 0.1
    assert waited <= most
    assert 0.9 * (200 - waited) / (EVERY + 0.1) <= told <= 200 / EVERY + 1
