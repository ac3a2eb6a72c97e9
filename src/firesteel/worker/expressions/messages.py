"""Texts for the errors of JSONata, which never hold a value of the data."""

from __future__ import annotations

import re
from typing import Any, Final

from jsonata.jexception import JException

_OURS: Final = {
    "F0001": "{{token}} does not take these arguments",
    "F0002": "an option of $formatNumber is not one that it takes",
    "F0003": "a picture or a text to be read by one is too long, or asks for too wide a number",
    "F0004": "$base64decode takes base64 of UTF-8 text",
    "F0005": "a time zone is written +0100 or -0530",
    "F0006": "a picture to read by has only plain text between its markers",
    "D3030": "$number takes the text of a number",
    "T0410": "argument {{index}} of function {{token}} is not of a type that it takes",
    "T0411": "the context is not of a type that the function takes",
    "S0201": "unexpected {{token}}",
    "S0103": "the escape sequence \\{{token}} is not known",
}
_AUTHORS: Final = frozenset({"D3137", "D3141"})
_PLACEHOLDER = re.compile(r"\{\{\{?(\w+)\}?\}\}")
# In errors of the source every insert is a part of the source.
_SHOWN = frozenset({"token", "index", "type"})


def message_of(error: JException) -> str:
    """One sentence; ``$error`` and ``$assert`` say what the author wrote."""
    code = str(error.error)
    inserts = [error.current, error.expected, error.extra]
    if code in _AUTHORS:
        return str(error.current)
    template = _OURS.get(code) or JException.error_codes.get(code)
    if template is None:
        return "the expression cannot be evaluated" if code[:1] != "S" else code
    shown = iter(inserts)

    def insert(match: re.Match[str]) -> str:
        value: Any = next(shown, None)
        name = match.group(1)
        if code.startswith("S") or (name in _SHOWN and isinstance(value, str | int)):
            return _short(value)
        return "a value"

    return _PLACEHOLDER.sub(insert, template).replace("Object", "function").strip()


def _short(value: Any) -> str:
    text = "the end" if value is None or value == "(end)" else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
