"""Whether a value that is kept beside a message (a key, a search value) is one that is redacted.

Both are paths, and each format finds in its own way what a redacted one means. Which format a body
has nobody knows before it comes, but where the trigger demands one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from firesteel.model.form_body import FILE
from firesteel.model.redaction.places import (
    TEXT,
    below,
    goes,
    leads_to_text,
    local_name,
    with_items,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.model.path import Path

    Parts = tuple[str, ...]


def covers(redacted: Path, path: Path, mode: str = "any") -> bool:
    """Whether the value at ``path`` is, or stands within, what ``redacted`` replaces. ``mode``: of
    the trigger's ``body``; ``any``: in a body of any format."""
    if redacted.root != path.root:
        return False
    if path.root != "body":
        return redacted.parts == path.parts
    return any(found(redacted.parts, path.parts) for found in _BY_MODE[mode])


def _in_json(redacted: Parts, path: Parts) -> bool:
    if len(redacted) > len(path):
        return False
    return all(part in ("*", other) for part, other in zip(redacted, path, strict=False))


def _in_form(redacted: Parts, path: Parts) -> bool:
    """A field is replaced as a whole, wherever into it a path leads; within it a path finds the
    values of one sent several times, and what a file is."""
    if not redacted or not path:
        return not redacted
    within = all(part.isdecimal() or part in FILE for part in path[1:])
    return within and leads_to_text((redacted,), path[0])


def _in_csv(redacted: Parts, path: Parts) -> bool:
    if len(redacted) < 2 or len(path) != 2:  # a row and a column
        return _in_json(redacted, path)
    return redacted[0] in ("*", path[0]) and leads_to_text((redacted[1:],), path[1])


def _in_xml(redacted: Parts, path: Parts) -> bool:
    """As ``xml_elements`` finds them: prefixes and numbers count for nothing, on either side."""
    left = with_items((tuple(map(local_name, redacted)),))
    for part in path:
        if goes(left):
            return True
        if part != TEXT and not part.isdecimal():
            left = with_items(below(left, local_name(part)))
    return goes(left)


_BY_MODE: Final[dict[str, tuple[Callable[[Parts, Parts], bool], ...]]] = {
    "json": (_in_json,),
    "xml": (_in_xml,),
    "form": (_in_form,),
    "any": (_in_json, _in_xml, _in_form, _in_csv),
}
