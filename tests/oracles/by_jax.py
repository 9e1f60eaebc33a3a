"""JAX's activations and initializers, and optax: rows, and how they are run, in float64."""

from __future__ import annotations

from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
from oracles.by_torch import SAMPLING
from oracles.rows import (
    FAN_IN,
    FAN_OUT,
    HALVED_AT,
    INPUTS,
    PATHS,
    PROBLEMS,
    SCORES,
    SEEN,
    UPDATES,
    UPSTREAM,
    Row,
    Z,
    facts,
)

from anncore import counted_normal, counted_signs

FLOAT32 = "optax keeps its schedules in float32"

COUNT32 = "optax takes powers of the step in float32"
FACTORED = (
    {"min_dim_size_to_factor": 2, "multiply_by_parameter_scale": False},
    {"min_factored": 2, "scale_parameter": False},
)

jax = partial(Row, "jax")
optax = partial(Row, "optax")


def optimizer(name: str, theirs: Any, inputs: str = "", lr: float = 0.01, **values: Any) -> Row:
    """Return a row of an optimizer with the preset that is optax's; theirs(optax, learning rate)."""
    return optax("optimizer", name, theirs, {"preset": "optax", "lr": lr, **values}, inputs)


def around(name: str, theirs: Any, preset: str = "optax", **values: Any) -> Row:
    """Return a row of an optimizer around gradient descent with a learning rate of 0.01."""
    given = {"preset": preset, **values} if preset else values
    return optax("optimizer", name, theirs, given, inside=("sgd", {"lr": 0.01}))


class Averaged:
    """An optimizer, looked at where the average of its weights is."""

    def __init__(self, optimizer: Any, mean: Any) -> None:
        self._optimizer, self._mean = optimizer, mean

    def init(self, theta: Any) -> Any:
        """Return the first state."""
        return self._optimizer.init(theta), self._mean.init(theta), theta

    def update(self, grad: Any, state: Any, theta: Any) -> Any:
        """Return the change and the next state."""
        change, inner = self._optimizer.update(grad, state[0], theta)
        mean, kept = self._mean.update(theta + change, state[1])
        return change, (inner, kept, mean)

    def at(self, theta: Any, state: Any) -> Any:
        """Return the average."""
        return state[2]


class Slow:
    """A lookahead, looked at where its slow weights are."""

    def __init__(self, optax: Any, optimizer: Any) -> None:
        self._optax, self._optimizer = optax, optimizer

    def init(self, theta: Any) -> Any:
        """Return the first state."""
        pair = self._optax.LookaheadParams.init_synced(theta)
        return self._optimizer.init(pair), pair.slow

    def update(self, grad: Any, state: Any, theta: Any) -> Any:
        """Return the change and the next state."""
        pair = self._optax.LookaheadParams(theta, state[1])
        changes, inner = self._optimizer.update(grad, state[0], pair)
        return changes.fast, (inner, state[1] + changes.slow)

    def at(self, theta: Any, state: Any) -> Any:
        """Return the slow weights."""
        return state[1]


class Noisy:
    """An optimizer that gets our normal numbers in place of its own."""

    def __init__(self, optax: Any, optimizer: Any) -> None:
        self._optax, self._optimizer, self._t = optax, optimizer, 0
        self.init = optimizer.init

    def update(self, grad: Any, state: Any, theta: Any) -> Any:
        """Return the change and the next state."""
        self._t += 1
        seeds = np.zeros((1, 1, 1), np.uint64)
        noise = counted_normal(seeds, self._t, np.asarray(theta)[None])[0]
        with patch.object(self._optax.tree, "random_like", lambda *args, **options: noise):
            return self._optimizer.update(grad, state, theta)


class Valued:
    """An optimizer that is told the value of a function, and the function; it gets our random signs."""

    def __init__(self, optax: Any, optimizer: Any, problem: str) -> None:
        self._optax, self._optimizer, self._t = optax, optimizer, 0
        self._problem, self.init = PROBLEMS[problem], optimizer.init

    def update(self, grad: Any, state: Any, theta: Any) -> Any:
        """Return the change and the next state."""
        import jax

        self._t += 1
        signs = counted_signs(np.zeros((1, 1, 1), np.uint64), self._t, np.asarray(theta).reshape(1, 1, -1))
        signs = signs.reshape(theta.shape)

        def function(at: Any) -> Any:
            return self._problem(at, grad).sum()

        value, slope = jax.value_and_grad(function)(theta)
        with patch.object(self._optax.tree, "random_like", lambda *args, **options: signs):
            return self._optimizer.update(slope, state, theta, value=value, obj_fn=function)


class Free:
    """A schedule-free optimizer, looked at where it is to be evaluated."""

    def __init__(self, optax: Any, optimizer: Any) -> None:
        self._optax = optax
        self.init, self.update = optimizer.init, optimizer.update

    def at(self, theta: Any, state: Any) -> Any:
        """Return the average."""
        return self._optax.contrib.schedule_free_eval_params(state, theta)


def activation(name: str, theirs: Any, **values: Any) -> Row:
    """Return a row of an activation; theirs(jax.nn, z)."""
    return jax("activation", name, theirs, values)


def loss(name: str, inputs: str, theirs: Any, **values: Any) -> Row:
    """Return a row of a loss; theirs(optax, output, target), whose mean is taken."""
    return optax("loss", name, theirs, values, inputs)


def initializer(name: str, theirs: Any, **values: Any) -> Row:
    """Return a row of an initializer; theirs(jax.nn.initializers)."""
    return jax("initializer", name, theirs, values, rtol=0.025, why=SAMPLING)


def schedule(name: str, theirs: Any, **values: Any) -> Row:
    """Return a row of a schedule; theirs(optax)."""
    return optax("schedule", name, theirs, values, rtol=1e-5, why=FLOAT32)


def plateau(o: Any) -> Any:
    """Return optax's factors on the plateau of SCORES, by count."""
    from optax import contrib

    watcher = contrib.reduce_on_plateau(factor=0.5, patience=2, cooldown=3, min_scale=0.2)
    state, factors = watcher.init(0.0), []
    for score in SCORES:
        factors.append(state.scale)
        _, state = watcher.update(0.0, state, value=score)
    return lambda count: factors[count]


def log_softmax(z: Any) -> Any:
    """Return JAX's log-softmax."""
    from jax import nn

    return nn.log_softmax(z)


def _dice(o: Any, a: Any, y: Any, **values: Any) -> Any:
    """Return optax's Dice loss of every example, from logits of its pixels."""
    import jax

    return o.losses.dice_loss(jax.scipy.special.logit(a)[..., None], y[..., None], **values)


ROWS = [
    optimizer("sgd", lambda o, lr: o.sgd(lr)),
    optimizer("momentum", lambda o, lr: o.sgd(lr, momentum=0.9)),
    optimizer("adagrad", lambda o, lr: o.adagrad(lr)),
    optimizer("rmsprop", lambda o, lr: o.rmsprop(lr)),
    optimizer(
        "rmsprop",
        lambda o, lr: o.rmsprop(lr, eps=1e-3, eps_in_sqrt=False, centered=True),
        eps=1e-3,
        eps_mode="outside",
        centered=True,
    ),
    optimizer("adam", lambda o, lr: o.adam(lr)),
    optimizer("adam", lambda o, lr: o.adam(lr, eps=0, eps_root=1e-8), eps_mode="inside"),
    optimizer("nesterov", lambda o, lr: o.sgd(lr, momentum=0.9, nesterov=True)),
    optimizer("adamw", lambda o, lr: o.adamw(lr)),
    optimizer("adamw", lambda o, lr: o.adamw(lr, weight_decay=0.2), weight_decay=0.2),
    optimizer("nadam", lambda o, lr: o.nadam(lr)),
    optimizer("radam", lambda o, lr: o.radam(lr)),
    optimizer("amsgrad", lambda o, lr: o.amsgrad(lr)),
    optimizer("amsgrad", lambda o, lr: o.amsgrad(lr, eps=0, eps_root=1e-6), eps_mode="inside", eps=1e-6),
    optimizer(
        "amsgrad",
        lambda o, lr: o.amsgrad(lr, bias_correction_mu=False, bias_correction_nu=False),
        bias_correction=False,
    ),
    optimizer("lion", lambda o, lr: o.lion(lr)),
    optimizer("optimistic", lambda o, lr: o.optimistic_gradient_descent(lr)),
    optimizer(
        "optimistic",
        lambda o, lr: o.optimistic_gradient_descent(lr, alpha=0.7, beta=0.4),
        alpha=0.7,
        beta=0.4,
    ),
    optimizer(
        "sgd",
        lambda o, lr: o.chain(o.add_decayed_weights(0.2), o.sgd(lr)),
        weight_decay=0.2,
        decay_mode="coupled",
    ),
    *(optimizer("muon", lambda o, lr: o.contrib.muon(lr), inputs) for inputs in ("wide", "tall")),
    optimizer(
        "muon",
        lambda o, lr: o.contrib.muon(lr, weight_decay=0.2, nesterov=False, consistent_rms=0.2),
        "tall",
        weight_decay=0.2,
        nesterov=False,
        scale="match_rms_adamw",
    ),
    optimizer("lamb", lambda o, lr: o.lamb(lr)),
    optimizer("lamb", lambda o, lr: o.lamb(lr, weight_decay=0.2), "wide", weight_decay=0.2),
    optimizer("prodigy", lambda o, lr: o.contrib.prodigy(lr), lr=1.0),
    optimizer(
        "prodigy",
        lambda o, lr: o.contrib.prodigy(lr, estim_lr0=0.01, weight_decay=0.1, safeguard_warmup=True),
        "wide",
        lr=1.0,
        d0=0.01,
        weight_decay=0.1,
        safeguard_warmup=True,
    ),
    optimizer(
        "rmsprop", lambda o, lr: o.rmsprop(lr, momentum=0.9, initial_scale=0.2), momentum=0.9, initial=0.2
    ),
    optimizer("adamax", lambda o, lr: o.adamax(lr)),
    optimizer(
        "adamax",
        lambda o, lr: o.adamaxw(lr, weight_decay=0.2),
        weight_decay=0.2,
        decay_mode="decoupled",
    ),
    optimizer("adadelta", lambda o, lr: o.adadelta(lr), lr=1.0),
    optimizer("adabelief", lambda o, lr: o.adabelief(lr)),
    optax(
        "optimizer",
        "adan",
        # What optax 0.2.8 writes as 1 - b2 is b2 here.
        lambda o, lr: o.adan(lr, b2=0.5, eps_root=0.0, weight_decay=0.2),
        {"lr": 0.01, "beta2": 0.5, "weight_decay": 0.2, "decay_mode": "decoupled"},
    ),
    optimizer("ademamix", lambda o, lr: o.contrib.ademamix(lr)),
    optimizer(
        "ademamix",
        lambda o, lr: o.contrib.ademamix(lr, b3=0.99, alpha=2.0, weight_decay=0.2),
        beta3=0.99,
        alpha=2.0,
        weight_decay=0.2,
    ),
    optimizer("adopt", lambda o, lr: o.contrib.adopt(lr)),
    optimizer("adopt", lambda o, lr: o.contrib.adopt(lr, b2=0.9, use_clipping=False), beta2=0.9, clip=False),
    optimizer("yogi", lambda o, lr: o.yogi(lr)),
    *(
        optax(
            "optimizer",
            "adafactor",
            lambda o, lr, given=given: o.adafactor(lr, **given[0]),
            {"preset": "optax", "lr": 0.01, **given[1]},
            inputs,
            rtol=1e-6,
            atol=1e-8,
            why=COUNT32,
        )
        for inputs, given in (
            ("wide", ({}, {})),
            ("wide", FACTORED),
            ("tall", FACTORED),
        )
    ),
    optax("optimizer", "signsgd", lambda o, lr: o.sign_sgd(lr), {"lr": 0.01}),
    optimizer("lars", lambda o, lr: o.lars(lr), "wide", lr=1.0),
    optimizer(
        "lars",
        lambda o, lr: o.lars(lr, weight_decay=0.2, trust_coefficient=0.01, momentum=0.5, nesterov=True),
        "tall",
        lr=1.0,
        weight_decay=0.2,
        trust=0.01,
        momentum=0.5,
        nesterov=True,
    ),
    optimizer("optimistic_adam", lambda o, lr: o.optimistic_adam_v2(lr)),
    optimizer(
        "optimistic_adam",
        lambda o, lr: o.optimistic_adam_v2(lr, alpha=0.7, beta=0.4, nesterov=False),
        alpha=0.7,
        beta=0.4,
        nesterov=False,
    ),
    optimizer("novograd", lambda o, lr: o.novograd(lr), "tall"),
    optimizer(
        "novograd", lambda o, lr: o.novograd(lr, b2=0.9, weight_decay=0.2), beta2=0.9, weight_decay=0.2
    ),
    *(
        optax(
            "optimizer",
            "sm3",
            lambda o, lr: o.sm3(0.1),
            {"preset": "optax", "lr": 0.1},
            inputs,
            halves=False,  # it takes no schedule
        )
        for inputs in ("", "wide", "tall")
    ),
    *(
        optax(
            "optimizer",
            "madgrad",
            lambda o, lr, given=given: o.contrib.madgrad(lr, **given),
            {"preset": "optax", "lr": 0.01, **given},
            rtol=1e-6,
            atol=1e-8,
            why=COUNT32,
        )
        for given in ({}, {"momentum": 0.5, "weight_decay": 0.2})
    ),
    optimizer("fromage", lambda o, lr: o.fromage(lr), "wide"),
    optimizer("fromage", lambda o, lr: o.fromage(lr, min_norm=2.0), min_norm=2.0),
    around("clip_norm", lambda o, lr: o.chain(o.clip_by_global_norm(0.3), o.sgd(lr)), max_norm=0.3),
    *(
        optax(
            "optimizer",
            "clip_adaptive",
            lambda o, lr, limit=limit: o.chain(o.adaptive_grad_clip(limit), o.sgd(lr)),
            {"preset": "optax", "clipping": limit},
            path,
            inside=("sgd", {"lr": 0.01}),
        )
        for path, limit in (("wide", 0.3), ("tall", 0.05), ("", 0.3))
    ),
    around("clip_value", lambda o, lr: o.chain(o.clip(0.04), o.sgd(lr)), preset="", max_value=0.04),
    optax(
        "optimizer",
        "accumulate",
        lambda o, lr: o.MultiSteps(o.sgd(0.01), 3),
        {"k": 3},
        inside=("sgd", {"lr": 0.01}),
        halves=False,  # a schedule there counts steps, here batches
        rtol=1e-9,
        why="MultiSteps divides by a count in single precision",
    ),
    around(
        "gradient_normalization", lambda o, lr: o.chain(o.normalize_by_update_norm(), o.sgd(lr)), length=1.0
    ),
    around(
        "gradient_normalization",
        lambda o, lr: o.chain(o.normalize_by_update_norm(0.3, 0.01), o.sgd(lr)),
        length=0.3,
        eps=0.01,
    ),
    around("gradient_noise", lambda o, lr: Noisy(o, o.chain(o.add_noise(0.01, 0.55, 0), o.sgd(lr)))),
    around(
        "gradient_noise",
        lambda o, lr: Noisy(o, o.chain(o.add_noise(0.3, 0.8, 0), o.sgd(lr))),
        eta=0.3,
        gamma=0.8,
    ),
    optimizer("dog", lambda o, lr: o.contrib.dog(lr), lr=1.0),
    *(
        optimizer(
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
    optimizer("dowg", lambda o, lr: o.contrib.dowg(lr), lr=1.0),
    optimizer(
        "dowg",
        lambda o, lr: o.contrib.dowg(lr, 0.01, 1e-3, weight_decay=0.2),
        "wide",
        lr=0.5,
        first=0.01,
        eps=1e-3,
        weight_decay=0.2,
    ),
    optimizer("d_adaptation", lambda o, lr: o.contrib.dadapt_adamw(lr), lr=1.0),
    optimizer(
        "d_adaptation",
        lambda o, lr: o.contrib.dadapt_adamw(lr, (0.8, 0.95), estim_lr0=1e-3, weight_decay=0.2),
        "wide",
        lr=0.5,
        beta1=0.8,
        beta2=0.95,
        d0=1e-3,
        weight_decay=0.2,
    ),
    *(
        optax(
            "optimizer",
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
    optimizer("acprop", lambda o, lr: o.contrib.acprop(lr)),
    optimizer(
        "acprop",
        lambda o, lr: o.contrib.acprop(lr, b1=0.7, b2=0.9, eps=1e-4, eps_root=1e-4, weight_decay=0.2),
        "wide",
        beta1=0.7,
        beta2=0.9,
        eps=1e-4,
        weight_decay=0.2,
    ),
    *(
        optax(
            "optimizer",
            "cocob",
            lambda o, lr, alpha=alpha: o.contrib.cocob(alpha=alpha),
            {"preset": "optax", "alpha": alpha},
            inputs,
            problem=problem,
            halves=False,  # schedules do not act on it
        )
        for alpha, inputs, problem in ((100.0, "", "given"), (3.0, "wide", "given"))
    ),
    *(
        optax(
            "optimizer",
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
    *(
        optax(
            "optimizer",
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
    around("mechanic", lambda o, lr: o.contrib.mechanize(o.sgd(lr))),
    around(
        "mechanic",
        lambda o, lr: o.contrib.mechanize(o.sgd(lr), 0.1, s_init=1e-3, num_betas=3),
        decay=0.1,
        first=1e-3,
        betas=3,
    ),
    around("ema", lambda o, lr: Averaged(o.sgd(lr), o.ema(0.99))),
    around("lookahead", lambda o, lr: Slow(o, o.lookahead(o.sgd(lr), 5, 0.4)), alpha=0.4),
    optax(
        "optimizer",
        "schedule_free_adamw",
        lambda o, lr: Free(o, o.contrib.schedule_free_adamw()),
        {"preset": "optax"},
        halves=False,  # it weighs a step by the learning rate of the next
    ),
    optax(
        "optimizer",
        "schedule_free_adamw",
        lambda o, lr: Free(o, o.contrib.schedule_free_adamw(0.1, b1=0.8, b2=0.95, weight_decay=0.2)),
        {"preset": "optax", "lr": 0.1, "beta1": 0.8, "beta2": 0.95, "weight_decay": 0.2},
        halves=False,
    ),
    optax(
        "optimizer",
        "schedule_free_sgd",
        lambda o, lr: Free(o, o.contrib.schedule_free_sgd()),
        {"preset": "optax"},
        halves=False,  # it weighs a step by the learning rate of the next
    ),
    optax(
        "optimizer",
        "schedule_free_sgd",
        lambda o, lr: Free(o, o.contrib.schedule_free_sgd(0.1, b1=0.8, weight_decay=0.2)),
        {"preset": "optax", "lr": 0.1, "beta": 0.8, "weight_decay": 0.2},
        halves=False,
    ),
    activation("identity", lambda nn, z: nn.identity(z)),
    activation("sigmoid", lambda nn, z: nn.sigmoid(z)),
    activation("tanh", lambda nn, z: nn.tanh(z)),
    activation("relu", lambda nn, z: nn.relu(z)),
    activation("leaky_relu", lambda nn, z: nn.leaky_relu(z), preset="optax"),
    activation("softmax", lambda nn, z: nn.softmax(z)),
    activation("gelu", lambda nn, z: nn.gelu(z), preset="optax"),
    activation("gelu", lambda nn, z: nn.gelu(z, approximate=False), approximate="none"),
    activation("selu", lambda nn, z: nn.selu(z)),
    activation("softplus", lambda nn, z: nn.softplus(z), preset="optax"),
    activation("silu", lambda nn, z: nn.silu(z)),
    activation("mish", lambda nn, z: nn.mish(z)),
    activation("elu", lambda nn, z: nn.elu(z, 0.7), alpha=0.7),
    activation("celu", lambda nn, z: nn.celu(z, 0.7), alpha=0.7),
    activation("softsign", lambda nn, z: nn.soft_sign(z)),
    activation("hard_sigmoid", lambda nn, z: nn.hard_sigmoid(z), preset="optax"),
    activation("hard_tanh", lambda nn, z: nn.hard_tanh(z)),
    activation("hard_swish", lambda nn, z: nn.hard_swish(z)),
    activation("relu6", lambda nn, z: nn.relu6(z)),
    activation("squareplus", lambda nn, z: nn.squareplus(z)),
    activation("sparse_plus", lambda nn, z: nn.sparse_plus(z)),
    activation("hard_sigmoid", lambda nn, z: nn.sparse_sigmoid(z), preset="paper"),
    activation("squareplus", lambda nn, z: nn.squareplus(z, 0.5), b=0.5),
    activation("log_sigmoid", lambda nn, z: nn.log_sigmoid(z)),
    activation("log_softmax", lambda nn, z: nn.log_softmax(z)),
    loss(
        "sparsemax_loss", "margins", lambda o, z, y: o.losses.multiclass_sparsemax_loss(z, y.argmax(axis=1))
    ),
    loss("sparsemax_loss", "margin", lambda o, z, y: o.losses.sparsemax_loss(z, y)),
    loss("mse", "regression", lambda o, a, y: o.l2_loss(a, y), preset="optax"),
    loss("mse", "regression", lambda o, a, y: o.squared_error(a, y)),
    schedule(
        "warmup",
        lambda o: o.warmup_cosine_decay_schedule(0.1, 1.0, 8, UPDATES),
        updates=8,
        after="cosine",
    ),
    schedule("plateau", plateau, preset="optax", gamma=0.5, patience=1, cooldown=3, min_factor=0.2),
    loss("huber", "regression", lambda o, a, y: o.huber_loss(a, y, delta=0.4), delta=0.4),
    loss("hinge", "margin", lambda o, x, y: o.hinge_loss(x, 2 * y - 1), preset="optax"),
    loss(
        "hinge",
        "margins",
        lambda o, x, y: o.losses.multiclass_hinge_loss(x, y.argmax(axis=1)),
        preset="optax",
    ),
    loss(
        "binary_cross_entropy",
        "binary logits",
        lambda o, z, y: o.sigmoid_binary_cross_entropy(z, y),
        preset="optax",
    ),
    loss(
        "categorical_cross_entropy",
        "multiclass logits",
        lambda o, z, y: o.softmax_cross_entropy(z, o.smooth_labels(y, 0.1)),
        preset="optax",
        smoothing=0.1,
    ),
    loss("focal", "binary logits", lambda o, z, y: o.sigmoid_focal_loss(z, y), preset="optax"),
    loss(
        "focal",
        "binary logits",
        lambda o, z, y: o.sigmoid_focal_loss(z, y, alpha=0.25, gamma=1.5),
        gamma=1.5,
    ),
    loss(
        "kl_divergence",
        "soft multiclass logits",
        lambda o, z, y: o.kl_divergence(log_softmax(z), y),
        preset="optax",
    ),
    loss("log_cosh", "regression", lambda o, a, y: o.log_cosh(a, y)),
    loss("cosine_similarity", "regression", lambda o, a, y: o.cosine_distance(a, y), preset="optax"),
    loss(
        "poly1_cross_entropy",
        "multiclass logits",
        lambda o, z, y: o.losses.poly_loss_cross_entropy(z, y),
        preset="optax",
    ),
    loss("dice", "picture", lambda o, a, y: _dice(o, a, y), preset="optax"),
    loss(
        "tversky",
        "picture",
        lambda o, a, y: _dice(o, a, y, alpha=0.3, beta=0.7),
        alpha=0.3,
        beta=0.7,
    ),
    schedule("constant", lambda o: o.constant_schedule(1.0)),
    schedule(
        "step",
        lambda o: o.exponential_decay(1.0, transition_steps=7, decay_rate=0.5, staircase=True),
        step_size=7,
        gamma=0.5,
    ),
    schedule("cosine", lambda o: o.cosine_decay_schedule(1.0, UPDATES, alpha=0.1), alpha=0.1),
    schedule("one_cycle", lambda o: o.cosine_onecycle_schedule(UPDATES, 1.0), preset="optax"),
    schedule(
        "one_cycle",
        lambda o: o.linear_onecycle_schedule(UPDATES, 1.0),
        preset="optax",
        anneal="linear",
        three_phase=True,
    ),
    schedule("exponential", lambda o: o.exponential_decay(1.0, 7, 0.5), gamma=0.5, decay_steps=7),
    schedule("linear", lambda o: o.linear_schedule(1.0, 0.1, 30), end=0.1, decay_steps=30),
    schedule(
        "polynomial",
        lambda o: o.polynomial_schedule(1.0, 0.1, 2, 30),
        power=2.0,
        alpha=0.1,
        decay_steps=30,
    ),
    schedule(
        "piecewise",
        lambda o: o.piecewise_constant_schedule(1.0, {10: 0.5, 25: 0.1}),
        boundaries=(10, 25),
        values=(1.0, 0.5, 0.05),
    ),
    initializer("zeros", lambda i: i.zeros),
    initializer("normal", lambda i: i.normal(0.01)),
    initializer("glorot_uniform", lambda i: i.glorot_uniform()),
    initializer("glorot_normal", lambda i: i.glorot_normal(), preset="optax"),
    initializer("he_uniform", lambda i: i.he_uniform()),
    initializer("he_normal", lambda i: i.he_normal(), preset="optax"),
    initializer("orthogonal", lambda i: i.orthogonal()),
    initializer("lecun_normal", lambda i: i.lecun_normal(), preset="optax"),
    initializer("lecun_uniform", lambda i: i.lecun_uniform()),
    initializer("uniform", lambda i: i.uniform(), preset="optax"),
    initializer("truncated_normal", lambda i: i.truncated_normal(), preset="optax"),
    initializer(
        "variance_scaling",
        lambda i: i.variance_scaling(0.7, "fan_avg", "truncated_normal"),
        scale=0.7,
        mode="fan_avg",
    ),
    initializer("constant", lambda i: i.constant(0.3), value=0.3),
]


def run(row: Row) -> Any:
    """Return the figures of JAX or optax for a row."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return {
        "optimizer": _optimizer,
        "activation": _activation,
        "loss": _loss,
        "schedule": _schedule,
        "initializer": _initializer,
    }[row.kind](row)


def _optimizer(row: Row) -> Any:
    import jax.numpy as jnp
    import optax

    def lr(count: Any) -> Any:  # counts from 0
        base = {**row.inside[1], **row.values}["lr"]
        return base * jnp.where(count + 1 >= HALVED_AT, 0.5, 1.0)

    optimizer = row.theirs(optax, lr)
    start, grads = PATHS[row.inputs]
    theta, seen = jnp.array(start), []
    state = optimizer.init(theta)
    for t, grad in enumerate(grads, start=1):
        updates, state = optimizer.update(jnp.array(grad), state, theta)
        theta = optax.apply_updates(theta, updates)
        at = optimizer.at(theta, state) if hasattr(optimizer, "at") else theta
        seen += [np.asarray(at)] * (t in SEEN)
    return seen


def _activation(row: Row) -> Any:
    import jax

    a, pull = jax.vjp(lambda z: row.theirs(jax.nn, z), jax.numpy.array(Z))
    return np.asarray(a), np.asarray(pull(jax.numpy.array(UPSTREAM))[0])


def _loss(row: Row) -> Any:
    import jax
    import optax

    output, target = (jax.numpy.array(array) for array in INPUTS[row.inputs])
    value, grad = jax.value_and_grad(lambda a: row.theirs(optax, a, target).mean())(output)
    return np.concatenate([[float(value)], np.ravel(grad)])


def _schedule(row: Row) -> Any:
    import optax

    factor = row.theirs(optax)
    return [float(factor(count)) for count in range(UPDATES)]


def _initializer(row: Row) -> Any:
    import jax

    draw = row.theirs(jax.nn.initializers)
    return facts(np.asarray(draw(jax.random.key(0), (FAN_IN, FAN_OUT), jax.numpy.float64)))
