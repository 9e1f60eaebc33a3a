"""A step as text for a terminal of 80 columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from anncore.contract.counts import agreeing, counted
from anncore.contract.errors import ExperimentError
from anncore.engine.explaining.step import MOST_UNITS

WIDTH = 80
MOST_LINES = 16  # numbers of a block that are each written out; of a larger one the first ones are
FIRST = 3


def refuse_wide(content: Mapping[str, Any]) -> None:
    """Raise ExperimentError for layers that no page holds."""
    widest = max(content["sizes"])
    if widest > MOST_UNITS:
        raise ExperimentError(
            f"{content['experiment']}: a layer, or the inputs, has {widest} numbers, and text and page show "
            f"up to {MOST_UNITS}; use --json, or a smaller network."
        )


def render_text(content: Mapping[str, Any]) -> str:
    """Return the whole step; ExperimentError where a layer is too wide for a page."""
    refuse_wide(content)
    return "\n".join([*_head(content), *_formulas(content), *_stages(content), *_effect(content)])


def headline(content: Mapping[str, Any]) -> str:
    """Return in one line which step of what is explained."""
    sizes = "-".join(map(str, content["sizes"]))
    which = [f"{content['arm']} on {content['problem']}"]
    if content["configuration"]:
        which.append(content["configuration"])
    which.append(f"seed {content['seed']}")
    if content["case"]:
        which.append(f"case {content['case']}")
    return f"Step {content['step']} of {content['steps']}, {content['network']} {sizes}: " + ", ".join(which)


def _head(content: Mapping[str, Any]) -> Iterator[str]:
    yield from textwrap.wrap(headline(content), WIDTH)
    if content["configurations"] > 1:
        yield from textwrap.wrap(
            f"One of {content['configurations']} configurations; --only KIND=LABEL and KEY=VALUE choose "
            "another.",
            WIDTH,
        )
    if len(content["cases"]) > 1:
        others = [name for name in content["cases"] if name != content["case"]]
        yield from textwrap.wrap(f"Also in the file: --case {', --case '.join(others)}.", WIDTH)
    if content["examples"] > 1:
        which = f"Example {content['example']} of the {content['examples']} of the batch"
        yield f"{which} is shown; gradients are the batch's."
    if content["without_formula"]:
        yield from textwrap.wrap(not_whole(content), WIDTH)


WHY = {
    "long": "whose formula is longer than a page",
    "network": "which the network computes by what cannot be followed",
    "optimizer": "which the optimizer computes by what cannot be followed",
}
MOST_NAMED = 6  # blocks that are named where numbers have no formula


def not_whole(content: Mapping[str, Any]) -> str:
    """Say which numbers stand without a formula; "" where the sheet is whole."""
    gaps = content["without_formula"]
    if not gaps:
        return ""
    count = sum(gap["numbers"] for gap in gaps)
    total = sum(len(block["lines"]) for stage in content["stages"][1:] for block in stage["blocks"])
    parts = []
    for why, words in WHY.items():
        blocks = [gap["block"] for gap in gaps if gap["why"] == why]
        more = f" and {len(blocks) - MOST_NAMED} more" if len(blocks) > MOST_NAMED else ""
        if blocks:
            parts.append(f"{', '.join(blocks[:MOST_NAMED])}{more}, {words}")
    stand = agreeing(count, "stand")
    return f"Not whole: {count} of {counted(total, 'numbers')} {stand} without a formula: {'; '.join(parts)}."


def effect_text(content: Mapping[str, Any]) -> str:
    """Say what the step comes to: what becomes of the batch's loss, and how far the weights go."""
    effect, digits = content["effect"], content["digits"]
    before, after = effect["loss_before"], effect["loss_after"]
    if before is None or after is None:
        return "The loss of the batch is no number before or after the step."
    by = f"{'lower' if after < before else 'higher'} by {abs(after - before):.2g}"
    ends = f"{before:.{digits}g} to {after:.{digits}g}"
    said = f"The loss of the batch goes from {ends}, {by if after != before else 'unchanged'}."
    if effect["largest_change"] is None:
        return said
    largest = f"{effect['largest_change']:.2g} ({effect['largest_change_of']})"
    return f"{said} No weight changes by more than {largest}."


def _effect(content: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", f"{len(content['stages']) + 1}. WHAT THE STEP COMES TO", "")
    yield from textwrap.wrap(effect_text(content), WIDTH, initial_indent="  ", subsequent_indent="  ")


def _formulas(content: Mapping[str, Any]) -> Iterator[str]:
    yield from ("", "FORMULAS")
    for component in content["components"]:
        values = ", ".join(f"{key} = {setting(value)}" for key, value in component["hyperparameters"].items())
        yield ""
        title = f"  {component['name']} ({component['role']})" + (f": {values}" if values else "")
        yield from textwrap.wrap(title, WIDTH, subsequent_indent="    ")
        for line in (*component["formulas"], *component["derived"]):
            yield from textwrap.wrap(line, WIDTH, initial_indent="    ", subsequent_indent="        ") or [""]


def setting(value: Any) -> str:
    """Return a hyperparameter's value as text, as an experiment file has it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _stages(content: Mapping[str, Any]) -> Iterator[str]:
    for number, stage in enumerate(content["stages"], start=1):
        yield from ("", f"{number}. {stage['title'].upper()}")
        for block in stage["blocks"]:
            yield ""
            yield from _block(block, given=stage["name"] == "given")


def _block(block: Mapping[str, Any], *, given: bool) -> Iterator[str]:
    shape = " x ".join(map(str, block["shape"]))
    left = f"  {block['formula'] or block['name']}"
    right = f"{block['title']} ({shape})".strip()
    gap = WIDTH - len(left) - len(right)
    if gap >= 2:
        yield f"{left}{' ' * gap}{right}"
    else:
        yield left
        yield f"{right:>{WIDTH}}"
    lines = block["lines"]
    if given:
        yield from table(block)
        return
    shown = lines if len(lines) <= MOST_LINES else lines[:FIRST]
    for line in shown:
        yield from written(line)
    if len(shown) < len(lines):
        yield f"    ... and so on; all {len(lines)}:"
        yield from table(block)


def table(block: Mapping[str, Any]) -> Iterator[str]:
    """Yield the numbers of a block, row by row, as many beside each other as the page is wide."""
    texts = [line["text"] for line in block["lines"]]
    columns = block["shape"][-1]
    widest = max(map(len, texts))
    most = max(1, (WIDTH - 6) // (widest + 2))
    for start in range(0, len(texts), columns):
        row = texts[start : start + columns]
        for at in range(0, columns, most):
            cells = "  ".join(f"{text:>{widest}}" for text in row[at : at + most])
            yield f"    {'  ' if at else ''}{cells}"


def written(line: Mapping[str, Any]) -> Iterator[str]:
    """Yield one number: name = formula = numbers = value, broken at the equals signs where it is long."""
    parts = [part for part in (line["formula"], line["numbers"], line["text"]) if part]
    if len(parts) > 1 and parts[-2] == parts[-1]:
        parts.pop()
    name = f"    {line['name']}"
    whole = f"{name} = {' = '.join(parts)}"
    if len(whole) <= WIDTH:
        yield whole
        return
    indent = " " * (min(len(name), 20) + 1)
    for at, part in enumerate(parts):
        start = f"{name} = " if at == 0 else f"{indent}= "
        yield from _broken(start, part, indent)


def _broken(start: str, text: str, indent: str) -> Iterator[str]:
    """Yield a formula in lines that end before a plus or minus."""
    line = start
    for piece in re.split(r" (?=[+-] )", text):
        if len(line) + len(piece) + 1 > WIDTH and line.strip() not in ("", "="):
            yield line.rstrip()
            line = f"{indent}  "
        line += piece + " "
    yield line.rstrip()
