"""Names of files as texts that can be printed and written."""

from __future__ import annotations

import re


def readable(text: str) -> str:
    """Return a text without the lone surrogates that stand for bytes of a file name that are no UTF-8.

    Under the locale C Python reads every byte of a name beyond ASCII as such a surrogate, which no encoding
    holds; those that are UTF-8 become the characters they are, others the replacement character. So do
    surrogates that stand for no byte, which a plugin's text may have.
    """
    if text.isascii():
        return text
    text = re.sub("[\ud800-\udc7f\udd00-\udfff]", "\ufffd", text)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
