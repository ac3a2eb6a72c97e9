"""Checks of integration documents by the node: shape, rules, expressions and Python functions (by a
worker), ``${NAME}`` references, API keys, and what they call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from firesteel.engine.api_keys import WantedKey
from firesteel.engine.trigger_secrets import secret_faults, secret_warnings
from firesteel.errors import AuthorError, CallerError, FiresteelError
from firesteel.model.api_key import check_pasted
from firesteel.model.document import (
    InvalidDocument,
    check_document,
    consumer_declarations,
    integration_json,
    key_declarations,
    without_secrets,
)
from firesteel.model.fault import Fault, Pointer, child, unplaced_fault
from firesteel.model.project_rules import check_together
from firesteel.model.references import resolve
from firesteel.model.yaml_source import Loaded

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from firesteel.engine.engine import Engine
    from firesteel.model.integration import Integration
    from firesteel.model.trigger import Trigger
    from firesteel.store.catalog import Catalog

    Lookup = Callable[[str], Awaitable[Callable[[str], str | None]]]


@dataclass(frozen=True, slots=True)
class Checked:
    """A document without faults. ``document`` is what a version stores: no secrets."""

    integration: Integration
    document: dict[str, Any]
    warnings: list[Fault]
    keys: list[WantedKey]
    consumers: dict[int, str]
    """Those that it grants the trigger, by their place in ``authentication``."""


@dataclass(frozen=True, slots=True)
class Examined:
    """Everything that is to be said of a document that may have faults. ``complete`` False: no
    worker was there to look at its expressions and functions."""

    faults: list[Fault]
    warnings: list[Fault]
    complete: bool


class Checker:
    """``lookup(workspace)`` gives the values of its ``${NAME}``."""

    def __init__(self, engine: Engine, catalog: Catalog, lookup: Lookup) -> None:
        self._engine = engine
        self._catalog = catalog
        self._lookup = lookup

    async def check(self, workspace: str, document: Any) -> Checked:
        """The document with its warnings. Raises InvalidDocument with every fault."""
        result = check_document(document)
        if result.integration is None:
            raise InvalidDocument(result.faults)
        written = integration_json(result.integration)
        faults = await self._ask_worker(workspace, without_secrets(written))
        lookup = await self._lookup(workspace)
        keys, key_faults, weak = _read_keys(result.integration, lookup)
        faults += key_faults + secret_faults(written, result.integration.trigger, lookup)
        if faults:
            raise InvalidDocument(faults)
        faults = await self._circles(workspace, written)
        if faults:
            raise InvalidDocument(faults)
        weak += secret_warnings(result.integration.trigger, lookup)
        warnings = [*result.warnings, *weak, *await self._unknown(workspace, written)]
        consumers = consumer_declarations(result.integration)
        return Checked(result.integration, without_secrets(written), warnings, keys, consumers)

    async def examine(self, workspace: str, document: dict[str, Any]) -> Examined:
        """Faults and warnings of a document without secrets, whatever state it is in; never
        raises because of the document."""
        result = check_document(document)
        faults, complete = list(result.faults), True
        try:
            faults += await self._ask_worker(workspace, document)
        except FiresteelError as error:
            if error.code != "workers_unavailable":
                raise
            complete = False
        warnings = list(result.warnings)
        if result.integration is not None:
            faults += await self._circles(workspace, document)
            warnings += await self._unknown(workspace, document)
            warnings += await self._weak(workspace, result.integration.trigger)
        return Examined(_once(faults), warnings, complete)

    async def _ask_worker(self, workspace: str, document: dict[str, Any]) -> list[Fault]:
        found = await self._engine.check_document(workspace, document)
        return [unplaced_fault(item.pointer, item.code, item.detail) for item in found]

    async def _circles(self, workspace: str, document: dict[str, Any]) -> list[Fault]:
        """Faults of calls that would lead back to this document."""
        published = await self._catalog.integrations(workspace)
        others = [item.document for item in published if item.name != document["name"]]
        beside = [_loaded(item, str(item["name"])) for item in others]
        found = check_together([_loaded(document), *beside])
        return [fault for fault in found if fault.code == "call_cycle" and not fault.file]

    async def _unknown(self, workspace: str, document: dict[str, Any]) -> list[Fault]:
        """Warnings of what is not there: it may come later, and its steps fail until then."""
        connections = {item.name for item in await self._catalog.connections(workspace)}
        found = check_document(document, connections=connections).faults
        known = [item.name for item in await self._catalog.integrations(workspace)]
        found += check_together([_loaded(document)], known)
        return [
            fault for fault in found if fault.code in ("connection_unknown", "integration_unknown")
        ]

    async def _weak(self, workspace: str, trigger: Trigger) -> list[Fault]:
        if all(item.signature is None and item.basic is None for item in trigger.authentication):
            return []
        return secret_warnings(trigger, await self._lookup(workspace))


def key_pointer(index: int) -> Pointer:
    """Where the secret of a declared API key stands."""
    return child("/trigger/authentication", index, "api_key", "value")


def consumer_pointer(index: int) -> Pointer:
    """Where a declared consumer's name stands."""
    return child("/trigger/authentication", index, "consumer", "name")


def _loaded(document: dict[str, Any], file: str = "") -> Loaded:
    return Loaded(file, document, {"": (0, 0)}, {}, {}, [])


def _once(faults: list[Fault]) -> list[Fault]:
    """The first of each pointer and code: a worker finds a fault of the shape again."""
    kept: dict[tuple[Pointer, str], Fault] = {}
    for fault in faults:
        kept.setdefault((fault.pointer, fault.code), fault)
    return list(kept.values())


def _read_keys(
    integration: Integration, lookup: Callable[[str], str | None]
) -> tuple[list[WantedKey], list[Fault], list[Fault]]:
    """The declared keys with their secrets, faults, and warnings of weak secrets."""
    keys: list[WantedKey] = []
    faults: list[Fault] = []
    weak: list[Fault] = []
    for index, declared in key_declarations(integration):
        pointer = key_pointer(index)
        try:
            secret = None if declared.value is None else resolve(declared.value, lookup)
            warning = None if secret is None else check_pasted(secret)
        except (AuthorError, CallerError) as error:
            code = "key_value_invalid" if error.code == "key_invalid" else error.code
            faults.append(unplaced_fault(pointer, code, error.detail))
            continue
        if warning:
            weak.append(unplaced_fault(pointer, "key_value_weak", warning))
        keys.append(WantedKey.of(declared, secret, index))
    return keys, faults, weak
