"""Steps along the gradient, its sign or its running means."""

from __future__ import annotations

from oracles.optimizers.adapted import behind, mean_of
from oracles.optimizers.sides import as_keras, as_optax, as_torch, optax, po, torch
from oracles.optimizers.written import Extragradient

ROWS = [
    as_torch("sgd", lambda t, p: t.optim.SGD(p)),
    as_torch("sgd", lambda t, p: t.optim.SGD(p, momentum=0.9, nesterov=True), momentum=0.9, nesterov=True),
    as_torch("sgd", lambda t, p: t.optim.SGD(p, weight_decay=0.2), weight_decay=0.2),
    as_keras("sgd", lambda o: o.SGD()),
    as_keras("sgd", lambda o: o.SGD(weight_decay=0.2), weight_decay=0.2),
    as_optax("sgd", lambda o, lr: o.sgd(lr)),
    as_optax(
        "sgd",
        lambda o, lr: o.chain(o.add_decayed_weights(0.2), o.sgd(lr)),
        weight_decay=0.2,
        decay_mode="coupled",
    ),
    as_torch("momentum", lambda t, p: t.optim.SGD(p, momentum=0.9)),
    as_torch("momentum", lambda t, p: t.optim.SGD(p, momentum=0.9, weight_decay=0.2), weight_decay=0.2),
    as_torch("momentum", lambda t, p: t.optim.SGD(p, momentum=0.9, dampening=0.4), dampening=0.4),
    as_torch(
        "momentum",
        lambda t, p: t.optim.SGD(p, momentum=0.9, dampening=0.9, weight_decay=0.2),
        dampening=0.9,
        weight_decay=0.2,
    ),
    as_keras("momentum", lambda o: o.SGD(momentum=0.9)),
    as_keras("momentum", lambda o: o.SGD(momentum=0.9, weight_decay=0.2), weight_decay=0.2),
    as_optax("momentum", lambda o, lr: o.sgd(lr, momentum=0.9)),
    as_torch("nesterov", lambda t, p: t.optim.SGD(p, momentum=0.9, nesterov=True)),
    as_torch(
        "nesterov",
        lambda t, p: t.optim.SGD(p, momentum=0.9, nesterov=True, weight_decay=0.2),
        weight_decay=0.2,
    ),
    as_keras("nesterov", lambda o: o.SGD(momentum=0.9, nesterov=True)),
    as_optax("nesterov", lambda o, lr: o.sgd(lr, momentum=0.9, nesterov=True)),
    torch(
        "nag",
        lambda t, p: behind(t.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True), p),
        {"lr": 0.01},
        halves=False,  # its velocity is scaled by the newest rate
    ),
    po("qhm", lambda o, p: o.QHM(p, lr=1.0, momentum=0.999, nu=0.7), {"preset": "paper"}),
    po(
        "qhm",
        lambda o, p: o.QHM(p, lr=0.1, momentum=0.9, nu=0.4, weight_decay=0.2, weight_decouple=True),
        {"momentum": 0.9, "nu": 0.4, "weight_decay": 0.2, "decay_mode": "decoupled"},
    ),
    po("aggmo", lambda o, p: o.AggMo(p), {"preset": "paper", "lr": 1e-3}),
    po(
        "aggmo",
        lambda o, p: o.AggMo(p, lr=0.1, betas=(0.0, 0.9, 0.99, 0.999), weight_decay=0.2),
        {"lr": 0.1, "betas": (0.0, 0.9, 0.99, 0.999), "weight_decay": 0.2},
    ),
    as_optax("optimistic", lambda o, lr: o.optimistic_gradient_descent(lr)),
    as_optax(
        "optimistic",
        lambda o, lr: o.optimistic_gradient_descent(lr, alpha=0.7, beta=0.4),
        alpha=0.7,
        beta=0.4,
    ),
    torch("extragradient", lambda t, p: Extragradient(t, p, 0.1), {"lr": 0.1}, problem="tilted"),
    torch(
        "asgd",
        lambda t, p: mean_of(t.optim.ASGD(p), p),
        {"preset": "torch"},
        halves=False,  # schedules act one step late
    ),
    torch(
        "asgd",
        lambda t, p: mean_of(t.optim.ASGD(p, lambd=0.3, alpha=0.6, t0=20, weight_decay=0.2), p),
        {"preset": "torch", "lambd": 0.3, "alpha": 0.6, "t0": 20, "weight_decay": 0.2},
        halves=False,
    ),
    po("signsgd", lambda o, p: o.SignSGD(p, momentum=0.0), {"lr": 1e-3}),
    optax("signsgd", lambda o, lr: o.sign_sgd(lr), {"lr": 0.01}),
    po("signum", lambda o, p: o.SignSGD(p), {"preset": "paper"}),
    po(
        "signum",
        lambda o, p: o.SignSGD(p, momentum=0.5, weight_decay=0.2),
        {"momentum": 0.5, "weight_decay": 0.2},
    ),
    torch("rprop", lambda t, p: t.optim.Rprop(p), {"preset": "torch"}, halves=False),
    torch(
        "rprop",
        lambda t, p: t.optim.Rprop(p, lr=0.1, etas=(0.3, 1.5), step_sizes=(0.02, 0.2)),
        {"preset": "torch", "lr": 0.1, "eta_minus": 0.3, "eta_plus": 1.5, "min_step": 0.02, "max_step": 0.2},
        halves=False,  # schedules do not act on it
    ),
    po("lion", lambda o, p: o.Lion(p), {"preset": "paper"}),
    po(
        "lion",
        lambda o, p: o.Lion(p, weight_decay=0.2, weight_decouple=False),
        {"weight_decay": 0.2, "decay_mode": "coupled"},
    ),
    po(
        "lion",
        lambda o, p: o.Lion(p, weight_decay=0.01, fixed_decay=True),
        {"weight_decay": 0.01, "decay_mode": "independent"},
        halves=False,  # it leaves the schedule out too
    ),
    as_keras("lion", lambda o: o.Lion()),
    as_keras("lion", lambda o: o.Lion(weight_decay=0.2), weight_decay=0.2),
    as_optax("lion", lambda o, lr: o.lion(lr)),
]
