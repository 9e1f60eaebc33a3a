"""Optimizers that see a weight as a matrix."""

from __future__ import annotations

from oracles.optimizers.adapted import Preconditioned, free
from oracles.optimizers.sides import as_optax, keras, po, torch
from oracles.rows import KERAS32

SOLVED32 = "pytorch-optimizer solves for its factors in float32"
BFLOAT16 = "its Newton-Schulz iterations are in bfloat16"


ROWS = [
    *(
        torch(
            "muon",
            lambda t, p: t.optim.Muon(p),
            {"preset": "torch"},
            inputs,
            rtol=0,
            atol=5e-4,  # of steps that add up to 0.045
            why=BFLOAT16,
        )
        for inputs in ("wide", "tall")
    ),
    torch(
        "muon",
        lambda t, p: t.optim.Muon(p, nesterov=False, adjust_lr_fn="match_rms_adamw"),
        {"preset": "torch", "nesterov": False, "scale": "match_rms_adamw"},
        "wide",
        rtol=0,
        atol=5e-4,
        why=BFLOAT16,
    ),
    po(
        "muon",
        lambda o, p: o.Muon([{"params": p, "use_muon": True}], weight_decay=0.1),
        {"preset": "paper", "weight_decay": 0.1},
        "wide",
        rtol=0,
        atol=0.01,  # of steps that add up to 0.9
        why=BFLOAT16,
    ),
    *(
        keras("muon", lambda o: o.Muon(), {"preset": "keras"}, i, rtol=1e-7, atol=1e-8, why=KERAS32)
        for i in ("wide", "tall")
    ),
    *(as_optax("muon", lambda o, lr: o.contrib.muon(lr), inputs) for inputs in ("wide", "tall")),
    as_optax(
        "muon",
        lambda o, lr: o.contrib.muon(lr, weight_decay=0.2, nesterov=False, consistent_rms=0.2),
        "tall",
        weight_decay=0.2,
        nesterov=False,
        scale="match_rms_adamw",
    ),
    *(
        po(
            "adamuon",
            lambda o, p, adjusted=adjusted: o.AdaMuon(
                [{"params": p, "use_muon": True}], lr=1e-3, use_adjusted_lr=adjusted
            ),
            {"lr": 1e-3, "momentum": 0.9, "beta2": 0.95, "signs": False, "scale": scale},
            inputs,
            rtol=0,
            atol=5e-4,  # of steps that add up to 0.03
            why=BFLOAT16,
        )
        for inputs, adjusted, scale in (("wide", True, "match_rms_adamw"), ("tall", False, "original"))
    ),
    po("scion", lambda o, p: o.SCION(p, lr=0.02, norm_type=4), {"inner": "sign"}, "wide"),
    po(
        "scion",
        lambda o, p: o.SCION(p, lr=0.02, momentum=0.3, norm_type=4, constraint=True, scale=3.0),
        {"inner": "sign", "momentum": 0.7, "constrained": True, "radius": 3.0},
        "tall",
    ),
    *(
        po(
            "scion",
            lambda o, p: o.SCION(p, lr=1e-3, norm_type=2),
            {"lr": 1e-3},
            inputs,
            rtol=0,
            atol=5e-4,  # of steps that add up to 0.045
            why=BFLOAT16,
        )
        for inputs in ("wide", "tall")
    ),
    *(
        po("shampoo", lambda o, p: o.Shampoo(p), {"preset": "paper", "lr": 1e-3}, inputs)
        for inputs in ("", "wide", "tall")
    ),
    po(
        "shampoo",
        lambda o, p: o.Shampoo(p, lr=0.1, weight_decay=0.2),
        {"preset": "paper", "lr": 0.1, "weight_decay": 0.2, "decay_mode": "coupled"},
        "wide",
    ),
    po("soap", lambda o, p: o.SOAP(p, weight_decay=0), {"preset": "paper", "weight_decay": 0.0}),
    po(
        "soap",
        lambda o, p: o.SOAP(p, weight_decay=0, precondition_frequency=100),
        {"preset": "paper", "weight_decay": 0.0, "every": 100},
        "wide",
    ),
    *(
        po(
            "soap",
            lambda o, p, every=every: o.SOAP(p, weight_decay=0, precondition_frequency=every),
            {"preset": "paper", "weight_decay": 0.0, "every": every},
            inputs,
            rtol=1e-6,
            atol=1e-7,
            why="its QR decomposition is in float32",
        )
        for every in (1, 10)
        for inputs in ("wide", "tall")
    ),
    po("splus", lambda o, p: free(o.SPlus(p, weight_decay=0), p), {"preset": "authors", "weight_decay": 0.0}),
    *(
        po(
            "splus",
            lambda o, p, every=every: free(o.SPlus(p, weight_decay=0, inverse_steps=every), p),
            {"preset": "authors", "weight_decay": 0.0, "every": every},
            "tall",  # the wide gradients have a direction in common that none of them has: its sign is noise
            rtol=1e-6,
            atol=1e-7,
            why="its eigenvectors are in float32",
        )
        for every in (1, 7)
    ),
    *(
        po(
            "psgd_kron",
            lambda o, p, values=values: Preconditioned(
                lambda t: o.Kron(
                    p,
                    pre_conditioner_update_probability=1.0,
                    balance_prob=0.0,
                    precondition_dtype=t.float64,
                    **values,
                )
            ),
            {"preset": "pytorch_optimizer", **ours},
            inputs,
            rtol=1e-5,
            atol=1e-7,
            why=SOLVED32,
        )
        for inputs, values, ours in (
            ("wide", {}, {}),
            ("tall", {"momentum": 0.5, "weight_decay": 0.2}, {"momentum": 0.5, "weight_decay": 0.2}),
            ("wide", {"lr": 0.01, "max_size_triangular": 3}, {"lr": 0.01, "max_dim": 3}),
        )
    ),
]
