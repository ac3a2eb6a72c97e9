"""From the source of an expression to one that can be evaluated, compiled once for each source."""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Iterator
from typing import Any, Final

from jsonata.jexception import JException
from jsonata.parser import Parser
from jsonata.tokenizer import Tokenizer

from firesteel.model.expression_names import Reads
from firesteel.worker.expressions.builtin import UNEXPECTED
from firesteel.worker.expressions.errors import (
    ExpressionError,
    ExpressionFailed,
    ExpressionLimit,
    ExpressionSyntax,
)
from firesteel.worker.expressions.evaluator import BUILTINS, Evaluator
from firesteel.worker.expressions.limits import DEFAULT_LIMITS, Budget, Limits
from firesteel.worker.expressions.messages import message_of
from firesteel.worker.expressions.reads import reads_of
from firesteel.worker.expressions.regex import RegexInvalid, compile_regex
from firesteel.worker.expressions.values import MAX_EXACT, PlainResult

MAX_SOURCE: Final = 64 * 1024
CACHE_SIZE: Final = 4096

_DIGITS_AT_END = re.compile("[0-9]+$")
_SURROGATE = re.compile("[\ud800-\udfff]")
_PLAIN_STEP_FORBIDS = ("predicate", "stages", "group", "focus", "index", "ancestor", "tuple")


class Expression:
    """A compiled expression; may be evaluated any number of times, in any thread."""

    __slots__ = ("_parser", "_tree", "source")

    def __init__(self, source: str, tree: Any, parser: Any) -> None:
        self.source = source
        self._tree = tree
        self._parser = parser

    def reads(self) -> Reads:
        """The names of its context that it reads."""
        return reads_of(self._tree)

    def evaluate(
        self,
        context: dict[str, Any],
        limits: Limits = DEFAULT_LIMITS,
        *,
        undefined: Any = None,
        now_ms: int | None = None,
    ) -> Any:
        """The value as plain JSON, sharing nothing with the context; ``undefined`` where there is
        none.

        ``context``: names and JSON values (dict, list, str, int, float, Decimal, bool, None), which
        are not changed. ``now_ms``: what ``$now()`` says. Raises ExpressionFailed, ExpressionLimit,
        ExpressionPrecision.
        """
        budget = Budget(limits)
        now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        try:
            value = Evaluator(self._parser, budget, now).run(self._tree, context)
            return undefined if value is None else PlainResult(budget).plain(value)
        except ExpressionError:
            raise
        except JException as error:
            raise _failed(error, self.source) from error
        except RecursionError as error:
            raise ExpressionLimit("the evaluation is nested too deeply") from error
        except MemoryError as error:
            raise ExpressionLimit("the evaluation needs more memory than there is") from error
        except UNEXPECTED as error:
            detail = "the expression cannot be evaluated with these values"
            raise ExpressionFailed(detail) from error


@functools.lru_cache(maxsize=CACHE_SIZE)
def compile_expression(source: str) -> Expression:
    """The expression that ``source`` writes, without delimiters. Raises ExpressionSyntax."""
    if len(source) > MAX_SOURCE:
        raise ExpressionSyntax(f"an expression has at most {MAX_SOURCE} characters")
    parser = _ExactParser()
    try:
        tree = parser.parse(source, compile_regex)
    except JException as error:
        raise _syntax(message_of(error), source, error.location) from error
    except RegexInvalid as error:
        raise _syntax(str(error), source, parser.place()) from error
    except RecursionError as error:
        raise ExpressionSyntax("the expression is nested too deeply") from error
    except UNEXPECTED as error:
        # What the parser raises where the source ends too early, or holds an operator alone.
        raise _syntax("the expression is not complete here", source, parser.place()) from error
    _prepare(tree, source)
    return Expression(source, tree, parser)


def check_expression(source: str) -> str | Reads:
    """What is wrong with the source, with line and column; where nothing is, what it reads."""
    try:
        return compile_expression(source).reads()
    except ExpressionSyntax as error:
        return error.detail


class _ExactTokenizer(Tokenizer):  # type: ignore[misc] # the library is not typed
    """Keeps every digit of whole numbers, and joins surrogate pairs that escapes wrote."""

    def create(self, type: str | None, value: Any) -> Any:  # noqa: A002 - the library's name
        """The token of a value that was just read."""
        # 2^53 itself may be what 2^53 + 1 was rounded to.
        if type == "number" and abs(value) >= MAX_EXACT:
            value = self._exact(value)
        elif type == "string" and _SURROGATE.search(value):
            value = self._joined(value)
        return super().create(type, value)

    def _exact(self, rounded: Any) -> Any:
        digits = _DIGITS_AT_END.search(self.path[: self.position])
        whole = int(digits.group()) if digits is not None and len(digits.group()) < 4300 else 0
        # 1e20 ends in digits too, and stays a double.
        return whole if float(whole) == float(rounded) else float(rounded)

    def _joined(self, text: str) -> str:
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            raise JException("S0104", self.position) from None


class _ExactParser(Parser):  # type: ignore[misc] # the library is not typed
    """One for each expression: the library's keeps state from one source to the next."""

    def parse(self, jsonata: str, regex_engine: Any = compile_regex) -> Any:
        """The tree of a source; raises JException."""
        self.source = jsonata
        self.lexer = _ExactTokenizer(jsonata, regex_engine)
        self.advance()
        expression = self.expression(0)
        if self.node.id != "(end)":
            raise JException("S0201", self.node.position, self.node.value)
        expression = self.process_ast(expression)
        if expression.type == "parent" or expression.seeking_parent is not None:
            raise JException("S0217", expression.position, expression.type)
        return expression

    def place(self) -> int:
        """How far the source has been read."""
        return int(self.lexer.position)

    def process_ast(self, expr: Any) -> Any:
        """The node as the evaluator takes it; a negative number keeps its digits."""
        negative = expr is not None and expr.type == "unary" and expr.value == "-"
        if not negative or expr.expression.type != "number":
            return super().process_ast(expr)
        result = expr.expression
        result.value = -result.value
        result.keep_array = result.keep_array or expr.keep_array
        return result


def _prepare(tree: Any, source: str) -> None:
    """Mark the paths that can be followed directly, and find functions that there are not."""
    nodes = list(_nodes(tree))
    bound = {name for node in nodes for name in _bound(node)}
    for node in nodes:
        if node.type == "path":
            node.plain_names = _plain_names(node)
        elif node.type in ("function", "partial") and node.procedure.type == "variable":
            name = node.procedure.value
            if name and name not in BUILTINS and name not in bound:
                position = node.procedure.position
                raise _syntax(f"there is no function ${name}", source, position)


def _bound(node: Any) -> Iterator[str]:
    if node.type == "bind":
        yield str(node.lhs.value)
    elif node.type == "lambda":
        yield from (str(argument.value) for argument in node.arguments)
    yield from (str(name) for name in (node.focus, node.index) if isinstance(name, str))


def _plain_names(path: Any) -> tuple[str, ...] | None:
    """The names of a path that is nothing else, such as ``body.customer.city``."""
    if path.keep_singleton_array or path.keep_array or path.group or path.tuple:
        return None
    for step in path.steps:
        if step.type != "name" or step.keep_array:
            return None
        if any(getattr(step, name) for name in _PLAIN_STEP_FORBIDS):
            return None
    return tuple(str(step.value) for step in path.steps)


def _nodes(tree: Any) -> Iterator[Any]:
    """Every node of the tree, each once."""
    seen: set[int] = set()
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, list):
            stack.extend(node)
        elif isinstance(node, Parser.Symbol) and id(node) not in seen:
            seen.add(id(node))
            node.plain_names = None
            yield node
            stack.extend(value for name, value in vars(node).items() if name != "_outer_instance")


def _syntax(detail: str, source: str, position: int) -> ExpressionSyntax:
    line, column = _place(source, position)
    return ExpressionSyntax(detail, line=line, column=column)


def _failed(error: JException, source: str) -> ExpressionFailed:
    detail = message_of(error)
    if error.error in ("D3137", "D3141") or error.location < 0:
        return ExpressionFailed(detail)
    line, column = _place(source, error.location)
    return ExpressionFailed(detail, line=line, column=column)


def _place(source: str, position: int) -> tuple[int, int]:
    before = source[: max(0, min(position, len(source)))]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1
