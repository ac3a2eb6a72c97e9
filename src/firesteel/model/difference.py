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


@dataclass(frozen=True, slots=True)
class LinePair:
    """A line of the old YAML beside the one of the new YAML, numbered from 1; None where a side
    has none."""

    kind: Literal["same", "added", "removed", "changed"]
    old_number: int | None
    old: str | None
    new_number: int | None
    new: str | None


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


def side_by_side(old: Any, new: Any) -> list[LinePair]:
    """The canonical YAML of both, line beside line, whole: what did not change too."""
    before, after = write_yaml(old).splitlines(), write_yaml(new).splitlines()
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    pairs: list[LinePair] = []
    for tag, old_at, old_end, new_at, new_end in matcher.get_opcodes():
        for offset in range(max(old_end - old_at, new_end - new_at)):
            left = old_at + offset if old_at + offset < old_end else None
            right = new_at + offset if new_at + offset < new_end else None
            pairs.append(_pair(before, after, (left, right), same=tag == "equal"))
    return pairs


def _pair(
    before: list[str], after: list[str], at: tuple[int | None, int | None], *, same: bool
) -> LinePair:
    left, right = at
    old = None if left is None else before[left]
    new = None if right is None else after[right]
    kind: Literal["same", "added", "removed", "changed"] = "same" if same else "changed"
    if left is None:
        kind = "added"
    elif right is None:
        kind = "removed"
    return LinePair(
        kind, None if left is None else left + 1, old, None if right is None else right + 1, new
    )


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
