"""What stands in the console's navigation, and the tabs of an integration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from firesteel.admin.access import Right


@dataclass(frozen=True, slots=True)
class Entry:
    """``address`` with ``{workspace}`` (and ``{name}``, in tabs) to be filled in; who has the
    ``right`` sees the entry."""

    text: str
    icon: str
    address: str
    right: Right = "view"


@dataclass(frozen=True, slots=True)
class Group:
    """Entries under a heading."""

    heading: str
    entries: tuple[Entry, ...]


GROUPS: Final = (
    Group(
        "Workspace",
        (
            Entry("Overview", "activity", "/w/{workspace}"),
            Entry("Integrations", "webhook", "/w/{workspace}/integrations"),
            Entry("Messages", "messages", "/w/{workspace}/messages"),
            Entry("Failed", "alert-triangle", "/w/{workspace}/failed"),
            Entry("Lanes", "list-details", "/w/{workspace}/lanes"),
            Entry("Connections", "plug-connected", "/w/{workspace}/connections"),
            Entry("Consumers", "users", "/w/{workspace}/consumers"),
            Entry("Alerts", "mail", "/w/{workspace}/alerts"),
        ),
    ),
    Group(
        "Node",
        (
            Entry("Workers", "server-2", "/workers"),
            Entry("Storage", "database", "/storage"),
            Entry("Pause", "player-pause", "/pause"),
            Entry("Users", "user-circle", "/users", "administer"),
            Entry("Tokens", "key", "/tokens", "administer"),
            Entry("Encryption key", "lock", "/encryption", "administer"),
            Entry("Audit log", "clipboard-check", "/audit", "administer"),
            Entry("Settings", "settings", "/settings", "administer"),
        ),
    ),
)

INTEGRATION_TABS: Final = (
    Entry("Trigger", "webhook", "/w/{workspace}/integrations/{name}"),
    Entry("Data processing", "adjustments", "/w/{workspace}/integrations/{name}/data"),
    Entry("Workflow", "route", "/w/{workspace}/integrations/{name}/workflow"),
    Entry("Response", "arrow-back-up", "/w/{workspace}/integrations/{name}/response"),
    Entry("Try it", "send", "/w/{workspace}/integrations/{name}/try"),
    Entry("Versions", "history", "/w/{workspace}/integrations/{name}/versions"),
)


def current(path: str, workspace: str) -> str:
    """The address of the entry whose page, or page below, is at ``path``; "" where there is
    none."""
    found = ""
    for group in GROUPS:
        for entry in group.entries:
            address = entry.address.format(workspace=workspace)
            below = address != f"/w/{workspace}" and path.startswith(address + "/")
            if (path == address or below) and len(address) > len(found):
                found = address
    return found
