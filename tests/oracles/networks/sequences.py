"""Networks that see an example step by step, or all steps beside each other."""

from __future__ import annotations

from functools import partial
from typing import Any

from oracles.networks.sides import layer_norm, torch


def _elman(t: Any, x: Any, p: Any, training: bool, every: bool = False) -> Any:
    steps = x.reshape(len(x), -1, len(p["Wx"]))
    hidden = len(p["Wh"])
    rnn = t.nn.RNN(steps.shape[2], hidden, batch_first=True, dtype=x.dtype)
    weights = {
        "weight_ih_l0": p["Wx"].T,
        "weight_hh_l0": p["Wh"].T,
        "bias_ih_l0": p["b"][0],
        "bias_hh_l0": x.new_zeros(hidden),
    }
    given = t.func.functional_call(rnn, weights, (steps,))[0]
    return (given if every else given[:, -1]).matmul(p["Wy"]).add(p["c"]).flatten(1)


def rnn(t: Any, x: Any, p: Any, training: bool, every: bool = False) -> Any:
    """Return the output of torch.nn.RNN with a linear layer."""
    return _read(t, x, p, t.nn.RNN, 1, {}, every)


def lstm(t: Any, x: Any, p: Any, training: bool, every: bool = False, forget_bias: float = 1.0) -> Any:
    """Return the output of torch.nn.LSTM with a linear layer; the gates lie in the order i, f, g, o."""
    units = len(p["Wh1"])
    first = x.new_zeros(4 * units)
    first[units : 2 * units] = forget_bias
    return _read(t, x, p, t.nn.LSTM, 4, {"bias_hh": lambda i: first}, every)


def gru(t: Any, x: Any, p: Any, training: bool, every: bool = False) -> Any:
    """Return the output of torch.nn.GRU with a linear layer; the gates lie in the order r, z, n."""
    gates = x.new_zeros(2 * len(p["Wh1"]))
    return _read(t, x, p, t.nn.GRU, 3, {"bias_hh": lambda i: t.cat([gates, p[f"e{i}"][0]])}, every)


def _read(t: Any, x: Any, p: Any, cls: Any, gates: int, given: Any, every: bool) -> Any:
    features, units = p["Wx1"].shape[0], p["Wh1"].shape[0]
    layers = sum(name.startswith("Wh") for name in p)
    layer = cls(features, units, num_layers=layers, batch_first=True, dtype=x.dtype)
    weights = {}
    for i in range(1, layers + 1):
        weights |= {
            f"weight_ih_l{i - 1}": p[f"Wx{i}"].T,
            f"weight_hh_l{i - 1}": p[f"Wh{i}"].T,
            f"bias_ih_l{i - 1}": p[f"b{i}"][0],
            f"bias_hh_l{i - 1}": given["bias_hh"](i) if given else x.new_zeros(gates * units),
        }
    states = t.func.functional_call(layer, weights, (x.reshape(len(x), -1, features),))[0]
    return (states if every else states[:, -1]).matmul(p["Wy"]).add(p["d"]).flatten(1)


def gru_of_cho(t: Any, x: Any, p: Any, training: bool) -> Any:
    """Return the output of a GRU that resets the state before its product; PyTorch has none."""
    units = len(p["Wh1"])
    h = x.new_zeros(len(x), units)
    for at in x.split(len(p["Wx1"]), dim=1):
        r, z, n = (at @ p["Wx1"] + p["b1"]).split(units, dim=1)
        by_r, by_z, by_n = p["Wh1"].split(units, dim=1)
        r, z = t.sigmoid(r + h @ by_r), t.sigmoid(z + h @ by_z)
        h = z * h + (1 - z) * t.tanh(n + (r * h) @ by_n)
    return h @ p["Wy"] + p["d"]


def jordan(
    t: Any, x: Any, p: Any, training: bool, teacher: bool = True, decay: float = 0.0, back: Any = None
) -> Any:
    """Return the outputs of Jordan's network with one column of input and two outputs at each step."""
    context, outputs = 0, []
    for step, at in enumerate(x.split(3, dim=1)):
        forced = step == 0 or (teacher and training)
        came_back = at[:, 1:] if forced else (back or (lambda z: z))(outputs[-1])
        context = decay * context + came_back
        a = t.tanh(at[:, :1] @ p["Wx"] + context @ p["Wc"] + p["b"])
        outputs.append(a @ p["Wy"] + p["d"])
    return t.cat(outputs, dim=1)


def echo_state(t: Any, x: Any, p: Any, training: bool, leak: float = 1.0, every: bool = False) -> Any:
    """Return the output of a reservoir of leaky tanh units."""
    h, states = x.new_zeros(len(x), len(p["Wh"])), []
    for at in x.split(len(p["Wx"]), dim=1):
        h = (1 - leak) * h + leak * t.tanh(at @ p["Wx"] + h @ p["Wh"] + p["b"])
        states.append(h @ p["Wy"] + p["d"])
    return t.cat(states, dim=1) if every else states[-1]


def transformer(
    t: Any,
    x: Any,
    p: Any,
    training: bool,
    heads: int = 2,
    causal: bool = False,
    read: str = "mean",
    sinusoids: Any = None,
) -> Any:
    """Return the output of torch.nn.TransformerEncoderLayer with norm_first, with what is around it.

    Its activation is tanh.
    """
    width, inner = p["U1"].shape
    h = x.reshape(len(x), -1, len(p["E"])) @ p["E"] + p["e"]
    h = h + (
        p["P"]
        if "P" in p
        else 0
        if sinusoids is None
        else t.tensor(sinusoids(h.shape[1], width), dtype=x.dtype)
    )
    steps = h.shape[1]
    mask = t.triu(t.ones(steps, steps, dtype=t.bool), diagonal=1) if causal else None
    for i in range(1, sum(name.startswith("U") for name in p) + 1):
        layer = t.nn.TransformerEncoderLayer(
            width, heads, inner, 0.0, t.tanh, batch_first=True, norm_first=True, dtype=x.dtype
        )
        weights = {
            "self_attn.in_proj_weight": p[f"Q{i}"].T,
            "self_attn.in_proj_bias": p[f"r{i}"][0],
            "self_attn.out_proj.weight": p[f"O{i}"].T,
            "self_attn.out_proj.bias": p[f"o{i}"][0],
            "linear1.weight": p[f"U{i}"].T,
            "linear1.bias": p[f"u{i}"][0],
            "linear2.weight": p[f"D{i}"].T,
            "linear2.bias": p[f"d{i}"][0],
            "norm1.weight": p[f"gain{i}"][0],
            "norm1.bias": p[f"shift{i}"][0],
            "norm2.weight": p[f"gain{i}b"][0],
            "norm2.bias": p[f"shift{i}b"][0],
        }
        h = t.func.functional_call(layer, weights, (h,), {"src_mask": mask})
    h = layer_norm(t, h, p, "")
    if read != "every":
        h = h.mean(dim=1) if read == "mean" else h[:, -1]
    return h.matmul(p["V"]).add(p["v"]).flatten(1)


def sinusoids(steps: int, width: int) -> list[list[float]]:
    """Return the positions of Vaswani et al. 2017, section 3.5, number by number."""
    from math import cos, sin

    return [
        [(sin if unit % 2 == 0 else cos)(step / 10000 ** (2 * (unit // 2) / width)) for unit in range(width)]
        for step in range(steps)
    ]


ROWS = [
    torch("elman", "training", _elman, hidden=5),
    torch("elman", "training", _elman, hidden=5, features=4),
    torch("elman", "training", _elman, hidden=5, features=8),
    torch("elman", "training", partial(_elman, every=True), hidden=5, features=4, read="every"),
    torch("rnn", "training", rnn, hidden=5, num_layers=2),
    torch("rnn", "training", partial(rnn, every=True), hidden=5, features=4, read="every"),
    torch("lstm", "training", lstm, hidden=3),
    torch("lstm", "training", partial(lstm, forget_bias=0), hidden=3, num_layers=2, preset="torch"),
    torch("lstm", "training", partial(lstm, every=True), hidden=3, features=4, read="every"),
    torch("gru", "training", gru, hidden=3),
    torch("gru", "training", gru, hidden=3, num_layers=2, features=2),
    torch("gru", "training", partial(gru, every=True), hidden=3, features=4, read="every"),
    torch("gru", "training", gru_of_cho, hidden=3, reset="before"),
    torch("jordan", "training", jordan, hidden=4),
    torch("jordan", "training", partial(jordan, decay=0.5), hidden=4, decay=0.5),
    torch("jordan", "training", partial(jordan, teacher=False), hidden=4, teacher=False),
    torch(
        "jordan",
        "evaluation",
        partial(jordan, decay=0.5, back=lambda z: z.sigmoid()),
        hidden=4,
        decay=0.5,
        feedback="sigmoid",
    ),
    torch("echo_state", "training", echo_state, hidden=5),
    torch(
        "echo_state",
        "training",
        partial(echo_state, leak=0.3, every=True),
        hidden=5,
        leak=0.3,
        features=4,
        read="every",
    ),
    torch("transformer", "training", transformer, width=4, inner=5, blocks=2),
    torch(
        "transformer",
        "training",
        partial(transformer, heads=1, causal=True, read="last"),
        width=4,
        heads=1,
        inner=5,
        features=2,
        causal=True,
        read="last",
        positions="none",
    ),
    torch(
        "transformer",
        "training",
        partial(transformer, read="every", sinusoids=sinusoids),
        width=4,
        inner=5,
        features=4,
        read="every",
        positions="sinusoidal",
    ),
]
