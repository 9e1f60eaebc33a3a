"""Losses of numbers, sizes, counts, variances and marked pictures."""

from __future__ import annotations

from typing import Any

from oracles.losses.sides import keras, keras32, optax, po, sklearn, torch

# Barron's general loss at its special shapes, of squared ratios; one of -∞ is near enough at -1e15
BARRON = {
    2.0: lambda u: u / 2,
    1.0: lambda u: (u + 1).sqrt() - 1,
    0.5: lambda u: 3 * ((u / 1.5 + 1) ** 0.25 - 1),
    0.0: lambda u: (u / 2 + 1).log(),
    -2.0: lambda u: 2 * u / (u + 4),
    -1e15: lambda u: 1 - (-u / 2).exp(),
}


def _pinball(a: Any, y: Any, level: float) -> Any:
    """Koenker & Bassett (1978)."""
    return (level * (y - a)).maximum((level - 1) * (y - a)).mean()


def _biweight(F: Any, a: Any, y: Any, c: float = 4.685) -> Any:
    inside = (1 - ((a - y) / c) ** 2).clamp(min=0)
    return (c**2 / 6 * (1 - inside**3)).mean()


def _asymmetric_squares(a: Any, y: Any, level: float) -> Any:
    return (level * (y - a).clamp(min=0) ** 2 + (1 - level) * (a - y).clamp(min=0) ** 2).mean()


def _overlap(a: Any, y: Any, marked: Any, smooth: float) -> Any:
    return (1 - (2 * (a * y).sum(1) + smooth) / (marked.sum(1) + smooth)).mean()


def _tversky(a: Any, y: Any, alpha: float, beta: float) -> Any:
    both, extra, missed = (a * y).sum(1), (a * (1 - y)).sum(1), ((1 - a) * y).sum(1)
    return (1 - (both + 1) / (both + alpha * extra + beta * missed + 1)).mean()


def _by_example(a: Any, y: Any, alpha: float, beta: float) -> Any:
    """Return the mean of pytorch-optimizer's Tversky loss of one example after the other, from logits."""
    from pytorch_optimizer import TverskyLoss

    one = TverskyLoss(alpha, beta)
    return sum(one(row.logit(), marked) for row, marked in zip(a, y, strict=True)) / len(a)


def _dice(o: Any, a: Any, y: Any, **values: Any) -> Any:
    """Return optax's Dice loss of every example, from logits of its pixels."""
    import jax

    return o.losses.dice_loss(jax.scipy.special.logit(a)[..., None], y[..., None], **values)


def _softplus(x: Any) -> Any:
    import jax

    return jax.nn.softplus(x)


ROWS = [
    torch("mse", "regression", lambda F, a, y: F.mse_loss(a, y), preset="torch"),
    keras32("mse", "regression", lambda k: k.MeanSquaredError(), preset="keras"),
    optax("mse", "regression", lambda o, a, y: o.l2_loss(a, y), preset="optax"),
    optax("mse", "regression", lambda o, a, y: o.squared_error(a, y)),
    torch("mae", "regression", lambda F, a, y: F.l1_loss(a, y)),
    keras32("mae", "regression", lambda k: k.MeanAbsoluteError()),
    torch("huber", "regression", lambda F, a, y: F.huber_loss(a, y)),
    torch("huber", "regression", lambda F, a, y: F.huber_loss(a, y, delta=0.4), delta=0.4),
    keras32("huber", "regression", lambda k: k.Huber(0.4), delta=0.4),
    optax("huber", "regression", lambda o, a, y: o.huber_loss(a, y, delta=0.4), delta=0.4),
    torch("smooth_l1", "regression", lambda F, a, y: F.smooth_l1_loss(a, y)),
    torch("smooth_l1", "regression", lambda F, a, y: F.smooth_l1_loss(a, y, beta=0.4), beta=0.4),
    torch("log_cosh", "regression", lambda F, a, y: (a - y).cosh().log().mean()),
    keras32("log_cosh", "regression", lambda k: k.LogCosh()),
    optax("log_cosh", "regression", lambda o, a, y: o.log_cosh(a, y)),
    torch("tukey", "regression", _biweight),
    torch("tukey", "regression", lambda F, a, y: _biweight(F, a, y, 1.5), c=1.5),
    torch("expectile", "regression", lambda F, a, y: _asymmetric_squares(a, y, 0.5)),
    torch("expectile", "regression", lambda F, a, y: _asymmetric_squares(a, y, 0.8), level=0.8),
    torch("quantile", "regression", lambda F, a, y: _pinball(a, y, 0.5)),
    torch("quantile", "regression", lambda F, a, y: _pinball(a, y, 0.9), level=0.9),
    sklearn("quantile", "regression", lambda m, y, a: m.mean_pinball_loss(y, a, alpha=0.8), level=0.8),
    *(
        torch(
            "general_robust",
            "regression",
            lambda F, a, y, rho=rho: rho(((a - y) / 0.7) ** 2).mean(),
            shape=shape,
            scale=0.7,
        )
        for shape, rho in BARRON.items()
    ),
    torch("cosine_similarity", "regression", lambda F, a, y: 1 - F.cosine_similarity(a, y).mean()),
    keras("cosine_similarity", "regression", lambda k: k.CosineSimilarity(), preset="keras"),
    optax("cosine_similarity", "regression", lambda o, a, y: o.cosine_distance(a, y), preset="optax"),
    torch("mape", "regression", lambda F, a, y: ((a - y) / y).abs().mean()),
    keras32("mape", "regression", lambda k: k.MeanAbsolutePercentageError(), preset="keras"),
    sklearn("mape", "regression", lambda m, y, a: m.mean_absolute_percentage_error(y, a)),
    torch("msle", "positive", lambda F, a, y: F.mse_loss((1 + a).log(), (1 + y).log())),
    keras32("msle", "positive", lambda k: k.MeanSquaredLogarithmicError()),
    sklearn("msle", "positive", lambda m, y, a: m.mean_squared_log_error(y, a)),
    torch("poisson_nll", "positive", lambda F, x, y: F.poisson_nll_loss(x, y)),
    torch("poisson_nll", "positive", lambda F, x, y: F.poisson_nll_loss(x, y, full=True), full=True),
    torch(
        "poisson_nll",
        "positive",
        lambda F, x, y: F.poisson_nll_loss(F.softplus(x), y, log_input=False, full=True, eps=1e-3),
        rate="softplus",
        full=True,
        eps=1e-3,
    ),
    keras32(
        "poisson_nll",
        "positive",
        lambda k: lambda y, x: k.Poisson()(y, _softplus(x)),
        rate="softplus",
        eps=1e-7,
    ),
    torch("gaussian_nll", "gaussian", lambda F, a, y: F.gaussian_nll_loss(a[:, :3], y, a[:, 3:].exp())),
    torch(
        "gaussian_nll",
        "gaussian",
        lambda F, a, y: F.gaussian_nll_loss(a[:, :3], y, a[:, 3:].exp(), full=True),
        full=True,
    ),
    torch(
        "gaussian_nll",
        "gaussian",
        lambda F, a, y: F.gaussian_nll_loss(a[:, :3], y, F.softplus(a[:, 3:])),
        variance="softplus",
    ),
    torch(
        "gaussian_nll",
        "gaussian",
        lambda F, a, y: F.gaussian_nll_loss(a[:, :3], y, a[:, 3:].exp(), full=True, eps=0.5),
        full=True,
        eps=0.5,
    ),
    torch(
        "gaussian_nll",
        "gaussian",
        lambda F, a, y: F.gaussian_nll_loss(a[:, :3], y, F.softplus(a[:, 3:]), eps=0.5),
        variance="softplus",
        eps=0.5,
    ),
    torch("dice", "picture", lambda F, a, y: _overlap(a, y, a**2 + y**2, 1.0), preset="paper"),
    keras32("dice", "picture", lambda k: k.Dice(axis=1), smooth=1e-12),
    optax("dice", "picture", lambda o, a, y: _dice(o, a, y), preset="optax"),
    torch("tversky", "picture", lambda F, a, y: _tversky(a, y, 0.3, 0.7), alpha=0.3, beta=0.7),
    po(
        "tversky",
        lambda F, a, y: _by_example(a, y, 0.3, 0.7),
        {"alpha": 0.3, "beta": 0.7, "smooth": 1e-6},
        "picture",
    ),
    keras32(
        "tversky",
        "picture",
        lambda k: k.Tversky(0.7, 0.3, axis=1),  # Keras exchanges the two
        alpha=0.3,
        beta=0.7,
        smooth=1e-12,
    ),
    optax("tversky", "picture", lambda o, a, y: _dice(o, a, y, alpha=0.3, beta=0.7), alpha=0.3, beta=0.7),
]
