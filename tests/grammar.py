"""What is wrong with a sentence of a report: holes, numbers of one, articles, numbers nobody formatted."""

from __future__ import annotations

import re

NOUNS = (
    "trials|seeds|sets|functions|variants|pairs|arms|looks|claims|choices|configurations|evaluations|steps"
    "|epochs|comparisons|environments|columns|others"
)
NO_ARTICLE = r"(?:uni|use|usu|one\b|eu|ux)"  # written with a vowel, spoken with a consonant
FAULTS = {
    "two spaces": r"\s\s|^\s|\s$",
    "a stray sign": r"\s[.,;:!?](?!\d)|[.,;:]{2}|\(\s*\)|\(\s|\s\)|;\s*[.)]|,\s*[.)]|:\s*\.|“\s*”",
    "a value that is none": r"\b(?:nan|NaN|None|inf|True|False)\b(?! or infinite)|[{}]|<[a-z]+ at ",
    "a number nobody formatted": r"\d[eE][-+]\d|\.\d{7,}|(?<=\s)-\d",
    "one of several": rf"(?<![\d.,–−-])\b1 (?:\w+ )?(?:{NOUNS})\b(?! of)",
    "several with a verb of one": (
        rf"(?<!over )(?<!of )(?<!on )\b(?:[2-9]|\d\d+) (?:\w+ )?(?:{NOUNS}) (?:is|has|was|blocks|lacks)\b"
    ),
    "one with a verb of several": (
        rf"(?<![\d.,])\b1 (?:of \d+ )?(?:\w+ )?(?:{NOUNS}|trial|seed|set|pair|claim) (?:are|have|were|lack)\b"
    ),
    "a before a vowel": rf"\b[Aa] (?!{NO_ARTICLE})[aeio]\w+",
    "an before a consonant": r"\b[Aa]n (?![aeiouαx]|hour|honest|MS|RM|F\b|L\b)\w+",
    "a word twice": r"\b(?!had\b|that\b)([a-z]{2,}) \1\b",
    "than without a comparison": r"\b(?:is|are) (?:on average )?(?:\S+ ){0,4}?than\b",
    "nothing between two words that need something": r"\b(?:is|are|of|on|by|with|for|and|the|to) [.,;)]",
}
COMPARED = re.compile(
    r"lower|higher|worse|better|fewer|more|less|different|larger|smaller|above|below|rather|other"
)


def faults(text: str, end: str = ".?") -> list[str]:
    """Return what is wrong with one or several sentences; `end`: the signs that the last one may end with."""
    messages = []
    for fault, pattern in FAULTS.items():
        match = re.search(pattern, text)
        if match and not (fault.startswith("than") and COMPARED.search(match[0])):
            messages.append(f"{fault}: {text[max(0, match.start() - 30) : match.end() + 20]!r}")
    if not text.strip():
        messages.append("empty")
    elif text.rstrip()[-1] not in end:
        messages.append(f"does not end with {end}: {text[-40:]!r}")
    if text.count("(") != text.count(")"):
        messages.append(f"parentheses do not match: {text!r}")
    return messages
