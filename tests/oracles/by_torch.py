"""PyTorch, and pytorch-optimizer, which builds on it: rows, and how they are run."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
from oracles import networks_in_torch as nets, objectives_in_torch
from oracles.optimizers_in_torch import Damped, ExactMARS, Preconditioned, SummedAdEMAMix, Within, Written
from oracles.rows import (
    CHANGES,
    FAN_IN,
    FAN_OUT,
    INPUTS,
    NETWORK,
    PATHS,
    PROBLEMS,
    SCORES,
    SEEN,
    UPDATES,
    Row,
    a_pass,
    drawn,
    facts,
    halved,
    own,
    points,
    upstream_of,
    z_of,
)

BFLOAT16 = "its Newton-Schulz iterations are in bfloat16"
SAMPLING = "random draws, compared by their spread and quantiles"

NORM32 = "pytorch-optimizer takes the norm in float32"

TINY = "pytorch-optimizer adds 1e-15 under the root"
MOMENTS32 = "pytorch-optimizer keeps its moments in float32"
SOLVED32 = "pytorch-optimizer solves for its factors in float32"
SHARES32 = "pytorch-optimizer keeps the shares of its running means in float32"

WEIGHTS = (0.5, 1.0, 4.0)

torch = partial(Row, "torch")
po = partial(Row, "pytorch-optimizer")


def torch_module() -> Any:
    """Return PyTorch, once it is needed."""
    import torch

    return torch


def optimizer(name: str, theirs: Any, **values: Any) -> Row:
    """Return a row of an optimizer with the preset that is PyTorch's."""
    return torch("optimizer", name, theirs, {"preset": "torch", **values})


def activation(name: str, theirs: Any, **values: Any) -> Row:
    """Return a row of an activation; theirs(F, z, *its own parameters), F being torch.nn.functional."""
    return torch("activation", name, theirs, values)


def loss(name: str, inputs: str, theirs: Any, **values: Any) -> Row:
    """Return a row of a loss; theirs(F, output, target)."""
    return torch("loss", name, theirs, values, inputs)


def _cyclic(schedules: Any, optimizer: Any, **options: Any) -> Any:
    return schedules.CyclicLR(optimizer, 0.25, 1.0, 6, gamma=0.9, cycle_momentum=False, **options)


def _wsd(shape: str, _: Any, optimizer: Any) -> Any:
    import pytorch_optimizer

    return pytorch_optimizer.get_wsd_schedule(optimizer, 4, 28, 8, cooldown_type=shape)


def _rational(F: Any, z: Any, *coefficients: Any) -> Any:
    a0, a1, a2, a3, b1, b2 = coefficients
    return (a0 + a1 * z + a2 * z**2 + a3 * z**3) / (1 + (b1 * z + b2 * z**2).abs())


def network(name: str, inputs: str, theirs: Any, **values: Any) -> Row:
    """Return a row of a network with tanh; theirs(torch, x, parameters and state by name, in training?).

    For one that learns by a rule it returns, in place of its output, the loss whose gradient the rule gives.
    """
    return torch("network", name, theirs, values, inputs)


def objective(name: str, theirs: Any, **values: Any) -> Row:
    """Return a row of an objective; theirs(torch, x), x (5, D)."""
    return torch("objective", name, theirs, values)


def _valley(t: Any, x: Any) -> Any:
    ahead, behind = x[:, 1:], x[:, :-1]
    return (100 * (ahead - behind**2) ** 2 + (1 - behind) ** 2).sum(1)


def _corners(t: Any, x: Any) -> Any:
    return sum((c - x[:, 0] * (1 - x[:, 1] ** i)) ** 2 for i, c in enumerate((1.5, 2.25, 2.625), start=1))


def _four(t: Any, x: Any) -> Any:
    return (x[:, 0] ** 2 + x[:, 1] - 11) ** 2 + (x[:, 0] + x[:, 1] ** 2 - 7) ** 2


def _mlp(t: Any, x: Any, p: Any, training: bool, norm: Any = None) -> Any:
    z = x @ p["W1"] + p["b1"]
    for i in (1, 2):
        z = t.tanh(z if norm is None else norm(z, p, i, training)) @ p[f"W{i + 1}"] + p[f"b{i + 1}"]
    return z


def _batch_norm(t: Any, **values: Any) -> Any:
    def norm(z: Any, p: Any, i: int, training: bool) -> Any:
        mean, variance, gain, shift = (p[f"{key}{i}"][0] for key in ("mean", "variance", "gain", "shift"))
        return t.nn.functional.batch_norm(z, mean, variance, gain, shift, training, **values)

    return norm


def _layer_norm(t: Any, **values: Any) -> Any:
    def norm(z: Any, p: Any, i: int, training: bool) -> Any:
        return t.nn.functional.layer_norm(z, z.shape[1:], p[f"gain{i}"][0], p[f"shift{i}"][0], **values)

    return norm


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + (-z).exp())


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


def _sparse(t: Any, x: Any, p: Any, training: bool) -> Any:
    for i in (1, 2):
        x = t.tanh(x @ (p[f"W{i}"] * p[f"M{i}"]) + p[f"b{i}"])
    return x @ p["W3"] + p["b3"]


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


def _game(t: Any, x: Any, curvature: float = 0.0) -> Any:
    """Return the distance to the equilibrium, with the slopes of the players as its gradient."""

    def payoff(one: Any, other: Any) -> Any:
        return one * other + curvature / 2 * (one**2 - other**2)

    one, other = x[:, 0], x[:, 1]
    slopes = payoff(one, other.detach()) - payoff(one.detach(), other)
    return (x**2).sum(1).detach() / 2 + slopes - slopes.detach()


class Extragradient:
    """PyTorch's gradient descent, back at where it was after it has looked ahead."""

    def __init__(self, torch: Any, parameters: Any, lr: float) -> None:
        self._sgd = torch.optim.SGD(parameters, lr=lr)
        self.param_groups = self._sgd.param_groups
        self._no_grad = torch.no_grad

    def step(self, closure: Any) -> None:
        """Make a step by the gradient at the next place."""
        parameters = self.param_groups[0]["params"]
        before = [parameter.detach().clone() for parameter in parameters]
        self._sgd.step()
        closure()
        with self._no_grad():
            for parameter, place in zip(parameters, before, strict=True):
                parameter.copy_(place)
        self._sgd.step()


class BarzilaiBorwein(Written):
    """Barzilai & Borwein (1988), equations 5 and 6; the last rate where the function curves downwards."""

    def __init__(self, torch: Any, parameters: Any, first: float, form: str) -> None:
        super().__init__(torch, parameters, 1.0)
        self._rate, self._form, self._seen = first, form, []

    def moved(self, x: Any, g: Any) -> Any:
        """Return the next parameter."""
        if self._seen:
            before, slope = self._seen[-1]
            dot = self._torch.vdot
            s, y = (x - before).flatten(), (g - slope).flatten()
            even = len(self._seen) % 2 == 1
            if dot(s, y) > 0 and (self._form == "long" or (self._form == "alternate" and even)):
                self._rate = (dot(s, s) / dot(s, y)).item()
            elif dot(s, y) > 0:
                self._rate = (dot(s, y) / dot(y, y)).item()
        self._seen.append((x, g))
        return x - self._rate * g


class ConjugateGradients(Written):
    """Nocedal & Wright (2006), equations 5.41 and 5.45, with Newton's step along the direction, halved."""

    def __init__(self, torch: Any, parameters: Any, form: str) -> None:
        super().__init__(torch, parameters, 1.0)
        self._form, self._seen = form, []

    def step(self, closure: Any) -> None:
        """Make a step."""
        torch, start = self._torch, self._parameter.detach().clone()

        def evaluated(at: Any) -> tuple[float, Any]:
            with torch.no_grad():
                self._parameter.copy_(at)
            value = closure().item()
            return value, self._parameter.grad.clone()

        value, g = evaluated(start)
        d = -g
        if self._seen:
            before, direction = self._seen[-1]
            top = g @ g if self._form == "fletcher_reeves" else (g @ (g - before)).clamp(min=0)
            d = -g + top / (before @ before) * direction
            d = d if g @ d < 0 else -g
        e = 1e-3 * max(1.0, start.norm().item()) / d.norm()
        curvature = (d @ (evaluated(start + e * d)[1] - g)) / e
        t = min(-(g @ d) / curvature, 1 / d.norm()) if curvature > 0 else 1 / d.norm()
        while evaluated(start + t * d)[0] > value + 1e-4 * t * (g @ d):
            t = t / 2
        self._seen.append((g, d))


class FISTA(Written):
    """Beck & Teboulle (2009), with a constant step size."""

    def __init__(self, torch: Any, parameters: Any, lr: float, strength: float, *, fast: bool) -> None:
        super().__init__(torch, parameters, lr)
        self._strength, self._fast, self._s = strength, fast, 1.0
        self._x = self._parameter.detach().clone()

    def moved(self, x: Any, g: Any) -> Any:
        """Return the next parameter."""
        lr, before = self.param_groups[0]["lr"], self._x
        self._x = self._torch.nn.functional.softshrink(x - lr * g, lr * self._strength)
        s = (1 + (1 + 4 * self._s**2) ** 0.5) / 2
        ahead = (self._s - 1) / s if self._fast else 0.0
        self._s = s
        return self._x + ahead * (self._x - before)

    def at(self) -> Any:
        """Return where it is evaluated."""
        return self._x


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


def _cnn(t: Any, x: Any, p: Any, training: bool, kernel: int = 3, pool: int = 2, mean: bool = False) -> Any:
    weight = p["W"].T.reshape(-1, 1, kernel, kernel)
    z = t.nn.functional.conv2d(x.reshape(-1, 1, 8, 8), weight, p["b"][0], padding="same")
    a = t.tanh(z)
    pooled = t.nn.functional.avg_pool2d(a, pool) if mean else t.nn.functional.max_pool2d(a, pool)
    return pooled.permute(0, 2, 3, 1).flatten(1) @ p["V"] + p["d"]


def _cnn_on_a_line(t: Any, x: Any, p: Any, training: bool) -> Any:
    z = t.nn.functional.conv1d(x.reshape(-1, 1, 64), p["W"].T.reshape(-1, 1, 5), p["b"][0], padding="same")
    return t.nn.functional.max_pool1d(t.tanh(z), 3).permute(0, 2, 1).flatten(1) @ p["V"] + p["d"]


def initializer(name: str, theirs: Any, **values: Any) -> Row:
    """Return a row of an initializer; theirs(torch.nn.init, weight), the weight (fan_out, fan_in)."""
    return torch("initializer", name, theirs, values, rtol=0.025, why=SAMPLING)


def _focal(log_p: Any, log_q: Any, gamma: float, weight: Any) -> Any:
    """Lin et al. (2017), equation 5, from log p_t and log (1 - p_t)."""
    return -(weight * (gamma * log_q).exp() * log_p).sum(-1).mean()


def _focal_binary(log_p: Any, log_q: Any, y: Any, gamma: float = 2.0, alpha: float | None = 0.25) -> Any:
    """Weigh the positives with alpha and the negatives with 1 - alpha, as torchvision does."""
    weight = 1.0 if alpha is None else alpha * y + (1 - alpha) * (1 - y)
    one = y == 1
    return _focal(log_p.where(one, log_q), log_q.where(one, log_p), gamma, weight)


def _soft_focal(F: Any, z: Any, y: Any, weight: float) -> Any:
    positive = weight * y * z.neg().sigmoid() ** 2 * F.logsigmoid(z)
    return -(positive + (1 - y) * z.sigmoid() ** 2 * F.logsigmoid(-z)).mean()


def _focal_classes(log_p: Any, y: Any, gamma: float = 2.0, alpha: float = 0.25) -> Any:
    true = (log_p * y).sum(-1, keepdim=True)
    return _focal(true, (-true.expm1()).log(), gamma, alpha)


def _pinball(a: Any, y: Any, level: float) -> Any:
    """Koenker & Bassett (1978)."""
    return (level * (y - a)).maximum((level - 1) * (y - a)).mean()


class Around:
    """An optimizer, what is done to the parameters before its steps and after them, and where to look."""

    def __init__(self, optimizer: Any, before: Any = None, after: Any = None, at: Any = None) -> None:
        self.param_groups, self._optimizer = optimizer.param_groups, optimizer
        self._before, self._after = before, after
        if at is not None:
            self.at = at

    def step(self, *closure: Any) -> None:
        """Make a step."""
        if self._before is not None:
            self._before()
        self._optimizer.step(*closure)
        if self._after is not None:
            self._after()


def filtered(p: Any, optimizer: Any, alpha: float, strength: float) -> Any:
    """Return an optimizer on gradients that pytorch-optimizer's filter has changed."""
    from pytorch_optimizer.optimizer.grokfast import gradfilter_ema

    kept: dict[str, Any] = {}
    model: Any = SimpleNamespace(named_parameters=lambda: [("theta", p[0])])

    def before() -> None:
        kept["means"] = gradfilter_ema(model, kept.get("means"), alpha, strength)

    return Around(optimizer, before)


def averaged(t: Any, p: Any, optimizer: Any) -> Any:
    """Return an optimizer with PyTorch's exponential moving average of its weights."""
    model = t.nn.Module()
    model.theta = t.nn.Parameter(p[0].detach())  # the same memory
    mean = t.optim.swa_utils.AveragedModel(model, multi_avg_fn=t.optim.swa_utils.get_ema_multi_avg_fn())
    return Around(optimizer, after=lambda: mean.update_parameters(model), at=lambda: mean.module.theta)


def swa(t: Any, p: Any, optimizer: Any, start: int = 1, every: int = 1) -> Any:
    """Return an optimizer with PyTorch's equal average of its weights, taken after some of the steps."""
    model = t.nn.Module()
    model.theta = t.nn.Parameter(p[0].detach())  # the same memory
    mean, steps = t.optim.swa_utils.AveragedModel(model), []

    def after() -> None:
        steps.append(len(steps) + 1)
        if steps[-1] >= start and (steps[-1] - start) % every == 0:
            mean.update_parameters(model)

    return Around(optimizer, after=after, at=lambda: mean.module.theta if len(steps) >= start else p[0])


def centred(o: Any, p: Any, optimizer: Any) -> Any:
    """Return an optimizer whose gradients are centralized first."""
    return Around(optimizer, before=lambda: o.centralize_gradient(p[0].grad))


def clipped(p: Any, optimizer: Any, clip: Any, limit: float) -> Any:
    """Return an optimizer whose gradients are clipped first."""
    return Around(optimizer, before=lambda: clip(p, limit))


def slow(optimizer: Any, p: Any) -> Any:
    """Return a lookahead, looked at where its slow weights are."""
    return Around(optimizer, at=lambda: optimizer.state[p[0]]["slow_params"])


def behind(optimizer: Any, p: Any) -> Any:
    """Return Nesterov's momentum, looked at where the paper's θ is: before the step of the momentum."""

    def at() -> Any:
        (group,) = optimizer.param_groups
        return p[0] + group["lr"] * group["momentum"] * optimizer.state[p[0]]["momentum_buffer"]

    return Around(optimizer, at=at)


def mean_of(optimizer: Any, p: Any) -> Any:
    """Return PyTorch's averaged gradient descent, looked at where the average is."""
    return Around(optimizer, at=lambda: optimizer.state[p[0]]["ax"])


def free(optimizer: Any, p: Any) -> Any:
    """Return a schedule-free optimizer, looked at where it is to be evaluated."""

    def at() -> Any:
        optimizer.eval()
        weight = p[0].detach().clone()
        optimizer.train()
        return weight

    return Around(optimizer, at=at)


def classes(y: Any) -> Any:
    """Return class numbers of one-hot rows."""
    return y.argmax(dim=1)


def _plateau(settings: Any, schedulers: Any, optimizer: Any) -> Any:
    return schedulers.ReduceLROnPlateau(optimizer, **settings)


def norms(t: Any, weights: Any, rest: Any) -> Any:
    """Return the norm of all gradients and of each weight's."""
    grads = [weight.grad for weight in weights]
    total = t.nn.utils.get_total_norm([*grads, *(weight.grad for weight in rest)])
    return [total.item(), *(t.linalg.vector_norm(grad).item() for grad in grads)]


def dead(t: Any, layers: Any) -> Any:
    """Return the share of units without an activation, of all layers and of each."""
    silent = [t.count_nonzero(a, dim=0) == 0 for a in layers]
    return [t.cat(silent).double().mean().item(), *(layer.double().mean().item() for layer in silent)]


def effective_ranks(t: Any, layers: Any) -> Any:
    """Return the exponential of the entropy of the singular values, of the last layer and of each."""
    ranks = []
    for a in layers:
        p = t.linalg.svdvals(a.detach())
        ranks.append(t.special.entr(p / p.sum()).sum().exp().item())
    return [ranks[-1], *ranks]


def ratios(t: Any, weights: Any, rest: Any) -> Any:
    """Return the length of the changes over that of what was there before, of everything and by matrix."""
    changes = [[t.tensor(CHANGES[f"{kind}{i}"]) for i in (1, 2, 3)] for kind in "Wb"]
    pairs = [(change, weight.detach() - change) for change, weight in zip(changes[0], weights, strict=True)]
    others = [(change, weight.detach() - change) for change, weight in zip(changes[1], rest, strict=True)]
    flat = [t.cat([pair[side].flatten() for pair in pairs + others]) for side in (0, 1)]
    return [(change.norm() / weight.norm()).item() for change, weight in [flat, *pairs]]


def sharpest(t: Any) -> Any:
    """Return the largest eigenvalue of the loss's Hessian, which autograd computes in full."""
    arrays = [t.tensor(array) for array in NETWORK.values()]
    x, y = (t.tensor(array) for array in INPUTS["regression"])

    def loss(*arrays: Any) -> Any:
        named = dict(zip(NETWORK, arrays, strict=True))
        a = x
        for i in (1, 2):
            a = t.relu(a @ named[f"W{i}"] + named[f"b{i}"])
        return t.nn.functional.mse_loss(a @ named["W3"] + named["b3"], y)

    blocks = t.autograd.functional.hessian(loss, tuple(arrays))
    rows = [
        t.cat([block.reshape(one.numel(), -1) for block in row], dim=1)
        for one, row in zip(arrays, blocks, strict=True)
    ]
    return t.linalg.eigvalsh(t.cat(rows))[-1].item()


def saturated(t: Any, layers: Any) -> Any:
    """Return the share of units whose slope is 0 on 95 % of the examples, of all layers and of each."""
    flat = []
    for a in layers:
        x = a.detach().requires_grad_()  # as 0 is where ReLU's slope is 0, its values tell its slopes
        (slope,) = t.autograd.grad(t.relu(x).sum(), x)
        flat.append((slope.abs() < 0.01).double().mean(dim=0) >= 0.95)
    return [t.cat(flat).double().mean().item(), *(layer.double().mean().item() for layer in flat)]


# Barron's general loss at its special shapes, of squared ratios; one of -∞ is near enough at -1e15
BARRON = {
    2.0: lambda u: u / 2,
    1.0: lambda u: (u + 1).sqrt() - 1,
    0.5: lambda u: 3 * ((u / 1.5 + 1) ** 0.25 - 1),
    0.0: lambda u: (u / 2 + 1).log(),
    -2.0: lambda u: 2 * u / (u + 4),
    -1e15: lambda u: 1 - (-u / 2).exp(),
}


def _biweight(F: Any, a: Any, y: Any, c: float = 4.685) -> Any:
    inside = (1 - ((a - y) / c) ** 2).clamp(min=0)
    return (c**2 / 6 * (1 - inside**3)).mean()


def _asymmetric_squares(a: Any, y: Any, level: float) -> Any:
    return (level * (y - a).clamp(min=0) ** 2 + (1 - level) * (a - y).clamp(min=0) ** 2).mean()


def _true(p: Any, y: Any) -> Any:
    """Return the probability of the true class of two."""
    return y * p + (1 - y) * (1 - p)


def _both(p: Any) -> Any:
    """Return the probabilities of two classes from that of the first."""
    return p.new_tensor([[1.0, -1.0]]) * p + p.new_tensor([[0.0, 1.0]])


def _symmetric(p: Any, y: Any, alpha: float, beta: float, floor: float) -> Any:
    log_y = y.log().clamp(min=floor)
    return -(alpha * y * p.log() + beta * p * log_y).sum(1).mean()


def _ridnik(p: Any, y: Any, gamma_pos: float, gamma_neg: float, clip: float) -> Any:
    rest = (1 - p + clip).clamp(max=1)
    positive = y * (1 - p) ** gamma_pos * p.log()
    return -(positive + (1 - y) * (1 - rest) ** gamma_neg * rest.log()).mean()


def _jensen_shannon(F: Any, p: Any, y: Any, weight: float) -> Any:
    mixed = (weight * y + (1 - weight) * p).log()
    rows = weight * F.kl_div(mixed, y, reduction="none") + (1 - weight) * F.kl_div(mixed, p, reduction="none")
    return rows.sum(1).mean()


def _overlap(a: Any, y: Any, marked: Any, smooth: float) -> Any:
    return (1 - (2 * (a * y).sum(1) + smooth) / (marked.sum(1) + smooth)).mean()


def _tversky(a: Any, y: Any, alpha: float, beta: float) -> Any:
    both, extra, missed = (a * y).sum(1), (a * (1 - y)).sum(1), ((1 - a) * y).sum(1)
    return (1 - (both + 1) / (both + alpha * extra + beta * missed + 1)).mean()


def _bi_tempered(F: Any, z: Any, y: Any, t1: float, t2: float) -> Any:
    """Return pytorch-optimizer's loss with rounds enough; of one output, the other class has 0."""
    from pytorch_optimizer.loss.bi_tempered import bi_tempered_logistic_loss

    if z.shape[1] == 1:
        z, y = F.pad(z, (0, 1)), _both(y)
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


def _by_example(a: Any, y: Any, alpha: float, beta: float) -> Any:
    """Return the mean of pytorch-optimizer's Tversky loss of one example after the other, from logits."""
    from pytorch_optimizer import TverskyLoss

    one = TverskyLoss(alpha, beta)
    return sum(one(row.logit(), marked) for row, marked in zip(a, y, strict=True)) / len(a)


ROWS = [
    optimizer("sgd", lambda t, p: t.optim.SGD(p)),
    optimizer("sgd", lambda t, p: t.optim.SGD(p, momentum=0.9, nesterov=True), momentum=0.9, nesterov=True),
    optimizer("momentum", lambda t, p: t.optim.SGD(p, momentum=0.9)),
    optimizer("adagrad", lambda t, p: t.optim.Adagrad(p)),
    optimizer("rmsprop", lambda t, p: t.optim.RMSprop(p)),
    optimizer("rmsprop", lambda t, p: t.optim.RMSprop(p, centered=True), centered=True),
    optimizer("adam", lambda t, p: t.optim.Adam(p)),
    optimizer("nesterov", lambda t, p: t.optim.SGD(p, momentum=0.9, nesterov=True)),
    optimizer("adamw", lambda t, p: t.optim.AdamW(p)),
    optimizer("amsgrad", lambda t, p: t.optim.Adam(p, amsgrad=True)),
    optimizer("nadam", lambda t, p: t.optim.NAdam(p)),
    optimizer("nadam", lambda t, p: t.optim.NAdam(p, weight_decay=0.2), weight_decay=0.2),
    optimizer("radam", lambda t, p: t.optim.RAdam(p)),
    optimizer("radam", lambda t, p: t.optim.RAdam(p, weight_decay=0.2), weight_decay=0.2),
    optimizer("sgd", lambda t, p: t.optim.SGD(p, weight_decay=0.2), weight_decay=0.2),
    optimizer("momentum", lambda t, p: t.optim.SGD(p, momentum=0.9, weight_decay=0.2), weight_decay=0.2),
    optimizer(
        "nesterov",
        lambda t, p: t.optim.SGD(p, momentum=0.9, nesterov=True, weight_decay=0.2),
        weight_decay=0.2,
    ),
    optimizer("adam", lambda t, p: t.optim.Adam(p, weight_decay=0.2), weight_decay=0.2),
    optimizer("adamw", lambda t, p: t.optim.AdamW(p, weight_decay=0.2), weight_decay=0.2),
    optimizer("amsgrad", lambda t, p: t.optim.Adam(p, amsgrad=True, weight_decay=0.2), weight_decay=0.2),
    optimizer(
        "amsgrad",
        lambda t, p: t.optim.AdamW(p, amsgrad=True, weight_decay=0.2),
        weight_decay=0.2,
        decay_mode="decoupled",
    ),
    optimizer("adamax", lambda t, p: t.optim.Adamax(p)),
    optimizer(
        "adamax", lambda t, p: t.optim.Adamax(p, eps=0.01, weight_decay=0.2), eps=0.01, weight_decay=0.2
    ),
    optimizer("adadelta", lambda t, p: t.optim.Adadelta(p)),
    optimizer("adadelta", lambda t, p: t.optim.Adadelta(p, weight_decay=0.2), weight_decay=0.2),
    optimizer(
        "adagrad",
        lambda t, p: t.optim.Adagrad(p, lr_decay=0.1, weight_decay=0.2, initial_accumulator_value=0.3),
        lr_decay=0.1,
        weight_decay=0.2,
        initial=0.3,
    ),
    optimizer(
        "rmsprop",
        lambda t, p: t.optim.RMSprop(p, momentum=0.9, weight_decay=0.2, centered=True),
        momentum=0.9,
        weight_decay=0.2,
        centered=True,
    ),
    optimizer("momentum", lambda t, p: t.optim.SGD(p, momentum=0.9, dampening=0.4), dampening=0.4),
    optimizer(
        "momentum",
        lambda t, p: t.optim.SGD(p, momentum=0.9, dampening=0.9, weight_decay=0.2),
        dampening=0.9,
        weight_decay=0.2,
    ),
    optimizer("adam", lambda t, p: t.optim.Adam(p, eps=0), eps=0.0),
    optimizer("adamw", lambda t, p: t.optim.AdamW(p, eps=0), eps=0.0),
    optimizer("amsgrad", lambda t, p: t.optim.Adam(p, amsgrad=True, eps=0), eps=0.0),
    optimizer("nadam", lambda t, p: t.optim.NAdam(p, eps=0), eps=0.0),
    optimizer("radam", lambda t, p: t.optim.RAdam(p, eps=0), eps=0.0),
    *(
        po(
            "optimizer",
            "adam_mini",
            lambda o, p, name=name, heads=heads: Within(
                torch_module(),
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
    *(
        po(
            "optimizer",
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
    torch(
        "optimizer",
        "simplified_ademamix",
        lambda t, p: SummedAdEMAMix(t, p, 1e-4, 0.0, 0.99, 0.95),
        {"preset": "authors"},
    ),
    torch(
        "optimizer",
        "simplified_ademamix",
        lambda t, p: SummedAdEMAMix(t, p, 1e-3, 5.0, 0.9, 0.99),
        {"lr": 1e-3, "alpha": 5.0, "beta1": 0.9, "beta2": 0.99},
        "wide",
    ),
    po(
        "optimizer",
        "simplified_ademamix",
        # Its factor √(1 - beta2ᵗ), which divides where it should multiply, is 1 here.
        lambda o, p: o.SimplifiedAdEMAMix(p, betas=(0.9, 0.0), alpha=3.0, weight_decay=0.2),
        {"form": "mean", "beta1": 0.9, "beta2": 0.0, "alpha": 3.0, "weight_decay": 0.2},
    ),
    po(
        "optimizer",
        "simplified_ademamix",
        lambda o, p: o.SimplifiedAdEMAMix(p, betas=(0.99, 0.0), alpha=1.0, beta1_warmup=40, min_beta1=0.5),
        {"form": "mean", "beta2": 0.0, "alpha": 1.0, "warmup": 40, "beta_start": 0.5},
        rtol=1e-7,
        why="pytorch-optimizer adds 1e-8 to the betas between which it warms up",
    ),
    *(
        torch(
            "optimizer",
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
    *(
        po(
            "optimizer",
            "psgd_kron",
            lambda o, p, values=values: Preconditioned(
                torch_module(),
                o.Kron(
                    p,
                    pre_conditioner_update_probability=1.0,
                    balance_prob=0.0,
                    precondition_dtype=torch_module().float64,
                    **values,
                ),
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
    *(
        torch(
            "optimizer",
            "adafactor",
            lambda t, p: t.optim.Adafactor(p, eps=(2.0**-23, 1e-3)),
            {"preset": "torch"},
            inputs,
        )
        for inputs in ("", "wide", "tall")
    ),
    torch(
        "optimizer",
        "adafactor",
        lambda t, p: t.optim.Adafactor(p, lr=0.1, beta2_decay=-0.5, eps=(0.2, 1.5), d=1.3, weight_decay=0.2),
        {
            "preset": "torch",
            "lr": 0.1,
            "decay": 0.5,
            "eps1": 0.2,
            "eps2": 1.5,
            "clip": 1.3,
            "weight_decay": 0.2,
        },
        "wide",
    ),
    torch(
        "optimizer",
        "nag",
        lambda t, p: behind(t.optim.SGD(p, lr=0.01, momentum=0.9, nesterov=True), p),
        {"lr": 0.01},
        halves=False,  # its velocity is scaled by the newest rate
    ),
    torch("optimizer", "rprop", lambda t, p: t.optim.Rprop(p), {"preset": "torch"}, halves=False),
    torch(
        "optimizer",
        "rprop",
        lambda t, p: t.optim.Rprop(p, lr=0.1, etas=(0.3, 1.5), step_sizes=(0.02, 0.2)),
        {"preset": "torch", "lr": 0.1, "eta_minus": 0.3, "eta_plus": 1.5, "min_step": 0.02, "max_step": 0.2},
        halves=False,  # schedules do not act on it
    ),
    torch(
        "optimizer",
        "asgd",
        lambda t, p: mean_of(t.optim.ASGD(p), p),
        {"preset": "torch"},
        halves=False,  # schedules act one step late
    ),
    torch(
        "optimizer",
        "asgd",
        lambda t, p: mean_of(t.optim.ASGD(p, lambd=0.3, alpha=0.6, t0=20, weight_decay=0.2), p),
        {"preset": "torch", "lambd": 0.3, "alpha": 0.6, "t0": 20, "weight_decay": 0.2},
        halves=False,
    ),
    po("optimizer", "adabelief", lambda o, p: o.AdaBelief(p), {"preset": "paper"}),
    po(
        "optimizer",
        "adabelief",
        lambda o, p: o.AdaBelief(p, eps=1e-4, weight_decay=0.2),
        {"eps": 1e-4, "weight_decay": 0.2},
    ),
    po("optimizer", "adan", lambda o, p: o.Adan(p), {"preset": "paper"}),
    *(
        po(
            "optimizer",
            "adan",
            lambda o, p, mode=mode: o.Adan(p, weight_decay=0.2, weight_decouple=mode == "decoupled"),
            {"weight_decay": 0.2, "decay_mode": mode},
        )
        for mode in ("proximal", "decoupled")
    ),
    po("optimizer", "ademamix", lambda o, p: o.AdEMAMix(p), {"preset": "paper"}),
    po(
        "optimizer",
        "ademamix",
        lambda o, p: o.AdEMAMix(
            p, betas=(0.8, 0.99, 0.995), alpha=3.0, t_alpha_beta3=40, weight_decay=0.2, weight_decouple=True
        ),
        {"beta1": 0.8, "beta2": 0.99, "beta3": 0.995, "alpha": 3.0, "warmup": 40, "weight_decay": 0.2},
    ),
    # With its limit c it counts t from 2, not from 1 as the paper and optax.
    po("optimizer", "adopt", lambda o, p: o.ADOPT(p, clip_lambda=None), {"preset": "paper", "clip": False}),
    po("optimizer", "yogi", lambda o, p: o.Yogi(p), {"initial": 1e-6, "bias_correction": True}),
    po(
        "optimizer",
        "adabound",
        lambda o, p: o.AdaBound(p, lr=0.01, gamma=0.1, weight_decay=0.2),
        {"lr": 0.01, "gamma": 0.1, "weight_decay": 0.2},
    ),
    *(
        po(
            "optimizer",
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
        "optimizer",
        "amsbound",
        lambda o, p: o.AdaBound(p, ams_bound=True, final_lr=0.01, gamma=0.1),
        {"final_lr": 0.01, "gamma": 0.1},
    ),
    po("optimizer", "signsgd", lambda o, p: o.SignSGD(p, momentum=0.0), {"lr": 1e-3}),
    po("optimizer", "signum", lambda o, p: o.SignSGD(p), {"preset": "paper"}),
    po(
        "optimizer",
        "signum",
        lambda o, p: o.SignSGD(p, momentum=0.5, weight_decay=0.2),
        {"momentum": 0.5, "weight_decay": 0.2},
    ),
    po(
        "optimizer",
        "lars",
        lambda o, p: o.LARS(p, lr=1.0, weight_decay=0.2),
        {"preset": "paper", "form": "heavy_ball", "weight_decay": 0.2},
        "wide",
    ),
    po(
        "optimizer",
        "lars",
        lambda o, p: o.LARS(p, lr=1.0, momentum=0.5, nesterov=True),
        {"form": "heavy_ball", "momentum": 0.5, "nesterov": True},
        "tall",
    ),
    po("optimizer", "novograd", lambda o, p: o.NovoGrad(p, lr=0.01), {"preset": "paper"}, "wide"),
    po("optimizer", "sm3", lambda o, p: o.SM3(p, momentum=0.9), {"preset": "paper"}, "tall"),
    po("optimizer", "madgrad", lambda o, p: o.MADGRAD(p, lr=0.01), {"preset": "paper"}),
    po("optimizer", "fromage", lambda o, p: o.Fromage(p), {"preset": "paper"}, "tall"),
    po("optimizer", "lion", lambda o, p: o.Lion(p), {"preset": "paper"}),
    po(
        "optimizer",
        "lion",
        lambda o, p: o.Lion(p, weight_decay=0.2, weight_decouple=False),
        {"weight_decay": 0.2, "decay_mode": "coupled"},
    ),
    po(
        "optimizer",
        "lion",
        lambda o, p: o.Lion(p, weight_decay=0.01, fixed_decay=True),
        {"weight_decay": 0.01, "decay_mode": "independent"},
        halves=False,  # it leaves the schedule out too
    ),
    *(
        torch(
            "optimizer",
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
        "optimizer",
        "muon",
        lambda t, p: t.optim.Muon(p, nesterov=False, adjust_lr_fn="match_rms_adamw"),
        {"preset": "torch", "nesterov": False, "scale": "match_rms_adamw"},
        "wide",
        rtol=0,
        atol=5e-4,
        why=BFLOAT16,
    ),
    po(
        "optimizer",
        "muon",
        lambda o, p: o.Muon([{"params": p, "use_muon": True}], weight_decay=0.1),
        {"preset": "paper", "weight_decay": 0.1},
        "wide",
        rtol=0,
        atol=0.01,  # of steps that add up to 0.9
        why=BFLOAT16,
    ),
    *(
        po("optimizer", "shampoo", lambda o, p: o.Shampoo(p), {"preset": "paper", "lr": 1e-3}, inputs)
        for inputs in ("", "wide", "tall")
    ),
    po(
        "optimizer",
        "shampoo",
        lambda o, p: o.Shampoo(p, lr=0.1, weight_decay=0.2),
        {"preset": "paper", "lr": 0.1, "weight_decay": 0.2, "decay_mode": "coupled"},
        "wide",
    ),
    po(
        "optimizer",
        "soap",
        lambda o, p: o.SOAP(p, weight_decay=0),
        {"preset": "paper", "weight_decay": 0.0},
    ),
    po(
        "optimizer",
        "soap",
        lambda o, p: o.SOAP(p, weight_decay=0, precondition_frequency=100),
        {"preset": "paper", "weight_decay": 0.0, "every": 100},
        "wide",
    ),
    *(
        po(
            "optimizer",
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
    po("optimizer", "prodigy", lambda o, p: o.Prodigy(p), {"preset": "paper"}, "wide"),
    *(
        po(
            "optimizer",
            "prodigy",
            lambda o, p, warmup=warmup: o.Prodigy(
                p, d0=0.01, d_coef=2.0, weight_decay=0.1, safeguard_warmup=warmup, bias_correction=True
            ),
            {
                "preset": "optax",
                "d0": 0.01,
                "d_coef": 2.0,
                "weight_decay": 0.1,
                "safeguard_warmup": warmup,
            },
        )
        for warmup in (False, True)
    ),
    po(
        "optimizer",
        "laprop",
        lambda o, p: o.LaProp(p),
        {"preset": "authors", "eps_mode": "hat"},
        rtol=1e-6,
        why=TINY,
    ),
    po(
        "optimizer",
        "laprop",
        lambda o, p: o.LaProp(p, lr=0.01, betas=(0.8, 0.5)),
        {"lr": 0.01, "beta1": 0.8, "beta2": 0.5, "eps_mode": "hat"},
        "wide",
        halves=False,  # it has the rate in its momentum; its decay comes after the step, or has no effect
        rtol=1e-8,
        why=TINY,
    ),
    po(
        "optimizer",
        "qhadam",
        lambda o, p: o.QHAdam(p, nus=(0.7, 1.0), betas=(0.995, 0.999)),
        {"preset": "paper"},
        rtol=1e-7,
        why=SHARES32,
    ),
    po(
        "optimizer",
        "qhadam",
        lambda o, p: o.QHAdam(p, nus=(0.4, 0.8), weight_decay=0.2),
        {"nu1": 0.4, "nu2": 0.8, "beta1": 0.9, "weight_decay": 0.2},
        rtol=1e-7,
        why=SHARES32,
    ),
    po("optimizer", "qhm", lambda o, p: o.QHM(p, lr=1.0, momentum=0.999, nu=0.7), {"preset": "paper"}),
    po(
        "optimizer",
        "qhm",
        lambda o, p: o.QHM(p, lr=0.1, momentum=0.9, nu=0.4, weight_decay=0.2, weight_decouple=True),
        {"momentum": 0.9, "nu": 0.4, "weight_decay": 0.2, "decay_mode": "decoupled"},
    ),
    po("optimizer", "aggmo", lambda o, p: o.AggMo(p), {"preset": "paper", "lr": 1e-3}),
    po(
        "optimizer",
        "aggmo",
        lambda o, p: o.AggMo(p, lr=0.1, betas=(0.0, 0.9, 0.99, 0.999), weight_decay=0.2),
        {"lr": 0.1, "betas": (0.0, 0.9, 0.99, 0.999), "weight_decay": 0.2},
    ),
    po("optimizer", "grams", lambda o, p: o.Grams(p), {"preset": "paper"}),
    po(
        "optimizer",
        "grams",
        lambda o, p: o.Grams(p, lr=0.1, betas=(0.5, 0.9), weight_decay=0.2),
        {"lr": 0.1, "beta1": 0.5, "beta2": 0.9, "weight_decay": 0.2},
    ),
    po("optimizer", "schedule_free_sgd", lambda o, p: free(o.ScheduleFreeSGD(p), p), {"preset": "paper"}),
    po(
        "optimizer",
        "schedule_free_sgd",
        lambda o, p: free(
            o.ScheduleFreeSGD(p, lr=0.1, momentum=0.8, weight_decay=0.2, warmup_steps=12, r=0.5), p
        ),
        {"lr": 0.1, "beta": 0.8, "weight_decay": 0.2, "warmup": 12, "r": 0.5},
    ),
    *(
        torch(
            "optimizer",
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
        "optimizer",
        "gradient_centralization",
        lambda o, p: centred(o, p, o.AdamW(p, lr=1e-2, weight_decay=0.0)),
        {},
        "wide",
        inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
    ),
    torch(
        "optimizer",
        "swa",
        lambda t, p: swa(t, p, t.optim.Adam(p)),
        {"preset": "torch"},
        inside=("adam", {"preset": "torch"}),
    ),
    torch(
        "optimizer",
        "swa",
        lambda t, p: swa(t, p, t.optim.Adam(p), start=7, every=3),
        {"start": 7, "every": 3},
        inside=("adam", {"preset": "torch"}),
    ),
    *(
        po(
            "optimizer",
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
                {
                    "lr": 0.1,
                    "beta1": 0.8,
                    "beta2": 0.9,
                    "gamma": 0.1,
                    "weight_decay": 0.2,
                    "where": "all",
                },
                "tall",
                1e-8,
            ),
        )
    ),
    po(
        "optimizer",
        "mars",
        lambda o, p: o.MARS(p, mars_type="lion"),
        {"preset": "paper", "form": "lion"},
        "wide",
    ),
    po("optimizer", "d_adaptation", lambda o, p: o.DAdaptAdam(p), {"preset": "paper"}, "wide"),
    po(
        "optimizer",
        "d_adaptation",
        lambda o, p: o.DAdaptAdam(
            p, d0=0.01, growth_rate=1.02, weight_decay=0.1, weight_decouple=True, bias_correction=True
        ),
        {"d0": 0.01, "growth": 1.02, "weight_decay": 0.1, "bias_correction": True},
    ),
    po(
        "optimizer",
        "ftrl",
        lambda o, p: o.FTRL(p, lr=0.1, beta=1.0, lambda_1=0.05, lambda_2=0.2),
        {"preset": "paper", "l1": 0.05, "l2": 0.2},
        halves=False,
    ),
    po(
        "optimizer",
        "ftrl",
        lambda o, p: o.FTRL(p, lr=0.01, beta=1.0),
        {"preset": "paper", "lr": 0.01},
        "wide",
    ),
    po(
        "optimizer",
        "scion",
        lambda o, p: o.SCION(p, lr=0.02, norm_type=4),
        {"inner": "sign"},
        "wide",
    ),
    po(
        "optimizer",
        "scion",
        lambda o, p: o.SCION(p, lr=0.02, momentum=0.3, norm_type=4, constraint=True, scale=3.0),
        {"inner": "sign", "momentum": 0.7, "constrained": True, "radius": 3.0},
        "tall",
    ),
    *(
        po(
            "optimizer",
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
        po(
            "optimizer",
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
    po(
        "optimizer",
        "splus",
        lambda o, p: free(o.SPlus(p, weight_decay=0), p),
        {"preset": "authors", "weight_decay": 0.0},
    ),
    *(
        po(
            "optimizer",
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
        torch(
            "optimizer",
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
            "optimizer",
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
            "optimizer",
            "fista",
            lambda t, p, fast=momentum == "fista": FISTA(t, p, 0.1, 0.3, fast=fast),
            {"lr": 0.1, "strength": 0.3, "momentum": momentum},
            problem="tilted",
            halves=False,
        )
        for momentum in ("fista", "none")
    ),
    torch(
        "optimizer",
        "clip_norm",
        lambda t, p: clipped(p, t.optim.SGD(p, momentum=0.9), t.nn.utils.clip_grad_norm_, 0.3),
        {"preset": "torch", "max_norm": 0.3},
        inside=("sgd", {"preset": "torch", "momentum": 0.9}),
    ),
    torch(
        "optimizer",
        "clip_value",
        lambda t, p: clipped(p, t.optim.SGD(p, momentum=0.9), t.nn.utils.clip_grad_value_, 0.04),
        {"max_value": 0.04},
        inside=("sgd", {"preset": "torch", "momentum": 0.9}),
    ),
    torch(
        "optimizer",
        "ema",
        lambda t, p: averaged(t, p, t.optim.Adam(p)),
        {"preset": "torch"},
        inside=("adam", {"preset": "torch"}),
    ),
    torch(
        "optimizer",
        "lbfgs",
        lambda t, p: t.optim.LBFGS(
            p, max_iter=1, max_eval=26, history_size=100, line_search_fn="strong_wolfe"
        ),
        {"preset": "torch"},
        problem="valley",
    ),
    torch(
        "optimizer",
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
            "optimizer",
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
        po(
            "optimizer",
            "grokfast",
            lambda o, p, alpha=alpha, strength=strength: filtered(
                p, o.AdamW(p, lr=1e-2, weight_decay=0.0), alpha, strength
            ),
            {"alpha": alpha, "strength": strength},
            inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
        )
        for alpha, strength in ((0.98, 2.0), (0.8, 0.1))
    ),
    po(
        "optimizer",
        "lookahead",
        lambda o, p: slow(o.Lookahead(o.AdamW(p, lr=1e-2, weight_decay=0.0), k=5, alpha=0.4), p),
        {"preset": "paper", "alpha": 0.4},
        inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
    ),
    po(
        "optimizer",
        "lookahead",
        lambda o, p: o.Lookahead(o.AdamW(p, lr=1e-2, weight_decay=0.0), k=5, alpha=0.4),
        {"preset": "paper", "alpha": 0.4, "evaluate_at": "fast"},
        inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
    ),
    po(
        "optimizer",
        "cautious",
        lambda o, p: o.Lion(p, cautious=True),
        {"preset": "paper"},
        inside=("lion", {"preset": "paper"}),
    ),
    po(
        "optimizer",
        "sam",
        lambda o, p: o.SAM(p, o.AdamW, lr=1e-2, weight_decay=0.0),
        {"preset": "paper"},
        inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
        problem="tilted",
        rtol=1e-8,
        why=NORM32,
    ),
    po(
        "optimizer",
        "sam",
        lambda o, p: o.SAM(p, o.AdamW, rho=0.5, adaptive=True, lr=1e-2, weight_decay=0.0),
        {"preset": "asam"},
        inside=("adamw", {"lr": 1e-2, "weight_decay": 0.0}),
        problem="tilted",
        rtol=1e-8,
        why=NORM32,
    ),
    po(
        "optimizer",
        "schedule_free_adamw",
        lambda o, p: free(o.ScheduleFreeAdamW(p), p),
        {"preset": "paper"},
    ),
    po(
        "optimizer",
        "schedule_free_adamw",
        lambda o, p: free(o.ScheduleFreeAdamW(p, lr=0.1, weight_decay=0.2, warmup_steps=12, r=0.5), p),
        {"lr": 0.1, "weight_decay": 0.2, "warmup": 12, "r": 0.5},
        rtol=1e-8,
        why="pytorch-optimizer adds 1e-15 under the root",
    ),
    torch(
        "optimizer",
        "extragradient",
        lambda t, p: Extragradient(t, p, 0.1),
        {"lr": 0.1},
        problem="tilted",
    ),
    activation("identity", lambda F, z: z * 1),
    activation("sign", lambda F, z: z.sign()),
    activation("sigmoid", lambda F, z: F.sigmoid(z)),
    activation("tanh", lambda F, z: F.tanh(z)),
    activation("relu", lambda F, z: F.relu(z)),
    activation("leaky_relu", lambda F, z: F.leaky_relu(z), preset="torch"),
    activation("softmax", lambda F, z: F.softmax(z, dim=-1)),
    activation("gelu", lambda F, z: F.gelu(z), preset="torch"),
    activation("gelu", lambda F, z: F.gelu(z, approximate="tanh"), approximate="tanh"),
    activation("selu", lambda F, z: F.selu(z)),
    activation("softplus", lambda F, z: F.softplus(z), preset="torch"),
    activation("prelu", lambda F, z, slope: F.prelu(z, slope), preset="torch"),
    activation("prelu", lambda F, z, slope: F.prelu(z, slope), preset="paper"),
    activation("rrelu", lambda F, z: F.rrelu(z)),
    activation("glu", lambda F, z: F.glu(z, dim=-1)),
    activation("swiglu", lambda F, z: F.silu(z[:, :3]) * z[:, 3:]),
    activation("swiglu", lambda F, z: F.silu(2 * z[:, :3]) / 2 * z[:, 3:], beta=2.0),
    activation("softplus", lambda F, z: F.softplus(z, beta=3, threshold=9), beta=3.0, threshold=9),
    activation("silu", lambda F, z: F.silu(z)),
    activation("swish", lambda F, z: F.silu(2 * z) / 2, beta=2.0),
    activation("quick_gelu", lambda F, z: F.silu(1.702 * z) / 1.702),
    activation("mish", lambda F, z: F.mish(z)),
    activation("elu", lambda F, z: F.elu(z)),
    activation("elu", lambda F, z: F.elu(z, alpha=0.7), alpha=0.7),
    activation("celu", lambda F, z: F.celu(z, alpha=0.5), alpha=0.5),  # 1 / 0.7 is taken in float32
    activation("softsign", lambda F, z: F.softsign(z)),
    torch(
        "activation",
        "hard_sigmoid",
        lambda F, z: F.hardsigmoid(z),
        {"preset": "torch"},
        rtol=1e-7,
        why="its slope, 1/6, is in float32",
    ),
    activation("hard_tanh", lambda F, z: F.hardtanh(z)),
    activation("hard_tanh", lambda F, z: F.hardtanh(z, -2.5, 3), low=-2.5, high=3.0),
    activation("hard_swish", lambda F, z: F.hardswish(z)),
    activation("relu6", lambda F, z: F.relu6(z)),
    activation("threshold", lambda F, z: F.threshold(z, 0.5, -2), threshold=0.5, value=-2.0),
    activation("softshrink", lambda F, z: F.softshrink(z)),
    activation("softshrink", lambda F, z: F.softshrink(z, 2), threshold=2.0),
    activation("hardshrink", lambda F, z: F.hardshrink(z)),
    activation("hardshrink", lambda F, z: F.hardshrink(z, 2), threshold=2.0),
    activation("tanhshrink", lambda F, z: F.tanhshrink(z)),
    activation("exponential", lambda F, z: z.exp()),
    activation("log_sigmoid", lambda F, z: F.logsigmoid(z)),
    activation("squared_relu", lambda F, z: F.relu(z).square()),
    activation("lisht", lambda F, z: z * z.tanh()),
    activation("snake", lambda F, z: z + (3 * z).sin() ** 2 / 3, a=3.0),
    activation("gaussian", lambda F, z: (-z * z).exp()),
    activation("gaussian", lambda F, z: (-z * z / 8).exp(), sigma=2.0),
    activation("sine", lambda F, z: (30 * z).sin()),
    activation("softmin", lambda F, z: F.softmin(z, dim=-1)),
    activation("log_softmax", lambda F, z: F.log_softmax(z, dim=-1)),
    activation("reglu", lambda F, z: F.relu(z[:, :3]) * z[:, 3:]),
    activation("geglu", lambda F, z: F.gelu(z[:, :3]) * z[:, 3:]),
    activation("geglu", lambda F, z: F.gelu(z[:, :3], approximate="tanh") * z[:, 3:], approximate="tanh"),
    activation("crelu", lambda F, z: F.relu(z.new_tensor([[[1.0], [-1.0]]]) * z[:, None]).flatten(1)),
    activation("maxout", lambda F, z: z.reshape(len(z), 2, 3).amax(1)),
    activation("rational", _rational),
    objective("rosenbrock", _valley),
    objective("rosenbrock", _valley, dimensions=6),
    objective("beale", _corners),
    objective("himmelblau", _four),
    objective("quadratic", lambda t, x: x[:, 0] ** 2 / 2 + 50 * x[:, 1] ** 2),
    objective(
        "quadratic",
        lambda t, x: (x**2 * t.logspace(0, 3, 6, dtype=x.dtype)).sum(1) / 2,
        dimensions=6,
        condition=1e3,
    ),
    objective("noisy_quadratic", lambda t, x: (x**2 / t.arange(1, 7)).sum(1) / 2, dimensions=6),
    objective("bilinear_game", _game),
    objective("bilinear_game", partial(_game, curvature=0.3), curvature=0.3),
    *(objective(name, formula, **values) for name, formula, values in objectives_in_torch.FORMULAS),
    loss("mse", "regression", lambda F, a, y: F.mse_loss(a, y), preset="torch"),
    loss("mae", "regression", lambda F, a, y: F.l1_loss(a, y)),
    loss("huber", "regression", lambda F, a, y: F.huber_loss(a, y)),
    loss("huber", "regression", lambda F, a, y: F.huber_loss(a, y, delta=0.4), delta=0.4),
    loss("binary_cross_entropy", "binary", lambda F, a, y: F.binary_cross_entropy(a, y), preset="torch"),
    loss(
        "binary_cross_entropy",
        "binary logits",
        lambda F, z, y: F.binary_cross_entropy_with_logits(z, y),
        preset="torch",
    ),
    loss(
        "categorical_cross_entropy",
        "multiclass",
        lambda F, a, y: F.nll_loss(a.log(), classes(y)),
        preset="torch",
    ),
    loss(
        "categorical_cross_entropy",
        "multiclass logits",
        lambda F, z, y: F.cross_entropy(z, classes(y)),
        preset="torch",
    ),
    loss(
        "categorical_cross_entropy",
        "multiclass logits",
        lambda F, z, y: F.cross_entropy(z, classes(y), label_smoothing=0.1),
        preset="torch",
        smoothing=0.1,
    ),
    loss(
        "categorical_cross_entropy",
        "soft multiclass logits",
        lambda F, z, y: F.cross_entropy(z, y, label_smoothing=0.2),
        preset="torch",
        smoothing=0.2,
    ),
    loss(
        "categorical_cross_entropy",
        "multiclass logits",
        lambda F, z, y: F.cross_entropy(z, classes(y), weight=z.new_tensor(WEIGHTS), label_smoothing=0.1),
        preset="torch",
        class_weights=WEIGHTS,
        smoothing=0.1,
    ),
    loss(
        "categorical_cross_entropy",
        "multiclass",
        lambda F, a, y: F.nll_loss(a.log(), classes(y), weight=a.new_tensor(WEIGHTS)),
        preset="torch",
        class_weights=WEIGHTS,
    ),
    loss(
        "categorical_cross_entropy",
        "soft multiclass logits",
        lambda F, z, y: F.cross_entropy(z, y, weight=z.new_tensor(WEIGHTS)),
        class_weights=WEIGHTS,
        weight_reduction="mean",
    ),
    loss(
        "binary_cross_entropy",
        "binary logits",
        lambda F, z, y: F.binary_cross_entropy_with_logits(z, y, pos_weight=z.new_tensor([3.0])),
        pos_weight=3.0,
    ),
    loss("one_sided_cross_entropy", "binary", lambda F, a, y: -(y * a.log()).mean()),
    loss("one_sided_cross_entropy", "binary logits", lambda F, z, y: -(y * F.logsigmoid(z)).mean()),
    loss("kl_divergence", "multiclass", lambda F, a, y: F.kl_div(a.log(), y), preset="torch"),
    loss(
        "kl_divergence",
        "soft multiclass logits",
        lambda F, z, y: F.kl_div(F.log_softmax(z, dim=-1), y, reduction="batchmean"),
        preset="torch",
        reduction="batchmean",
    ),
    loss("hinge", "margins", lambda F, x, y: F.multi_margin_loss(x, classes(y)), preset="torch"),
    loss(
        "hinge",
        "margins",
        lambda F, x, y: F.multi_margin_loss(x, classes(y), p=2, margin=0.7),
        preset="torch",
        squared=True,
        margin=0.7,
    ),
    loss("focal", "binary", lambda F, a, y: _focal_binary(a.log(), (1 - a).log(), y)),
    loss(
        "focal",
        "binary",
        lambda F, a, y: _focal_binary(a.log(), (1 - a).log(), y, 3.5, None),
        gamma=3.5,
        balance=False,
    ),
    loss("focal", "binary logits", lambda F, z, y: _focal_binary(F.logsigmoid(z), F.logsigmoid(-z), y)),
    loss(
        "focal",
        "binary logits",
        lambda F, z, y: _focal_binary(F.logsigmoid(z), F.logsigmoid(-z), y, 0.7, 0.6),
        gamma=0.7,
        alpha=0.6,
    ),
    loss(
        "focal",
        "binary logits",
        lambda F, z, y: _soft_focal(F, z, 0.9 * y + 0.05, 4.0),
        balance=False,
        smoothing=0.1,
        class_weights=(1.0, 4.0),
    ),
    loss("focal", "multiclass", lambda F, a, y: _focal_classes(a.log(), y)),
    loss("focal", "multiclass logits", lambda F, z, y: _focal_classes(F.log_softmax(z, dim=-1), y)),
    loss(
        "focal",
        "multiclass logits",
        lambda F, z, y: _focal_classes(F.log_softmax(z, dim=-1), y, 3.5, 1.0),
        gamma=3.5,
        balance=False,
    ),
    loss("quantile", "regression", lambda F, a, y: _pinball(a, y, 0.5)),
    loss("quantile", "regression", lambda F, a, y: _pinball(a, y, 0.9), level=0.9),
    loss("gaussian_nll", "gaussian", lambda F, a, y: F.gaussian_nll_loss(a[:, :3], y, a[:, 3:].exp())),
    loss(
        "gaussian_nll",
        "gaussian",
        lambda F, a, y: F.gaussian_nll_loss(a[:, :3], y, a[:, 3:].exp(), full=True),
        full=True,
    ),
    loss(
        "gaussian_nll",
        "gaussian",
        lambda F, a, y: F.gaussian_nll_loss(a[:, :3], y, F.softplus(a[:, 3:])),
        variance="softplus",
    ),
    loss(
        "gaussian_nll",
        "gaussian",
        lambda F, a, y: F.gaussian_nll_loss(a[:, :3], y, a[:, 3:].exp(), full=True, eps=0.5),
        full=True,
        eps=0.5,
    ),
    loss(
        "gaussian_nll",
        "gaussian",
        lambda F, a, y: F.gaussian_nll_loss(a[:, :3], y, F.softplus(a[:, 3:]), eps=0.5),
        variance="softplus",
        eps=0.5,
    ),
    loss("smooth_l1", "regression", lambda F, a, y: F.smooth_l1_loss(a, y)),
    loss("smooth_l1", "regression", lambda F, a, y: F.smooth_l1_loss(a, y, beta=0.4), beta=0.4),
    loss("log_cosh", "regression", lambda F, a, y: (a - y).cosh().log().mean()),
    loss("tukey", "regression", _biweight),
    loss("tukey", "regression", lambda F, a, y: _biweight(F, a, y, 1.5), c=1.5),
    loss("expectile", "regression", lambda F, a, y: _asymmetric_squares(a, y, 0.5)),
    loss("expectile", "regression", lambda F, a, y: _asymmetric_squares(a, y, 0.8), level=0.8),
    *(
        loss(
            "general_robust",
            "regression",
            lambda F, a, y, rho=rho: rho(((a - y) / 0.7) ** 2).mean(),
            shape=shape,
            scale=0.7,
        )
        for shape, rho in BARRON.items()
    ),
    loss("msle", "positive", lambda F, a, y: F.mse_loss((1 + a).log(), (1 + y).log())),
    loss("mape", "regression", lambda F, a, y: ((a - y) / y).abs().mean()),
    loss("poisson_nll", "positive", lambda F, x, y: F.poisson_nll_loss(x, y)),
    loss("poisson_nll", "positive", lambda F, x, y: F.poisson_nll_loss(x, y, full=True), full=True),
    loss(
        "poisson_nll",
        "positive",
        lambda F, x, y: F.poisson_nll_loss(F.softplus(x), y, log_input=False, full=True, eps=1e-3),
        rate="softplus",
        full=True,
        eps=1e-3,
    ),
    loss("cosine_similarity", "regression", lambda F, a, y: 1 - F.cosine_similarity(a, y).mean()),
    loss(
        "generalized_cross_entropy",
        "multiclass",
        lambda F, p, y: ((1 - (p * y).sum(1) ** 0.7) / 0.7).mean(),
    ),
    loss(
        "generalized_cross_entropy",
        "multiclass logits",
        lambda F, z, y: ((1 - (F.softmax(z, 1) * y).sum(1) ** 0.3) / 0.3).mean(),
        q=0.3,
    ),
    loss("generalized_cross_entropy", "binary", lambda F, p, y: ((1 - _true(p, y) ** 0.7) / 0.7).mean()),
    loss(
        "generalized_cross_entropy",
        "binary logits",
        lambda F, z, y: ((1 - _true(z.sigmoid(), y) ** 0.7) / 0.7).mean(),
    ),
    loss("symmetric_cross_entropy", "multiclass", lambda F, p, y: _symmetric(p, y, 0.1, 1.0, -4)),
    loss(
        "symmetric_cross_entropy",
        "soft multiclass logits",
        lambda F, z, y: _symmetric(F.softmax(z, 1), y, 6.0, 0.1, -1),
        alpha=6.0,
        beta=0.1,
        floor=-1.0,
    ),
    loss(
        "symmetric_cross_entropy",
        "binary logits",
        lambda F, z, y: _symmetric(_both(z.sigmoid()), _both(y), 0.1, 1.0, -4),
    ),
    loss(
        "poly1_cross_entropy",
        "multiclass",
        lambda F, p, y: (y * (-p.log() - 0.5 * (1 - p))).sum(1).mean(),
        epsilon=-0.5,
    ),
    loss(
        "poly1_cross_entropy",
        "binary logits",
        lambda F, z, y: F.binary_cross_entropy_with_logits(z, y) + 2 * (1 - _true(z.sigmoid(), y)).mean(),
    ),
    loss("asymmetric", "binary", lambda F, p, y: _ridnik(p, y, 0, 4, 0.05)),
    loss(
        "asymmetric",
        "binary logits",
        lambda F, z, y: _ridnik(z.sigmoid(), y, 1.5, 2, 0.3),
        gamma_pos=1.5,
        gamma_neg=2.0,
        clip=0.3,
    ),
    loss("js_divergence", "multiclass", lambda F, p, y: _jensen_shannon(F, p, y, 0.5)),
    loss(
        "js_divergence",
        "soft multiclass logits",
        lambda F, z, y: _jensen_shannon(F, F.softmax(z, 1), y, 0.2) / (-0.8 * np.log(0.8)),
        weight=0.2,
        scaled=True,
    ),
    loss(
        "js_divergence",
        "binary logits",
        lambda F, z, y: _jensen_shannon(F, _both(z.sigmoid()), _both(y), 0.5),
    ),
    loss("squared_hinge", "margin", lambda F, x, y: F.relu(0.7 - (2 * y - 1) * x).pow(2).mean(), margin=0.7),
    loss(
        "categorical_hinge",
        "margins",
        lambda F, x, y: F.relu(0.7 - (x * y).sum(1) + ((1 - y) * x).max(1)[0]).mean(),
        margin=0.7,
    ),
    *(
        po(
            "loss",
            "bi_tempered",
            lambda F, z, y, t1=t1, t2=t2: _bi_tempered(F, z, y, t1, t2),
            {"t1": t1, "t2": t2},
            inputs,
            rtol=1e-9,
            why="pytorch-optimizer adds 1e-10 to the targets",
        )
        for t1, t2, inputs in ((0.8, 1.2, "margins"), (0.2, 4.0, "margins"), (0.5, 1.5, "margin"))
    ),
    *(
        loss(
            "bi_tempered",
            "margins",
            lambda F, z, y, t1=t1, t2=t2: _tempered(F, z, y, t1, t2),
            t1=t1,
            t2=t2,
        )
        for t1, t2 in ((0.7, 1.3), (0.4, 3.0))
    ),
    loss("sparsemax_loss", "margins", _sparsemax_loss),
    loss("dice", "picture", lambda F, a, y: _overlap(a, y, a**2 + y**2, 1.0), preset="paper"),
    loss("tversky", "picture", lambda F, a, y: _tversky(a, y, 0.3, 0.7), alpha=0.3, beta=0.7),
    po(
        "loss",
        "tversky",
        lambda F, a, y: _by_example(a, y, 0.3, 0.7),
        {"alpha": 0.3, "beta": 0.7, "smooth": 1e-6},
        "picture",
    ),
    torch("schedule", "constant", lambda s, o: s.LambdaLR(o, lambda _: 1.0)),
    torch("schedule", "step", lambda s, o: s.StepLR(o, 7, 0.5), {"step_size": 7, "gamma": 0.5}),
    torch("schedule", "cosine", lambda s, o: s.CosineAnnealingLR(o, UPDATES)),
    torch("schedule", "cosine", lambda s, o: s.CosineAnnealingLR(o, UPDATES, 0.1), {"alpha": 0.1}),
    torch("schedule", "one_cycle", lambda s, o: s.OneCycleLR(o, 1.0, UPDATES), {"preset": "torch"}),
    torch(
        "schedule",
        "one_cycle",
        lambda s, o: s.OneCycleLR(o, 1.0, UPDATES, pct_start=0.4, anneal_strategy="linear", three_phase=True),
        {"pct_start": 0.4, "pct_final": 0.8, "anneal": "linear", "three_phase": True},
    ),
    torch(
        "schedule",
        "warmup",
        lambda s, o: s.LinearLR(o, 1 / 3, total_iters=5),
        {"start": 1 / 3, "updates": 5},
    ),
    torch(
        "schedule",
        "warmup",
        lambda s, o: s.SequentialLR(
            o, [s.LinearLR(o, 0.1, total_iters=8), s.CosineAnnealingLR(o, UPDATES - 8)], milestones=[8]
        ),
        {"updates": 8, "after": "cosine"},
    ),
    torch(
        "schedule",
        "warmup",
        lambda s, o: s.ChainedScheduler([s.LinearLR(o, 0.1, total_iters=8), s.CosineAnnealingLR(o, UPDATES)]),
        {"updates": 8, "after": "cosine", "count": "through"},
    ),
    torch("schedule", "exponential", lambda s, o: s.ExponentialLR(o, 0.9), {"gamma": 0.9, "decay_steps": 1}),
    torch("schedule", "linear", lambda s, o: s.LinearLR(o), {"preset": "torch"}),
    torch("schedule", "linear", lambda s, o: s.LinearLR(o, 1.0, 0.1, UPDATES), {"end": 0.1}),
    torch("schedule", "polynomial", lambda s, o: s.PolynomialLR(o, UPDATES, 2.5), {"power": 2.5}),
    torch(
        "schedule",
        "polynomial",
        lambda s, o: s.PolynomialLR(o, 15, 0.5),
        {"power": 0.5, "decay_steps": 15},
    ),
    torch(
        "schedule",
        "cosine_restarts",
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 9),
        {"preset": "torch", "period": 9},
    ),
    torch(
        "schedule",
        "cosine_restarts",
        lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.1),
        {"period": 5, "t_mult": 2, "alpha": 0.1},
    ),
    torch(
        "schedule",
        "inverse_sqrt",
        lambda s, o: s.LambdaLR(o, lambda c: 8**0.5 * min((c + 1) ** -0.5, (c + 1) * 8**-1.5)),
        {"warmup": 8},
    ),
    *(
        torch(
            "schedule",
            "triangular",
            partial(_cyclic, mode=mode, **theirs),
            {"low": 0.25, "up": 6, "down": theirs["step_size_down"] or 0, "mode": mode, "gamma": 0.9},
        )
        for mode in ("triangular", "triangular2", "exp_range")
        for theirs in ({"step_size_down": None}, {"step_size_down": 3})
    ),
    torch(
        "schedule",
        "piecewise",
        lambda s, o: s.MultiStepLR(o, [10, 25], 0.1),
        {"boundaries": (10, 25), "values": (1.0, 0.1, 0.01)},
    ),
    *(
        po("schedule", "wsd", partial(_wsd, shape), {"warmup": 0.1, "start": 0.0, "shape": shape})
        for shape in ("linear", "cosine", "1-sqrt", "1-square")
    ),
    *(
        torch("schedule", "plateau", partial(_plateau, theirs), {"preset": "torch", **values})
        for theirs, values in (
            ({"patience": 2}, {"patience": 2}),
            (
                {"patience": 1, "cooldown": 3, "factor": 0.5, "min_lr": 0.2},
                {"patience": 1, "cooldown": 3, "gamma": 0.5, "min_factor": 0.2},
            ),
            (
                {"patience": 0, "threshold": 0.05, "threshold_mode": "abs", "factor": 0.7},
                {"patience": 0, "threshold": 0.05, "mode": "absolute", "gamma": 0.7},
            ),
        )
    ),
    network("mlp", "training", _mlp, hidden=[4, 3]),
    network(
        "mlp",
        "training",
        lambda t, x, p, training: _mlp(t, x, p, training, _batch_norm(t)),
        hidden=[4, 3],
        norm="batch",
    ),
    network(
        "mlp",
        "training",
        lambda t, x, p, training: _mlp(t, x, p, training, _batch_norm(t, momentum=0.3, eps=0.01)),
        hidden=[4, 3],
        norm="batch",
        norm_momentum=0.3,
        norm_eps=0.01,
    ),
    network(
        "mlp",
        "evaluation",
        lambda t, x, p, training: _mlp(t, x, p, training, _batch_norm(t)),
        hidden=[4, 3],
        norm="batch",
    ),
    network(
        "mlp",
        "training",
        lambda t, x, p, training: _mlp(t, x, p, training, _layer_norm(t)),
        hidden=[4, 3],
        norm="layer",
    ),
    network(
        "mlp",
        "evaluation",
        lambda t, x, p, training: _mlp(t, x, p, training, _layer_norm(t, eps=0.01)),
        hidden=[4, 3],
        norm="layer",
        norm_eps=0.01,
    ),
    network("elman", "training", _elman, hidden=5),
    network("elman", "training", _elman, hidden=5, features=4),
    network("elman", "training", _elman, hidden=5, features=8),
    network("elman", "training", partial(_elman, every=True), hidden=5, features=4, read="every"),
    network("sparse", "training", _sparse, hidden=[4, 3]),
    network("hopfield", "training", lambda t, x, p, training: x @ p["W"]),
    network("maxnet", "training", _maxnet),
    network("lateral", "training", _lateral, hidden=4),
    network(
        "lateral",
        "training",
        partial(_lateral, inhibition=0.2, steps=5),
        hidden=4,
        connections="fixed",
        inhibition=0.2,
        steps=5,
    ),
    network("lattice", "training", _lattice, steps=4),
    network(
        "lattice",
        "training",
        partial(_lattice, radius=2, border=0.5, start=1.0),
        steps=4,
        radius=2,
        border=0.5,
        start="ink",
    ),
    network("autoencoder", "training", _autoencoder, hidden=[4], code=2),
    network("gan", "learning", _gan, hidden=4, samples=2),
    network("rnn", "training", nets.rnn, hidden=5, num_layers=2),
    network("rnn", "training", partial(nets.rnn, every=True), hidden=5, features=4, read="every"),
    network("lstm", "training", nets.lstm, hidden=3),
    network("lstm", "training", partial(nets.lstm, forget_bias=0), hidden=3, num_layers=2, preset="torch"),
    network("lstm", "training", partial(nets.lstm, every=True), hidden=3, features=4, read="every"),
    network("gru", "training", nets.gru, hidden=3),
    network("gru", "training", nets.gru, hidden=3, num_layers=2, features=2),
    network("gru", "training", partial(nets.gru, every=True), hidden=3, features=4, read="every"),
    network("gru", "training", nets.gru_of_cho, hidden=3, reset="before"),
    network("jordan", "training", nets.jordan, hidden=4),
    network("jordan", "training", partial(nets.jordan, decay=0.5), hidden=4, decay=0.5),
    network("jordan", "training", partial(nets.jordan, teacher=False), hidden=4, teacher=False),
    network(
        "jordan",
        "evaluation",
        partial(nets.jordan, decay=0.5, back=_sigmoid),
        hidden=4,
        decay=0.5,
        feedback="sigmoid",
    ),
    network("echo_state", "training", nets.echo_state, hidden=5),
    network(
        "echo_state",
        "training",
        partial(nets.echo_state, leak=0.3, every=True),
        hidden=5,
        leak=0.3,
        features=4,
        read="every",
    ),
    network("residual_mlp", "training", nets.residual_mlp, hidden=5, blocks=2),
    network(
        "residual_mlp",
        "training",
        partial(nets.residual_mlp, skip=False, norm=False),
        hidden=5,
        blocks=2,
        skip=False,
        norm="none",
    ),
    network("locally_connected", "training", nets.locally_connected, filters=2),
    network(
        "locally_connected",
        "training",
        partial(nets.locally_connected, kernel=4, stride=3),
        filters=2,
        kernel=4,
        stride=3,
    ),
    network("transformer", "training", nets.transformer, width=4, inner=5, blocks=2),
    network(
        "transformer",
        "training",
        partial(nets.transformer, heads=1, causal=True, read="last"),
        width=4,
        heads=1,
        inner=5,
        features=2,
        causal=True,
        read="last",
        positions="none",
    ),
    network(
        "transformer",
        "training",
        partial(nets.transformer, read="every", sinusoids=nets.sinusoids),
        width=4,
        inner=5,
        features=4,
        read="every",
        positions="sinusoidal",
    ),
    network("cnn", "training", _cnn, filters=2),
    network("cnn", "training", partial(_cnn, mean=True), filters=2, pooling="mean"),
    network("cnn", "training", partial(_cnn, kernel=5, pool=3), filters=2, kernel=5, pool=3),
    network("cnn", "training", partial(_cnn, kernel=4, pool=1), filters=2, kernel=4, pool=1),
    network("cnn", "training", _cnn_on_a_line, filters=2, kernel=5, pool=3, layout="line"),
    initializer("zeros", lambda i, w: i.zeros_(w)),
    initializer("normal", lambda i, w: i.normal_(w), preset="torch"),
    initializer("glorot_uniform", lambda i, w: i.xavier_uniform_(w)),
    initializer("glorot_normal", lambda i, w: i.xavier_normal_(w), preset="torch"),
    initializer("he_uniform", lambda i, w: i.kaiming_uniform_(w)),
    initializer("he_normal", lambda i, w: i.kaiming_normal_(w), preset="torch"),
    torch("metric", "gradient_norm", lambda t, layers, weights, rest: norms(t, weights, rest)),
    torch("metric", "dead_units", lambda t, layers, weights, rest: dead(t, layers)),
    torch("metric", "effective_rank", lambda t, layers, weights, rest: effective_ranks(t, layers)),
    torch("metric", "update_to_weight_ratio", lambda t, layers, weights, rest: ratios(t, weights, rest)),
    torch(
        "metric",
        "sharpness",
        lambda t, layers, weights, rest: sharpest(t),
        {"iterations": 300},
        rtol=1e-6,
        why="it takes differences of gradients",
    ),
    torch("metric", "saturated_units", lambda t, layers, weights, rest: saturated(t, layers)),
    initializer("lsuv", lambda i, w: i.orthogonal_(w)),  # before it looks at data
    initializer("orthogonal", lambda i, w: i.orthogonal_(w, gain=1.5), gain=1.5),
    initializer("delta_orthogonal", lambda i, w: i.orthogonal_(w, gain=1.5), gain=1.5),  # of one place
    initializer("uniform", lambda i, w: i.uniform_(w), preset="torch"),
    initializer("uniform", lambda i, w: i.uniform_(w, -0.3, 0.3), low=-0.3, high=0.3),
    initializer("truncated_normal", lambda i, w: i.trunc_normal_(w), preset="torch"),
    initializer(
        "truncated_normal",
        lambda i, w: i.trunc_normal_(w, std=3.0),
        preset="torch",
        std=3.0,  # bounds of 2 / 3 deviations
    ),
    initializer(
        "variance_scaling",
        lambda i, w: i.kaiming_uniform_(w, a=5**0.5),
        scale=1 / 3,
        distribution="uniform",
    ),
    initializer(
        "variance_scaling",
        lambda i, w: i.kaiming_normal_(w, mode="fan_out"),
        scale=2.0,
        mode="fan_out",
        distribution="normal",
    ),
    initializer("constant", lambda i, w: i.ones_(w)),
    initializer("identity", lambda i, w: i.eye_(w)),
    initializer("sparse", lambda i, w: i.sparse_(w, 0.8, std=1.0), connections=60),
    initializer("siren", lambda i, w: i.uniform_(w, -(0.02**0.5) / 30, 0.02**0.5 / 30)),  # √(6 / 300)
    initializer("initial_biases", lambda i, w: i.xavier_uniform_(w)),  # of the weights
    initializer("from_file", lambda i, w: i.xavier_uniform_(w)),  # of what is not in the file
]


def run(row: Row) -> Any:
    """Return PyTorch's figures for a row."""
    return {
        "optimizer": _optimizer,
        "activation": _activation,
        "loss": _loss,
        "objective": _objective,
        "schedule": _schedule,
        "initializer": _initializer,
        "metric": _metric,
        "network": _network,
    }[row.kind](row)


def _optimizer(row: Row) -> Any:
    import torch

    # What the libraries sum up besides the parameters has the default type.
    torch.set_default_dtype(torch.float64)
    try:
        return _walked(row, torch)
    finally:
        torch.set_default_dtype(torch.float32)


def _walked(row: Row, torch: Any) -> Any:
    start, grads = PATHS[row.inputs]
    theta = torch.tensor(start.T.copy(), requires_grad=True)  # PyTorch keeps weights as (fan_out, fan_in)
    if row.library == "torch":
        optimizer = row.theirs(torch, [theta])
    else:
        import pytorch_optimizer

        optimizer = row.theirs(pytorch_optimizer, [theta])
    (group,) = optimizer.param_groups
    base, seen = group["lr"], []
    for t, grad in enumerate(grads, start=1):
        slope = torch.tensor(grad.T.copy())

        def closure(slope: Any = slope) -> Any:
            theta.grad = None
            value = PROBLEMS[row.problem](theta, slope).sum()
            value.backward()
            return value

        group["lr"] = base * halved(t, row)
        closure()
        optimizer.step(*([] if row.problem == "given" else [closure]))
        at = optimizer.at() if hasattr(optimizer, "at") else theta
        seen += [at.detach().numpy().T.copy()] * (t in SEEN)
    return seen


def _activation(row: Row) -> Any:
    import torch

    z = torch.tensor(z_of(row), requires_grad=True)
    weights = [torch.tensor(start[0], requires_grad=True) for start in own(row).values()]
    a = row.theirs(torch.nn.functional, z, *weights)
    a.backward(torch.tensor(upstream_of(row)))
    figures = [a.detach(), *(tensor.grad for tensor in (z, *weights))]
    return np.concatenate([tensor.numpy().ravel() for tensor in figures])


def _objective(row: Row) -> Any:
    import torch

    x = torch.tensor(points(row)[:, 0], requires_grad=True)
    value = row.theirs(torch, x)
    value.sum().backward()
    return np.concatenate([value.detach().numpy(), x.grad.numpy().ravel()])


def _loss(row: Row) -> Any:
    import torch

    output, target = (torch.tensor(array) for array in INPUTS[row.inputs])
    output.requires_grad_()
    value = row.theirs(torch.nn.functional, output, target)
    value.backward()
    return np.concatenate([[value.item()], output.grad.numpy().ravel()])


def _schedule(row: Row) -> Any:
    import torch

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0, momentum=0.9)
    schedule, factors = row.theirs(torch.optim.lr_scheduler, optimizer), []
    for score in SCORES:
        factors.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(*([score] if hasattr(schedule, "patience") else []))
    return factors


def _initializer(row: Row) -> Any:
    import torch

    torch.manual_seed(0)
    weight = torch.empty(FAN_OUT, FAN_IN, dtype=torch.float64)
    return facts(row.theirs(torch.nn.init, weight).numpy())


def _metric(row: Row) -> Any:
    import torch

    arrays = {name: torch.tensor(array, requires_grad=True) for name, array in NETWORK.items()}
    a, target = (torch.tensor(array) for array in INPUTS["regression"])
    layers = []
    for i in (1, 2):
        a = torch.relu(a @ arrays[f"W{i}"] + arrays[f"b{i}"])
        layers.append(a)
    torch.nn.functional.mse_loss(a @ arrays["W3"] + arrays["b3"], target).backward()
    weights, rest = ([arrays[f"{kind}{i}"] for i in (1, 2, 3)] for kind in "Wb")
    return row.theirs(torch, layers, weights, rest)


def _network(row: Row) -> Any:
    import torch

    given = a_pass(row)
    arrays = {
        name: torch.tensor(value, requires_grad=name in given.trained)
        for name, value in given.weights.items()
    }
    z = row.theirs(torch, torch.tensor(given.x), arrays, row.inputs == "training")
    if row.inputs == "learning":
        z.backward()
        return np.concatenate([arrays[name].grad.numpy().ravel() for name in given.trained])
    z.backward(torch.tensor(given.grad))
    figures = [z.detach(), *(arrays[name].grad for name in given.trained)]
    figures += [arrays[name] for name in given.state]
    return np.concatenate([tensor.numpy().ravel() for tensor in figures])
