"""JAX's activations and initializers, and optax: rows, and how they are run, in float64."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from oracles.by_torch import SAMPLING
from oracles.rows import (
    FAN_IN,
    FAN_OUT,
    HALVED_AT,
    INPUTS,
    PATHS,
    SCORES,
    SEEN,
    UPDATES,
    UPSTREAM,
    Row,
    Z,
    facts,
)

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
    initializer("zeros", lambda i: i.zeros),
    initializer("normal", lambda i: i.normal(0.01)),
    initializer("glorot_uniform", lambda i: i.glorot_uniform()),
    initializer("glorot_normal", lambda i: i.glorot_normal(), preset="optax"),
    initializer("he_uniform", lambda i: i.he_uniform()),
    initializer("he_normal", lambda i: i.he_normal(), preset="optax"),
    initializer("orthogonal", lambda i: i.orthogonal()),
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
