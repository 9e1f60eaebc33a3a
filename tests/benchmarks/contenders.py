"""The contenders: each trains a network, or does a part of that work, in processes of its own.

All draw their batches from data laid out beforehand, in float32, and are stepped in a steady state: no
compiling, no allocation of first arrays, no evaluation is counted.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple

import numpy as np
from benchmarks.networks import BATCH, SEEDS, Case, trials_of

Run = Callable[[int], None]
"""Makes that many steps of every trial at hand."""


class Work(NamedTuple):
    """What one process runs: its `run`, and how many trials each step of it moves on."""

    run: Run
    trials: int


class Contender:
    """A way to train: its name, the packages it needs, its processes and their threads."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    processes: ClassVar[int] = 1
    threads: ClassVar[int] = 1  # 0: as many as it likes

    @classmethod
    def prepare(cls, case: Case, share: int) -> Work:
        """Build everything process number `share` needs."""
        raise NotImplementedError


class Annx(Contender):
    """The engine: stacks as it packs them for two jobs, dealt out to two processes."""

    name = "annx"
    processes = 2
    engine = "blas"

    @classmethod
    def prepare(cls, case: Case, share: int) -> Work:
        """Build this process's stacks."""
        from anncore.contract.loading import load_registry

        registry = load_registry()
        return stacks_work(own_stacks(case, registry, share, cls.processes, cls.engine), registry)


def own_stacks(case: Case, registry: Any, share: int, processes: int, engine: str = "blas") -> list[Any]:
    """Return the stacks of one of several processes, the largest dealt out first to the least laden."""
    from anncore.engine.packing import pack

    laden: list[list[Any]] = [[] for _ in range(processes)]
    for stack in sorted(
        pack(trials_of(case, registry, engine=engine), registry, jobs=processes), key=len, reverse=True
    ):
        min(laden, key=lambda stacks: sum(map(len, stacks))).append(stack)
    return laden[share]


def built(trials: Any, registry: Any) -> Any:
    """Return a stack that is ready for its first step."""
    from anncore.engine.problem import ON_DATA
    from anncore.engine.process import keep_memory_mapped

    keep_memory_mapped()
    warm_blas()
    stack = ON_DATA.stack(trials, registry, ON_DATA.load(trials, registry))
    stack.initialize()
    return stack


def stacks_work(groups: Any, registry: Any) -> Work:
    """Return the training of groups of trials, one stack after the other as a worker does it."""
    stacks = [built(trials, registry) for trials in groups]
    done = 0

    def run(steps: int) -> None:
        nonlocal done
        with np.errstate(all="ignore"):
            for stack in stacks:
                for first in range(done + 1, done + steps + 1, CALLED):
                    stack.advance(first, min(first + CALLED - 1, done + steps), 1 << 30)
        done += steps

    return Work(run, sum(map(len, groups)))


class Lanes(Annx):
    """The kernels of whole steps, a trial in each lane; the steps between evaluations are one call."""

    name = "annx in lanes"
    needs = ("llvmlite",)
    engine = "lanes"


class Matmul(Contender):
    """The bare matrix products of the same stacks: forward, weight gradients, input gradients.

    Every operand is contiguous and every result has its place, so this is what the BLAS can do.
    """

    name = "bare matmuls"
    processes = 2

    @classmethod
    def prepare(cls, case: Case, share: int) -> Work:
        """Lay out the operands of all layers, stack by stack."""
        from anncore.contract.loading import load_registry

        groups = own_stacks(case, load_registry(), share, cls.processes)
        products = [product for trials in groups for product in _products(case, len(trials))]

        def run(steps: int) -> None:
            for _ in range(steps):
                for left, right, out in products:
                    np.matmul(left, right, out=out)

        return Work(run, sum(map(len, groups)))


def _products(case: Case, trials: int) -> list[tuple[Any, Any, Any]]:
    rng = np.random.default_rng(0)
    known = []
    for layer, (fan_in, fan_out) in enumerate(pairwise(case.widths)):
        shapes = [(BATCH, fan_in, fan_out), (fan_in, BATCH, fan_out)]
        if layer:  # nobody needs the gradient of the data
            shapes.append((BATCH, fan_out, fan_in))
        for n, k, m in shapes:
            left, right = (
                rng.standard_normal((trials, *shape)).astype(np.float32) for shape in ((n, k), (k, m))
            )
            known.append((left, right, np.empty((trials, n, m), np.float32)))
    return known


class Torch(Contender):
    """PyTorch as one writes it: one model, a loop over batches, one thread."""

    name = "PyTorch eager loop"
    needs = ("torch",)

    @classmethod
    def prepare(cls, case: Case, share: int) -> Work:
        """Build model, loss and optimizer."""
        import torch
        from torch import nn

        torch.set_num_threads(1)
        torch.manual_seed(0)
        layers: list[Any] = []
        for fan_in, fan_out in pairwise(case.widths):
            layers += [nn.Linear(fan_in, fan_out), nn.ReLU()]
        model = nn.Sequential(*layers[:-1])
        loss = nn.CrossEntropyLoss() if case.outputs > 1 else nn.BCEWithLogitsLoss()
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
        x, y = data(case)
        batches = list(zip(torch.from_numpy(x), torch.from_numpy(y), strict=True))
        if case.outputs > 1:
            batches = [(inputs, targets.argmax(dim=1)) for inputs, targets in batches]

        def run(steps: int) -> None:
            for i in range(steps):
                inputs, targets = batches[i % len(batches)]
                optimizer.zero_grad()
                loss(model(inputs), targets).backward()
                optimizer.step()

        return Work(run, 1)


class Sklearn(Contender):
    """scikit-learn's MLPClassifier: `partial_fit`, which goes over what it is given once, in batches."""

    name = "scikit-learn MLPClassifier"
    needs = ("sklearn",)

    @classmethod
    def prepare(cls, case: Case, share: int) -> Work:
        """Build the classifier."""
        from sklearn.neural_network import MLPClassifier

        x, y = data(case)
        labels = y.argmax(axis=2) if case.outputs > 1 else y[:, :, 0]
        classes = np.arange(max(2, case.outputs))
        model = MLPClassifier(case.hidden, batch_size=BATCH, alpha=0.0, random_state=0)
        most = len(x)

        def run(steps: int) -> None:
            for start in range(0, steps, most):
                n = min(most, steps - start)
                model.partial_fit(x[:n].reshape(n * BATCH, -1), labels[:n].reshape(-1), classes=classes)

        return Work(run, 1)


class Jax(Contender):
    """JAX: the training loop as a scan, vectorised over the trials by vmap, compiled beforehand.

    Each trial takes its batches from its seed's data, as annx's do.
    """

    name = "JAX vmap+scan+jit"
    needs = ("jax", "optax")
    threads = 0

    @classmethod
    def prepare(cls, case: Case, share: int) -> Work:
        """Compile a scan over all batches, for all trials at once."""
        import jax
        import jax.numpy as jnp
        import optax

        # Each seed has batches of its own, as annx's have: here the same ones, begun at another place.
        x, y = (
            jnp.stack([jnp.asarray(np.roll(array[:SCANNED], seed, axis=0)) for seed in range(SEEDS)])
            for array in data(case)
        )
        owner = jnp.arange(case.trials) % SEEDS

        def value(params: Any, inputs: Any, targets: Any) -> Any:
            for weight, bias in params[:-1]:
                inputs = jax.nn.relu(inputs @ weight + bias)
            z = inputs @ params[-1][0] + params[-1][1]
            if case.outputs > 1:
                return optax.softmax_cross_entropy(z, targets).mean()
            return optax.sigmoid_binary_cross_entropy(z, targets).mean()

        def train(params: Any, state: Any, lr: Any, seed: Any, x: Any, y: Any) -> Any:
            def step(carry: Any, at: Any) -> Any:
                params, state = carry
                batch = x[seed, at], y[seed, at]
                change, state = optax.adam(lr).update(jax.grad(value)(params, *batch), state, params)
                return (optax.apply_updates(params, change), state), None

            return jax.lax.scan(step, (params, state), jnp.arange(SCANNED))[0]

        rng = np.random.default_rng(0)
        params = [
            (
                jnp.asarray(rng.normal(0, fan_in**-0.5, (case.trials, fan_in, fan_out)), jnp.float32),
                jnp.zeros((case.trials, fan_out), jnp.float32),
            )
            for fan_in, fan_out in pairwise(case.widths)
        ]
        lr = jnp.linspace(1e-4, 1e-3, case.trials, dtype=jnp.float32)
        state = jax.vmap(lambda params, lr: optax.adam(lr).init(params))(params, lr)
        scan = jax.jit(jax.vmap(train, in_axes=(0, 0, 0, 0, None, None)))
        params, state = jax.block_until_ready(scan(params, state, lr, owner, x, y))

        def run(steps: int) -> None:
            nonlocal params, state
            for _ in range(steps // SCANNED):
                params, state = scan(params, state, lr, owner, x, y)
            jax.block_until_ready(params)

        return Work(run, case.trials)


CALLED = 50  # steps of one call, those between two evaluations
SCANNED = 100  # steps of one compiled scan; steps are asked for in multiples of it
BATCHES = 400


def data(case: Case) -> tuple[Any, Any]:
    """Return batches laid out for the peers, x (batches, 32, inputs) and y (batches, 32, outputs)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((BATCHES, BATCH, case.inputs)).astype(np.float32)
    score = x @ rng.standard_normal((case.inputs, max(2, case.outputs)))
    y = np.eye(score.shape[2])[score.argmax(axis=2)][:, :, -case.outputs :]
    return x, y.astype(np.float32)


CONTENDERS: tuple[type[Contender], ...] = (Lanes, Annx, Torch, Sklearn, Jax, Matmul)


def limit_threads(threads: int) -> None:
    """Set the environment that BLAS and OpenMP read when they load; 0 leaves it."""
    if threads:
        for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[name] = str(threads)


def warm_blas() -> None:
    """Touch all of OpenBLAS's packing buffer once, without which small products may run at a third.

    Every contender gets this, though only annx's workers do it by themselves.
    """
    np.matmul(*np.ones((2, 512, 512), np.float32))
