"""What changed between two documents: change by change, and as text for people."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import Any, Literal

from firesteel.model.fault import Pointer, child
from firesteel.model.yaml_writer import write_yaml


@dataclass(frozen=True, slots=True)
class Change:
    """One change at a pointer; ``old`` is None where ``added``, ``new`` where ``removed``."""

    pointer: Pointer
    kind: Literal["added", "removed", "changed"]
    old: Any
    new: Any


def diff_documents(old: Any, new: Any) -> list[Change]:
    """The changes that lead from ``old`` to ``new``, both plain JSON, in the order of ``new``, what
    was removed at the end of its mapping. Items of lists are compared by their place. Empty where
    both are the same: ``1`` and ``true``, or ``1`` and ``1.0``, are not.
    """
    return _changes(old, new, "")


def diff_text(old: Any, new: Any, *, names: tuple[str, str] = ("published", "file")) -> str:
    """A unified diff of the canonical YAML of both; empty where they are the same. None for
    ``old`` or ``new``: there is none on that side.
    """
    sides = ["" if side is None else write_yaml(side) for side in (old, new)]
    lines = difflib.unified_diff(
        sides[0].splitlines(keepends=True),
        sides[1].splitlines(keepends=True),
        fromfile=names[0],
        tofile=names[1],
    )
    return "".join(lines)


def _changes(old: Any, new: Any, pointer: Pointer) -> list[Change]:
    if isinstance(old, dict) and isinstance(new, dict):
        return _of_mappings(old, new, pointer)
    if isinstance(old, list) and isinstance(new, list):
        return _of_lists(old, new, pointer)
    same = type(old) is type(new) and old == new
    return [] if same else [Change(pointer, "changed", old, new)]


def _of_mappings(old: dict[str, Any], new: dict[str, Any], pointer: Pointer) -> list[Change]:
    found: list[Change] = []
    for key, value in new.items():
        at = child(pointer, key)
        if key in old:
            found.extend(_changes(old[key], value, at))
        else:
            found.append(Change(at, "added", None, value))
    removed = [key for key in old if key not in new]
    return found + [Change(child(pointer, key), "removed", old[key], None) for key in removed]


def _of_lists(old: list[Any], new: list[Any], pointer: Pointer) -> list[Change]:
    found: list[Change] = []
    for index, (before, after) in enumerate(zip(old, new, strict=False)):
        found.extend(_changes(before, after, child(pointer, index)))
    both = min(len(old), len(new))
    added = enumerate(new[both:], both)
    removed = enumerate(old[both:], both)
    found.extend(Change(child(pointer, at), "added", None, value) for at, value in added)
    found.extend(Change(child(pointer, at), "removed", value, None) for at, value in removed)
    return found
