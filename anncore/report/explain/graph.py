"""The network of a step as units and connections: who gets a number from whom, and by which weight."""

from __future__ import annotations

from typing import Any

from anncore.engine.explaining.quantities import Given, Quantity
from anncore.engine.explaining.scalars import Scalar, names_in
from anncore.engine.explaining.sheet import Sheet
from anncore.engine.explaining.step import ObservedStep

MOST_EDGES = 600  # of a network that is drawn


def graph_of(step: ObservedStep, sheet: Sheet) -> dict[str, Any] | None:
    """Return units and connections, each with the names of its numbers; None where they are too many to draw.

    A unit: id, the name of its number z, and those of a, bias and delta, "" where it has none. An edge: from
    and to as ids, weight and gradient as names.
    """
    maker = _GraphMaker(step, sheet)
    maker.make()
    if len(maker.edges) > MOST_EDGES:
        return None
    return {"units": list(maker.units.values()), "edges": maker.edges}


class _GraphMaker:
    def __init__(self, step: ObservedStep, sheet: Sheet) -> None:
        self.step = step
        self.known = {line.name for line in sheet.lines()}
        self.units: dict[str, dict[str, str]] = {}
        self._edges: dict[tuple[str, str, str], dict[str, str]] = {}
        self._unit_of: dict[str, str] = {}

    @property
    def edges(self) -> list[dict[str, str]]:
        """The connections, each once."""
        return list(self._edges.values())

    def make(self) -> None:
        """Find units and edges."""
        deltas = {gradient.of: gradient for gradient in self.step.traced.backward if gradient.letter != "f'"}
        several = len(self.step.x) > 1 and self.step.traced.inputs.x.shape[1] > 1
        for quantity in self.step.traced.forward:
            merged = quantity.letter == "a" and self._joins(quantity)
            gradient = deltas.get(quantity)
            rows = [self.step.row] if several else range(len(quantity.values))
            for row in rows:
                for column in range(quantity.values.shape[1]):
                    name = quantity.name(row, column)
                    if merged:
                        assert quantity.of is not None
                        unit = quantity.of.name(row, column)
                        self.units[unit]["a"] = name
                        self._unit_of[name] = unit
                        continue
                    delta = gradient.name(row, column) if gradient is not None else ""
                    if quantity is self.step.traced.output:
                        output = f"a{quantity.base[1:]}[{column + 1}]"
                        self._add(name, delta, output if output in self.known else "")
                        delta_name = f"delta{quantity.base[1:]}[{column + 1}]"
                        self.units[name]["delta"] = delta_name if delta_name in self.known else delta
                        self.units[name]["kind"] = "output"
                    else:
                        self._add(name, delta)
                    self._connect(name, quantity, row, column)

    def _joins(self, quantity: Quantity) -> bool:
        return quantity.of is not None and quantity.of.values.shape == quantity.values.shape

    def _add(self, name: str, delta: str = "", a: str = "", kind: str = "unit") -> None:
        self.units[name] = {"id": name, "a": a, "bias": "", "delta": delta, "kind": kind}
        self._unit_of[name] = name

    def _connect(self, name: str, quantity: Quantity, row: int, column: int) -> None:
        if quantity.formulas is None:
            if quantity.of is not None:  # an activation that mixes its units
                for entering in range(quantity.of.values.shape[1]):
                    self._edge(quantity.of.name(min(row, len(quantity.of.values) - 1), entering), name)
            return
        formula: Scalar = quantity.formulas[row, column]
        for term in formula.args if formula.kind == "sum" else (formula,):
            atoms = list(names_in(term))
            weights = [atom for atom in atoms if _is_weight(atom)]
            others = [
                atom for atom in atoms if not isinstance(atom.args[0], Given) or atom.args[0].base == "x"
            ]
            if len(atoms) == 1 and not others:
                self.units[name]["bias"] = _name(atoms[0])
            elif term.kind == "product" and len(atoms) == 2 and len(weights) == 1 and len(others) == 1:
                self._edge(_name(others[0]), name, _name(weights[0]))
            else:
                for other in others:
                    self._edge(_name(other), name)

    def _edge(self, start: str, end: str, weight: str = "") -> None:
        if start not in self._unit_of:
            self._add(start, kind="input")
        unit = self._unit_of[start]
        gradient = f"d{weight}" if weight and f"d{weight}" in self.known else ""
        edge = {"from": unit, "to": end, "weight": weight, "gradient": gradient}
        self._edges.setdefault((unit, end, weight), edge)


def _is_weight(atom: Scalar) -> bool:
    return isinstance(atom.args[0], Given) and atom.args[0].is_weight


def _name(atom: Scalar) -> str:
    owner, row, column = atom.args
    name: str = owner.name(row, column)
    return name
