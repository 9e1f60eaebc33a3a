"""The protocols of a field: experiment files that lack only their arms, and how arms are added to them.

    [field]
    lr = 8                                  # so many rates over the range that the component declares
    lr = { log = [1e-6, 10], num = 15 }     # or these for every arm; without lr each runs at its defaults
    reference = "mse"                       # whom others meet where data sets are too few for all pairs

How an arm is tuned is the rule of `challengers.arm_table`, the same for all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from anncore.contract.errors import AnnxError, ExperimentError, StoreError
from anncore.contract.registry import HOME, Registered, Registry
from anncore.contract.trial import canonical
from anncore.engine.datasets import Shapes
from anncore.experiment.challengers import COMPARABLE, arm_table
from anncore.experiment.document import read_document
from anncore.experiment.model import Experiment
from anncore.experiment.plan import make_plan
from anncore.experiment.read import load_experiment

DIGITS = 12
OF_FIELD = ("lr", "reference")


class Protocol(NamedTuple):
    """How the arms of a kind run on a suite.

    document: the experiment file's, without arms and [field]. rates: what [field] says of learning rates.
    digest: that of all that decides over trials. reference: the arm that the others are compared with where
    data sets are too few to compare all with all; "" for none.
    """

    kind: str
    suite: str
    path: Path
    document: Mapping[str, Any]
    rates: Any
    digest: str
    reference: str = ""

    def experiment(
        self, arms: Mapping[str, Registered], registry: Registry, only: Sequence[str] = ()
    ) -> Experiment:
        """Return the experiment with these arms, by label; only: problems to keep, by default all."""
        tables = {
            label: {"use": component.full_name, **arm_table(component, registry, self.rates)}
            for label, component in arms.items()
        }
        document = {**self.document, self.kind: tables}
        if only:
            document["suite"] = {"name": self.suite_name, "only": list(only)}
            document["report"] = self._report(only)
        return load_experiment(document, registry=registry)

    def _report(self, only: Sequence[str]) -> dict[str, Any]:
        """Return the section [report] with the limits of these problems alone."""
        report = dict(self.document.get("report", {}))
        if "success" in report:
            limits = {name: limit for name, limit in self.limits.items() if name in only}
            report["success"] = {**report["success"], "at_most": limits}
        return report

    @property
    def limits(self) -> dict[str, float]:
        """By problem the value at the end that counts as a success; none where the protocol counts none."""
        success = self.document.get("report", {}).get("success", {})
        limits = success.get("at_most", {})
        return dict(limits) if isinstance(limits, Mapping) else {}

    @property
    def suite_name(self) -> str:
        """The name of the suite of problems, which several protocols may share."""
        named = self.document.get("suite", "")
        return str(named.get("name", "")) if isinstance(named, Mapping) else str(named)

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems of the suite that the protocol keeps by name; none where it takes the whole suite."""
        named = self.document.get("suite", "")
        return tuple(named.get("only", ())) if isinstance(named, Mapping) else ()


class Group(NamedTuple):
    """Arms that can be trained on the same problems.

    only: these, () for all. skipped: by arm, for each other problem why it cannot be trained there.
    """

    arms: dict[str, Registered]
    only: tuple[str, ...]
    skipped: dict[str, dict[str, str]]


def grouped(
    protocol: Protocol, arms: Mapping[str, Registered], registry: Registry
) -> tuple[list[Group], dict[str, str]]:
    """Return the arms by the problems that they can be trained on, so that a sweep of each group can run.

    And the arms that fit no problem, with the reason.
    """
    known: dict[str, Shapes] = {}
    groups: dict[tuple[str, ...], Group] = {}
    left_out: dict[str, str] = {}
    for label, component in arms.items():
        try:
            only, skipped = _fitting(protocol, {label: component}, registry, known)
        except AnnxError as error:
            left_out[label] = _reason(error)
            continue
        group = groups.setdefault(only, Group({}, only, {}))
        group.arms[label], group.skipped[label] = component, skipped
    return list(groups.values()), left_out


def _reason(error: AnnxError) -> str:
    """Return the first mistake without the experiment's name."""
    return str(error).partition("\n")[0].partition(": ")[2]


def _fitting(
    protocol: Protocol, arm: Mapping[str, Registered], registry: Registry, known: dict[str, Shapes]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the problems that an arm can be trained on, () for all, and by problem why not on the others."""
    whole = protocol.experiment(arm, registry)
    try:
        _plan(whole, known)
        return (), {}
    except AnnxError as error:
        mistake = error
    skipped: dict[str, str] = {}
    names = [problem.name for problem in whole.suite.problems] if whole.suite is not None else []
    for name in names:
        try:
            _plan(protocol.experiment(arm, registry, [name]), known)
        except AnnxError as error:
            skipped[name] = _reason(error)
    left = tuple(name for name in names if name not in skipped)
    if not left:
        raise mistake
    return left, skipped


def _plan(experiment: Experiment, known: dict[str, Shapes]) -> None:
    known.update(make_plan(experiment, allow_large=True, shapes=known).shapes)


def read_protocol(path: Path) -> Protocol:
    """Read KIND/SUITE.toml of a field. Raises StoreError where it is no protocol."""
    try:
        source = read_document(path)
    except ExperimentError as error:
        raise StoreError(f"{path} is no protocol of a field: {error}") from None
    document = dict(source.data)
    field = document.pop("field", {})
    kind, varied = path.parent.name, document.get("vary")
    if kind not in COMPARABLE or varied not in (kind, [kind]):
        raise StoreError(f"{path} is no protocol of a field: it must have vary = [{kind!r}], as its folder.")
    reference = field.get("reference", "") if isinstance(field, Mapping) else ""
    if kind in document or not isinstance(field, Mapping) or set(field) - set(OF_FIELD):
        raise StoreError(
            f"{path} is no protocol of a field: arms come from the field, so that [{kind}] must be absent, "
            f"and [field] holds {' and '.join(OF_FIELD)} alone."
        )
    if not isinstance(reference, str):
        raise StoreError(
            f"{path} is no protocol of a field: [field] reference must be an arm, got {reference!r}."
        )
    return Protocol(kind, path.stem, path, document, field.get("lr"), _digest(document, field), reference)


def _digest(document: Mapping[str, Any], field: Mapping[str, Any]) -> str:
    """Return what tells protocols apart whose trials differ: titles, limits of success and with whom arms are
    compared change no trial."""
    deciding = {name: value for name, value in document.items() if name not in ("title", "schema", "report")}
    how = {name: value for name, value in field.items() if name != "reference"}
    return hashlib.sha256(canonical({**deciding, "field": how}).encode()).hexdigest()[:DIGITS]


def arms_of(kind: str, registry: Registry, names: Sequence[str] = ()) -> dict[str, Registered]:
    """Return components of a kind by the label they have in a field: by default all that are annx's own."""
    if names:
        return {name.rpartition(":")[2]: registry.get(kind, name) for name in names}
    own = [component for component in registry.of_kind(kind) if component.dist == HOME]
    return {component.name: component for component in sorted(own, key=lambda one: one.name)}
