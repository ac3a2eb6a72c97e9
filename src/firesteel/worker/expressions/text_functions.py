"""Text functions of JSONata, regular expressions among them; every text made is counted first."""

from __future__ import annotations

import base64
import binascii
import math
import re
import urllib.parse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.utils import Utils

from firesteel.worker.expressions.builtin import Builtin
from firesteel.worker.expressions.regex import is_regex, match_object, matches
from firesteel.worker.expressions.values import operand, text_of

if TYPE_CHECKING:
    from firesteel.worker.expressions.evaluator import Evaluator

_BLANKS = re.compile("[ \t\n\r]+")
_REFERENCE = re.compile(r"\$(\$|[0-9]+)")


def _string(evaluator: Evaluator, value: Any, prettify: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    text = text_of(value, evaluator.budget, pretty=prettify is True)
    evaluator.budget.text(len(text))
    return text


def _substring(_evaluator: Evaluator, text: Any, start: Any, length: Any) -> Any:
    begin = None if start is None else operand(start)
    count = None if length is None else operand(length)
    return Functions.substring(text, begin, count)


def _pad(evaluator: Evaluator, text: Any, width: Any, characters: Any) -> Any:
    if text is None or width is None:
        return text
    columns = int(operand(width))
    evaluator.budget.text(max(abs(columns), len(text)))
    return Functions.pad(text, columns, characters)


def _join(evaluator: Evaluator, texts: Any, separator: Any) -> Any:
    if texts is None:
        return None
    between = separator or ""
    evaluator.budget.text(sum(map(len, texts)) + len(between) * len(texts))
    return between.join(texts)


def _contains(evaluator: Evaluator, text: Any, token: Any) -> Any:
    if text is None or token is None:
        return None
    if isinstance(token, str):
        return token in text
    return next(matches(_regex(token), text, evaluator.budget), None) is not None


def _match(evaluator: Evaluator, text: Any, regex: Any, limit: Any) -> Any:
    if text is None:
        return None
    most = _limit(limit, "D3040")
    found = Utils.create_sequence()
    if most == 0:
        return found
    for match in matches(_regex(regex), text, evaluator.budget):
        evaluator.budget.text(len(match.group()))
        found.append(match_object(match))
        if len(found) >= most:
            break
    return found


def _split(evaluator: Evaluator, text: Any, separator: Any, limit: Any) -> Any:
    if text is None:
        return None
    most = _limit(limit, "D3020")
    evaluator.budget.text(len(text))
    if isinstance(separator, str):
        evaluator.budget.spend(text.count(separator))
        pieces = list(text) if not separator else text.split(separator)
    else:
        pieces, end = [], 0
        for match in matches(_regex(separator), text, evaluator.budget):
            pieces.append(text[end : match.start()])
            end = match.end()
        pieces.append(text[end:])
    return pieces if most >= len(pieces) else pieces[: int(most)]


def _replace(evaluator: Evaluator, text: Any, pattern: Any, replacement: Any, limit: Any) -> Any:
    if text is None:
        return None
    if pattern == "":
        raise JException("D3010", -1)
    most = _limit(limit, "D3011")
    if isinstance(pattern, str):
        return _replace_text(evaluator, text, (pattern, replacement), most)
    pieces: list[str] = []
    end, number = 0, 0
    if most > 0:
        for match in matches(_regex(pattern), text, evaluator.budget):
            pieces += (text[end : match.start()], _replaced(evaluator, match, replacement))
            evaluator.budget.text(len(pieces[-1]) + len(pieces[-2]))
            end, number = match.end(), number + 1
            if number >= most:
                break
    pieces.append(text[end:])
    return _made(evaluator, pieces)


def _replace_text(evaluator: Evaluator, text: str, pair: tuple[str, Any], most: float) -> str:
    """A plain text by a plain text: no references in it, as in JSONata."""
    pattern, replacement = pair
    if not isinstance(replacement, str):
        raise JException("D3012", -1)
    count = int(min(most, text.count(pattern)))
    evaluator.budget.text(len(text) + count * max(0, len(replacement) - len(pattern)))
    return text.replace(pattern, replacement, count)


def _replaced(evaluator: Evaluator, match: Any, replacement: Any) -> str:
    if isinstance(replacement, str):
        return replacement if "$" not in replacement else _referring(match, replacement)
    result = evaluator.call(replacement, [match_object(match)])
    if not isinstance(result, str):
        raise JException("D3012", -1)
    return result


def _referring(match: Any, replacement: str) -> str:
    """``$0`` is the match, ``$1`` its first group, ``$$`` a dollar; of ``$12`` the 2 is text where
    there are fewer than 12 groups.
    """
    groups = (match.group(), *match.groups())

    def value(reference: re.Match[str]) -> str:
        digits = reference.group(1)
        if digits == "$":
            return "$"
        for length in range(min(len(digits), 3), 0, -1):
            number = int(digits[:length])
            if number < len(groups):
                return (groups[number] or "") + digits[length:]
        return digits[1:]

    return _REFERENCE.sub(value, replacement)


def _made(evaluator: Evaluator, pieces: list[str]) -> str:
    evaluator.budget.text(sum(map(len, pieces)))
    return "".join(pieces)


def _limit(limit: Any, code: str) -> float:
    if limit is None:
        return math.inf
    value = operand(limit)
    if value < 0:
        raise JException(code, -1)
    return math.ceil(value) if code == "D3040" else math.floor(value)


def _regex(value: Any) -> Any:
    if not is_regex(value):
        raise JException("T1010", -1)
    return value


def _base64encode(_evaluator: Evaluator, text: Any) -> Any:
    return None if text is None else base64.b64encode(text.encode()).decode()


def _base64decode(_evaluator: Evaluator, text: Any) -> Any:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        raise JException("F0004", -1) from None


def _plain(function: Callable[[str], Any]) -> Callable[[Evaluator, Any], Any]:
    """A function of one text that makes one at most three times as long."""

    def implementation(evaluator: Evaluator, text: Any) -> Any:
        if text is None:
            return None
        evaluator.budget.text(len(text))
        return function(text)

    return implementation


def _encoded(safe: str) -> Callable[[Evaluator, Any], Any]:
    # The characters that JavaScript's encodeURI and encodeURIComponent leave alone.
    return _plain(lambda text: urllib.parse.quote(text, safe=safe))


_decoded = _plain(lambda text: urllib.parse.unquote(text, errors="strict"))


TEXT_FUNCTIONS = (
    Builtin("string", "<x-b?:s>", 2, _string),
    Builtin("substring", "<s-nn?:s>", 3, _substring),
    Builtin(
        "substringBefore", "<s-s:s>", 2, lambda _, text, end: Functions.substring_before(text, end)
    ),
    Builtin(
        "substringAfter", "<s-s:s>", 2, lambda _, text, end: Functions.substring_after(text, end)
    ),
    Builtin("lowercase", "<s-:s>", 1, _plain(str.lower)),
    Builtin("uppercase", "<s-:s>", 1, _plain(str.upper)),
    Builtin("length", "<s-:n>", 1, _plain(len)),
    Builtin("trim", "<s-:s>", 1, _plain(lambda text: _BLANKS.sub(" ", text).strip(" "))),
    Builtin("pad", "<s-ns?:s>", 3, _pad),
    Builtin("join", "<a<s>s?:s>", 2, _join),
    Builtin("contains", "<s-(sf):b>", 2, _contains),
    Builtin("match", "<s-fn?:a<o>>", 3, _match),
    Builtin("split", "<s-(sf)n?:a<s>>", 3, _split),
    Builtin("replace", "<s-(sf)(sf)n?:s>", 4, _replace),
    Builtin("base64encode", "<s-:s>", 1, _base64encode),
    Builtin("base64decode", "<s-:s>", 1, _base64decode),
    Builtin("encodeUrlComponent", "<s-:s>", 1, _encoded("~()*!.'")),
    Builtin("encodeUrl", "<s-:s>", 1, _encoded("~@#$&()*!+=:;,.?/'")),
    Builtin("decodeUrlComponent", "<s-:s>", 1, _decoded),
    Builtin("decodeUrl", "<s-:s>", 1, _decoded),
)
"""The text functions."""
