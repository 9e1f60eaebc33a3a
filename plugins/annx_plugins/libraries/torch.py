"""Library: torch. Optimizers, activations and losses of PyTorch, and what others wrote for it."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np

from anncore import (
    Array,
    Component,
    ComponentError,
    Library,
    Made,
    MadeActivation,
    MadeLoss,
    Optimizer,
    WeightSpec,
    count_positional,
    hookimpl,
    read_signature,
)

# Arguments of an optimizer that change no number here, or would turn the descent round.
SETTINGS = ("foreach", "fused", "capturable", "differentiable", "maximize", "defaults")
# Arguments of a loss that decide what is averaged, which annx does.
REDUCTIONS = ("size_average", "reduce", "reduction", "weight", "pos_weight")
# Losses of pre-activations, by their names in lower case: annx then asks for an identity at the output.
OF_LOGITS = ("cross_entropy", "binary_cross_entropy_with_logits", "crossentropyloss", "bcewithlogitsloss")
TRIED = 4  # steps that are tried before the first one, to see what state an optimizer has


class TorchState(NamedTuple):
    """The state of a torch optimizer: every number and tensor that its steps may change."""

    begun: Array  # (T,), 1 after the first step
    values: tuple[Array, ...]  # (T, *shape) each


@dataclass(frozen=True)
class TorchOptimizer(Made, Optimizer):
    """A torch optimizer, trial by trial, each with parameters of its own."""

    @property
    def scope(self) -> str:
        return "arrays"

    def validate(self) -> None:
        self.refuse_missing()
        specs = [WeightSpec("W", (3, 2), 3, 2, place="hidden"), WeightSpec("b", (1, 2), 3, 2, "bias")]
        try:
            twin = self.fitted_to(specs)
            twin.init(np.zeros((1, 1, 8)))
        except ComponentError as error:
            raise ValueError(self.reason(error)) from None

    def fitted_to(self, specs: Sequence[WeightSpec]) -> TorchOptimizer:
        twin = copy(self)
        twin.__dict__.update(_specs=tuple(specs), _live=None)
        return twin

    def init(self, weight: Array) -> TorchState:
        alone = _Stack(self, _specs(self, weight), 1, weight.dtype)
        with _alone(self._full, weight.dtype):
            shapes = alone.tried(TRIED)
        values = tuple(np.zeros((len(weight), *value.shape[1:]), value.dtype) for value in shapes)
        return TorchState(np.zeros(len(weight), np.int8), values)

    def step(self, weight: Array, grad: Array, state: TorchState, t: int) -> tuple[Array, TorchState]:
        with _alone(self._full, weight.dtype):
            stack = self._stack(weight, state)
            stack.weights.put(weight)
            stack.grads.put(grad)
            stack.step()
            after = TorchState(np.ones(len(weight), np.int8), stack.values())
            self.__dict__["_live"] = (
                after,
                stack,
            )  # a frozen dataclass keeps its fields, and this beside them
            return stack.weights.taken(weight) - weight, after

    def _stack(self, weight: Array, state: TorchState) -> _Stack:
        """Return the torch optimizers in this state: the live ones, if they are; else new ones."""
        live: tuple[TorchState, _Stack] | None = getattr(self, "_live", None)
        if live is not None and live[0] is state:
            return live[1]
        stack = _Stack(self, _specs(self, weight), len(weight), weight.dtype)
        stack.weights.put(weight)
        if state.begun[0]:
            stack.tried(1)
            stack.restore(state.values)
        return stack


@dataclass(frozen=True)
class SwitchingOptimizer(TorchOptimizer):
    """A torch optimizer with `train()` and `eval()`, which evaluates at other weights than it trains."""

    def evaluated(self, weight: Array, state: TorchState) -> Array:
        if not state.begun[0]:
            return weight
        with _alone(self._full, weight.dtype):
            stack = _Stack(self, _specs(self, weight), len(weight), weight.dtype)
            stack.tried(1)
            stack.restore(state.values)
            stack.weights.put(weight)
            for optimizer in stack.optimizers:
                optimizer.eval()
            stack.settle_weights()
            return stack.weights.taken(weight)


def _specs(component: Any, weight: Array) -> Sequence[WeightSpec]:
    """Return the specs of the arrays; without fitting there is one, of the shape of `weight`."""
    specs: Sequence[WeightSpec] | None = getattr(component, "_specs", None)
    if specs is not None:
        return specs
    rows, columns = weight.shape[1:]
    return [WeightSpec("W", (rows, columns), rows, columns, "weight")]


@contextlib.contextmanager
def _alone(full: str, dtype: Any) -> Iterator[None]:
    """Run torch on one thread, where sums have one order, and keep its global generator as it was.

    New tensors have the experiment's dtype by default: NAdam keeps a product in that.
    """
    import torch

    threads, generator = torch.get_num_threads(), torch.random.get_rng_state()
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64 if np.dtype(dtype) == np.float64 else torch.float32)
    if threads > 1:
        torch.set_num_threads(1)
    try:
        yield
        drawn = not torch.equal(generator, torch.random.get_rng_state())
    finally:
        torch.random.set_rng_state(generator)
        torch.set_default_dtype(usual)
        if threads > 1:
            torch.set_num_threads(threads)
    if drawn:
        raise ComponentError(
            f"{full} draws random numbers from PyTorch's global generator, which no seed of an experiment "
            "determines; write it as a component of annx."
        )


class _Buffers:
    """The arrays of all trials, side by side in NumPy and apart in torch, which shares the memory.

    A matrix is (fan_out, fan_in) in torch, as in torch.nn.Linear, and a bias has one axis.
    """

    def __init__(self, specs: Sequence[WeightSpec], trials: int, dtype: Any) -> None:
        self._specs = specs
        self.arrays = [np.zeros((trials, *self._shape(spec)), dtype) for spec in specs]

    @staticmethod
    def _shape(spec: WeightSpec) -> tuple[int, ...]:
        if spec.shape[0] == 1 and (spec.role != "weight" or not spec.place):
            return (spec.shape[1],)
        return spec.shape[::-1]

    def tensors(self, trial: int) -> list[Any]:
        """Return the tensors of one trial."""
        import torch

        return [torch.from_numpy(array[trial]) for array in self.arrays]

    def put(self, numbers: Array) -> None:
        """Write the numbers of all trials, (T, 1, P) or (T, fan_in, fan_out)."""
        flat, start = numbers.reshape(len(numbers), -1), 0
        for spec, array in zip(self._specs, self.arrays, strict=True):
            piece = flat[:, start : start + spec.shape[0] * spec.shape[1]]
            start += piece.shape[1]
            if array.ndim == 2:
                array[...] = piece
            else:
                array[...] = piece.reshape(-1, *spec.shape).transpose(0, 2, 1)

    def taken(self, like: Array) -> Array:
        """Return the numbers of all trials, shaped as `like`."""
        pieces = [
            array if array.ndim == 2 else array.transpose(0, 2, 1).reshape(len(array), -1)
            for array in self.arrays
        ]
        joined = pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
        return joined.reshape(like.shape)


class _Place(NamedTuple):
    """Where an optimizer keeps a value that its steps may change: `holder[key]`."""

    holder: Any
    key: Any

    @property
    def value(self) -> Any:
        return self.holder[self.key]

    def put(self, value: Any) -> None:
        self.holder[self.key] = value


class _Stack:
    """One torch optimizer for each trial of a stack, with the values that their steps change."""

    def __init__(
        self, component: TorchOptimizer, specs: Sequence[WeightSpec], trials: int, dtype: Any
    ) -> None:
        self._component, self._trials = component, trials
        self.weights, self.grads = _Buffers(specs, trials, dtype), _Buffers(specs, trials, dtype)
        self._grads = [self.grads.tensors(trial) for trial in range(trials)]
        self._views = [self.weights.tensors(trial) for trial in range(trials)]
        self.params: list[list[Any]] = []
        self.optimizers: list[Any] = []
        self._places: list[list[_Place]] = []  # by trial
        self._arrays: list[Array] = []  # by value, (T, *shape)
        self._tensors: list[list[Any]] = []  # by trial: the tensor that shares memory with the array, or None

    def _build(self) -> None:
        import torch

        for trial in range(self._trials):
            params = [torch.nn.Parameter(view) for view in self._views[trial]]
            arguments = self._component.arguments(trial)
            if "foreach" in inspect.signature(self._component._theirs).parameters:
                arguments["foreach"] = False  # one tensor after the other: the same numbers everywhere
            try:
                optimizer = self._component._theirs(params, **arguments)
            except Exception as error:
                raise ComponentError(f"{self._component._full}: {_line(error)}") from error
            if isinstance(self._component, SwitchingOptimizer):
                optimizer.train()
            self.params.append(params)
            self.optimizers.append(optimizer)

    def step(self) -> None:
        """Make one step of every trial with the gradients in `grads`."""
        if not self.optimizers:
            self._build()
        rates = getattr(self._component, "lr", None)
        for trial, optimizer in enumerate(self.optimizers):
            for param, grad in zip(self.params[trial], self._grads[trial], strict=True):
                param.grad = grad
            if rates is not None:
                for group in optimizer.param_groups:
                    group["lr"] = self._component._signature.argument("lr", rates, trial)
            try:
                optimizer.step()
            except Exception as error:
                raise ComponentError(f"{self._component._full}: {_line(error)}") from error
        self.settle_weights()
        self._settle()

    def settle_weights(self) -> None:
        """Bring weights back that an optimizer put into new memory."""
        for params, views in zip(self.params, self._views, strict=True):
            for param, view in zip(params, views, strict=True):
                if param.data_ptr() != view.data_ptr():
                    view.copy_(param.detach())
                    param.data = view

    def _settle(self) -> None:
        """Write the values that were changed into the arrays; after the first step, find them."""
        import torch

        if not self._places:
            self._find()
        for trial, places in enumerate(self._places):
            tensors = self._tensors[trial]
            for k, (place, array) in enumerate(zip(places, self._arrays, strict=True)):
                value = place.value
                if value is tensors[k]:
                    continue
                if not isinstance(value, torch.Tensor):
                    array[trial] = value
                    continue
                if value.shape != array.shape[1:]:
                    raise ComponentError(
                        f"{self._component._full}: its state changes its shape between steps."
                    )
                tensors[k] = _shared(value, array, trial)

    def _find(self) -> None:
        import torch

        self._places = [
            list(_places(optimizer, params))
            for optimizer, params in zip(self.optimizers, self.params, strict=True)
        ]
        for place in self._places[0]:
            value = place.value
            if isinstance(value, torch.Tensor):
                shape, dtype = tuple(value.shape), value.detach().cpu().numpy().dtype
            else:
                shape, dtype = (), np.dtype("float64")  # holds whole numbers as well
            self._arrays.append(np.zeros((self._trials, *shape), dtype))
        self._tensors = [[None] * len(self._arrays) for _ in range(self._trials)]

    def values(self) -> tuple[Array, ...]:
        """Return copies of the values of all trials."""
        return tuple(array.copy() for array in self._arrays)

    def restore(self, values: Sequence[Array]) -> None:
        """Set the values of all trials, after a step has made their places."""
        import torch

        for array, given in zip(self._arrays, values, strict=True):
            array[...] = given
        for trial, places in enumerate(self._places):
            for place, array in zip(places, self._arrays, strict=True):
                if not isinstance(place.value, torch.Tensor):
                    place.put(type(place.value)(array[trial]))

    def tried(self, steps: int) -> tuple[Array, ...]:
        """Make steps with made-up gradients, which set up the state; return its values.

        Raises ComponentError for an optimizer whose state has other values after some steps than at first.
        """
        rng = np.random.default_rng(0)
        known: list[Any] = []
        for _ in range(steps):
            for array in self.grads.arrays:
                array[...] = rng.normal(size=array.shape[1:])
            self.step()
            places = [place.key for place in _places(self.optimizers[0], self.params[0])]
            if known and places != known:
                raise ComponentError(f"{self._component._full}: its state grows with the steps.")
            known = places
        return self.values()


def _shared(value: Any, array: Array, trial: int) -> Any:
    """Let a tensor use the memory of a trial's part of an array; return the tensor."""
    import torch

    part = array[trial : trial + 1].reshape(array.shape[1:])
    view = torch.from_numpy(part)
    view.copy_(value.detach())
    value.data = view
    return value


_OWN = ("defaults", "param_groups", "state")  # of every torch optimizer; looked through by themselves


def _places(optimizer: Any, params: Sequence[Any]) -> Iterator[_Place]:
    """Yield where an optimizer keeps numbers and tensors, always in one order."""
    known = {id(param) for param in params}
    for param in params:
        yield from _inside(optimizer.state.get(param, {}), known)
    for group in optimizer.param_groups:
        yield from _inside({key: group[key] for key in group if key not in ("params", "lr")}, known, group)
    own = {key: value for key, value in vars(optimizer).items() if key[0] != "_" and key not in _OWN}
    yield from _inside(own, known, vars(optimizer))


def _inside(values: Any, known: set[int], holder: Any = None) -> Iterator[_Place]:
    import torch

    holder = values if holder is None else holder
    for key, value in values.items() if isinstance(values, dict) else enumerate(values):
        if isinstance(value, torch.Tensor):
            if id(value) not in known:
                known.add(id(value))
                yield _Place(holder, key)
        elif isinstance(value, (int, float)):  # bool too
            if not isinstance(holder, tuple):
                yield _Place(holder, key)
        elif isinstance(value, (dict, list, tuple)):
            yield from _inside(value, known)


def _line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, LookupError):  # "tuple index out of range" says too little by itself
        text = f"PyTorch raises {type(error).__name__} for these values: {text}"
    return text if text.endswith((".", "!", "?")) else f"{text}."


@dataclass(frozen=True)
class TorchActivation(MadeActivation):
    """A function of torch, trial by trial; its gradient by torch's autograd."""

    def forward(self, z: Array) -> Array:
        import torch

        with _alone(self._full, z.dtype), torch.no_grad():
            return np.stack([self._of(torch.from_numpy(own), trial).numpy() for trial, own in _trials(z)])

    def backward(self, grad: Array, z: Array, a: Array) -> Array:
        import torch

        pieces = []
        with _alone(self._full, z.dtype), torch.enable_grad():
            for trial, own in _trials(z):
                inner = torch.from_numpy(own).requires_grad_()
                outer = self._of(inner, trial)
                upstream = torch.from_numpy(np.array(grad[trial]))
                pieces.append(_gradient(outer, inner, upstream))
        return np.stack(pieces)

    def _of(self, z: Any, trial: int) -> Any:
        function = _function(self, trial)
        try:
            return function(z)
        except Exception as error:
            raise ComponentError(f"{self._full}: {_line(error)}") from error


def _trials(array: Array) -> Iterator[tuple[int, Array]]:
    """Yield each trial's part as an array of its own, which torch may not write into."""
    for trial in range(len(array)):
        yield trial, np.array(array[trial])


def _gradient(outer: Any, inner: Any, upstream: Any = None) -> Array:
    import torch

    if not outer.requires_grad:  # constant
        return np.zeros(tuple(inner.shape), inner.detach().numpy().dtype)
    (slope,) = torch.autograd.grad(outer, inner, upstream, allow_unused=True)
    result: Array = np.zeros(tuple(inner.shape)) if slope is None else slope.numpy()
    return result


def _function(component: Any, trial: int) -> Callable[..., Any]:
    """Return the function with the arguments of a trial; a module is built first."""
    from functools import partial

    arguments = component.arguments(trial)
    theirs: Any = component._theirs
    if not inspect.isclass(theirs):
        return partial(theirs, **arguments) if arguments else theirs
    module: Any = theirs(**arguments)
    if any(True for _ in module.parameters()):
        raise ComponentError(f"{component._full} has weights of its own, which annx would not train.")
    return cast(Callable[..., Any], module)


@dataclass(frozen=True)
class TorchLoss(MadeLoss):
    """A loss of torch, trial by trial; its gradient by torch's autograd."""

    outputs: ClassVar[Mapping[Any, str]] = {
        "binary": "sigmoid",
        "multiclass": "softmax",
        "regression": "identity",
    }

    def value(self, output: Array, target: Array) -> Array:
        import torch

        with _alone(self._full, output.dtype), torch.no_grad():
            values = [
                self._of(torch.from_numpy(own), torch.from_numpy(np.array(target[trial])), trial).item()
                for trial, own in _trials(output)
            ]
        return np.array(values, output.dtype)

    def grad(self, output: Array, target: Array) -> Array:
        import torch

        pieces = []
        with _alone(self._full, output.dtype), torch.enable_grad():
            for trial, own in _trials(output):
                inner = torch.from_numpy(own).requires_grad_()
                pieces.append(
                    _gradient(self._of(inner, torch.from_numpy(np.array(target[trial])), trial), inner)
                )
        return np.stack(pieces)

    def _of(self, output: Any, target: Any, trial: int) -> Any:
        """Return the mean loss; a loss of each example, or of each number, is averaged."""
        function = _function(self, trial)
        try:
            return function(output, target).mean()
        except Exception as error:
            raise ComponentError(f"{self._full}: {_line(error)}") from error


@dataclass(frozen=True)
class TorchLogitLoss(TorchLoss):
    """A loss of pre-activations: what the network predicts is made of them by the logistic function."""

    outputs: ClassVar[Mapping[Any, str]] = {"binary": "identity", "multiclass": "identity"}

    def predict(self, output: Array) -> Array:
        from scipy.special import expit, softmax

        return expit(output) if output.shape[-1] == 1 else softmax(output, axis=-1)


class Torch(Library):
    """PyTorch."""

    prefix = "torch"
    title = "PyTorch"
    packages = ("torch",)
    within = ("torch.optim", "torch.nn.functional", "torch.nn")
    address = "https://pytorch.org/docs"
    offers: ClassVar[Mapping[str, str]] = {
        "optimizer": "a subclass of torch.optim.Optimizer",
        "activation": "a function of a tensor, or a torch.nn.Module without weights",
        "loss": "a function of output and target",
    }

    def kind_of(self, thing: Any) -> str:
        import torch

        if inspect.isclass(thing):
            if issubclass(thing, torch.optim.Optimizer):
                return "optimizer"
            if not issubclass(thing, torch.nn.Module):
                return ""
            return "loss" if thing.__name__.lower().endswith("loss") else "activation"
        try:
            return "loss" if count_positional(thing) == 2 else "activation"
        except ValueError:
            return "activation"

    def component(self, kind: str, thing: Any, path: str) -> type[Component]:
        full = f"{self.prefix}:{path}"
        fits = self.kind_of(thing)
        if (kind == "optimizer") != (fits == "optimizer") or not fits:
            raise ComponentError(f"{full} is no {kind}: name {self.offers[kind]}.")
        if kind == "optimizer":
            return self._optimizer(thing, path)
        arguments = {"activation": 1, "loss": 2}[kind]
        left_out = ("inplace", "out", "dtype", "training", "p", *(REDUCTIONS if kind == "loss" else ()))
        module = inspect.isclass(thing)
        try:
            signature = read_signature(thing, 0 if module else arguments, left_out, alone=True)
        except ValueError as error:
            raise ComponentError(f"{full}: {error}.") from None
        form: type[Any] = TorchActivation if kind == "activation" else TorchLoss
        if kind == "loss" and path.rpartition(".")[2].lower() in OF_LOGITS:
            form = TorchLogitLoss
        return self.make(form, path, thing, signature, {})

    def _optimizer(self, thing: Any, path: str) -> type[Component]:
        full = f"{self.prefix}:{path}"
        closure = inspect.signature(thing.step).parameters.get("closure")
        if closure is not None and closure.default is inspect.Parameter.empty:
            raise ComponentError(
                f"{full} computes the loss again within a step, by a closure, which annx cannot give it; "
                "annx's own lbfgs does the like."
            )
        signature = read_signature(thing, 1, SETTINGS, alone=True)
        switches = all(callable(getattr(thing, name, None)) for name in ("train", "eval"))
        return self.make(SwitchingOptimizer if switches else TorchOptimizer, path, thing, signature, {})


@hookimpl
def annx_libraries() -> list[type[Library]]:
    return [Torch]
