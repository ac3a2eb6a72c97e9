"""Publishes a project to a node, all or nothing: everything is checked by the node first."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from firesteel.cli.exit_codes import CommandFailed, Exit
from firesteel.model.connection import connection_json
from firesteel.model.fault import Fault
from firesteel.project import CONNECTIONS_FILE

if TYPE_CHECKING:
    from collections.abc import Callable

    from firesteel.cli.command import Session
    from firesteel.project import IntegrationFile, Project

# What a project refers to was looked for in its own files already, and may not be published yet.
_SETTLED_BY_FILES = frozenset({"connection_unknown", "integration_unknown"})
_INVALID = ("integration_invalid", "connection_invalid", "alerts_invalid", "name_invalid")
_PUT = {"managed_by": "files"}


@dataclass
class Applied:
    """What was published, or would be: the node's answers, and names that were removed."""

    publications: list[dict[str, Any]] = field(default_factory=list)
    connections: list[dict[str, Any]] = field(default_factory=list)
    alerts: dict[str, Any] | None = None
    removed: list[str] = field(default_factory=list)
    removed_connections: list[str] = field(default_factory=list)
    removed_alerts: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything differs from what the node had."""
        kept = ("kept", "undeclared")
        beside = [*self.publications]
        keys = [key for item in beside for key in (*item["keys"], *item["consumers"])]
        return bool(
            any(item["changed"] for item in self.publications + self.connections)
            or any(key["act"] not in kept for key in keys)
            or (self.alerts is not None and self.alerts["changed"])
            or self.removed
            or self.removed_connections
            or self.removed_alerts
        )

    def as_json(self) -> dict[str, Any]:
        """For --json."""
        return {
            "integrations": self.publications,
            "connections": self.connections,
            "alerts": self.alerts,
            "removed": self.removed,
            "removed_connections": self.removed_connections,
            "removed_alerts": self.removed_alerts,
        }


class NodeFaults(CommandFailed):
    """The node found faults; ``faults`` are placed in the project's files."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(
            f"{len(faults)} fault{'s' if len(faults) > 1 else ''}; nothing was published",
            code="project_invalid",
        )
        self.faults = faults


class Applier:
    """Speaks to one node about one project."""

    def __init__(
        self, session: Session, project: Project, *, prune: bool = False, take_over: bool = False
    ) -> None:
        self._session = session
        self._project = project
        self._prune = prune
        self._take_over = take_over

    def plan(self) -> Applied:
        """What ``apply`` would do. Raises NodeFaults with every fault that the node finds."""
        applied, faults = Applied(), list[Fault]()
        if self._project.whole:
            faults += self._plan_connections(applied)
        for file in self._project.integrations:
            try:
                applied.publications.append(self._put(file, dry_run=True))
            except CommandFailed as failed:
                faults += _placed(file.fault, failed)
        if self._project.alerts is not None:
            try:
                applied.alerts = self._put_alerts(dry_run=True)
            except CommandFailed as failed:
                faults += _placed(self._project.alerts.loaded.fault, failed)
        if faults:
            raise NodeFaults(faults)
        if self._prune and self._project.whole:
            applied.removed = self._surplus("integrations", self._names())
            applied.removed_connections = self._surplus("connections", self._project.connections)
            applied.removed_alerts = self.surplus_alerts()
        return applied

    def apply(self) -> Applied:
        """Plan, then publish: connections first, what is surplus last."""
        planned = self.plan()
        applied = Applied(
            removed=planned.removed,
            removed_connections=planned.removed_connections,
            removed_alerts=planned.removed_alerts,
        )
        if self._project.whole:
            for name, connection in self._project.connections.items():
                answer = self._put_connection(name, connection_json(connection), dry_run=False)
                applied.connections.append(answer)
        for file in self._project.integrations:
            applied.publications.append(self._put(file, dry_run=False))
        if self._project.alerts is not None:
            applied.alerts = self._put_alerts(dry_run=False)
        if applied.removed_alerts:
            self._session.client.send("DELETE", self._session.path("alerts"), parameters=_PUT)
        for kind, names in (
            ("integrations", applied.removed),
            ("connections", applied.removed_connections),
        ):
            for name in names:
                path = self._session.path(kind, name)
                self._session.client.send("DELETE", path, parameters=_PUT)
        return applied

    def surplus(self) -> list[str]:
        """Integrations that the node has from files and this project has not."""
        return self._surplus("integrations", self._names()) if self._project.whole else []

    def surplus_alerts(self) -> bool:
        """Whether the node has alerts from files and this project has none."""
        if not self._project.whole or self._project.alerts is not None:
            return False
        found = self._session.client.get(self._session.path("alerts"))
        return bool(found["changed_at"]) and found["managed_by"] == "files"

    def _put_alerts(self, *, dry_run: bool) -> dict[str, Any]:
        assert self._project.alerts is not None
        path = self._session.path("alerts")
        document = self._project.alerts.loaded.document or {}
        answer: dict[str, Any] = self._session.client.put(
            path, document, dry_run=dry_run, take_over=self._take_over, **_PUT
        )
        answer["warnings"] = _own(answer["warnings"])
        return answer

    def _plan_connections(self, applied: Applied) -> list[Fault]:
        faults = []
        for name, connection in self._project.connections.items():
            try:
                answer = self._put_connection(name, connection_json(connection), dry_run=True)
                applied.connections.append(answer)
            except CommandFailed as failed:
                _reraise_unless_fault(failed)
                items = failed.errors or [{"code": failed.code, "detail": failed.detail}]
                faults += [self._connection_fault(name, item) for item in items]
        return faults

    def _put_connection(self, name: str, document: Any, *, dry_run: bool) -> dict[str, Any]:
        path = self._session.path("connections", name)
        answer: dict[str, Any] = self._session.client.put(
            path, document, dry_run=dry_run, take_over=self._take_over, **_PUT
        )
        return answer

    def _put(self, file: IntegrationFile, *, dry_run: bool) -> dict[str, Any]:
        answer: dict[str, Any] = self._session.client.put(
            self._session.path("integrations", file.name),
            file.result.loaded.document,
            dry_run=dry_run,
            prune=self._prune,
            take_over=self._take_over,
            **_PUT,
        )
        answer["warnings"] = _own(answer["warnings"])
        return {"file": file.file, **answer}

    def _connection_fault(self, name: str, item: dict[str, Any]) -> Fault:
        file = self._project.root / CONNECTIONS_FILE
        line = 1
        for number, text in enumerate(file.read_text("utf-8").splitlines(), 1):
            if re.match(rf"[\"']?{re.escape(name)}[\"']?\s*:", text):
                line = number
                break
        return Fault(str(file), line, 1, f"/{name}", item["code"], f"{name}: {item['detail']}")

    def _names(self) -> list[str]:
        return [file.name for file in self._project.integrations]

    def _surplus(self, kind: str, names: Any) -> list[str]:
        found = self._session.client.get(self._session.path(kind))
        return [
            item["name"]
            for item in found
            if item["managed_by"] == "files" and item["name"] not in names
        ]


def _own(warnings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for item in warnings if item["code"] not in _SETTLED_BY_FILES]


def _placed(place: Callable[[str, str, str, str], Fault], failed: CommandFailed) -> list[Fault]:
    """The node's faults, at their places in the file."""
    _reraise_unless_fault(failed)
    if not failed.errors:
        hint = "--take-over makes these files its owner" if "managed" in failed.code else ""
        return [place("", failed.code, failed.detail, hint)]
    return [
        place(item["pointer"], item["code"], item["detail"], _hint(item["code"]))
        for item in failed.errors
    ]


def _hint(code: str) -> str:
    """Workers import a module once: what was added since, only new ones see."""
    if code.startswith("function_"):
        return "if the code has changed: `firesteel workers restart`, or apply --restart-workers"
    return ""


def _reraise_unless_fault(failed: CommandFailed) -> None:
    invalid = failed.code in _INVALID
    if failed.exit_code is Exit.UNREACHABLE or not (invalid or "managed_by" in failed.code):
        raise failed
