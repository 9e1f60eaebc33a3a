"""Checks that every component of every kind must pass."""

from __future__ import annotations

import builtins
import json
import pickle
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from anncore.contract.admission import Refused, refuse_malformed
from anncore.contract.documentation import documentation as documentation_of
from anncore.contract.errors import ComponentError
from anncore.contract.hyperparameters import (
    Declared,
    Interval,
    ListOf,
    OneOf,
    Plain,
    build,
    declared,
    resolve,
)
from anncore.contract.kind_names import PUBLISHED
from anncore.contract.kinds import Array
from anncore.testing import elsewhere
from anncore.testing.kit import Exercised, Kit, Named, Subject, Variant, must, must_equal_bits


def well_formed(subject: Subject) -> int:
    """The registry would take it: a frozen dataclass with the kind's methods, all fields declared."""
    try:
        refuse_malformed(subject.kind, subject.cls)
    except Refused as error:
        raise AssertionError(str(error)) from None
    return 1


def documentation(subject: Subject) -> int:
    """Its docstring says what it is, names every hyperparameter and gives a source."""
    text = documentation_of(subject.cls)
    summary, _, body = text.partition("\n\n")
    must(
        "\n" not in summary and summary.endswith((".", "?")),
        "the docstring must open with one line and a full stop",
    )
    more = "formula, domain, reference" if subject.kind in PUBLISHED else "what it does or shows, and how"
    must(body.strip(), f"the docstring must go on with a second paragraph: {more}")
    for key, declaration in declared(subject.cls).items():
        named = re.search(rf"(?<![a-z]){re.escape(key)}(?![a-z])", text) or declaration.help
        must(named or _greek(key) in text, f"the docstring does not mention the hyperparameter {key}")
    if subject.kind in PUBLISHED:
        source = re.search(r"https?://|\b(1[89]|20)\d\d\b", text)
        must(source, "the docstring must give the source: authors, title, year, address")
    return 1


GREEK = {"alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "eps": "ε", "rho": "ρ", "mu": "μ"}


def _greek(key: str) -> str:
    """Return "β₁" for "beta1", and other keys unchanged."""
    letter, digits = key.rstrip("0123456789"), key[len(key.rstrip("0123456789")) :]
    return GREEK.get(letter, letter) + digits.translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def defaults(subject: Subject) -> int:
    """It builds with no arguments, with every preset, and its search ranges lie in its domains."""
    variants = subject.variants()
    for variant in variants:
        subject.build(variant)
    for preset, values in subject.cls.presets.items():
        unknown = set(values) - set(declared(subject.cls))
        must(not unknown, f"preset {preset} sets {', '.join(sorted(unknown))}, which is not a hyperparameter")
    for key, declaration in declared(subject.cls).items():
        for value in declaration.search.values if declaration.search else ():
            try:
                declaration.domain.check(value)
            except ValueError as error:
                raise AssertionError(f"the search range of {key}: {value!r} {error}") from None
    return len(variants)


def pickles(subject: Subject) -> int:
    """It survives the way to a new process and back."""
    variants = subject.variants()
    for variant in variants:
        built = build(subject.cls, **variant.values)
        again = elsewhere.ask(elsewhere.same, built, classes=[subject.cls])
        must(again == built, f"{variant.label}: another after pickling")
    return len(variants)


def json_round_trip(subject: Subject) -> int:
    """Its hyperparameters survive writing them to JSON and reading them."""
    variants = subject.variants()
    for label, values in variants:
        again = resolve(subject.cls, json.loads(json.dumps(values, allow_nan=False)))
        must(again == values, f"{label}: {values} came back as {again}")
    return len(variants)


def out_of_domain(subject: Subject) -> int:
    """A value outside its domain, and an unknown name, are refused with a message that names them."""
    _must_refuse(subject, "no_such_hyperparameter", 1)
    count = 1
    for key, declaration in declared(subject.cls).items():
        for value in _outside(declaration):
            _must_refuse(subject, key, value)
            count += 1
    return count


def _must_refuse(subject: Subject, key: str, value: Any) -> None:
    try:
        build(subject.cls, **{**subject.values, key: value})
    except ComponentError as error:
        must(key in str(error), f"the refusal of {key} = {value!r} does not name it: {error}")
    else:
        raise AssertionError(f"{key} = {value!r} was accepted")


def _outside(declaration: Declared) -> list[Any]:
    domain = declaration.domain
    if isinstance(domain, Interval):
        bad: list[Any] = [float("nan"), float("inf"), "text", True]
        bad += [domain.low - 1 if domain.closed_low else domain.low] if np.isfinite(domain.low) else []
        bad += [domain.high + 1 if domain.closed_high else domain.high] if np.isfinite(domain.high) else []
        return bad + ([(declaration.default or 0) + 0.5] if domain.integer else [])
    if isinstance(domain, ListOf):
        bad = [1, "text", [1] if isinstance(domain.item, Plain) else ["text"], [float("nan")]]
        if isinstance(domain.item, Interval) and np.isfinite(domain.item.low):
            bad.append([domain.item.low - 1])
        return bad
    if isinstance(domain, OneOf):
        return ["no such value"]
    assert isinstance(domain, Plain)
    if domain.type == "value":
        return [{"a": "table"}, float("nan")]
    return ["yes", 1] if domain.type == "bool" else [1, None]


def _first(subject: Subject, variant: Variant, kit: Kit) -> Exercised:
    """Return what the first exercise of a variant gave; three checks look at the same one."""
    if variant.label not in subject.first:
        component = subject.build(variant)
        before = _global_generators()
        with _imports_apart():
            results = [np.array(result) for result in kit.exercise(subject, component)]
        subject.first[variant.label] = Exercised(component, results, before != _global_generators())
    return subject.first[variant.label]


def _global_generators() -> bytes:
    """Return the state of NumPy's global generator and of Python's."""
    return pickle.dumps((np.random.get_state(legacy=False), random.getstate()))  # noqa: NPY002


@contextmanager
def _imports_apart() -> Iterator[None]:
    """Undo what an import draws: some libraries draw as they are imported, which is no component's fault."""
    original = builtins.__import__

    def importing(*names: Any, **options: Any) -> Any:
        of_numpy, of_python = np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
        try:
            return original(*names, **options)
        finally:
            np.random.set_state(of_numpy)  # noqa: NPY002
            random.setstate(of_python)

    builtins.__import__ = importing
    try:
        yield
    finally:
        builtins.__import__ = original


def deterministic(subject: Subject, kit: Kit) -> int:
    """It computes the same bits again; another one with the same hyperparameters does too."""
    count = 0
    for variant in subject.variants():
        component, first, _ = _first(subject, variant, kit)
        for again in (component, subject.build(variant)):
            second = [np.asarray(result) for result in kit.exercise(subject, again)]
            must(len(first) == len(second), f"{variant.label}: a different number of results the second time")
            for one, other in zip(first, second, strict=True):
                must_equal_bits(one, other, f"{variant.label}: a different result the second time")
                count += 1
    return count


def no_global_rng(subject: Subject, kit: Kit) -> int:
    """Neither NumPy's global generator nor Python's is touched."""
    count = 0
    for variant in subject.variants():
        _, results, drew = _first(subject, variant, kit)
        must(not drew, f"{variant.label}: it draws from a global generator; use the one in its arguments")
        count += len(results)
    return count


def other_process(subject: Subject, kit: Kit) -> int:
    """Another process, with other hashes, computes the same bits."""
    count = 0
    for variant in subject.variants():
        here = _first(subject, variant, kit).results
        there = elsewhere.ask(_exercised, subject, variant, kit, classes=[subject.cls])
        must(len(here) == len(there), f"{variant.label}: a different number of results in another process")
        for one, other in zip(here, there, strict=True):
            must_equal_bits(one, other, f"{variant.label}: a different result in another process")
            count += 1
        del subject.first[variant.label]  # the last of the checks that look at it
    return count


def _exercised(subject: Subject, variant: Variant, kit: Kit) -> list[Array]:
    with np.errstate(all="ignore"):
        return [np.asarray(result) for result in kit.exercise(subject, subject.build(variant))]


CHECKS: list[Named] = [
    ("well_formed", well_formed),
    ("documentation", documentation),
    ("defaults", defaults),
    ("pickles", pickles),
    ("json_round_trip", json_round_trip),
    ("out_of_domain", out_of_domain),
]


def computing(kit: Kit) -> list[Named]:
    """Return the checks of what `Kit.exercise` yields; none for a kind without results."""
    if not kit.computes:
        return []
    return [
        ("deterministic", partial(deterministic, kit=kit)),
        ("no_global_rng", partial(no_global_rng, kit=kit)),
        ("other_process", partial(other_process, kit=kit)),
    ]
