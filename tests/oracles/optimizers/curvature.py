"""Optimizers that ask for more than a gradient, or know what curves."""

from __future__ import annotations

from oracles.optimizers.adapted import Valued
from oracles.optimizers.sides import optax, torch
from oracles.optimizers.written import FISTA, BarzilaiBorwein, ConjugateGradients, Damped

ROWS = [
    torch(
        "lbfgs",
        lambda t, p: t.optim.LBFGS(
            p, max_iter=1, max_eval=26, history_size=100, line_search_fn="strong_wolfe"
        ),
        {"preset": "torch"},
        problem="valley",
    ),
    torch(
        "lbfgs",
        lambda t, p: t.optim.LBFGS(
            p, lr=0.1, max_iter=1, max_eval=8, history_size=3, line_search_fn="strong_wolfe"
        ),
        {"preset": "torch", "lr": 0.1, "history": 3, "evaluations": 7},
        problem="valley",
        rtol=1e-6,
        why="the valley's long floor makes more of every rounding",
    ),
    *(
        torch(
            "levenberg_marquardt",
            lambda t, p, damping=damping, scaling=scaling: Damped(
                t, p, damping, marquardt=scaling == "columns"
            ),
            {"damping": damping, "scaling": scaling},
            problem="valley",
            halves=False,
        )
        for damping, scaling in ((1e-3, "identity"), (10.0, "columns"))
    ),
    *(
        torch(
            "conjugate_gradients",
            lambda t, p, form=form: ConjugateGradients(t, p, form),
            {"form": form},
            problem="valley",
            halves=False,
            rtol=1e-6,
            why="the valley's long floor makes more of every rounding",
        )
        for form in ("polak_ribiere", "fletcher_reeves")
    ),
    *(
        torch(
            "barzilai_borwein",
            lambda t, p, form=form: BarzilaiBorwein(t, p, 0.1, form),
            {"first": 0.1, "form": form},
            inputs="wide",
            problem="tilted",
            halves=False,
            rtol=1e-7,
            why="a quotient of small differences makes more of every rounding",
        )
        for form in ("long", "short", "alternate")
    ),
    *(
        torch(
            "fista",
            lambda t, p, fast=momentum == "fista": FISTA(t, p, 0.1, 0.3, fast=fast),
            {"lr": 0.1, "strength": 0.3, "momentum": momentum},
            problem="tilted",
            halves=False,
        )
        for momentum in ("fista", "none")
    ),
    *(
        optax(
            "sophia",
            lambda o, lr, values=values: Valued(o, o.contrib.sophia(lr, **values), "tilted"),
            {"preset": "optax", "lr": lr, "probe": 1e-5, **ours},
            problem="tilted",
            rtol=1e-6,
            why="ours multiplies with the Hessian by a difference of gradients",
        )
        for lr, values, ours in (
            (0.01, {}, {}),
            (
                0.1,
                {"b1": 0.8, "b2": 0.5, "gamma": 0.2, "clip_threshold": 0.7, "update_interval": 3},
                {"beta1": 0.8, "beta2": 0.5, "gamma": 0.2, "bound": 0.7, "every": 3},
            ),
        )
    ),
]
