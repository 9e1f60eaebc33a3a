"""`claim`: the sentence that an experiment puts to the test, and which comparison would bear it out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from anncore.contract.columns import is_hyperparameter
from anncore.contract.errors import ExperimentError, nearest
from anncore.experiment.document import Document, Section

if TYPE_CHECKING:
    from anncore.experiment.model import Experiment

BY = ("score", "success", "steps")
SCALES = ("linear", "log")
EXAMPLE = '{ says = "Tanh learns faster than sigmoid.", better = "tanh", worse = "sigmoid" }'


class ClaimRule(NamedTuple):
    """A claim: what it `says`, and which arms must come before which others.

    by: what they are compared by. "score", as the report's tables do; "success", how often they succeed;
    "steps", how soon they reach the target; "column", a column of the trials, `of`, of which those before
    have more. before, after: empty where the claim is not tested. scale: "log" compares a column by ratios.
    beside: pairs of arms that are compared alike and shown; the verdict does not rest on them.
    changed: what was changed after a first look at results; "" for nothing.
    """

    says: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    by: str
    of: str = ""
    scale: str = "linear"
    beside: tuple[tuple[str, str], ...] = ()
    changed: str = ""


def read_claim(document: Document) -> None:
    """Check the form of `claim`; what is wrong is noted."""
    top = document.section()
    value = top.data.get("claim", "")
    if not isinstance(value, Mapping):
        if not isinstance(value, str):
            top.note_wrong("claim", f"a sentence, or a table such as {EXAMPLE}")
        return
    section = document.section("claim")
    section.allow(("says", "better", "worse", "by", "more", "less", "of", "scale", "beside", "changed"))
    if not isinstance(value.get("says"), str) or not value["says"].strip():
        raise section.error("says" if "says" in value else None, f"needs says, a sentence, as in {EXAMPLE}.")
    first, second = ("more", "less") if "more" in value or "less" in value else ("better", "worse")
    other = {"better", "worse", "by"} if first == "more" else {"more", "less", "of", "scale", "beside"}
    if mixed := sorted(other & value.keys()):
        raise section.error(mixed[0], f"{mixed[0]} does not go with {first} and {second}; keep one pair.")
    given = [key for key in (first, second) if key in value]
    if len(given) == 1:
        lacking = second if given == [first] else first
        raise section.error(None, f"names {given[0]} but not {lacking}; a comparison needs both.")
    for key in given:
        _check_arms(section, key)
    if first == "more" and not isinstance(value.get("of"), str):
        raise section.error(
            "of" if "of" in value else None, "more and less need of = .., a column of the trials."
        )
    section.one_of("by", None, BY)
    section.one_of("scale", None, SCALES)
    _check_beside(section)
    changed = value.get("changed")
    if "changed" in value and not (isinstance(changed, str) and changed.strip()):
        raise section.wrong("changed", 'what was changed after a first look, such as "the learning rates"')


def _check_arms(section: Section, key: str) -> None:
    names = section.data[key]
    names = [names] if isinstance(names, str) else names
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise section.wrong(key, "an arm, or a list of arms")


def _check_beside(section: Section) -> None:
    pairs = section.data.get("beside", [["a", "b"]])
    right = isinstance(pairs, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(name, str) for name in pair)
        for pair in pairs
    )
    if not right or not pairs:
        raise section.wrong("beside", "a list of pairs of arms, such as [['a', 'b'], ['c', 'd']]")


def claim_rule(document: Mapping[str, Any]) -> ClaimRule | None:
    """Return the claim of a document that was checked; None where it has none."""
    value = document.get("claim")
    if not value:
        return None
    if isinstance(value, str):
        return ClaimRule(value, (), (), "")
    more = "more" in value
    before, after = (_arms(value.get(key, ())) for key in (("more", "less") if more else ("better", "worse")))
    rates = isinstance(document.get("report"), Mapping) and "success" in document["report"]
    by = "column" if more else value.get("by", "success" if rates else "score")
    return ClaimRule(
        says=value["says"],
        before=before,
        after=after,
        by=by if before else "",
        of=value.get("of", ""),
        scale=value.get("scale", "linear"),
        beside=tuple((first, second) for first, second in value.get("beside", ())),
        changed=value.get("changed", ""),
    )


def _arms(names: Any) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def check_claim(experiment: Experiment, arms: Collection[str]) -> None:
    """Refuse a claim about what is no arm, or by what the experiment does not measure."""
    rule = claim_rule(experiment.document)
    if rule is None:
        return
    for name in (*rule.before, *rule.after, *chain.from_iterable(rule.beside)):
        if name not in arms:
            raise _refused(
                experiment,
                f"names {name!r}, which is no arm; there are {', '.join(arms)}.{nearest(name, list(arms))}",
            )
    for first, second in ((set(rule.before), set(rule.after)), *(({a}, {b}) for a, b in rule.beside)):
        if both := first & second:
            raise _refused(experiment, f"names {sorted(both)[0]!r} on both sides.")
    if rule.by == "success" and "success" not in experiment.report:
        raise _refused(experiment, "by = 'success' needs [report] success, which says what a success is.")
    if rule.by == "column" and is_hyperparameter(rule.of):
        raise _refused(experiment, f"of must be what trials measure, got the hyperparameter {rule.of!r}.")


def _refused(experiment: Experiment, why: str) -> ExperimentError:
    return ExperimentError(f"{experiment.file}: [claim] {why}")
