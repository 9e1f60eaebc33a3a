"""Networks that see an example at once: layers, pictures, competition, a game of two."""

from __future__ import annotations

from functools import partial
from typing import Any

from oracles.networks.sides import drawn, layer_norm, torch


def _mlp(t: Any, x: Any, p: Any, training: bool, norm: Any = None, **values: Any) -> Any:
    z = x @ p["W1"] + p["b1"]
    for i in (1, 2):
        a = t.tanh(z if norm is None else norm(t, z, p, i, training, **values))
        z = a @ p[f"W{i + 1}"] + p[f"b{i + 1}"]
    return z


def _batch_norm(t: Any, z: Any, p: Any, i: int, training: bool, **values: Any) -> Any:
    mean, variance, gain, shift = (p[f"{key}{i}"][0] for key in ("mean", "variance", "gain", "shift"))
    return t.nn.functional.batch_norm(z, mean, variance, gain, shift, training, **values)


def _layer_norm(t: Any, z: Any, p: Any, i: int, training: bool, **values: Any) -> Any:
    return layer_norm(t, z, p, i, **values)


def _sparse(t: Any, x: Any, p: Any, training: bool) -> Any:
    for i in (1, 2):
        x = t.tanh(x @ (p[f"W{i}"] * p[f"M{i}"]) + p[f"b{i}"])
    return x @ p["W3"] + p["b3"]


def _residual_mlp(t: Any, x: Any, p: Any, training: bool, skip: bool = True, norm: bool = True) -> Any:
    """Return the output of residual blocks, or of a plain network of the same layers."""

    def normed(h: Any, which: str) -> Any:
        return layer_norm(t, h, p, which) if norm else h

    h = x @ p["E"] + p["e"]
    for i in range(1, sum(name.startswith("A") for name in p) + 1):
        a = t.tanh(normed(h, str(i)) @ p[f"A{i}"] + p[f"a{i}"])
        h = (h if skip else 0) + a @ p[f"B{i}"] + p[f"b{i}"]
    return normed(h, "") @ p["V"] + p["d"]


def _autoencoder(t: Any, x: Any, p: Any, training: bool) -> Any:
    for i in (1, 3):
        x = t.tanh(x @ p[f"W{i}"] + p[f"b{i}"]) @ p[f"W{i + 1}"] + p[f"b{i + 1}"]
    return x


def _gan(t: Any, x: Any, p: Any, training: bool) -> Any:
    """Return the sum of both players' losses, each a function of its own weights alone."""
    softplus = t.nn.functional.softplus

    def player(one: str, values: Any, *, moves: bool) -> Any:
        w, v, a, b = (
            p[name] if moves else p[name].detach()
            for name in (f"{one}1", f"{one}2", f"{one.lower()}1", f"{one.lower()}2")
        )
        return t.tanh(values @ w + a) @ v + b

    made = player("A", t.tensor(drawn((len(x), 2))), moves=True)
    generator = softplus(-player("B", made, moves=False)).mean()
    real, fake = player("B", x, moves=True), player("B", made.detach(), moves=True)
    return generator + softplus(-real).mean() + softplus(fake).mean()


def _maxnet(t: Any, x: Any, p: Any, training: bool) -> Any:
    y = t.relu(x)
    for _ in range(10):
        y = t.relu(1.1 * y - 0.1 * y.sum(1, keepdim=True))
    return p["gain"] * y


def _lateral(t: Any, x: Any, p: Any, training: bool, inhibition: float = 0.0, steps: int = 3) -> Any:
    others = 1 - t.eye(4, dtype=x.dtype)
    between = -inhibition * others if inhibition else p["L"] * others
    z = x @ p["W1"] + p["b1"]
    a = t.tanh(z)
    for _ in range(steps):
        a = t.tanh(z + a @ between)
    return a @ p["W2"] + p["b2"]


def _lattice(
    t: Any, x: Any, p: Any, training: bool, radius: int = 1, border: float = -1.0, start: float = 0.0
) -> Any:
    def around(pictures: Any, name: str) -> Any:
        template = p[name].reshape(1, 1, 2 * radius + 1, -1)
        wide = t.nn.functional.pad(pictures.reshape(-1, 1, 4, 4), [radius] * 4, value=border)
        return t.nn.functional.conv2d(wide, template).flatten(1)

    state = t.full_like(x, start) if start else x
    for _ in range(4):
        output = t.nn.functional.hardtanh(state)
        state = 0.5 * state + 0.5 * (around(output, "A") + around(x, "B") + p["I"])
    return state


def _cnn(t: Any, x: Any, p: Any, training: bool, kernel: int = 3, pool: int = 2, mean: bool = False) -> Any:
    weight = p["W"].T.reshape(-1, 1, kernel, kernel)
    z = t.nn.functional.conv2d(x.reshape(-1, 1, 8, 8), weight, p["b"][0], padding="same")
    a = t.tanh(z)
    pooled = t.nn.functional.avg_pool2d(a, pool) if mean else t.nn.functional.max_pool2d(a, pool)
    return pooled.permute(0, 2, 3, 1).flatten(1) @ p["V"] + p["d"]


def _cnn_on_a_line(t: Any, x: Any, p: Any, training: bool) -> Any:
    z = t.nn.functional.conv1d(x.reshape(-1, 1, 64), p["W"].T.reshape(-1, 1, 5), p["b"][0], padding="same")
    return t.nn.functional.max_pool1d(t.tanh(z), 3).permute(0, 2, 1).flatten(1) @ p["V"] + p["d"]


def _locally_connected(t: Any, x: Any, p: Any, training: bool, kernel: int = 3, stride: int = 2) -> Any:
    """Return the output of local fields on images of 6 x 6: unfolded, each place times its own weights."""
    edge = kernel
    image = t.nn.functional.pad(x.reshape(-1, 1, 6, 6), [edge] * 4)
    places = range((stride - 1) // 2, 6, stride)
    patches = [
        image[:, 0, top : top + kernel, left : left + kernel].flatten(1)
        for top in (edge + row - (kernel - 1) // 2 for row in places)
        for left in (edge + column - (kernel - 1) // 2 for column in places)
    ]
    filters = p["W"].reshape(len(patches), kernel**2, -1)
    z = t.einsum("npk,pkf->npf", t.stack(patches, dim=1), filters).flatten(1) + p["b"]
    return t.tanh(z) @ p["V"] + p["d"]


ROWS = [
    *(
        torch("mlp", inputs, partial(_mlp, **theirs), hidden=[4, 3], **values)
        for inputs, theirs, values in (
            ("training", {}, {}),
            ("training", {"norm": _batch_norm}, {"norm": "batch"}),
            (
                "training",
                {"norm": _batch_norm, "momentum": 0.3, "eps": 0.01},
                {"norm": "batch", "norm_momentum": 0.3, "norm_eps": 0.01},
            ),
            ("evaluation", {"norm": _batch_norm}, {"norm": "batch"}),
            ("training", {"norm": _layer_norm}, {"norm": "layer"}),
            ("evaluation", {"norm": _layer_norm, "eps": 0.01}, {"norm": "layer", "norm_eps": 0.01}),
        )
    ),
    torch("sparse", "training", _sparse, hidden=[4, 3]),
    torch("residual_mlp", "training", _residual_mlp, hidden=5, blocks=2),
    torch(
        "residual_mlp",
        "training",
        partial(_residual_mlp, skip=False, norm=False),
        hidden=5,
        blocks=2,
        skip=False,
        norm="none",
    ),
    torch("autoencoder", "training", _autoencoder, hidden=[4], code=2),
    torch("gan", "learning", _gan, hidden=4, samples=2),
    torch("hopfield", "training", lambda t, x, p, training: x @ p["W"]),
    torch("maxnet", "training", _maxnet),
    torch("lateral", "training", _lateral, hidden=4),
    torch(
        "lateral",
        "training",
        partial(_lateral, inhibition=0.2, steps=5),
        hidden=4,
        connections="fixed",
        inhibition=0.2,
        steps=5,
    ),
    torch("lattice", "training", _lattice, steps=4),
    torch(
        "lattice",
        "training",
        partial(_lattice, radius=2, border=0.5, start=1.0),
        steps=4,
        radius=2,
        border=0.5,
        start="ink",
    ),
    torch("cnn", "training", _cnn, filters=2),
    torch("cnn", "training", partial(_cnn, mean=True), filters=2, pooling="mean"),
    torch("cnn", "training", partial(_cnn, kernel=5, pool=3), filters=2, kernel=5, pool=3),
    torch("cnn", "training", partial(_cnn, kernel=4, pool=1), filters=2, kernel=4, pool=1),
    torch("cnn", "training", _cnn_on_a_line, filters=2, kernel=5, pool=3, layout="line"),
    torch("locally_connected", "training", _locally_connected, filters=2),
    torch(
        "locally_connected",
        "training",
        partial(_locally_connected, kernel=4, stride=3),
        filters=2,
        kernel=4,
        stride=3,
    ),
]
