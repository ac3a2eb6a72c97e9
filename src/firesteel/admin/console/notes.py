"""What is said once, on the page after an act, such as "Saved".

The address of that page names the note; its text never leaves this process, so no other site can
put words into a page. A note that nobody fetched makes room for newer ones.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal

MOST_NOTES = 1000
Tone = Literal["success", "info", "warning", "danger"]


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence, and how it looks."""

    text: str
    tone: Tone = "success"


class Notes:
    """The notes that wait for their page."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Note] = OrderedDict()

    def keep(self, note: Note) -> str:
        """Its mark, for the address."""
        mark = secrets.token_urlsafe(12)
        self._waiting[mark] = note
        while len(self._waiting) > MOST_NOTES:
            self._waiting.popitem(last=False)
        return mark

    def take(self, mark: str | None) -> Note | None:
        """The note, once."""
        return self._waiting.pop(mark, None) if mark else None
