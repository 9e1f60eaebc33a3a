"""Library: jax. Activations and losses that are functions of JAX arrays."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from anncore import (
    Array,
    Component,
    ComponentError,
    Library,
    Made,
    MadeActivation,
    MadeLoss,
    count_positional,
    hookimpl,
    read_signature,
)

# Losses of pre-activations, by a part of their names: annx then asks for an identity at the output.
OF_LOGITS = ("softmax_cross_entropy", "sigmoid_binary_cross_entropy", "sigmoid_focal_loss", "poly_loss")
LEFT_OUT = ("axis", "where", "initial", "out_sharding", "dtype", "precision")
DRAWS = ("key", "seed", "rng")


class _Computed(Made):
    """A function of JAX, compiled, and called for one trial after the other.

    A call for all trials at once would be compiled anew for another number of them, perhaps to other bits.
    """

    def called(self, what: str, *stacks: Array) -> Array:
        """Return what a compiled function of `_functions` gives for the arrays of each trial."""
        results = []
        with _exact():
            for trial in range(len(stacks[0])):
                function = _functions(type(self), tuple(self.arguments(trial).items()))[what]
                try:
                    results.append(np.asarray(function(*(stack[trial] for stack in stacks))))
                except Exception as error:
                    text = " ".join(str(error).split())[:300] or type(error).__name__
                    raise ComponentError(f"{self._full}: {text.rstrip('.')}.") from error
        return np.stack(results)


@lru_cache(512)
def _functions(cls: Any, arguments: tuple[tuple[str, Any], ...]) -> Mapping[str, Any]:
    """Return the compiled functions of a component with these arguments."""
    import jax

    def value(*arrays: Any) -> Any:
        result = cls._theirs(*arrays, **dict(arguments))
        return result.mean() if cls.averaged else result

    def slope(upstream: Any, z: Any) -> Any:
        result, pull = jax.vjp(value, z)
        return pull(upstream.astype(result.dtype))[0]

    return {
        "value": jax.jit(value),
        "slope": jax.jit(slope),
        "grad": jax.jit(jax.grad(value)),
    }


@contextlib.contextmanager
def _exact() -> Iterator[None]:
    """Let JAX compute on the processor, in float64 where arrays are; outside its settings stay."""
    import jax

    with jax.enable_x64(True), jax.default_device(jax.devices("cpu")[0]):
        yield


@dataclass(frozen=True)
class JaxActivation(_Computed, MadeActivation):
    """A function of JAX; its gradient by JAX."""

    averaged: ClassVar[bool] = False

    def forward(self, z: Array) -> Array:
        return self.called("value", z)

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        return self.called("slope", grad, z)


@dataclass(frozen=True)
class JaxLoss(_Computed, MadeLoss):
    """A loss of predictions and targets; one of each example, or of each number, is averaged."""

    averaged: ClassVar[bool] = True
    outputs: ClassVar[Mapping[Any, str]] = {
        "binary": "sigmoid",
        "multiclass": "softmax",
        "regression": "identity",
    }

    def value(self, output: Array, target: Array) -> Array:
        return self.called("value", output, target)

    def grad(self, output: Array, target: Array) -> Array:
        return self.called("grad", output, target)


@dataclass(frozen=True)
class JaxLogitLoss(JaxLoss):
    """A loss of pre-activations: what the network predicts is made of them by the logistic function."""

    outputs: ClassVar[Mapping[Any, str]] = {"binary": "identity", "multiclass": "identity"}

    def predict(self, output: Array) -> Array:
        from scipy.special import expit, softmax

        return expit(output) if output.shape[-1] == 1 else softmax(output, axis=-1)


class Jax(Library):
    """JAX: functions of arrays, also those of optax.losses and of packages that build on JAX."""

    prefix = "jax"
    title = "JAX"
    packages = ("jax", "jaxlib")
    within = ("jax.nn", "jax.numpy")
    address = "https://docs.jax.dev"
    offers: ClassVar[Mapping[str, str]] = {
        "activation": "a function of an array, as jax.nn.mish",
        "loss": "a function of predictions and targets, as optax.losses.squared_error",
    }

    def kind_of(self, thing: Any) -> str:
        if inspect.isclass(thing):
            return ""
        try:
            return "loss" if count_positional(thing) == 2 else "activation"
        except ValueError:
            return "activation"

    def component(self, kind: str, thing: Any, path: str) -> type[Component]:
        full = f"{self.prefix}:{path}"
        if not self.kind_of(thing):
            raise ComponentError(f"{full} is no {kind}: name {self.offers[kind]}.")
        try:
            signature = read_signature(thing, {"activation": 1, "loss": 2}[kind], LEFT_OUT, alone=True)
        except ValueError as error:
            raise ComponentError(f"{full}: {error}.") from None
        if set(signature.names.values()) & set(DRAWS):
            raise ComponentError(f"{full} draws random numbers, which no seed of an experiment determines.")
        form: type[Any] = JaxActivation if kind == "activation" else JaxLoss
        if kind == "loss" and any(part in path for part in OF_LOGITS):
            form = JaxLogitLoss
        return self.make(form, path, thing, signature, {})


@hookimpl
def annx_libraries() -> list[type[Library]]:
    return [Jax]
