"""How long well-known senders of webhooks wait for an answer, as their documentation says.

Looked up in November 2026; docs/reference/senders.md has the sources and is held to this list by a
test. A sender that gives no figure, such as Stripe, is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sender:
    """``waits_s``: seconds until it gives up."""

    name: str
    waits_s: float


SENDERS: Final = (
    Sender("Slack", 3),
    Sender("Shopify", 5),
    Sender("GitHub", 10),
    Sender("GitLab.com", 10),
    Sender("Calendly", 15),
    Sender("Close", 15),
    Sender("Zapier", 30),
    Sender("nginx as a proxy", 60),
    Sender("AWS load balancers", 60),
)


def less_patient(timeout_s: float) -> list[Sender]:
    """Those that give up before a call that waits ``timeout_s`` seconds is answered."""
    return [sender for sender in SENDERS if sender.waits_s < timeout_s]
