"""One evaluation of a compiled expression: jsonata-python's evaluator, exact and within a budget.

The library's evaluator does arithmetic in floats, loses nulls in lists, shares state between
evaluations and grows lists without a bound (docs/decisions/0010-expressions.md has the list). What
is replaced here is replaced for one of those reasons; all else is the library's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.utils import Utils

from firesteel.worker.expressions.builtin import Builtin
from firesteel.worker.expressions.collection_functions import COLLECTION_FUNCTIONS
from firesteel.worker.expressions.errors import ExpressionLimit
from firesteel.worker.expressions.numeric_functions import NUMERIC_FUNCTIONS
from firesteel.worker.expressions.operators import OPERATORS, order_by
from firesteel.worker.expressions.regex import is_regex
from firesteel.worker.expressions.text_functions import TEXT_FUNCTIONS
from firesteel.worker.expressions.time_functions import TIME_FUNCTIONS
from firesteel.worker.expressions.transform import Transform
from firesteel.worker.expressions.values import (
    NULL,
    Deferred,
    is_number,
    operand,
    present,
    settled,
    truthy,
)

if TYPE_CHECKING:
    from jsonata.parser import Parser

    from firesteel.worker.expressions.limits import Budget

BUILTINS: dict[str, Builtin] = {
    function.function_name: function
    for function in (
        *NUMERIC_FUNCTIONS,
        *TEXT_FUNCTIONS,
        *COLLECTION_FUNCTIONS,
        *TIME_FUNCTIONS,
    )
}
"""Every function there is. ``$eval`` is not among them: data must never become an expression."""

_sequence = Utils.create_sequence


class Frame(Jsonata.Frame):  # type: ignore[misc] # the library is not typed
    """The variables of one scope; the outermost frame of an evaluation has the built-ins behind."""

    __slots__ = ("bindings", "is_parallel_call", "parent")

    def __init__(self, parent: Frame | None) -> None:
        self.bindings: dict[str, Any] = {}
        self.parent = parent
        self.is_parallel_call = False

    def bind(self, name: str, value: Any) -> None:
        """Set a variable of this scope."""
        self.bindings[name] = value

    def lookup(self, name: str) -> Any:
        """The value of the innermost variable of that name, None where there is none."""
        frame: Frame | None = self
        while frame is not None:
            if name in frame.bindings:
                return frame.bindings[name]
            frame = frame.parent
        return BUILTINS.get(name)


class Evaluator(Jsonata):  # type: ignore[misc] # the library is not typed
    """Evaluates one expression once. ``now_ms`` is what ``$now`` and ``$millis`` say."""

    def __init__(self, parser: Parser, budget: Budget, now_ms: int) -> None:
        # Not the library's own: it would parse, and make itself the thread's current instance.
        self.parser = parser
        self.budget = budget
        self.now_ms = now_ms
        self.environment = Frame(None)
        self._nesting = 0
        self._calls = 0

    def run(self, tree: Parser.Symbol, context: dict[str, Any]) -> Any:
        """The value of the tree in the context, as it is inside of JSONata."""
        self.environment.bind("$", context)
        return self.eval(tree, context, self.environment)

    def eval(self, expr: Any, input: Any, environment: Any) -> Any:
        """The value of one node of the tree."""
        budget = self.budget
        budget.spend(1)
        self._nesting += 1
        if self._nesting > budget.limits.nesting:
            raise ExpressionLimit("the evaluation is nested too deeply")
        kind = expr.type
        evaluate = _BY_TYPE.get(kind)
        result = None if evaluate is None else evaluate(self, expr, input, environment)
        if expr.predicate is not None:
            for item in expr.predicate:
                result = self.evaluate_filter(item.expr, result, environment)
        if expr.group is not None and kind != "path":
            result = self.evaluate_group_expression(expr.group, result, environment)
        self._nesting -= 1
        if isinstance(result, Utils.JList) and result.sequence and not result.tuple_stream:
            return _unwrapped(expr, result)
        return result

    def create_frame(self, enclosing_environment: Any = None) -> Frame:
        """A scope within another one."""
        return Frame(enclosing_environment)

    # --- paths -----------------------------------------------------------------------------------

    def member(self, value: Any, name: str) -> Any:
        """What ``value.name`` yields; of a list, the members of its items as one sequence."""
        if isinstance(value, dict):
            return present(value[name]) if name in value else None
        if not isinstance(value, list):
            return None
        result = _sequence()
        for item in value:
            found = self.member(item, name)
            if found is not None:
                self.extend(result, found)
        return result

    def extend(self, result: list[Any], value: Any) -> None:
        """Append a value to a sequence, the items of a list one by one; undefined adds nothing."""
        if value is None:
            return
        if isinstance(value, list):
            self.budget.spend(len(value))
            result.extend(value)
        else:
            result.append(value)

    def evaluate_path(self, expr: Any, input: Any, environment: Any) -> Any:
        """A path; names of objects within objects are followed directly."""
        names = expr.plain_names
        if names is None or not isinstance(input, dict):
            return super().evaluate_path(expr, input, environment)
        value: Any = input
        for name in names:
            if not isinstance(value, dict):
                return super().evaluate_path(expr, input, environment)
            if name not in value:
                return None
            value = value[name]
            if type(value) is Deferred:
                value = value.value()
        return present(value)

    def evaluate_step(self, expr: Any, input: Any, environment: Any, last_step: bool) -> Any:
        """One step of a path for every item of its input, flattened into one sequence."""
        if expr.type == "sort":
            result = self.evaluate_sort_expression(expr, input, environment)
            if expr.stages is not None:
                result = self.evaluate_stages(expr.stages, result, environment)
            return result
        found = []
        for item in input:
            value = self.eval(expr, item, environment)
            for stage in expr.stages or ():
                value = self.evaluate_filter(stage.expr, value, environment)
            if value is not None:
                found.append(value)
        only = found[0] if last_step and len(found) == 1 else None
        if isinstance(only, list) and not Utils.is_sequence(only):
            return only
        result = _sequence()
        for value in found:
            if isinstance(value, Utils.JList) and value.cons:
                result.append(value)
            else:
                self.extend(result, value)
        return result

    def evaluate_tuple_step(
        self, expr: Any, input: Any, tuple_bindings: Any, environment: Any
    ) -> Any:
        """As the library's; a tuple is a dict, and is counted as such."""
        result = super().evaluate_tuple_step(expr, input, tuple_bindings, environment)
        self.budget.spend(8 * len(result))
        return result

    def evaluate_filter(self, predicate: Any, input: Any, environment: Any) -> Any:
        """``input[predicate]``: an index, or a condition for every item."""
        tuples = isinstance(input, Utils.JList) and input.tuple_stream
        results = _sequence()
        results.tuple_stream = tuples
        items = input if isinstance(input, list) else _sequence() if input is None else [input]
        if predicate.type == "number":
            return self._at_index(items, predicate.value, results)
        for index, item in enumerate(items):
            frame = self.create_frame_from_tuple(environment, item) if tuples else environment
            value = self.eval(predicate, item["@"] if tuples else item, frame)
            if self._selects(value, index, len(items)):
                results.append(item)
        return results

    def _at_index(self, items: list[Any], index: Any, results: list[Any]) -> Any:
        position = math.floor(operand(index))
        position += len(items) if position < 0 else 0
        if 0 <= position < len(items):
            item = items[position]
            if isinstance(item, list):
                return item
            results.append(NULL if item is None else item)
        return results

    def _selects(self, value: Any, index: int, length: int) -> bool:
        numbers = value if isinstance(value, list) else [value]
        if not numbers or not all(is_number(number) for number in numbers):
            return truthy(value, self.budget)
        self.budget.spend(len(numbers))
        positions = (math.floor(operand(number)) for number in numbers)
        return any(position in (index, index - length) for position in positions)

    def evaluate_name(self, expr: Any, input: Any, environment: Any) -> Any:
        """The member of that name."""
        return self.member(input, str(expr.value))

    def evaluate_wildcard(self, expr: Any, input: Any) -> Any:
        """``*``: all values of an object, or items of a list; lists within them flattened."""
        results = _sequence()
        values = input.values() if isinstance(input, dict) else input
        for value in values if isinstance(input, dict | list) else ():
            value = present(value)
            if isinstance(value, list):
                self._flatten(value, results)
            else:
                self.extend(results, value)
        return results

    def _flatten(self, items: list[Any], results: list[Any]) -> None:
        for item in items:
            self.budget.spend(1)
            if isinstance(item, list):
                self._flatten(item, results)
            else:
                results.append(present(item))

    def recurse_descendants(self, input: Any, results: Any) -> None:
        """``**``: the value itself and everything in it, lists only by their items."""
        self.budget.spend(1)
        if isinstance(input, list):
            for item in input:
                self.recurse_descendants(present(item), results)
            return
        results.append(input)
        if isinstance(input, dict):
            for item in input.values():
                self.recurse_descendants(present(item), results)

    def evaluate_group_expression(self, expr: Any, input: Any, environment: Any) -> Any:
        """``{key: value}``; for an empty list once, and without adding to that list."""
        if isinstance(input, list) and not input:
            input = _sequence(None)
        return super().evaluate_group_expression(expr, input, environment)

    # --- operators -------------------------------------------------------------------------------

    def evaluate_binary(self, expr: Any, input: Any, environment: Any) -> Any:
        """An operator with two sides; ``and`` and ``or`` look at the right one only if need be."""
        operator = str(expr.value)
        left = self.eval(expr.lhs, input, environment)
        if operator in ("and", "or"):
            if truthy(left, self.budget) is (operator == "or"):
                return operator == "or"
            return truthy(self.eval(expr.rhs, input, environment), self.budget)
        right = self.eval(expr.rhs, input, environment)
        try:
            return OPERATORS[operator](left, right, operator, self.budget)
        except JException as error:
            if error.location < 0:
                error.location = expr.position
            raise

    def evaluate_unary(self, expr: Any, input: Any, environment: Any) -> Any:
        """A minus, or the making of a list or an object."""
        value = str(expr.value)
        if value == "[":
            return self._list(expr, input, environment)
        if value == "{":
            return self._object(expr, input, environment)
        number = self.eval(expr.expression, input, environment)
        if number is None:
            return None
        if not is_number(number):
            raise JException("D1002", expr.position)
        return settled(-operand(number))

    def _list(self, expr: Any, input: Any, environment: Any) -> Any:
        result = Utils.JList()
        for item in expr.expressions:
            value = self.eval(item, input, environment)
            if item.type == "unary" and item.value == "[":
                result.append(value)
            else:
                self.extend(result, value)
        result.cons = bool(expr.consarray)
        return result

    def _object(self, expr: Any, input: Any, environment: Any) -> Any:
        if isinstance(input, list):  # its items are grouped by the keys that they give
            return self.evaluate_group_expression(expr, input, environment)
        result: dict[str, Any] = {}
        names: set[str] = set()
        for key, item in expr.lhs_object:
            name = key.value if key.type == "string" else self.eval(key, input, environment)
            if name is None:
                continue
            if not isinstance(name, str):
                raise JException("T1003", expr.position)
            if name in names:
                raise JException("D1009", expr.position)
            names.add(name)
            value = self.eval(item, input, environment)
            if value is not None:
                result[name] = value
        return result

    def evaluate_condition(self, expr: Any, input: Any, environment: Any) -> Any:
        """``a ? b : c``; undefined where there is no c."""
        if truthy(self.eval(expr.condition, input, environment), self.budget):
            return self.eval(expr.then, input, environment)
        return None if expr._else is None else self.eval(expr._else, input, environment)

    def evaluate_sort_expression(self, expr: Any, input: Any, environment: Any) -> Any:
        """``^(...)``: stable; each term is evaluated once for an item; undefined comes last."""
        if input is None or len(input) <= 1:
            return input
        tuples = isinstance(input, Utils.JList) and input.tuple_stream
        keyed = []
        for item in input:
            frame = self.create_frame_from_tuple(environment, item) if tuples else environment
            context = item["@"] if tuples else item
            keyed.append(
                ([self.eval(term.expression, context, frame) for term in expr.terms], item)
            )
        ordered = order_by(keyed, [bool(term.descending) for term in expr.terms], self.budget)
        result = Utils.create_sequence_from_iter(ordered)
        result.tuple_stream = tuples
        return result

    # --- functions -------------------------------------------------------------------------------

    def call(self, function: Any, args: list[Any]) -> Any:
        """Call a function that was passed to a built-in one."""
        return self.apply(function, args, None, self.environment)

    def apply_inner(self, proc: Any, args: Any, input: Any, environment: Any) -> Any:
        """One call, without the tail calls that it may end with."""
        if isinstance(proc, Builtin):
            return proc.invoke(self, args, input)
        if Functions.is_lambda(proc):
            if proc.signature is not None:
                args = proc.signature.validate(args, input)
            return self.apply_procedure(proc, args)
        if isinstance(proc, Jsonata.JLambda):
            return proc.call(input, args)
        if is_regex(proc):
            self.budget.spend(1)
            return _next_match(proc.finditer(args[0])) if isinstance(args[0], str) else None
        raise JException("T1006", -1)

    def apply_procedure(self, proc: Any, args: Any) -> Any:
        """The body of a lambda, in a scope of its own."""
        self._calls += 1
        if self._calls > self.budget.limits.calls:
            raise ExpressionLimit(f"over {self.budget.limits.calls} functions call each other")
        result = super().apply_procedure(proc, args)
        self._calls -= 1
        return result

    def partial_apply_native_function(self, native: Any, args: Any) -> Any:
        """Leave arguments of a built-in function open; the library parses a lambda for it."""
        # With a parser of its own: the expression's may be in use by another thread.
        self.parser = type(self.parser)()
        return super().partial_apply_native_function(native, args)

    def evaluate_transform_expression(self, expr: Any, input: Any, environment: Any) -> Any:
        """``|pattern|update,delete|``: a function that alters a copy of its argument."""

        def transform(evaluator: Evaluator, value: Any) -> Any:
            return None if value is None else Transform(evaluator, expr, environment).of(value)

        return Builtin("transform", "<(oa):o>", 1, transform)


def _unwrapped(expr: Any, result: Any) -> Any:
    """A sequence of nothing is undefined, one of one item that item, unless it is kept a list."""
    if expr.keep_array:
        result.keep_singleton = True
    if not result:
        return None
    return result[0] if len(result) == 1 and not result.keep_singleton else result


def _next_match(found: Any) -> Any:
    match = next(found, None)
    if match is None:
        return None
    return {
        "match": match.group(),
        "start": match.start(),
        "end": match.end(),
        "groups": [NULL if group is None else group for group in match.groups()],
        "next": Jsonata.JLambda(lambda: _next_match(found)),
    }


_BY_TYPE: dict[str, Callable[[Evaluator, Any, Any, Any], Any]] = {
    "path": Evaluator.evaluate_path,
    "binary": Evaluator.evaluate_binary,
    "unary": Evaluator.evaluate_unary,
    "name": Evaluator.evaluate_name,
    "string": lambda _evaluator, expr, _input, _frame: expr.value,
    "number": lambda _evaluator, expr, _input, _frame: expr.value,
    "value": lambda _evaluator, expr, _input, _frame: NULL if expr.value is None else expr.value,
    "wildcard": lambda evaluator, expr, input, _frame: evaluator.evaluate_wildcard(expr, input),
    "descendant": lambda evaluator, expr, input, _frame: evaluator.evaluate_descendants(
        expr, input
    ),
    "parent": lambda _evaluator, expr, _input, frame: frame.lookup(expr.slot.label),
    "condition": Evaluator.evaluate_condition,
    "block": Evaluator.evaluate_block,
    "bind": Evaluator.evaluate_bind_expression,
    "regex": lambda _evaluator, expr, _input, _frame: expr.value,
    "function": lambda evaluator, expr, input, frame: evaluator.evaluate_function(
        expr, input, frame, Utils.NONE
    ),
    "variable": Evaluator.evaluate_variable,
    "lambda": Evaluator.evaluate_lambda,
    "partial": Evaluator.evaluate_partial_application,
    "apply": Evaluator.evaluate_apply_expression,
    "transform": Evaluator.evaluate_transform_expression,
}
