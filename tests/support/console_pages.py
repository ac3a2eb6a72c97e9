"""Every page of the console on a ``demo_node``, by a name for its picture."""

from __future__ import annotations

from tests.support.demo_node import WORKSPACE
from tests.support.node import RunningNode

_W = f"/w/{WORKSPACE}"
_INTEGRATION = f"{_W}/integrations/ItemPrice"


def pages(node: RunningNode) -> dict[str, str]:
    """Name to address; the message is one that has failed."""
    failed = node.admin("GET", f"/workspaces/{WORKSPACE}/messages?state=failed")["items"]
    return {
        "overview": _W,
        "overview-day": f"{_W}?span=24h",
        "integrations": f"{_W}/integrations",
        "new-integration": f"{_W}/integrations/new",
        "trigger": _INTEGRATION,
        "data-processing": f"{_INTEGRATION}/data",
        "workflow": f"{_INTEGRATION}/workflow",
        "response": f"{_INTEGRATION}/response",
        "try-it": f"{_INTEGRATION}/try",
        "versions": f"{_INTEGRATION}/versions",
        "messages": f"{_W}/messages",
        "message": f"{_W}/messages/{failed[0]['id']}",
        "failed": f"{_W}/failed",
        "lanes": f"{_W}/lanes",
        "connections": f"{_W}/connections",
        "consumers": f"{_W}/consumers",
        "workers": "/workers",
        "storage": "/storage",
        "users": "/users",
        "tokens": "/tokens",
        "audit": "/audit",
        "settings": "/settings",
        "account": "/account",
        "not-found": f"{_W}/nothing",
    }
