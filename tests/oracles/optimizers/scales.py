"""Scales by weight that are not Adam's, and scales by layer."""

from __future__ import annotations

from oracles.optimizers.sides import as_keras, as_optax, as_torch, keras, optax, po, torch
from oracles.rows import KERAS32

COUNT32 = "optax takes powers of the step in float32"


FACTORED = (
    {"min_dim_size_to_factor": 2, "multiply_by_parameter_scale": False},
    {"min_factored": 2, "scale_parameter": False},
)


ROWS = [
    as_torch("adagrad", lambda t, p: t.optim.Adagrad(p)),
    as_torch(
        "adagrad",
        lambda t, p: t.optim.Adagrad(p, lr_decay=0.1, weight_decay=0.2, initial_accumulator_value=0.3),
        lr_decay=0.1,
        weight_decay=0.2,
        initial=0.3,
    ),
    as_keras("adagrad", lambda o: o.Adagrad()),
    as_keras("adagrad", lambda o: o.Adagrad(weight_decay=0.2), weight_decay=0.2),
    as_optax("adagrad", lambda o, lr: o.adagrad(lr)),
    as_torch("rmsprop", lambda t, p: t.optim.RMSprop(p)),
    as_torch("rmsprop", lambda t, p: t.optim.RMSprop(p, centered=True), centered=True),
    as_torch(
        "rmsprop",
        lambda t, p: t.optim.RMSprop(p, momentum=0.9, weight_decay=0.2, centered=True),
        momentum=0.9,
        weight_decay=0.2,
        centered=True,
    ),
    as_keras("rmsprop", lambda o: o.RMSprop()),
    as_keras("rmsprop", lambda o: o.RMSprop(centered=True), centered=True),
    as_keras(
        "rmsprop",
        lambda o: o.RMSprop(momentum=0.9, centered=True, weight_decay=0.2),
        momentum=0.9,
        centered=True,
        weight_decay=0.2,
    ),
    as_optax("rmsprop", lambda o, lr: o.rmsprop(lr)),
    as_optax(
        "rmsprop",
        lambda o, lr: o.rmsprop(lr, eps=1e-3, eps_in_sqrt=False, centered=True),
        eps=1e-3,
        eps_mode="outside",
        centered=True,
    ),
    as_optax(
        "rmsprop", lambda o, lr: o.rmsprop(lr, momentum=0.9, initial_scale=0.2), momentum=0.9, initial=0.2
    ),
    as_torch("adadelta", lambda t, p: t.optim.Adadelta(p)),
    as_torch("adadelta", lambda t, p: t.optim.Adadelta(p, weight_decay=0.2), weight_decay=0.2),
    as_keras("adadelta", lambda o: o.Adadelta(), lr=1e-3),
    as_keras("adadelta", lambda o: o.Adadelta(1.0, weight_decay=0.2), weight_decay=0.2),
    as_optax("adadelta", lambda o, lr: o.adadelta(lr), lr=1.0),
    po(
        "ftrl",
        lambda o, p: o.FTRL(p, lr=0.1, beta=1.0, lambda_1=0.05, lambda_2=0.2),
        {"preset": "paper", "l1": 0.05, "l2": 0.2},
        halves=False,
    ),
    po("ftrl", lambda o, p: o.FTRL(p, lr=0.01, beta=1.0), {"preset": "paper", "lr": 0.01}, "wide"),
    as_keras("ftrl", lambda k: k.Ftrl()),
    as_keras(
        "ftrl",
        lambda k: k.Ftrl(
            0.1, -0.7, 0.2, l1_regularization_strength=0.05, l2_regularization_strength=0.1, beta=0.3
        ),
        lr=0.1,
        power=0.7,
        initial=0.2,
        l1=0.05,
        l2=0.2,
        beta=0.3,
    ),
    po("madgrad", lambda o, p: o.MADGRAD(p, lr=0.01), {"preset": "paper"}),
    *(
        optax(
            "madgrad",
            lambda o, lr, given=given: o.contrib.madgrad(lr, **given),
            {"preset": "optax", "lr": 0.01, **given},
            rtol=1e-6,
            atol=1e-8,
            why=COUNT32,
        )
        for given in ({}, {"momentum": 0.5, "weight_decay": 0.2})
    ),
    po("sm3", lambda o, p: o.SM3(p, momentum=0.9), {"preset": "paper"}, "tall"),
    *(
        optax(
            "sm3",
            lambda o, lr: o.sm3(0.1),
            {"preset": "optax", "lr": 0.1},
            inputs,
            halves=False,  # it takes no schedule
        )
        for inputs in ("", "wide", "tall")
    ),
    *(
        torch(
            "adafactor", lambda t, p: t.optim.Adafactor(p, eps=(2.0**-23, 1e-3)), {"preset": "torch"}, inputs
        )
        for inputs in ("", "wide", "tall")
    ),
    torch(
        "adafactor",
        lambda t, p: t.optim.Adafactor(p, lr=0.1, beta2_decay=-0.5, eps=(0.2, 1.5), d=1.3, weight_decay=0.2),
        {
            "preset": "torch",
            "lr": 0.1,
            "decay": 0.5,
            "eps1": 0.2,
            "eps2": 1.5,
            "clip": 1.3,
            "weight_decay": 0.2,
        },
        "wide",
    ),
    *(
        keras(
            "adafactor",
            lambda o, lr=lr: o.Adafactor(lr),
            {"preset": "keras", "lr": lr},
            inputs,
            rtol=1e-6,
            atol=1e-7,
            why=KERAS32,
        )
        for inputs, lr in (("", 1e-3), ("wide", 1e-3), ("tall", 0.5))
    ),
    *(
        optax(
            "adafactor",
            lambda o, lr, given=given: o.adafactor(lr, **given[0]),
            {"preset": "optax", "lr": 0.01, **given[1]},
            inputs,
            rtol=1e-6,
            atol=1e-8,
            why=COUNT32,
        )
        for inputs, given in (("wide", ({}, {})), ("wide", FACTORED), ("tall", FACTORED))
    ),
    po("novograd", lambda o, p: o.NovoGrad(p, lr=0.01), {"preset": "paper"}, "wide"),
    as_optax("novograd", lambda o, lr: o.novograd(lr), "tall"),
    as_optax("novograd", lambda o, lr: o.novograd(lr, b2=0.9, weight_decay=0.2), beta2=0.9, weight_decay=0.2),
    as_keras("lamb", lambda o: o.Lamb()),
    as_keras("lamb", lambda o: o.Lamb(), "wide"),
    as_optax("lamb", lambda o, lr: o.lamb(lr)),
    as_optax("lamb", lambda o, lr: o.lamb(lr, weight_decay=0.2), "wide", weight_decay=0.2),
    po(
        "lars",
        lambda o, p: o.LARS(p, lr=1.0, weight_decay=0.2),
        {"preset": "paper", "form": "heavy_ball", "weight_decay": 0.2},
        "wide",
    ),
    po(
        "lars",
        lambda o, p: o.LARS(p, lr=1.0, momentum=0.5, nesterov=True),
        {"form": "heavy_ball", "momentum": 0.5, "nesterov": True},
        "tall",
    ),
    as_optax("lars", lambda o, lr: o.lars(lr), "wide", lr=1.0),
    as_optax(
        "lars",
        lambda o, lr: o.lars(lr, weight_decay=0.2, trust_coefficient=0.01, momentum=0.5, nesterov=True),
        "tall",
        lr=1.0,
        weight_decay=0.2,
        trust=0.01,
        momentum=0.5,
        nesterov=True,
    ),
    po("fromage", lambda o, p: o.Fromage(p), {"preset": "paper"}, "tall"),
    as_optax("fromage", lambda o, lr: o.fromage(lr), "wide"),
    as_optax("fromage", lambda o, lr: o.fromage(lr, min_norm=2.0), min_norm=2.0),
]
