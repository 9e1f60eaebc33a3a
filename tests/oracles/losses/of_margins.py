"""Losses of scores that are not probabilities: margins, and other ways to make probabilities of scores."""

from __future__ import annotations

from typing import Any

from oracles.losses.sides import both, classes, keras, keras32, optax, po, sklearn, torch


def _bi_tempered(F: Any, z: Any, y: Any, t1: float, t2: float) -> Any:
    """Return pytorch-optimizer's loss with rounds enough; of one output, the other class has 0."""
    from pytorch_optimizer.loss.bi_tempered import bi_tempered_logistic_loss

    if z.shape[1] == 1:
        z, y = F.pad(z, (0, 1)), both(y)
    return bi_tempered_logistic_loss(z, y, t1, t2, num_iters=1000)


def _tempered(F: Any, z: Any, y: Any, t1: float, t2: float) -> Any:
    """Return the bi-tempered loss by its formula; the last round of Newton's method carries the gradient."""
    top, k = z.max(dim=1, keepdim=True)[0].detach(), t2 - 1
    s = z.new_zeros(len(z), 1)
    for _ in range(100):
        s, base = s.detach(), 1 + k * (s.detach() + top - z)
        slope = -(base ** (-1 / k - 1)).sum(1, keepdim=True).detach()
        s = s - ((base ** (-1 / k)).sum(1, keepdim=True) - 1) / slope
    p = (1 + k * (s + top - z)) ** (-1 / k)
    logs = (1 - p ** (1 - t1)) / (1 - t1)  # y log y is 0 for hard labels
    return (y * logs - (y - p ** (2 - t1)) / (2 - t1)).sum(1).mean()


def _sparsemax_loss(F: Any, z: Any, y: Any) -> Any:
    """Return Martins & Astudillo's loss, equation 8."""
    falling = z.sort(dim=1, descending=True)[0]
    count = y.new_tensor(range(1, z.shape[1] + 1))
    inside = 1 + count * falling > falling.cumsum(1)
    tau = ((falling * inside).sum(1) - 1) / inside.sum(1)
    within = (z > tau[:, None]) * (z**2 - tau[:, None] ** 2)
    return (0.5 * within.sum(1) + 0.5 - (z * y).sum(1)).mean()


ROWS = [
    torch("hinge", "margins", lambda F, x, y: F.multi_margin_loss(x, classes(y)), preset="torch"),
    torch(
        "hinge",
        "margins",
        lambda F, x, y: F.multi_margin_loss(x, classes(y), p=2, margin=0.7),
        preset="torch",
        squared=True,
        margin=0.7,
    ),
    keras32("hinge", "margin", lambda k: k.Hinge(), preset="keras"),
    keras32("hinge", "margin", lambda k: k.SquaredHinge(), preset="keras", squared=True),
    keras("hinge", "margins", lambda k: k.CategoricalHinge(), preset="keras"),
    optax("hinge", "margin", lambda o, x, y: o.hinge_loss(x, 2 * y - 1), preset="optax"),
    optax(
        "hinge",
        "margins",
        lambda o, x, y: o.losses.multiclass_hinge_loss(x, y.argmax(axis=1)),
        preset="optax",
    ),
    sklearn("hinge", "margin", lambda m, y, x: m.hinge_loss(y[:, 0], x[:, 0])),
    sklearn("hinge", "margins", lambda m, y, x: m.hinge_loss(classes(y), x), preset="sklearn"),
    torch("squared_hinge", "margin", lambda F, x, y: F.relu(0.7 - (2 * y - 1) * x).pow(2).mean(), margin=0.7),
    keras32("squared_hinge", "margin", lambda k: k.SquaredHinge()),
    keras32("squared_hinge", "margins", lambda k: k.SquaredHinge()),
    torch(
        "categorical_hinge",
        "margins",
        lambda F, x, y: F.relu(0.7 - (x * y).sum(1) + ((1 - y) * x).max(1)[0]).mean(),
        margin=0.7,
    ),
    keras("categorical_hinge", "margins", lambda k: k.CategoricalHinge()),
    torch("sparsemax_loss", "margins", _sparsemax_loss),
    optax(
        "sparsemax_loss", "margins", lambda o, z, y: o.losses.multiclass_sparsemax_loss(z, y.argmax(axis=1))
    ),
    optax("sparsemax_loss", "margin", lambda o, z, y: o.losses.sparsemax_loss(z, y)),
    *(
        torch(
            "bi_tempered", "margins", lambda F, z, y, t1=t1, t2=t2: _tempered(F, z, y, t1, t2), t1=t1, t2=t2
        )
        for t1, t2 in ((0.7, 1.3), (0.4, 3.0))
    ),
    *(
        po(
            "bi_tempered",
            lambda F, z, y, t1=t1, t2=t2: _bi_tempered(F, z, y, t1, t2),
            {"t1": t1, "t2": t2},
            inputs,
            rtol=1e-9,
            why="pytorch-optimizer adds 1e-10 to the targets",
        )
        for t1, t2, inputs in ((0.8, 1.2, "margins"), (0.2, 4.0, "margins"), (0.5, 1.5, "margin"))
    ),
]
