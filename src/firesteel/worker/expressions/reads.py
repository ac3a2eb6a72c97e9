"""Which names of its context an expression reads, told from its tree without evaluating it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from firesteel.model.expression_names import Reads

_SAME_CONTEXT = ("lhs", "rhs", "expression", "procedure", "condition", "then", "_else", "body")
_SAME_CONTEXT_LISTS = ("arguments", "expressions")
_OTHER_CONTEXT = ("pattern", "update", "delete", "group", "expr")
_OTHER_CONTEXT_LISTS = ("predicate", "stages", "terms")


def reads_of(tree: Any) -> Reads:
    """What the tree of a compiled expression reads: names of the context itself, and of ``$$``."""
    paths: dict[tuple[str, ...], None] = {}
    stack = [(tree, True)]
    while stack:
        node, at_root = stack.pop()
        if node.type == "path":
            found = _path(node.steps, at_root)
            if found:
                paths[found] = None
        stack.extend(_parts(node, at_root))
    return Reads(tuple(sorted(paths)))


def _path(steps: list[Any], at_root: bool) -> tuple[str, ...]:
    """The one or two names with which a path begins, none where it does not begin at the root."""
    first = steps[0]
    if first.type == "variable" and (first.value == "$" or (first.value == "" and at_root)):
        steps = steps[1:]
    elif not at_root:
        return ()
    names: list[str] = []
    for step in steps[:2]:
        if step.type != "name":
            break
        names.append(str(step.value))
    return tuple(names)


def _parts(node: Any, at_root: bool) -> Iterator[tuple[Any, bool]]:
    """The nodes within a node, each with whether its context is that of the whole expression. The
    body of a function has the context in which the function is written.
    """
    for index, step in enumerate(node.steps or ()):
        yield step, at_root and index == 0
    for name in _SAME_CONTEXT:
        yield from _one(getattr(node, name), at_root)
    for name in _SAME_CONTEXT_LISTS:
        for item in getattr(node, name) or ():
            yield from _one(item, at_root)
    for pair in node.lhs_object or ():
        for item in pair:
            yield from _one(item, at_root)
    for name in _OTHER_CONTEXT:
        yield from _one(getattr(node, name), False)
    for name in _OTHER_CONTEXT_LISTS:
        for item in getattr(node, name) or ():
            yield from _one(item, False)


def _one(value: Any, at_root: bool) -> Iterator[tuple[Any, bool]]:
    if hasattr(value, "lhs_object"):
        yield value, at_root
