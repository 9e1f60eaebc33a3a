"""Optimizers that find their learning rate, or need no schedule of it."""

from __future__ import annotations

from oracles.optimizers.adapted import Free, Valued, free
from oracles.optimizers.sides import as_optax, optax, po

ROWS = [
    po("prodigy", lambda o, p: o.Prodigy(p), {"preset": "paper"}, "wide"),
    *(
        po(
            "prodigy",
            lambda o, p, warmup=warmup: o.Prodigy(
                p, d0=0.01, d_coef=2.0, weight_decay=0.1, safeguard_warmup=warmup, bias_correction=True
            ),
            {"preset": "optax", "d0": 0.01, "d_coef": 2.0, "weight_decay": 0.1, "safeguard_warmup": warmup},
        )
        for warmup in (False, True)
    ),
    as_optax("prodigy", lambda o, lr: o.contrib.prodigy(lr), lr=1.0),
    as_optax(
        "prodigy",
        lambda o, lr: o.contrib.prodigy(lr, estim_lr0=0.01, weight_decay=0.1, safeguard_warmup=True),
        "wide",
        lr=1.0,
        d0=0.01,
        weight_decay=0.1,
        safeguard_warmup=True,
    ),
    po("d_adaptation", lambda o, p: o.DAdaptAdam(p), {"preset": "paper"}, "wide"),
    po(
        "d_adaptation",
        lambda o, p: o.DAdaptAdam(
            p, d0=0.01, growth_rate=1.02, weight_decay=0.1, weight_decouple=True, bias_correction=True
        ),
        {"d0": 0.01, "growth": 1.02, "weight_decay": 0.1, "bias_correction": True},
    ),
    as_optax("d_adaptation", lambda o, lr: o.contrib.dadapt_adamw(lr), lr=1.0),
    as_optax(
        "d_adaptation",
        lambda o, lr: o.contrib.dadapt_adamw(lr, (0.8, 0.95), estim_lr0=1e-3, weight_decay=0.2),
        "wide",
        lr=0.5,
        beta1=0.8,
        beta2=0.95,
        d0=1e-3,
        weight_decay=0.2,
    ),
    as_optax("dog", lambda o, lr: o.contrib.dog(lr), lr=1.0),
    *(
        as_optax(
            "dog",
            lambda o, lr, start=start: o.contrib.dog(lr, start, 1e-3, weight_decay=0.2),
            "wide",
            lr=0.5,
            eps=1e-3,
            weight_decay=0.2,
            start=ours,
            first=0.01,
        )
        for start, ours in (
            (("heuristic", 0.01), "heuristic"),
            (("distance", 0.01), "distance"),
            (("learning_rate", 0.01), "rate"),
        )
    ),
    as_optax("dowg", lambda o, lr: o.contrib.dowg(lr), lr=1.0),
    as_optax(
        "dowg",
        lambda o, lr: o.contrib.dowg(lr, 0.01, 1e-3, weight_decay=0.2),
        "wide",
        lr=0.5,
        first=0.01,
        eps=1e-3,
        weight_decay=0.2,
    ),
    *(
        optax(
            "cocob",
            lambda o, lr, alpha=alpha: o.contrib.cocob(alpha=alpha),
            {"preset": "optax", "alpha": alpha},
            inputs,
            halves=False,  # schedules do not act on it
        )
        for alpha, inputs in ((100.0, ""), (3.0, "wide"))
    ),
    *(
        optax(
            "polyak",
            lambda o, lr, most=most, least=least, on=problem: Valued(
                o, o.polyak_sgd(most, f_min=least, variant="sps+"), on
            ),
            {"preset": "optax", "most": most, "least": least},
            problem=problem,
            halves=False,
        )
        for most, least, problem in ((1e-3, 0.0, "valley"), (1.0, -1.0, "tilted"))
    ),
    *(
        optax(
            "momo",
            lambda o, lr, on=problem, values=values, ours=ours: Valued(
                o, o.contrib.momo(lr, lower_bound=ours.get("least", 0.0), **values), on
            ),
            {"preset": "optax", **ours},
            problem=problem,
        )
        for problem, values, ours in (
            ("valley", {}, {"lr": 1e-3}),
            ("tilted", {"beta": 0.5}, {"lr": 1.0, "beta": 0.5, "least": -1.0}),
            ("tilted", {"adapt_lower_bound": True}, {"lr": 1.0, "adapt": True}),
            ("tilted", {"adapt_lower_bound": True}, {"lr": 1.0, "adapt": True, "least": -5.0}),
        )
    ),
    po("schedule_free_sgd", lambda o, p: free(o.ScheduleFreeSGD(p), p), {"preset": "paper"}),
    po(
        "schedule_free_sgd",
        lambda o, p: free(
            o.ScheduleFreeSGD(p, lr=0.1, momentum=0.8, weight_decay=0.2, warmup_steps=12, r=0.5), p
        ),
        {"lr": 0.1, "beta": 0.8, "weight_decay": 0.2, "warmup": 12, "r": 0.5},
    ),
    optax(
        "schedule_free_sgd",
        lambda o, lr: Free(o, o.contrib.schedule_free_sgd()),
        {"preset": "optax"},
        halves=False,  # it weighs a step by the learning rate of the next
    ),
    optax(
        "schedule_free_sgd",
        lambda o, lr: Free(o, o.contrib.schedule_free_sgd(0.1, b1=0.8, weight_decay=0.2)),
        {"preset": "optax", "lr": 0.1, "beta": 0.8, "weight_decay": 0.2},
        halves=False,
    ),
    po("schedule_free_adamw", lambda o, p: free(o.ScheduleFreeAdamW(p), p), {"preset": "paper"}),
    po(
        "schedule_free_adamw",
        lambda o, p: free(o.ScheduleFreeAdamW(p, lr=0.1, weight_decay=0.2, warmup_steps=12, r=0.5), p),
        {"lr": 0.1, "weight_decay": 0.2, "warmup": 12, "r": 0.5},
        rtol=1e-8,
        why="pytorch-optimizer adds 1e-15 under the root",
    ),
    optax(
        "schedule_free_adamw",
        lambda o, lr: Free(o, o.contrib.schedule_free_adamw()),
        {"preset": "optax"},
        halves=False,  # it weighs a step by the learning rate of the next
    ),
    optax(
        "schedule_free_adamw",
        lambda o, lr: Free(o, o.contrib.schedule_free_adamw(0.1, b1=0.8, b2=0.95, weight_decay=0.2)),
        {"preset": "optax", "lr": 0.1, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.2},
        halves=False,
    ),
]
