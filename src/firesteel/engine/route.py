"""Routes: published integrations in the form in which the gateway and the engine use them.

A route is made once per publication or key change and never altered; the table of all routes is
replaced as a whole, so that a call sees one state of it from beginning to end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from firesteel.model.parameters import ParameterRules, compile_parameters
from firesteel.model.path import Path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from firesteel.model.integration import Integration, Trigger


@dataclass(frozen=True, slots=True)
class RouteKey:
    """An API key as the gateway needs it, the trigger's own or a granted consumer's; ``label`` is
    the consumer's name."""

    key_no: int
    label: str
    expires_at_us: int | None


@dataclass(frozen=True, slots=True)
class Route:
    """``keys`` by digest of their secret; empty where no API key lets a call in. ``secrets``: what
    each ``${NAME}`` of the trigger stands for; one that is missing is not set. ``consumers``: where
    a claim says who calls, the workspace's consumers, whom none may name; else empty."""

    trigger_no: int
    version_no: int
    version: int
    workspace: str
    name: str
    enabled: bool
    integration: Integration
    keys: Mapping[bytes, RouteKey]
    parameters: ParameterRules
    methods: frozenset[str]
    lane_path: Path | None
    idempotency_path: Path | None
    search_paths: tuple[tuple[str, Path], ...]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    consumers: frozenset[str] = frozenset()

    @property
    def trigger(self) -> Trigger:
        """The rules of the webhook trigger."""
        return self.integration.trigger

    @property
    def open(self) -> bool:
        """True where calls need no credential."""
        return not self.integration.trigger.authentication

    @property
    def ordered(self) -> bool:
        """Whether its messages stand in lanes."""
        return self.integration.trigger.ordered_delivery is not None


def compile_route(
    integration: Integration,
    *,
    numbers: tuple[int, int, int],
    workspace: str,
    enabled: bool,
    keys: Mapping[bytes, RouteKey],
) -> Route:
    """``numbers``: trigger_no, version_no, version."""
    trigger = integration.trigger
    ordered, idempotency = trigger.ordered_delivery, trigger.idempotency
    return Route(
        trigger_no=numbers[0],
        version_no=numbers[1],
        version=numbers[2],
        workspace=workspace,
        name=integration.name,
        enabled=enabled,
        integration=integration,
        keys=keys,
        parameters=compile_parameters(trigger),
        methods=frozenset(trigger.methods),
        lane_path=Path.parse(ordered.key) if ordered and ordered.key else None,
        idempotency_path=Path.parse(idempotency.key) if idempotency else None,
        search_paths=tuple((name, Path.parse(path)) for name, path in integration.search.items()),
    )


class Routes:
    """The table: by workspace and name, by trigger number."""

    def __init__(self, routes: Iterable[Route] = (), newer: Iterable[tuple[str, str]] = ()) -> None:
        """``newer``: workspace and name of those that this release cannot read."""
        self.newer = frozenset(newer)
        self._by_name = {(route.workspace, route.name): route for route in routes}
        self._by_trigger = {route.trigger_no: route for route in self._by_name.values()}

    def find(self, workspace: str, name: str) -> Route | None:
        """The route of that name, switched on or off; None where there is none."""
        return self._by_name.get((workspace, name))

    def of_trigger(self, trigger_no: int) -> Route | None:
        """The route of that trigger; None where there is none."""
        return self._by_trigger.get(trigger_no)

    def __iter__(self) -> Iterator[Route]:
        return iter(self._by_name.values())
