"""Every page of the console on a ``demo_node``, by a name for its picture."""

from __future__ import annotations

from typing import Final

from tests.support.demo_node import WORKSPACE
from tests.support.node import RunningNode

_W = f"/w/{WORKSPACE}"
_INTEGRATION = f"{_W}/integrations/ItemPrice"

PAGES: Final = {
    "overview": f"{_W}?span=24h",
    "integrations": f"{_W}/integrations",
    "new-integration": f"{_W}/integrations/new",
    "trigger": _INTEGRATION,
    "trigger-of-files": f"{_W}/integrations/StockAtHand",
    "data-processing": f"{_INTEGRATION}/data",
    "data-processing-of-the-console": f"{_W}/integrations/ConfirmShipment/data",
    "workflow": f"{_INTEGRATION}/workflow",
    "step": f"{_INTEGRATION}/workflow/steps/price",
    "new-step": f"{_W}/integrations/ConfirmShipment/workflow/add?kind=http",
    "response": f"{_INTEGRATION}/response",
    "try-it": f"{_INTEGRATION}/try",
    "versions": f"{_INTEGRATION}/versions",
    "messages": f"{_W}/messages",
    "message": f"{_W}/messages/<failed>",
    "failed": f"{_W}/failed",
    "lanes": f"{_W}/lanes",
    "connections": f"{_W}/connections",
    "connection": f"{_W}/connections/erp",
    "alerts": f"{_W}/alerts",
    "alert-channel": f"{_W}/alerts/channels/+new",
    "alert-rule": f"{_W}/alerts/rules/failures",
    "consumers": f"{_W}/consumers",
    "consumer": f"{_W}/consumers/ACME",
    "consumer-api": f"{_W}/consumers/demo/api",
    "workers": "/workers",
    "storage": "/storage",
    "pause": "/pause",
    "users": "/users",
    "tokens": "/tokens",
    "encryption": "/encryption",
    "audit": "/audit",
    "settings": "/settings",
    "account": "/account",
    "not-found": f"{_W}/nothing",
}
"""Name to address; ``<failed>`` stands for the id of a message that has failed."""


def address(node: RunningNode, name: str) -> str:
    """Of a page by its name."""
    path = PAGES[name]
    if "<failed>" in path:
        found = node.admin("GET", f"/workspaces/{WORKSPACE}/messages?state=failed")["items"]
        path = path.replace("<failed>", found[0]["id"])
    return path
