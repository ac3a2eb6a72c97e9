"""API keys and grants that a trigger has, written into its document as those that it declares.

They live beside the document; what a document needs to say is whether calls need one. So wherever
a document is edited or written by the node, its declarations are made those of the keys there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firesteel.model.api_key import expiry_day
from firesteel.model.findings import items, mapping

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A key without its secret; ``expires``: its last day, ``YYYY-MM-DD``."""

    label: str
    expires: str | None

    @classmethod
    def of(cls, label: str, expires_at_us: int | None) -> HeldKey:
        """A key with its expiry as the store has it."""
        return cls(label, None if expires_at_us is None else expiry_day(expires_at_us))

    def declaration(self) -> dict[str, Any]:
        """The item of ``authentication``."""
        declared = {"label": self.label}
        if self.expires is not None:
            declared["expires"] = self.expires
        return {"api_key": declared}


@dataclass(frozen=True, slots=True)
class HeldConsumer:
    """A consumer that is granted the trigger."""

    name: str

    def declaration(self) -> dict[str, Any]:
        """The item of ``authentication``."""
        return {"consumer": {"name": self.name}}


UNDECIDED: dict[str, Any] = {"api_key": {}}
"""What stands in a draft that asks for API keys while there is none: it cannot be published."""


def asks_for_keys(document: dict[str, Any]) -> bool:
    """Whether an API key lets calls in, the trigger's own or a consumer's."""
    declared = items(mapping(document.get("trigger")).get("authentication"))
    return any(is_key(item) for item in declared)


def with_held_keys(
    document: dict[str, Any], held: Sequence[HeldKey | HeldConsumer]
) -> dict[str, Any]:
    """A copy whose declared keys and consumers are those in ``held``, where it asks for keys at
    all. They stand where the first one stood; other ways to authenticate stay as they are.
    """
    if not asks_for_keys(document):
        return dict(document)
    trigger = mapping(document["trigger"])
    declared: list[Any] = []
    placed = False
    for item in trigger["authentication"]:
        if not is_key(item):
            declared.append(item)
        elif not placed:
            declared += [key.declaration() for key in held] or [UNDECIDED]
            placed = True
    return {**document, "trigger": {**trigger, "authentication": declared}}


def labels_of_others(document: dict[str, Any]) -> set[str]:
    """The labels of the ways to authenticate that are no keys: a key of such a label would make two
    consumers one."""
    declared = items(mapping(document.get("trigger")).get("authentication"))
    ways = [way for item in declared if not is_key(item) for way in mapping(item).values()]
    return {label for way in ways if isinstance(label := mapping(way).get("label"), str)}


def is_key(item: Any) -> bool:
    """Whether an item of ``authentication`` is an API key or a consumer's grant; one with another
    kind beside it is neither, so that its fault is told."""
    return set(mapping(item)) in ({"api_key"}, {"consumer"})
