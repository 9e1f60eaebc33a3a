"""From an experiment to its trials: counted first, made when they are asked for."""

from anncore.plan.plan import Plan, make_plan

__all__ = ["Plan", "make_plan"]
