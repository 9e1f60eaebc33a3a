r"""The report's tables as LaTeX for booktabs, one file each: `\input{leaderboard.tex}` in a paper.

They compile under pdfLaTeX (in the encoding T1), XeLaTeX and LuaLaTeX. A table of many rows is a longtable;
one that is too wide for a page is split by its columns, which keep the names of the rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from anncore.report.view import Cell, Section, Table, first_screen, sections

PACKAGES = "% Needs \\usepackage[T1]{fontenc} and \\usepackage{array,booktabs,longtable}."
PREVIEW = "preview.tex"
MOST_ROWS = 35  # lines; more are a longtable, which breaks over pages
PAGE = 345.0  # points: the text width of article, the narrowest of the usual classes
SIZES = (  # the command, the size in points, the points between two columns
    ("", 10.0, 12.0),
    ("\\small", 9.0, 12.0),
    ("\\footnotesize\\setlength{\\tabcolsep}{4pt}", 8.0, 8.0),
)
EM = 0.56  # the mean width of a character in Computer Modern, as a share of the font size
WIDEST, LEAST = 28, 10  # characters: wider texts are broken into lines, narrower headings are not
FLOATS = 8  # tables that LaTeX may hold back before it must put them somewhere

ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",  # the first font encoding has other signs in these places
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",  # active in some languages
    "`": r"\textasciigrave{}",
    "[": "{[}",  # after \\ it would begin an optional argument, as * would
    "]": "{]}",
    "*": "{*}",
    "-": "{-}",  # beside another it would become a dash, as an apostrophe a quotation mark
    "'": "{'}",
    "!": "{!}",  # before ` they would become inverted
    "?": "{?}",
    ",": "{,}",
    "–": "{--}",
}
GREEK = (
    "alpha beta gamma delta varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho varsigma sigma tau "
    "upsilon varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
SIGNS = {
    "−": "-",
    "×": r"\times",
    "∞": r"\infty",
    "±": r"\pm",
    "≤": r"\leq",
    "≥": r"\geq",
    "≠": r"\neq",
    "≈": r"\approx",
    "√": r"\surd",
    "∑": r"\sum",
    "∂": r"\partial",
    "∇": r"\nabla",
    "∈": r"\in",
    "⋅": r"\cdot",
    "←": r"\leftarrow",
    "→": r"\rightarrow",
    "↑": r"\uparrow",
    "↓": r"\downarrow",
    "′": "'",
    **{c: f"^{{{i}}}" for i, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{c: f"_{{{i}}}" for i, c in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    "⁻": "^{-}",
    **{
        c: f"\\{name}"
        for c, name in zip(
            "αβγδεζηθικλμνξπρςστυφχψωΓΔΘΛΞΠΣΥΦΨΩ",
            GREEK.split(),
            strict=True,
        )
    },
    **{c: f"\\mathrm{{{name}}}" for c, name in zip("ΑΒΕΖΗΙΚΜΝΟΡΤΧ", "ABEZHIKMNOPTX", strict=True)},
    "ο": "o",
}
"""What is set as mathematics."""
# Latin letters and signs that T1 and the companion fonts lack; found by setting all of them.
LACKING = frozenset("\u0138\u013f\u0140\u0149\u0166\u0167\u017f")
BEYOND = frozenset("ȘșȚț‘’‚“”„—…•†‡‰‹›€™")


def escape(text: str) -> str:
    """Return a text so that LaTeX prints just that: no command, no ligature, no line break in it.

    A character that pdfLaTeX has no sign for is printed as its number there, and as itself by the others.
    """
    line = " ".join(str(text).split())
    printable = "".join(c for c in line if c.isprintable())
    # Braces keep neighbours from becoming a ligature; alone they need none.
    pieces = re.split(r"(?<![-'–!?,`])([-'!?,])(?![-'–!?,`])", printable)
    written = (piece if i % 2 else "".join(map(_character, piece)) for i, piece in enumerate(pieces))
    return "".join(written)


def _character(c: str) -> str:
    if c in ESCAPED:
        return ESCAPED[c]
    if c in SIGNS:
        return f"${SIGNS[c]}$"
    if c.isascii() or ("¡" <= c <= "ž" and c not in LACKING) or c in BEYOND:
        return c
    return f"\\ifdefined\\Umathchar {c}\\else\\texttt{{U+{ord(c):04X}}}\\fi{{}}"


def _number(text: str) -> str:
    """Escape numbers as the report writes them: 1.2e−07 becomes a power of ten."""
    parts = re.split(r"(−?[\d.]+)e(−?)0*(\d+)", text)
    written = [_spaced(parts[0])]
    for mantissa, sign, exponent, rest in zip(*(iter(parts[1:]),) * 4, strict=True):
        written += [f"${mantissa} \\times 10^{{{sign}{exponent}}}$".replace("−", "-"), _spaced(rest)]
    return "".join(written).strip()


def _spaced(text: str) -> str:
    """Escape what stands beside a number, with the space between them."""
    before, after = (" " if text[:1].isspace() else ""), (" " if text[-1:].isspace() and text.strip() else "")
    return f"{before}{escape(text)}{after}"


def render_tables(content: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every table of a report as (name, LaTeX); names are such as files have everywhere, each once."""
    taken: set[str] = set()
    for name, one in _named([first_screen(content), *sections(content)]):
        own = unique(name, taken)
        yield own, render_table(one, content, own)


def _named(parts: Sequence[Section], above: str = "") -> Iterator[tuple[str, Table]]:
    for section in parts:
        for one in section.tables:
            name = one.name or section.id
            yield (f"{name}-{slug(section.title)}" if above else name), one
        yield from _named(section.parts, section.id)


def unique(name: str, taken: set[str]) -> str:
    """Return the name, numbered where it is taken, and take it."""
    name = slug(name)
    free, number = name, 2
    while free in taken:
        free, number = f"{name}-{number}", number + 1
    taken.add(free)
    return free


def slug(text: str) -> str:
    """Return a text as a file name or a label can hold it; "x" where nothing of it is left."""
    return re.sub(r"[^a-z0-9_]+", "-", text.lower()).strip("-")[:60] or "x"


def preview(content: Mapping[str, Any], names: Sequence[str]) -> str:
    """Return a document that shows all the tables: to look at them, and for the packages they need."""
    inputs = []
    for place, name in enumerate(names, 1):
        inputs += [f"\\input{{{name}}}", *(["\\clearpage"] if place % FLOATS == 0 else [])]
    lines = [
        "\\documentclass{article}",
        "\\usepackage[T1]{fontenc}",
        "\\IfFileExists{lmodern.sty}{\\usepackage{lmodern}}{}",
        "\\usepackage{array,booktabs,longtable}",
        "\\begin{document}",
        f"\\section*{{{escape(content['title'])}}}",
        *inputs,
        "\\end{document}",
    ]
    return "\n".join(lines) + "\n"


def render_table(whole: Table, content: Mapping[str, Any], name: str) -> str:
    """Return one table with its caption, which begins with the report's title, and its label."""
    size, parts = _fitted(whole)
    title = escape(content["title"]) + ("" if content["title"].endswith((".", "?", "!")) else ".")
    label = f"tab:{slug(content['name'])}-{slug(name)}"
    written = [PACKAGES]
    for place, columns in enumerate(parts, 1):
        which = f" Part {place} of {len(parts)}." if len(parts) > 1 else ""
        caption = f"\\caption{{{title} {_broken(whole.caption, WIDEST)}{which}}}"
        own = f"\\label{{{label if place == 1 else f'{label}-{place}'}}}"
        written.append(_environment(whole, columns, size, caption, own))
    return "\n".join(written) + "\n"


def _environment(whole: Table, columns: Sequence[int], size: str, caption: str, label: str) -> str:
    widths = _widths(whole)
    form = "".join(_column(whole, i, widths[i]) for i in columns)
    header = " & ".join(_heading(whole.header[i], widths[i], whole.numeric[i]) for i in columns) + r" \\"
    rows = [
        " & ".join(_cell(row[i], widths[i], whole.numeric[i]) for i in columns) + r" \\" for row in whole.rows
    ]
    if _lines(whole, widths) <= MOST_ROWS:
        lines = ["\\begin{table}[htbp]", "  \\centering"]
        lines += [f"  {size}"] if size else []
        lines += [
            "  \\setlength{\\belowcaptionskip}{6pt}",
            f"  {caption}",
            f"  {label}",
            f"  \\begin{{tabular}}{{{form}}}",
            "    \\toprule",
        ]
        lines += [f"    {header}", "    \\midrule", *(f"    {row}" for row in rows), "    \\bottomrule"]
        return "\n".join([*lines, "  \\end{tabular}", "\\end{table}"])
    head = ["  \\toprule", f"  {header}", "  \\midrule"]
    lines = [f"\\begingroup{size}" if size else "\\begingroup", f"\\begin{{longtable}}{{{form}}}"]
    lines += [f"  {caption} {label} \\\\", *head, "  \\endfirsthead", *head, "  \\endhead"]
    lines += ["  \\bottomrule", "  \\endlastfoot", *(f"  {row}" for row in rows)]
    return "\n".join([*lines, "\\end{longtable}", "\\endgroup"])


def _widths(whole: Table) -> list[int]:
    """Return how many characters wide each column is; headings are broken at their spaces."""
    widths = []
    for i, name in enumerate(whole.header):
        body = max((_length(row[i].text) for row in whole.rows), default=0)
        word = min(WIDEST, max(map(_length, name.split()), default=0))
        wanted = max(body, min(_length(name), max(word, LEAST)))
        widths.append(wanted if whole.numeric[i] else min(wanted, WIDEST))
    return widths


def _length(text: str) -> int:
    """Return how many characters a text takes; those that are printed as their number take seven."""
    return sum(1 if c.isascii() or not _character(c).startswith("\\ifdefined") else 7 for c in text)


def _lines(whole: Table, widths: Sequence[int]) -> int:
    """Return how many lines the rows take."""
    return sum(
        max(math.ceil(_length(cell.text) / max(1, width)) for cell, width in zip(row, widths, strict=True))
        for row in whole.rows
    )


def _fitted(whole: Table) -> tuple[str, list[list[int]]]:
    """Return the largest font that the table fits a page in, and its columns, in parts where none will do."""
    widths = _widths(whole)
    every = list(range(len(widths)))
    for command, size, gap in SIZES:
        points = [width * EM * size + gap for width in widths]
        if sum(points) <= PAGE:
            return command, [every]
    names = 2 if len(every) > 2 and not whole.numeric[1] and sum(points[:2]) < PAGE / 2 else 1
    room = PAGE - sum(points[:names])
    rest = sum(points[names:])
    share = rest / math.ceil(rest / room)  # parts are about equally wide
    parts: list[list[int]] = []
    filled = math.inf
    for i in every[names:]:
        if filled + points[i] / 2 > share or filled + points[i] > room:
            parts.append(every[:names])
            filled = 0.0
        parts[-1].append(i)
        filled += points[i]
    return command, parts


def _column(whole: Table, i: int, width: int) -> str:
    """Return a column's letter: numbers stand to the right, texts to the left, long ones on several lines."""
    if whole.numeric[i]:
        return "r"
    long = max((_length(row[i].text) for row in whole.rows), default=0) > width
    # The em of small fonts is wider than their size says.
    return f">{{\\raggedright\\arraybackslash}}p{{{0.94 * width * EM:.1f}em}}" if long else "l"


def _heading(text: str, width: int, numeric: bool) -> str:
    """Write a heading on as many lines as its column's width asks for."""
    lines = [""]
    for word in (piece for part in text.split() for piece in _pieces(part, width)):
        joined = f"{lines[-1]} {word}".strip()
        if _length(joined) <= width or not lines[-1]:
            lines[-1] = joined
        else:
            lines.append(word)
    if len(lines) == 1:
        return escape(text)
    side = "r" if numeric else "l"
    body = r" \\ ".join(map(escape, lines))
    return f"\\begin{{tabular}}[b]{{@{{}}{side}@{{}}}}{body}\\end{{tabular}}"


def _pieces(word: str, width: int) -> list[str]:
    """Cut a word that is wider than `width` characters, after a sign such as "_" where there is one."""
    if _length(word) <= width:
        return [word]
    pieces = [""]
    for part in re.findall(r"[^_=./:+\-]*[_=./:+\-]?", word):
        for c in part if _length(part) > width else [part]:
            if pieces[-1] and _length(pieces[-1] + c) > width:
                pieces.append("")
            pieces[-1] += c
    return pieces


def _cell(cell: Cell, width: int, numeric: bool) -> str:
    text = _number(cell.text) if numeric else _broken(cell.text, width)
    if not cell.best:
        return text
    return f"\\textbf{{\\boldmath {text}}}" if "$" in text else f"\\textbf{{{text}}}"


def _broken(text: str, width: int) -> str:
    """Escape a text; its words that are wider than their column may be broken."""
    return " ".join("\\allowbreak{}".join(map(escape, _pieces(word, width))) for word in text.split())
