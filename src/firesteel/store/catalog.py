"""The catalog port: workspaces, integrations and their versions, keys, connections, settings.

Changes here are rare; each method is one transaction. Secrets come in sealed (AES-GCM, with the id
of their key): the store never sees one in clear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

ManagedBy = Literal["files", "console"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """``digest`` is the keyed hash by which a secret is found; ``prefix`` its first characters,
    for people; ``sealed`` the encrypted secret."""

    key_no: int
    trigger_no: int
    label: str
    digest: bytes
    prefix: str
    sealed: bytes
    created_at_us: int
    expires_at_us: int | None
    last_used_at_us: int | None


@dataclass(frozen=True, slots=True)
class NewApiKey:
    label: str
    digest: bytes
    prefix: str
    sealed: bytes
    expires_at_us: int | None = None


@dataclass(frozen=True, slots=True)
class PublishedIntegration:
    """An integration and its published version. ``trigger_no`` names it for good; ``enabled`` is
    the switch, which is not part of the version."""

    trigger_no: int
    workspace: str
    name: str
    enabled: bool
    managed_by: ManagedBy
    version_no: int
    version: int
    published_at_us: int
    published_by: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Version:
    """``version`` counts 1, 2, 3 within its integration; ``version_no`` is unique in the store."""

    version_no: int
    version: int
    trigger_no: int
    workspace: str
    published_at_us: int
    published_by: str
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TriggerRules:
    """What the journal must know of a trigger; taken from the document at publishing."""

    concurrency: int
    max_waiting: int
    on_failure: Literal["continue", "pause"]
    history_s: float | None
    payloads_s: float | None


@dataclass(frozen=True, slots=True)
class StoredConnection:
    workspace: str
    name: str
    document: dict[str, Any]
    managed_by: ManagedBy
    changed_at_us: int


@dataclass(frozen=True, slots=True)
class AuditEntry:
    at_us: int
    actor: str
    action: str
    subject: str
    detail: str


class Catalog(Protocol):
    """Raises CallerError with codes ``unknown_integration``, ``unknown_key``, ``label_taken``,
    ``secret_taken``, ``workspace_taken``, ``changed_meanwhile``."""

    async def setting(self, name: str) -> str | None: ...

    async def put_setting(self, name: str, value: str) -> None: ...

    async def workspaces(self) -> list[str]: ...

    async def ensure_workspace(self, name: str) -> None: ...

    async def integrations(self, workspace: str | None = None) -> list[PublishedIntegration]: ...

    async def integration(self, workspace: str, name: str) -> PublishedIntegration | None: ...

    async def publish(
        self,
        workspace: str,
        document: dict[str, Any],
        *,
        rules: TriggerRules,
        managed_by: ManagedBy,
        actor: str,
        expect_version: int | None = None,
    ) -> tuple[PublishedIntegration, bool]:
        """Make a new version, if the document differs from the published one (else False), and
        take its ``enabled`` as the switch. ``expect_version`` 0: must be new."""
        ...

    async def set_enabled(self, workspace: str, name: str, enabled: bool, actor: str) -> None: ...

    async def remove(self, workspace: str, name: str, actor: str) -> None:
        """The name is free again and its calls are 404; messages stay until retention ends."""
        ...

    async def versions(self, workspace: str, name: str) -> list[Version]: ...

    async def version(self, version_no: int) -> Version | None: ...

    async def keys(self, trigger_no: int | None = None) -> list[ApiKey]: ...

    async def add_key(self, trigger_no: int, key: NewApiKey, actor: str) -> ApiKey: ...

    async def change_key(
        self, trigger_no: int, label: str, change: NewApiKey, actor: str
    ) -> ApiKey:
        """Replace label, secret and expiry of the key of that label."""
        ...

    async def delete_key(self, trigger_no: int, label: str, actor: str) -> None: ...

    async def touch_keys(self, used: dict[int, int]) -> None:
        """``key_no -> last_used_at_us``, written in batches."""
        ...

    async def connections(self, workspace: str) -> list[StoredConnection]: ...

    async def put_connection(
        self,
        workspace: str,
        name: str,
        document: dict[str, Any],
        *,
        managed_by: ManagedBy,
        actor: str,
    ) -> bool:
        """True if it changed."""
        ...

    async def delete_connection(self, workspace: str, name: str, actor: str) -> None: ...

    async def secrets(self, workspace: str) -> dict[str, bytes]:
        """Name -> sealed value."""
        ...

    async def put_secret(self, workspace: str, name: str, sealed: bytes, actor: str) -> None: ...

    async def audit(self, limit: int = 100, before_no: int | None = None) -> Sequence[AuditEntry]:
        """Latest first. Every changing method above writes its own entry in its transaction."""
        ...
