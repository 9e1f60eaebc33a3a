"""Adam, and what changes a thing or two of it."""

from __future__ import annotations

from oracles.optimizers.adapted import Within
from oracles.optimizers.sides import as_keras, as_optax, as_torch, optax, po, torch
from oracles.optimizers.written import ExactMARS, SummedAdEMAMix

TINY = "pytorch-optimizer adds 1e-15 under the root"
MOMENTS32 = "pytorch-optimizer keeps its moments in float32"
SHARES32 = "pytorch-optimizer keeps the shares of its running means in float32"


ROWS = [
    as_torch("adam", lambda t, p: t.optim.Adam(p)),
    as_torch("adam", lambda t, p: t.optim.Adam(p, weight_decay=0.2), weight_decay=0.2),
    as_torch("adam", lambda t, p: t.optim.Adam(p, eps=0), eps=0.0),
    as_keras("adam", lambda o: o.Adam()),
    as_keras("adam", lambda o: o.Adam(weight_decay=0.2), weight_decay=0.2),
    as_optax("adam", lambda o, lr: o.adam(lr)),
    as_optax("adam", lambda o, lr: o.adam(lr, eps=0, eps_root=1e-8), eps_mode="inside"),
    as_torch("adamw", lambda t, p: t.optim.AdamW(p)),
    as_torch("adamw", lambda t, p: t.optim.AdamW(p, weight_decay=0.2), weight_decay=0.2),
    as_torch("adamw", lambda t, p: t.optim.AdamW(p, eps=0), eps=0.0),
    as_keras("adamw", lambda o: o.AdamW()),
    as_optax("adamw", lambda o, lr: o.adamw(lr)),
    as_optax("adamw", lambda o, lr: o.adamw(lr, weight_decay=0.2), weight_decay=0.2),
    as_torch("amsgrad", lambda t, p: t.optim.Adam(p, amsgrad=True)),
    as_torch("amsgrad", lambda t, p: t.optim.Adam(p, amsgrad=True, weight_decay=0.2), weight_decay=0.2),
    as_torch(
        "amsgrad",
        lambda t, p: t.optim.AdamW(p, amsgrad=True, weight_decay=0.2),
        weight_decay=0.2,
        decay_mode="decoupled",
    ),
    as_torch("amsgrad", lambda t, p: t.optim.Adam(p, amsgrad=True, eps=0), eps=0.0),
    as_keras("amsgrad", lambda o: o.Adam(amsgrad=True)),
    as_optax("amsgrad", lambda o, lr: o.amsgrad(lr)),
    as_optax("amsgrad", lambda o, lr: o.amsgrad(lr, eps=0, eps_root=1e-6), eps_mode="inside", eps=1e-6),
    as_optax(
        "amsgrad",
        lambda o, lr: o.amsgrad(lr, bias_correction_mu=False, bias_correction_nu=False),
        bias_correction=False,
    ),
    as_torch("adamax", lambda t, p: t.optim.Adamax(p)),
    as_torch(
        "adamax", lambda t, p: t.optim.Adamax(p, eps=0.01, weight_decay=0.2), eps=0.01, weight_decay=0.2
    ),
    as_keras("adamax", lambda o: o.Adamax()),
    as_keras("adamax", lambda o: o.Adamax(epsilon=0.01, weight_decay=0.2), eps=0.01, weight_decay=0.2),
    as_optax("adamax", lambda o, lr: o.adamax(lr)),
    as_optax(
        "adamax", lambda o, lr: o.adamaxw(lr, weight_decay=0.2), weight_decay=0.2, decay_mode="decoupled"
    ),
    as_torch("nadam", lambda t, p: t.optim.NAdam(p)),
    as_torch("nadam", lambda t, p: t.optim.NAdam(p, weight_decay=0.2), weight_decay=0.2),
    as_torch("nadam", lambda t, p: t.optim.NAdam(p, eps=0), eps=0.0),
    as_keras("nadam", lambda o: o.Nadam()),
    as_optax("nadam", lambda o, lr: o.nadam(lr)),
    as_torch("radam", lambda t, p: t.optim.RAdam(p)),
    as_torch("radam", lambda t, p: t.optim.RAdam(p, weight_decay=0.2), weight_decay=0.2),
    as_torch("radam", lambda t, p: t.optim.RAdam(p, eps=0), eps=0.0),
    as_optax("radam", lambda o, lr: o.radam(lr)),
    po("adabelief", lambda o, p: o.AdaBelief(p), {"preset": "paper"}),
    po(
        "adabelief",
        lambda o, p: o.AdaBelief(p, eps=1e-4, weight_decay=0.2),
        {"eps": 1e-4, "weight_decay": 0.2},
    ),
    as_optax("adabelief", lambda o, lr: o.adabelief(lr)),
    po(
        "adabound",
        lambda o, p: o.AdaBound(p, lr=0.01, gamma=0.1, weight_decay=0.2),
        {"lr": 0.01, "gamma": 0.1, "weight_decay": 0.2},
    ),
    *(
        po(
            name,
            lambda o, p, peak=peak: o.AdaBound(p, ams_bound=peak),
            {"preset": "paper"},
            rtol=1e-7,
            atol=1e-8,
            why="pytorch-optimizer adds 1e-15 to v",
        )
        for name, peak in (("adabound", False), ("amsbound", True))
    ),
    po(
        "amsbound",
        lambda o, p: o.AdaBound(p, ams_bound=True, final_lr=0.01, gamma=0.1),
        {"final_lr": 0.01, "gamma": 0.1},
    ),
    po("adan", lambda o, p: o.Adan(p), {"preset": "paper"}),
    *(
        po(
            "adan",
            lambda o, p, mode=mode: o.Adan(p, weight_decay=0.2, weight_decouple=mode == "decoupled"),
            {"weight_decay": 0.2, "decay_mode": mode},
        )
        for mode in ("proximal", "decoupled")
    ),
    optax(
        "adan",
        # What optax 0.2.8 writes as 1 - b2 is b2 here.
        lambda o, lr: o.adan(lr, b2=0.5, eps_root=0.0, weight_decay=0.2),
        {"lr": 0.01, "beta2": 0.5, "weight_decay": 0.2, "decay_mode": "decoupled"},
    ),
    # With its limit c it counts t from 2, not from 1 as the paper and optax.
    po("adopt", lambda o, p: o.ADOPT(p, clip_lambda=None), {"preset": "paper", "clip": False}),
    as_optax("adopt", lambda o, lr: o.contrib.adopt(lr)),
    as_optax("adopt", lambda o, lr: o.contrib.adopt(lr, b2=0.9, use_clipping=False), beta2=0.9, clip=False),
    po("yogi", lambda o, p: o.Yogi(p), {"initial": 1e-6, "bias_correction": True}),
    as_optax("yogi", lambda o, lr: o.yogi(lr)),
    po("laprop", lambda o, p: o.LaProp(p), {"preset": "authors", "eps_mode": "hat"}, rtol=1e-6, why=TINY),
    po(
        "laprop",
        lambda o, p: o.LaProp(p, lr=0.01, betas=(0.8, 0.5)),
        {"lr": 0.01, "beta1": 0.8, "beta2": 0.5, "eps_mode": "hat"},
        "wide",
        halves=False,  # it has the rate in its momentum; its decay comes after the step, or has no effect
        rtol=1e-8,
        why=TINY,
    ),
    po(
        "qhadam",
        lambda o, p: o.QHAdam(p, nus=(0.7, 1.0), betas=(0.995, 0.999)),
        {"preset": "paper"},
        rtol=1e-7,
        why=SHARES32,
    ),
    po(
        "qhadam",
        lambda o, p: o.QHAdam(p, nus=(0.4, 0.8), weight_decay=0.2),
        {"nu1": 0.4, "nu2": 0.8, "beta1": 0.9, "weight_decay": 0.2},
        rtol=1e-7,
        why=SHARES32,
    ),
    po("grams", lambda o, p: o.Grams(p), {"preset": "paper"}),
    po(
        "grams",
        lambda o, p: o.Grams(p, lr=0.1, betas=(0.5, 0.9), weight_decay=0.2),
        {"lr": 0.1, "beta1": 0.5, "beta2": 0.9, "weight_decay": 0.2},
    ),
    as_optax("acprop", lambda o, lr: o.contrib.acprop(lr)),
    as_optax(
        "acprop",
        lambda o, lr: o.contrib.acprop(lr, b1=0.7, b2=0.9, eps=1e-4, eps_root=1e-4, weight_decay=0.2),
        "wide",
        beta1=0.7,
        beta2=0.9,
        eps=1e-4,
        weight_decay=0.2,
    ),
    as_optax("optimistic_adam", lambda o, lr: o.optimistic_adam_v2(lr)),
    as_optax(
        "optimistic_adam",
        lambda o, lr: o.optimistic_adam_v2(lr, alpha=0.7, beta=0.4, nesterov=False),
        alpha=0.7,
        beta=0.4,
        nesterov=False,
    ),
    *(
        po(
            "stable_adamw",
            lambda o, p, values=values: o.StableAdamW(p, **values),
            {"preset": "pytorch_optimizer", **ours},
            inputs,
        )
        for values, ours, inputs in (
            ({}, {}, "wide"),
            (
                {"betas": (0.5, 0.9), "weight_decay": 0.2},
                {"beta1": 0.5, "beta2": 0.9, "weight_decay": 0.2},
                "",
            ),
            (
                {"eps": 0.1, "weight_decay": 0.2, "weight_decouple": False},
                {"eps": 0.1, "weight_decay": 0.2, "decay_mode": "coupled"},
                "tall",
            ),
        )
    ),
    *(
        po(
            "adam_mini",
            lambda o, p, name=name, heads=heads: Within(
                p,
                name,
                lambda model: o.AdamMini(model, lr=0.01, weight_decay=0.1, num_embeds=heads, num_heads=heads),
            ),
            {"lr": 0.01, "weight_decay": 0.1, "blocks": blocks},
            inputs,
            rtol=1e-5,
            why=MOMENTS32,
        )
        for name, heads, blocks, inputs in (
            ("dense", 3, "arrays", "wide"),
            ("q_proj", 3, "units", "wide"),  # blocks of heads that are as long as a unit has weights
            ("q_proj", 4, "units", "tall"),
        )
    ),
    po("ademamix", lambda o, p: o.AdEMAMix(p), {"preset": "paper"}),
    po(
        "ademamix",
        lambda o, p: o.AdEMAMix(
            p, betas=(0.8, 0.99, 0.995), alpha=3.0, t_alpha_beta3=40, weight_decay=0.2, weight_decouple=True
        ),
        {"beta1": 0.8, "beta2": 0.99, "beta3": 0.995, "alpha": 3.0, "warmup": 40, "weight_decay": 0.2},
    ),
    as_optax("ademamix", lambda o, lr: o.contrib.ademamix(lr)),
    as_optax(
        "ademamix",
        lambda o, lr: o.contrib.ademamix(lr, b3=0.99, alpha=2.0, weight_decay=0.2),
        beta3=0.99,
        alpha=2.0,
        weight_decay=0.2,
    ),
    torch(
        "simplified_ademamix", lambda t, p: SummedAdEMAMix(t, p, 1e-4, 0.0, 0.99, 0.95), {"preset": "authors"}
    ),
    torch(
        "simplified_ademamix",
        lambda t, p: SummedAdEMAMix(t, p, 1e-3, 5.0, 0.9, 0.99),
        {"lr": 1e-3, "alpha": 5.0, "beta1": 0.9, "beta2": 0.99},
        "wide",
    ),
    po(
        "simplified_ademamix",
        # Its factor √(1 - beta2ᵗ), which divides where it should multiply, is 1 here.
        lambda o, p: o.SimplifiedAdEMAMix(p, betas=(0.9, 0.0), alpha=3.0, weight_decay=0.2),
        {"form": "mean", "beta1": 0.9, "beta2": 0.0, "alpha": 3.0, "weight_decay": 0.2},
    ),
    po(
        "simplified_ademamix",
        lambda o, p: o.SimplifiedAdEMAMix(p, betas=(0.99, 0.0), alpha=1.0, beta1_warmup=40, min_beta1=0.5),
        {"form": "mean", "beta2": 0.0, "alpha": 1.0, "warmup": 40, "beta_start": 0.5},
        rtol=1e-7,
        why="pytorch-optimizer adds 1e-8 to the betas between which it warms up",
    ),
    *(
        po(
            "mars",
            lambda o, p, values=values: o.MARS(p, optimize_1d=True, **values),
            ours,
            inputs,
            rtol=rtol,
            why=TINY,
        )
        for values, ours, inputs, rtol in (
            ({}, {"preset": "paper", "where": "all"}, "", 1e-5),
            ({}, {"preset": "paper", "where": "all"}, "wide", 1e-8),
            (
                {"lr": 0.1, "betas": (0.8, 0.9), "gamma": 0.1, "weight_decay": 0.2},
                {"lr": 0.1, "beta1": 0.8, "beta2": 0.9, "gamma": 0.1, "weight_decay": 0.2, "where": "all"},
                "tall",
                1e-8,
            ),
        )
    ),
    po("mars", lambda o, p: o.MARS(p, mars_type="lion"), {"preset": "paper", "form": "lion"}, "wide"),
    *(
        torch(
            "mars_exact",
            lambda t, p, lr=lr, gamma=gamma, form=form: ExactMARS(t, p, lr, gamma, lion=form == "lion"),
            {"lr": lr, "gamma": gamma, "form": form},
            inputs,
            problem="tilted",
        )
        for lr, gamma, form, inputs in (
            (3e-3, 0.025, "adamw", ""),
            (0.05, 0.3, "adamw", "wide"),
            (0.01, 0.3, "lion", "tall"),
        )
    ),
]
