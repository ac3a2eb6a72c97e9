"""Rules that hold between the integrations of one workspace: names, calls, and circles of calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from firesteel.model.expressions import steps
from firesteel.model.fault import Fault, Pointer, child, did_you_mean
from firesteel.model.findings import mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from firesteel.model.yaml_source import Loaded


def called(document: dict[str, Any]) -> list[tuple[Pointer, str]]:
    """The integrations that a document's steps call, each with its pointer."""
    found = []
    for pointer, step in steps(document):
        name = mapping(step.get("call")).get("integration")
        if isinstance(name, str):
            found.append((child(pointer, "call", "integration"), name))
    return found


def check_together(files: Iterable[Loaded], known: Iterable[str] = ()) -> list[Fault]:
    """Faults between the files of a project; ``known``: integrations of the workspace beside them.

    A file that holds no mapping or no name takes no part.
    """
    by_name: dict[str, Loaded] = {}
    faults: list[Fault] = []
    for loaded in files:
        name = mapping(loaded.document).get("name")
        if not isinstance(name, str):
            continue
        if name in by_name:
            detail = f"{by_name[name].file} holds an integration {name} already"
            faults.append(loaded.fault("/name", "not_unique", detail, "names are unique"))
        by_name.setdefault(name, loaded)
    calls = {name: called(loaded.document) for name, loaded in by_name.items()}
    names = {*by_name, *known}
    for name, loaded in by_name.items():
        for pointer, target in calls[name]:
            faults.extend(_call_faults(name, target, calls, (loaded, pointer, names)))
    return faults


def _call_faults(
    name: str,
    target: str,
    calls: Mapping[str, list[tuple[Pointer, str]]],
    at: tuple[Loaded, Pointer, set[str]],
) -> list[Fault]:
    loaded, pointer, names = at
    if target not in names:
        detail = f"there is no integration {target}"
        hint = did_you_mean(target, sorted(names - {name}))
        return [loaded.fault(pointer, "integration_unknown", detail, hint)]
    circle = _way(target, name, calls)
    if target != name and circle:
        detail = f"integrations call each other in a circle: {' > '.join((name, *circle))}"
        return [loaded.fault(pointer, "call_cycle", detail)]
    return []


def _way(
    start: str, end: str, calls: Mapping[str, list[tuple[Pointer, str]]]
) -> tuple[str, ...] | None:
    """The shortest chain of calls from ``start`` to ``end``, both included; None: there is none."""
    ways: list[tuple[str, ...]] = [(start,)]
    seen = {start}
    for way in ways:
        if way[-1] == end:
            return way
        for _, name in calls.get(way[-1], []):
            if name not in seen:
                seen.add(name)
                ways.append((*way, name))
    return None
