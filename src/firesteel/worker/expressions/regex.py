"""Regular expressions of JSONata on RE2, which takes time in proportion to the text, always."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import re2
from jsonata.jexception import JException

from firesteel.worker.expressions.values import NULL

if TYPE_CHECKING:
    from jsonata.regex_engine import RegexFlags

    from firesteel.worker.expressions.limits import Budget

_UNICODE_ESCAPE = re.compile(r"((?:^|[^\\])(?:\\\\)*)\\u([0-9A-Fa-f]{4})")


class RegexInvalid(ValueError):
    """RE2 does not take the pattern; the text says what of it."""


def compile_regex(pattern: str, flags: RegexFlags) -> Any:
    """The engine that the parser is given: a pattern with JSONata's flags i and m.

    Raises RegexInvalid, for instance for lookaround and backreferences, which RE2 does not have.
    """
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not flags.case_insensitive
    pattern = _UNICODE_ESCAPE.sub(r"\1\\x{\2}", pattern)
    prefix = "(?m)" if flags.multiline else ""
    try:
        return re2.compile(prefix + pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        raise RegexInvalid(_reason(error)) from None


def is_regex(value: Any) -> bool:
    """Whether the value is a compiled pattern."""
    return isinstance(value, _PATTERN)


def matches(regex: Any, text: str, budget: Budget) -> Iterator[Any]:
    """All matches from left to right. Raises JException D1004 for a match of no characters."""
    budget.spend(1 + len(text) // 256)
    for match in regex.finditer(text):
        budget.spend(1)
        if match.start() == match.end():
            raise JException("D1004", -1)
        yield match


def match_object(match: Any) -> dict[str, Any]:
    """A match as ``$match`` and replacing functions see it."""
    groups = [NULL if group is None else group for group in match.groups()]
    return {"match": match.group(), "index": match.start(), "groups": groups}


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    if isinstance(reason, bytes):
        reason = reason.decode("utf-8", "replace")
    if isinstance(error, UnicodeEncodeError):
        reason = "half a surrogate pair"
    return f"RE2 does not take the regular expression: {reason}"


_PATTERN = type(re2.compile("a"))
