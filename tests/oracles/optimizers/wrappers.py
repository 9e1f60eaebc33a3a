"""What stands around another optimizer: clipped and changed gradients, penalties, averages, steps ahead."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from oracles.optimizers.adapted import Around, Averaged, Noisy, Slow, averaged, slow, swa
from oracles.optimizers.sides import keras, optax, po, torch
from oracles.rows import Row

NORM32 = "pytorch-optimizer takes the norm in float32"


def around_keras(name: str, theirs: Any, preset: str = "keras", **values: Any) -> Row:
    """Return a row of an optimizer around plain gradient descent."""
    given = {"preset": preset, **values} if preset else values
    return keras(name, theirs, given, inside=("sgd", {"preset": "keras"}))


def around_optax(name: str, theirs: Any, preset: str = "optax", **values: Any) -> Row:
    """Return a row of an optimizer around gradient descent with a learning rate of 0.01."""
    given = {"preset": preset, **values} if preset else values
    return optax(name, theirs, given, inside=("sgd", {"lr": 0.01}))


def clipped(p: Any, optimizer: Any, clip: Any, limit: float) -> Any:
    """Return an optimizer whose gradients are clipped first."""
    return Around(optimizer, before=lambda: clip(p, limit))


def centred(o: Any, p: Any, optimizer: Any) -> Any:
    """Return an optimizer whose gradients are centralized first."""
    return Around(optimizer, before=lambda: o.centralize_gradient(p[0].grad))


def filtered(p: Any, optimizer: Any, alpha: float, strength: float) -> Any:
    """Return an optimizer on gradients that pytorch-optimizer's filter has changed."""
    from pytorch_optimizer.optimizer.grokfast import gradfilter_ema

    kept: dict[str, Any] = {}
    model: Any = SimpleNamespace(named_parameters=lambda: [("theta", p[0])])

    def before() -> None:
        kept["means"] = gradfilter_ema(model, kept.get("means"), alpha, strength)

    return Around(optimizer, before)


class Penalized:
    """An optimizer that descends a regularizer of its weights as well."""

    use_ema = False

    def __init__(self, optimizer: Any, make: Any) -> None:
        import keras

        self._optimizer, self._penalty = optimizer, make(keras.regularizers)

    @property
    def learning_rate(self) -> Any:
        """The learning rate."""
        return self._optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._optimizer.learning_rate = rate

    def apply(self, grads: Any, weights: Any) -> None:
        """Make a step."""
        import jax

        slopes = [jax.grad(self._penalty)(weight.value) for weight in weights]
        self._optimizer.apply([grad + slope for grad, slope in zip(grads, slopes, strict=True)], weights)


ROWS = [
    torch(
        "clip_norm",
        lambda t, p: clipped(p, t.optim.SGD(p, momentum=0.9), t.nn.utils.clip_grad_norm_, 0.3),
        {"preset": "torch", "max_norm": 0.3},
        inside=("sgd", {"preset": "torch", "momentum": 0.9}),
    ),
    around_keras("clip_norm", lambda o: o.SGD(clipnorm=0.3), max_norm=0.3),
    around_keras("clip_norm", lambda o: o.SGD(global_clipnorm=0.3), max_norm=0.3, per="trial"),
    around_optax("clip_norm", lambda o, lr: o.chain(o.clip_by_global_norm(0.3), o.sgd(lr)), max_norm=0.3),
    torch(
        "clip_value",
        lambda t, p: clipped(p, t.optim.SGD(p, momentum=0.9), t.nn.utils.clip_grad_value_, 0.04),
        {"max_value": 0.04},
        inside=("sgd", {"preset": "torch", "momentum": 0.9}),
    ),
    around_keras("clip_value", lambda o: o.SGD(clipvalue=0.04), preset="", max_value=0.04),
    around_optax("clip_value", lambda o, lr: o.chain(o.clip(0.04), o.sgd(lr)), preset="", max_value=0.04),
    *(
        optax(
            "clip_adaptive",
            lambda o, lr, limit=limit: o.chain(o.adaptive_grad_clip(limit), o.sgd(lr)),
            {"preset": "optax", "clipping": limit},
            path,
            inside=("sgd", {"lr": 0.01}),
        )
        for path, limit in (("wide", 0.3), ("tall", 0.05), ("", 0.3))
    ),
    around_optax(
        "gradient_normalization", lambda o, lr: o.chain(o.normalize_by_update_norm(), o.sgd(lr)), length=1.0
    ),
    around_optax(
        "gradient_normalization",
        lambda o, lr: o.chain(o.normalize_by_update_norm(0.3, 0.01), o.sgd(lr)),
        length=0.3,
        eps=0.01,
    ),
    po(
        "gradient_centralization",
        lambda o, p: centred(o, p, o.AdamW(p, lr=1e-2, weight_decay=0.0)),
        {},
        "wide",
        inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
    ),
    around_optax("gradient_noise", lambda o, lr: Noisy(o, o.chain(o.add_noise(0.01, 0.55, 0), o.sgd(lr)))),
    around_optax(
        "gradient_noise",
        lambda o, lr: Noisy(o, o.chain(o.add_noise(0.3, 0.8, 0), o.sgd(lr))),
        eta=0.3,
        gamma=0.8,
    ),
    *(
        po(
            "grokfast",
            lambda o, p, alpha=alpha, strength=strength: filtered(
                p, o.AdamW(p, lr=1e-2, weight_decay=0.0), alpha, strength
            ),
            {"alpha": alpha, "strength": strength},
            inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
        )
        for alpha, strength in ((0.98, 2.0), (0.8, 0.1))
    ),
    optax(
        "accumulate",
        lambda o, lr: o.MultiSteps(o.sgd(0.01), 3),
        {"k": 3},
        inside=("sgd", {"lr": 0.01}),
        halves=False,  # a schedule there counts steps, here batches
        rtol=1e-9,
        why="MultiSteps divides by a count in single precision",
    ),
    *(
        keras(
            name,
            lambda k, make=make: Penalized(k.SGD(0.01, momentum=0.9), make),
            {"preset": "keras"},
            inside=("momentum", {"preset": "keras"}),
        )
        for name, make in (("l1_penalty", lambda r: r.L1(0.01)), ("l2_penalty", lambda r: r.L2(0.01)))
    ),
    *(
        torch(
            "l2_penalty",
            lambda t, p, make=make: make(t, p, 0.2),
            {"preset": "torch", "strength": 0.2},
            inside=inside,
        )
        for make, inside in (
            (
                lambda t, p, decay: t.optim.SGD(p, momentum=0.9, weight_decay=decay),
                ("sgd", {"preset": "torch", "momentum": 0.9}),
            ),
            (lambda t, p, decay: t.optim.Adam(p, weight_decay=decay), ("adam", {"preset": "torch"})),
        )
    ),
    po(
        "cautious",
        lambda o, p: o.Lion(p, cautious=True),
        {"preset": "paper"},
        inside=("lion", {"preset": "paper"}),
    ),
    po(
        "sam",
        lambda o, p: o.SAM(p, o.AdamW, lr=1e-2, weight_decay=0.0),
        {"preset": "paper"},
        inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
        problem="tilted",
        rtol=1e-8,
        why=NORM32,
    ),
    po(
        "sam",
        lambda o, p: o.SAM(p, o.AdamW, rho=0.5, adaptive=True, lr=1e-2, weight_decay=0.0),
        {"preset": "asam"},
        inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
        problem="tilted",
        rtol=1e-8,
        why=NORM32,
    ),
    around_optax("mechanic", lambda o, lr: o.contrib.mechanize(o.sgd(lr))),
    around_optax(
        "mechanic",
        lambda o, lr: o.contrib.mechanize(o.sgd(lr), 0.1, s_init=1e-3, num_betas=3),
        decay=0.1,
        first=1e-3,
        betas=3,
    ),
    po(
        "lookahead",
        lambda o, p: slow(o.Lookahead(o.AdamW(p, lr=1e-2, weight_decay=0.0), k=5, alpha=0.4), p),
        {"preset": "paper", "alpha": 0.4},
        inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
    ),
    po(
        "lookahead",
        lambda o, p: o.Lookahead(o.AdamW(p, lr=1e-2, weight_decay=0.0), k=5, alpha=0.4),
        {"preset": "paper", "alpha": 0.4, "evaluate_at": "fast"},
        inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
    ),
    around_optax("lookahead", lambda o, lr: Slow(o, o.lookahead(o.sgd(lr), 5, 0.4)), alpha=0.4),
    torch(
        "ema",
        lambda t, p: averaged(t, p, t.optim.Adam(p)),
        {"preset": "torch"},
        inside=("adam", {"preset": "torch"}),
    ),
    around_keras("ema", lambda o: o.SGD(use_ema=True)),
    around_optax("ema", lambda o, lr: Averaged(o.sgd(lr), o.ema(0.99))),
    torch(
        "swa",
        lambda t, p: swa(t, p, t.optim.Adam(p)),
        {"preset": "torch"},
        inside=("adam", {"preset": "torch"}),
    ),
    torch(
        "swa",
        lambda t, p: swa(t, p, t.optim.Adam(p), start=7, every=3),
        {"start": 7, "every": 3},
        inside=("adam", {"preset": "torch"}),
    ),
]
