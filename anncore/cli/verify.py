"""`annx verify`: finished trials, computed again and compared."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from anncore.cli.common import counted, folded, print_json, say
from anncore.cli.group import NOT_SHOWN, OK, SOME_FAILED
from anncore.cli.options import NamedPath, jobs_option, json_option, plugin_option
from anncore.contract.counts import agreeing
from anncore.contract.standard_output import kept_for_results
from anncore.report.printable import printable

if TYPE_CHECKING:
    from anncore.running.verify import Checked, Verified


@click.command(short_help="Compute some finished trials of a folder again, and compare.")
@click.argument("folder", metavar="DIR", type=NamedPath())
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="How many trials, drawn at random.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    metavar="N",
    help="Which trials are drawn; by default others each time, and the seed is printed.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0, max=1),
    default=0.01,
    show_default=True,
    metavar="SHARE",
    help="The largest relative difference of a final metric that was computed in another environment.",
)
@jobs_option
@click.option("--executor", metavar="NAME", help="What runs the trials; see 'annx list executor'.")
@plugin_option
@json_option
def command(folder: str, as_json: bool, **how: Any) -> int:
    """Compute random trials of the run folder DIR, or of a field such as reports/field, again and compare.

    In the environment that a trial's numbers come from (processor kernels, BLAS, NumPy, SciPy, Python, C
    library; the folder keeps all of them), every bit must be the same. In another one the metrics at the end
    must agree within --tolerance. Nothing is written. The files of plugins that a sweep was given are found
    where they lay; --plugin names those that were moved, and those of a field's arms.

    Ends with 0 where all drawn trials agree, 1 where some could not be computed again and no other deviates,
    5 where no trial is finished, 6 where numbers deviate.
    """
    from anncore.running.verify_folder import verify_folder

    with kept_for_results():
        verified = verify_folder(folder, **how)
    if as_json:
        print_json({"folder": folder, **_plain(verified)})
    else:
        say("\n".join([folded(_first_line(verified)), *_lines(verified)]))
    if verified.count("other"):
        return NOT_SHOWN
    return SOME_FAILED if verified.unchecked else OK


def _first_line(verified: Verified) -> str:
    """Say how many trials came out how."""
    drawn = len(verified.checked) + len(verified.unchecked)
    counts = [
        (verified.count("bits"), "the same to the last bit"),
        (
            verified.count("tolerance"),
            f"the same within {100 * verified.tolerance:g} %, in another environment than here",
        ),
        (verified.count("other"), "deviating"),
        (len(verified.unchecked), "not computed again"),
    ]
    outcome = "; ".join(f"{count} {what}" for count, what in counts if count)
    left = ", ".join(f"{count} {status}" for status, count in verified.left.items())
    aside = f" Without numbers to compare: {left}." if left else ""
    return (
        f"{drawn} of {counted(verified.finished, 'finished trial')}, drawn by --seed {verified.seed}: "
        f"{outcome}.{aside}"
    )


def _lines(verified: Verified) -> list[str]:
    """Return a line for each trial that deviates or could not be computed again."""
    lines = [_deviation(one) for one in verified.checked if one.sameness == "other"]
    return lines + [f"not computed again: {_trial(row)}: {printable(why)}" for row, why in verified.unchecked]


def _deviation(one: Checked) -> str:
    more = f" ({counted(one.more, 'more number')} {agreeing(one.more, 'differ')})" if one.more else ""
    where = ", computed in another environment" if one.elsewhere else ""
    return (
        f"deviates: {_trial(one.row)}: {printable(one.what)} was {_shown(one.kept)} and is "
        f"{_shown(one.again)}{more}{where}"
    )


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else repr(value)


def _trial(row: Any) -> str:
    """Return a trial's key and place in the experiment."""
    config = f" {row.config}" if row.config else ""
    field = row.labels.get("field")
    place = f" of {field}" if field else ""
    return printable(f"{row.key[:12]} {row.phase} {row.arm}{config} on {row.problem}{place}, seed {row.seed}")


def _plain(verified: Verified) -> dict[str, Any]:
    """Return what came of it as plain JSON."""
    return {
        "finished": verified.finished,
        "left": dict(verified.left),
        "seed": verified.seed,
        "tolerance": verified.tolerance,
        "same_bits": verified.count("bits"),
        "within_tolerance": verified.count("tolerance"),
        "deviating": verified.count("other"),
        "checked": [{**dataclasses.asdict(one), "row": one.row._asdict()} for one in verified.checked],
        "not_computed": [{"row": row._asdict(), "why": why} for row, why in verified.unchecked],
    }
