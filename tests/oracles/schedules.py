"""Schedules: our factor on the learning rate beside those of the libraries, update by update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from oracles.rows import KERAS32, Row

UPDATES = 40  # the length of a schedule, after each update of which one that watches sees one of SCORES
OPTAX32 = "optax keeps its schedules in float32"

torch = partial(Row, "torch", "schedule")  # theirs(torch.optim.lr_scheduler, an optimizer)
po = partial(Row, "pytorch-optimizer", "schedule")
keras = partial(Row, "keras", "schedule")  # theirs(keras.optimizers.schedules)


def keras32(name: str, theirs: Any, **values: Any) -> Row:
    """Return a row of a schedule that Keras computes in float32 on the way."""
    return Row("keras", "schedule", name, theirs, values, rtol=1e-5, atol=1e-6, why=KERAS32)


def optax(name: str, theirs: Any, **values: Any) -> Row:
    """Return a row; theirs(optax)."""
    return Row("optax", "schedule", name, theirs, values, rtol=1e-5, why=OPTAX32)


# Losses that fall for ten updates and then stand still, but for two jolts and ever smaller gains
SCORES = [2 - 0.1 * min(t, 10) + (t in (13, 25)) * 0.5 - 1e-5 * t - (t == 30) * 0.2 for t in range(UPDATES)]


def ours(component: Any, row: Row) -> Any:
    """Return our figures."""
    factors = []
    state = component.init(np.ones((1, 1, 1)))
    for t, score in enumerate(SCORES, start=1):
        factors.append(np.ravel(component.factor(t, UPDATES, state)))
        state = component.observe(state, np.full((1, 1, 1), score), t)
    return factors


def _cyclic(schedules: Any, optimizer: Any, **options: Any) -> Any:
    return schedules.CyclicLR(optimizer, 0.25, 1.0, 6, gamma=0.9, cycle_momentum=False, **options)


def _wsd(shape: str, _: Any, optimizer: Any) -> Any:
    import pytorch_optimizer

    return pytorch_optimizer.get_wsd_schedule(optimizer, 4, 28, 8, cooldown_type=shape)


def torch_plateau(settings: Any, schedulers: Any, optimizer: Any) -> Any:
    return schedulers.ReduceLROnPlateau(optimizer, **settings)


def keras_plateau(settings: Any, _: Any) -> Any:
    """Return what Keras's callback makes of a rate of 1 on the plateau of SCORES, by count."""
    import keras

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(1.0), loss="mse")
    callback, factors = keras.callbacks.ReduceLROnPlateau(**settings), []
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, score in enumerate(SCORES):
        factors.append(float(model.optimizer.learning_rate))
        callback.on_epoch_end(epoch, {"val_loss": score})
    return lambda count: factors[count]


def optax_plateau(o: Any) -> Any:
    """Return optax's factors on the plateau of SCORES, by count."""
    from optax import contrib

    watcher = contrib.reduce_on_plateau(factor=0.5, patience=2, cooldown=3, min_scale=0.2)
    state, factors = watcher.init(0.0), []
    for score in SCORES:
        factors.append(state.scale)
        _, state = watcher.update(0.0, state, value=score)
    return lambda count: factors[count]


ROWS = [
    torch("constant", lambda s, o: s.LambdaLR(o, lambda _: 1.0)),
    optax("constant", lambda o: o.constant_schedule(1.0)),
    torch("step", lambda s, o: s.StepLR(o, 7, 0.5), {"step_size": 7, "gamma": 0.5}),
    keras("step", lambda s: s.ExponentialDecay(1.0, 7, 0.5, staircase=True), {"step_size": 7, "gamma": 0.5}),
    optax(
        "step",
        lambda o: o.exponential_decay(1.0, transition_steps=7, decay_rate=0.5, staircase=True),
        step_size=7,
        gamma=0.5,
    ),
    torch("cosine", lambda s, o: s.CosineAnnealingLR(o, UPDATES)),
    torch("cosine", lambda s, o: s.CosineAnnealingLR(o, UPDATES, 0.1), {"alpha": 0.1}),
    keras("cosine", lambda s: s.CosineDecay(1.0, UPDATES, alpha=0.1), {"alpha": 0.1}, rtol=1e-5, why=KERAS32),
    optax("cosine", lambda o: o.cosine_decay_schedule(1.0, UPDATES, alpha=0.1), alpha=0.1),
    torch("one_cycle", lambda s, o: s.OneCycleLR(o, 1.0, UPDATES), {"preset": "torch"}),
    torch(
        "one_cycle",
        lambda s, o: s.OneCycleLR(o, 1.0, UPDATES, pct_start=0.4, anneal_strategy="linear", three_phase=True),
        {"pct_start": 0.4, "pct_final": 0.8, "anneal": "linear", "three_phase": True},
    ),
    optax("one_cycle", lambda o: o.cosine_onecycle_schedule(UPDATES, 1.0), preset="optax"),
    optax(
        "one_cycle",
        lambda o: o.linear_onecycle_schedule(UPDATES, 1.0),
        preset="optax",
        anneal="linear",
        three_phase=True,
    ),
    torch("warmup", lambda s, o: s.LinearLR(o, 1 / 3, total_iters=5), {"start": 1 / 3, "updates": 5}),
    torch(
        "warmup",
        lambda s, o: s.SequentialLR(
            o, [s.LinearLR(o, 0.1, total_iters=8), s.CosineAnnealingLR(o, UPDATES - 8)], milestones=[8]
        ),
        {"updates": 8, "after": "cosine"},
    ),
    torch(
        "warmup",
        lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.1, total_iters=8), s.CosineAnnealingLR(o, UPDATES)]),
        {"updates": 8, "after": "cosine", "count": "through"},
    ),
    keras(
        "warmup",
        lambda s: s.CosineDecay(0.1, UPDATES - 8, warmup_target=1.0, warmup_steps=8),
        {"updates": 8, "after": "cosine"},
        rtol=1e-5,
        atol=1e-6,
        why=KERAS32,
    ),
    optax(
        "warmup", lambda o: o.warmup_cosine_decay_schedule(0.1, 1.0, 8, UPDATES), updates=8, after="cosine"
    ),
    torch("exponential", lambda s, o: s.ExponentialLR(o, 0.9), {"gamma": 0.9, "decay_steps": 1}),
    keras32("exponential", lambda s: s.ExponentialDecay(1.0, 7, 0.5), gamma=0.5, decay_steps=7),
    optax("exponential", lambda o: o.exponential_decay(1.0, 7, 0.5), gamma=0.5, decay_steps=7),
    torch("linear", lambda s, o: s.LinearLR(o), {"preset": "torch"}),
    torch("linear", lambda s, o: s.LinearLR(o, 1.0, 0.1, UPDATES), {"end": 0.1}),
    keras32("linear", lambda s: s.PolynomialDecay(1.0, 30, 0.1), end=0.1, decay_steps=30),
    optax("linear", lambda o: o.linear_schedule(1.0, 0.1, 30), end=0.1, decay_steps=30),
    torch("polynomial", lambda s, o: s.PolynomialLR(o, UPDATES, 2.5), {"power": 2.5}),
    torch("polynomial", lambda s, o: s.PolynomialLR(o, 15, 0.5), {"power": 0.5, "decay_steps": 15}),
    *(
        keras32(
            "polynomial",
            lambda s, cycle=cycle: s.PolynomialDecay(1.0, 15, 0.1, 2.0, cycle=cycle),
            power=2.0,
            alpha=0.1,
            decay_steps=15,
            cycle=cycle,
        )
        for cycle in (False, True)
    ),
    optax(
        "polynomial", lambda o: o.polynomial_schedule(1.0, 0.1, 2, 30), power=2.0, alpha=0.1, decay_steps=30
    ),
    torch(
        "cosine_restarts", lambda s, o: s.CosineAnnealingWarmRestarts(o, 9), {"preset": "torch", "period": 9}
    ),
    torch(
        "cosine_restarts",
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.1),
        {"period": 5, "t_mult": 2, "alpha": 0.1},
    ),
    keras32(
        "cosine_restarts",
        lambda s: s.CosineDecayRestarts(1.0, 6, m_mul=0.8, alpha=0.1),
        preset="keras",
        period=6,
        m_mult=0.8,
        alpha=0.1,
    ),
    torch(
        "inverse_sqrt",
        lambda s, o: s.LambdaLR(o, lambda c: 8**0.5 * min((c + 1) ** -0.5, (c + 1) * 8**-1.5)),
        {"warmup": 8},
    ),
    *(
        torch(
            "triangular",
            partial(_cyclic, mode=mode, **theirs),
            {"low": 0.25, "up": 6, "down": theirs["step_size_down"] or 0, "mode": mode, "gamma": 0.9},
        )
        for mode in ("triangular", "triangular2", "exp_range")
        for theirs in ({"step_size_down": None}, {"step_size_down": 3})
    ),
    torch(
        "piecewise",
        lambda s, o: s.MultiStepLR(o, [10, 25], 0.1),
        {"boundaries": (10, 25), "values": (1.0, 0.1, 0.01)},
    ),
    keras32(
        "piecewise",
        lambda s: s.PiecewiseConstantDecay([9, 24], [1.0, 0.5, 0.05]),
        boundaries=(10, 25),
        values=(1.0, 0.5, 0.05),
    ),
    optax(
        "piecewise",
        lambda o: o.piecewise_constant_schedule(1.0, {10: 0.5, 25: 0.1}),
        boundaries=(10, 25),
        values=(1.0, 0.5, 0.05),
    ),
    *(
        po("wsd", partial(_wsd, shape), {"warmup": 0.1, "start": 0.0, "shape": shape})
        for shape in ("linear", "cosine", "1-sqrt", "1-square")
    ),
    *(
        torch("plateau", partial(torch_plateau, theirs), {"preset": "torch", **values})
        for theirs, values in (
            ({"patience": 2}, {"patience": 2}),
            (
                {"patience": 1, "cooldown": 3, "factor": 0.5, "min_lr": 0.2},
                {"patience": 1, "cooldown": 3, "gamma": 0.5, "min_factor": 0.2},
            ),
            (
                {"patience": 0, "threshold": 0.05, "threshold_mode": "abs", "factor": 0.7},
                {"patience": 0, "threshold": 0.05, "mode": "absolute", "gamma": 0.7},
            ),
        )
    ),
    *(
        keras(
            "plateau",
            partial(keras_plateau, theirs),
            {"preset": "keras", **values},
            rtol=1e-6,
            atol=1e-12,
            why=KERAS32,
        )
        for theirs, values in (
            ({"patience": 3}, {"patience": 2}),
            (
                {"patience": 2, "cooldown": 4, "factor": 0.5, "min_lr": 0.2},
                {"patience": 1, "cooldown": 3, "gamma": 0.5, "min_factor": 0.2},
            ),
            (
                {"patience": 1, "min_delta": 0.05, "factor": 0.7},
                {"patience": 0, "threshold": 0.05, "gamma": 0.7},
            ),
        )
    ),
    optax("plateau", optax_plateau, preset="optax", gamma=0.5, patience=1, cooldown=3, min_factor=0.2),
    *(
        keras32(
            "inverse_time",
            lambda s, staircase=staircase: s.InverseTimeDecay(1.0, 7, 0.5, staircase),
            decay_rate=0.5,
            decay_steps=7,
            staircase=staircase,
        )
        for staircase in (False, True)
    ),
]


def _by_torch(row: Row) -> Any:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    schedule, factors = row.theirs(torch.optim.lr_scheduler, optimizer), []
    for score in SCORES:
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(*([score] if hasattr(schedule, "patience") else []))
    return factors


def _by_optax(row: Row) -> Any:
    import optax

    factor = row.theirs(optax)
    return [float(factor(count)) for count in range(UPDATES)]


def _by_keras(row: Row) -> Any:
    import keras

    factor = row.theirs(keras.optimizers.schedules)
    return [float(factor(count)) for count in range(UPDATES)]


THEIRS: Mapping[str, Callable[[Row], Any]] = {
    "torch": _by_torch,
    "pytorch-optimizer": _by_torch,
    "optax": _by_optax,
    "keras": _by_keras,
}
