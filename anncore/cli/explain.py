"""`annx explain`: one training step, number by number."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from anncore.cli.common import print_json, say
from anncore.cli.options import NamedPath, json_option, plugin_option
from anncore.contract.standard_output import kept_for_results

if TYPE_CHECKING:
    from anncore.report.explain.content import Explanation


@click.command(short_help="Write out one training step by hand: every number and formula.")
@click.argument("file", type=NamedPath())
@click.argument("overrides", nargs=-1, metavar="[KEY=VALUE ...]")
@click.option("--only", multiple=True, metavar="KIND=LABEL", help="Keep only these entries; repeatable.")
@click.option("--skip", multiple=True, metavar="KIND=LABEL", help="Leave these entries out; repeatable.")
@click.option("--step", type=click.IntRange(min=1), default=1, metavar="N", help="The update, from 1.")
@click.option(
    "--example", type=click.IntRange(min=1), default=1, metavar="K", help="The example of the batch, from 1."
)
@click.option("--case", metavar="NAME", help="The exercise of [explain.cases.NAME]; by default the first.")
@click.option(
    "--digits",
    type=click.IntRange(min=1, max=17),
    default=5,
    metavar="D",
    help="Significant digits of numbers; 5 by default.",
)
@click.option(
    "--html", type=NamedPath(), metavar="FILE", help="Write the step as one page that needs no network."
)
@click.option(
    "--plot", metavar="FILE", help="Draw both passes as a picture in FILE, which ends in .png or .svg."
)
@click.option(
    "--check",
    "answers",
    type=NamedPath(),
    metavar="ANSWERS.csv",
    help="Mark a sheet of answers (name,value).",
)
@click.option("--answers-template", "empty", type=NamedPath(), metavar="FILE", help="Write the empty sheet.")
@json_option
@plugin_option
def command(
    file: str,
    overrides: tuple[str, ...],
    only: tuple[str, ...],
    skip: tuple[str, ...],
    step: int,
    example: int,
    case: str | None,
    digits: int,
    html: str | None,
    plot: str | None,
    answers: str | None,
    empty: str | None,
    as_json: bool,
    plugins: tuple[str, ...],
) -> int:
    """Write out one training step of the experiment FILE, as it is done by hand.

    Every z, a, loss, delta, gradient and update, each with its formula in symbols and in numbers. The numbers
    are the engine's: it trains up to the step, makes it, and what it computed is written down. [explain] in
    the file gives numbers of an exercise, and says which configuration is meant where there are several.

    With --check it marks a learner's sheet: which number is wrong and by what kind of mistake, and which is
    wrong only because an earlier one is. Ends with 1 where an answer is wrong.
    """
    from anncore.cli.plot import check_file, write_picture
    from anncore.experiment import load_experiment
    from anncore.report.explain.content import Wish, explain

    picture = None if plot is None else check_file(plot)

    with kept_for_results():
        experiment = load_experiment(file, overrides=overrides, only=only, skip=skip, plugins=plugins)
        explanation = explain(experiment, Wish(step, example, case, digits))
    content = explanation.content
    if empty is not None:
        from anncore.report.explain.answers import template

        _write(Path(empty), template(explanation.sheet))
    if html is not None:
        from anncore.report.explain.page import render_page

        _write(Path(html), render_page(content))
    if picture is not None:
        from anncore.report.explain.figure import step_figure

        write_picture(step_figure(content), picture)
    if not as_json:
        for written in filter(None, (empty, html, plot)):
            say(f"Written: {written}", err=answers is not None)
    if answers is not None:
        return _checked(explanation, Path(answers), as_json)
    if as_json:
        print_json(content)
    elif html is None and empty is None and picture is None:
        from anncore.report.explain.text import render_text

        say(render_text(content))
    return 0


def _write(file: Path, text: str) -> None:
    from anncore.running.files import make_folder, replace_file

    make_folder(file.parent)
    replace_file(file, text.encode())


def _checked(explanation: Explanation, file: Path, as_json: bool) -> int:
    """Print the marks of a sheet of answers; return 1 where an answer is wrong."""
    from anncore.report.explain.answers import read_answers
    from anncore.report.explain.marking import mark
    from anncore.report.explain.marks_text import all_right, marked_content, marks_text
    from anncore.report.explain.mistakes import Mistakes

    step = explanation.step
    kinds = Mistakes(step.stack.registry, examples=len(step.x), outputs=step.z.shape[1])
    marks = mark(explanation.sheet, read_answers(file), kinds)
    if as_json:
        print_json(marked_content(explanation.content, marks))
    else:
        from anncore.report.explain.text import headline

        say(headline(explanation.content))
        say(marks_text(marks, explanation.content["digits"]))
    return 0 if all_right(marks) else 1
