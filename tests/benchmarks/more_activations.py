"""Activations for a plugin file, so that twenty take part where fewer are registered."""

from dataclasses import make_dataclass
from typing import Any, ClassVar

import numpy as np

from anncore import Activation, hookimpl


def _sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


FORMULAS: dict[str, tuple[Any, Any]] = {  # name: f(z), f'(z)
    "bench_elu": (lambda z: np.where(z > 0, z, np.expm1(np.minimum(z, 0))), None),
    "bench_softplus": (lambda z: np.logaddexp(z, 0), lambda z: _sigmoid(z)),
    "bench_softsign": (lambda z: z / (1 + np.abs(z)), lambda z: 1 / (1 + np.abs(z)) ** 2),
    "bench_silu": (lambda z: z * _sigmoid(z), lambda z: _sigmoid(z) * (1 + z * (1 - _sigmoid(z)))),
    "bench_square": (lambda z: z * z, lambda z: 2 * z),
    "bench_abs": (np.abs, np.sign),
    "bench_atan": (np.arctan, lambda z: 1 / (1 + z * z)),
    "bench_sine": (np.sin, np.cos),
    "bench_gaussian": (lambda z: np.exp(-z * z), lambda z: -2 * z * np.exp(-z * z)),
    "bench_cube": (lambda z: z * z * z, lambda z: 3 * z * z),
    "bench_relu6": (lambda z: np.clip(z, 0, 6), lambda z: (z > 0) & (z < 6)),
    "bench_hard_tanh": (lambda z: np.clip(z, -1, 1), lambda z: np.abs(z) < 1),
    "bench_hard_sigmoid": (
        lambda z: np.clip(z / 6 + 0.5, 0, 1),
        lambda z: (np.abs(z) < 3) * z.dtype.type(1 / 6),
    ),
    "bench_shrink": (lambda z: z - np.clip(z, -0.5, 0.5), lambda z: np.abs(z) > 0.5),
    "bench_log": (lambda z: np.sign(z) * np.log1p(np.abs(z)), lambda z: 1 / (1 + np.abs(z))),
    "bench_root": (lambda z: np.sign(z) * np.sqrt(np.abs(z)), lambda z: 0.5 / np.sqrt(np.abs(z) + 0.01)),
}
FORMULAS["bench_elu"] = (FORMULAS["bench_elu"][0], lambda z: np.where(z > 0, 1, np.exp(np.minimum(z, 0))))


def _activation(name: str, forward: Any, slope: Any) -> type[Activation]:
    methods = {
        "__doc__": f"{name}, for the benchmark alone.",
        "__annotations__": {"name": ClassVar[str]},
        "name": name,
        "forward": _method_forward(forward),
        "backward": _method_backward(slope),
    }
    return make_dataclass(name, [], namespace=methods, frozen=True)


def _method_forward(f: Any) -> Any:
    def forward(self: Any, z: Any) -> Any:
        return f(z)

    return forward


def _method_backward(slope: Any) -> Any:
    def backward(self: Any, grad: Any, z: Any, a: Any) -> Any:
        return grad * slope(z)

    return backward


@hookimpl
def annx_activations() -> list[type[Activation]]:
    return [_activation(name, *formulas) for name, formulas in FORMULAS.items()]
