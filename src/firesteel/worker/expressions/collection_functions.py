"""Functions of JSONata on lists and objects, and those that take a function."""

from __future__ import annotations

import functools
import random
from typing import TYPE_CHECKING, Any

from jsonata.jexception import JException
from jsonata.utils import Utils

from firesteel.worker.expressions.builtin import Builtin, arguments_taken, is_function
from firesteel.worker.expressions.values import (
    NULL,
    equal,
    is_number,
    operand,
    present,
    text_of,
    truthy,
)

if TYPE_CHECKING:
    from firesteel.worker.expressions.evaluator import Evaluator

# Comparing longer texts is done one by one, so that the clock is looked at in between.
_LONG_TEXTS = 1_000_000


def _count(_evaluator: Evaluator, items: Any) -> int:
    return 0 if items is None else len(items)


def _append(evaluator: Evaluator, first: Any, second: Any) -> Any:
    if first is None or second is None:
        return second if first is None else first
    ahead = first if isinstance(first, list) else [first]
    behind = second if isinstance(second, list) else [second]
    evaluator.budget.spend(len(ahead) + len(behind))
    result = Utils.create_sequence_from_iter(ahead)
    result.extend(behind)
    return result


def _exists(_evaluator: Evaluator, value: Any) -> bool:
    return value is not None


def _boolean(evaluator: Evaluator, value: Any) -> Any:
    return None if value is None else truthy(value, evaluator.budget)


def _not(evaluator: Evaluator, value: Any) -> Any:
    return None if value is None else not truthy(value, evaluator.budget)


def _type(_evaluator: Evaluator, value: Any) -> Any:
    if value is None:
        return None
    if value is NULL:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    for kind, name in ((str, "string"), (list, "array"), (dict, "object")):
        if isinstance(value, kind):
            return name
    return "function"


def _map(evaluator: Evaluator, items: Any, function: Any) -> Any:
    if items is None:
        return None
    taken = arguments_taken(function)
    result = Utils.create_sequence()
    for index, item in enumerate(items):
        value = evaluator.call(function, [item, index, items][: max(1, taken)])
        if value is not None:
            result.append(value)
    return result


def _filter(evaluator: Evaluator, items: Any, function: Any) -> Any:
    if items is None:
        return None
    taken = arguments_taken(function)
    result = Utils.create_sequence()
    for index, item in enumerate(items):
        if truthy(
            evaluator.call(function, [item, index, items][: max(1, taken)]), evaluator.budget
        ):
            result.append(item)
    return result


def _single(evaluator: Evaluator, items: Any, function: Any) -> Any:
    if items is None:
        return None
    found = items if function is None else _filter(evaluator, items, function)
    if len(found) != 1:
        raise JException("D3138" if found else "D3139", -1)
    return found[0]


def _reduce(evaluator: Evaluator, items: Any, function: Any, start: Any) -> Any:
    if items is None:
        return None
    taken = arguments_taken(function)
    if taken < 2:
        raise JException("D3050", -1)
    rest = enumerate(items)
    result = start
    if start is None:
        _, result = next(rest, (0, None))
    for index, item in rest:
        result = evaluator.call(function, [result, item, index, items][:taken])
    return result


def _zip(evaluator: Evaluator, *lists: Any) -> Any:
    if any(items is None for items in lists):
        return []
    rows = [list(row) for row in zip(*lists, strict=False)]
    evaluator.budget.spend(len(rows) * (len(lists) + 1))
    return rows


def _each(evaluator: Evaluator, members: Any, function: Any) -> Any:
    if members is None:
        return None
    taken = arguments_taken(function)
    result = Utils.create_sequence()
    for name, item in members.items():
        value = evaluator.call(function, [present(item), name, members][: max(1, taken)])
        if value is not None:
            result.append(value)
    return result


def _sift(evaluator: Evaluator, members: Any, function: Any) -> Any:
    if members is None:
        return None
    taken = arguments_taken(function)
    kept = {}
    for name, item in members.items():
        value = evaluator.call(function, [present(item), name, members][: max(1, taken)])
        if truthy(value, evaluator.budget):
            kept[name] = item
    return kept or None


def _keys(evaluator: Evaluator, value: Any) -> Any:
    names: dict[str, None] = {}
    for item in value if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            evaluator.budget.spend(len(item))
            names.update(dict.fromkeys(item))
        elif isinstance(item, list):
            names.update(dict.fromkeys(_keys(evaluator, item)))
    return Utils.create_sequence_from_iter(names)


def _lookup(evaluator: Evaluator, value: Any, name: Any) -> Any:
    return evaluator.member(value, name)


def _spread(evaluator: Evaluator, value: Any) -> Any:
    if isinstance(value, dict):
        evaluator.budget.spend(len(value) * 4)
        return Utils.create_sequence_from_iter({name: item} for name, item in value.items())
    if not isinstance(value, list):
        return None if is_function(value) else value
    result = Utils.create_sequence()
    for item in value:
        spread = _spread(evaluator, item)
        evaluator.extend(result, spread)
    return result


def _merge(evaluator: Evaluator, objects: Any) -> Any:
    if objects is None:
        return None
    merged: dict[str, Any] = {}
    for members in objects:
        evaluator.budget.spend(len(members))
        merged.update(members)
    return merged


def _reverse(evaluator: Evaluator, items: Any) -> Any:
    if items is None or len(items) <= 1:
        return items
    evaluator.budget.spend(len(items))
    return list(reversed(items))


def _shuffle(evaluator: Evaluator, items: Any) -> Any:
    if items is None or len(items) <= 1:
        return items
    evaluator.budget.spend(len(items))
    shuffled = list(items)
    random.shuffle(shuffled)
    return shuffled


def _distinct(evaluator: Evaluator, items: Any) -> Any:
    """Numbers, texts and the like by their value, lists and objects one against the other."""
    if not isinstance(items, list) or len(items) <= 1:
        return items
    result = Utils.create_sequence() if isinstance(items, Utils.JList) else []
    seen: set[Any] = set()
    nested: list[Any] = []
    for item in items:
        evaluator.budget.spend(1)
        if isinstance(item, list | dict):
            if any(equal(item, other, evaluator.budget) for other in nested):
                continue
            nested.append(item)
        else:
            key = (bool, item) if isinstance(item, bool) else item
            key = operand(item) if is_number(item) else key
            if key in seen:
                continue
            seen.add(key)
        result.append(item)
    return result


def _sort(evaluator: Evaluator, items: Any, comparator: Any) -> Any:
    """Stable; the comparator is true where its first argument belongs behind its second."""
    if items is None or len(items) <= 1:
        return items
    evaluator.budget.spend(len(items))
    if comparator is None:
        return _sorted(evaluator, items)
    budget = evaluator.budget

    def order(one: Any, two: Any) -> int:
        return -1 if truthy(evaluator.call(comparator, [two, one]), budget) else 0

    return sorted(items, key=functools.cmp_to_key(order))


def _sorted(evaluator: Evaluator, items: list[Any]) -> list[Any]:
    if all(is_number(item) for item in items):
        return sorted(items, key=operand)
    if not all(isinstance(item, str) for item in items):
        raise JException("D3070", -1)
    if sum(map(len, items)) < _LONG_TEXTS:
        return sorted(items)
    budget = evaluator.budget

    def order(one: str, two: str) -> int:
        budget.spend(1 + min(len(one), len(two)) // 1024)
        return (one > two) - (one < two)

    return sorted(items, key=functools.cmp_to_key(order))


def clone(evaluator: Evaluator, value: Any) -> Any:
    """A copy of lists and objects down to their values, which cannot change."""
    evaluator.budget.spend(1)
    if isinstance(value, dict):
        return {name: clone(evaluator, item) for name, item in value.items()}
    if isinstance(value, list):
        return [clone(evaluator, item) for item in value]
    return value


def _error(evaluator: Evaluator, message: Any) -> Any:
    text = "$error() was called" if message is None else text_of(message, evaluator.budget)
    raise JException("D3137", -1, text)


def _assert(evaluator: Evaluator, condition: Any, message: Any) -> None:
    if condition is not True:
        text = "$assert() failed" if message is None else text_of(message, evaluator.budget)
        raise JException("D3141", -1, text)


COLLECTION_FUNCTIONS = (
    Builtin("count", "<a:n>", 1, _count),
    Builtin("append", "<xx:a>", 2, _append),
    Builtin("exists", "<x:b>", 1, _exists),
    Builtin("boolean", "<x-:b>", 1, _boolean),
    Builtin("not", "<x-:b>", 1, _not),
    Builtin("type", "<x:s>", 1, _type),
    Builtin("map", "<af>", 2, _map),
    Builtin("filter", "<af>", 2, _filter),
    Builtin("single", "<af?>", 2, _single),
    Builtin("reduce", "<afj?:j>", 3, _reduce),
    Builtin("zip", "<a+>", 1, _zip),
    Builtin("each", "<o-f:a>", 2, _each),
    Builtin("sift", "<o-f?:o>", 2, _sift),
    Builtin("keys", "<x-:a<s>>", 1, _keys),
    Builtin("lookup", "<x-s:x>", 2, _lookup),
    Builtin("spread", "<x-:a<o>>", 1, _spread),
    Builtin("merge", "<a<o>:o>", 1, _merge),
    Builtin("reverse", "<a:a>", 1, _reverse),
    Builtin("shuffle", "<a:a>", 1, _shuffle),
    Builtin("distinct", "<x:x>", 1, _distinct),
    Builtin("sort", "<af?:a>", 2, _sort),
    Builtin("clone", "<(oa)-:o>", 1, clone),
    Builtin("error", "<s?:x>", 1, _error),
    Builtin("assert", "<bs?:x>", 2, _assert),
)
"""The functions on lists, objects and functions."""
