"""What holds for the connections of one listener."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from firesteel.gateway.deadlines import Deadlines
from firesteel.gateway.places import Places
from firesteel.model.forwarded import Proxies

if TYPE_CHECKING:
    from firesteel.gateway.hosts import Hosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """``proxies``: who is believed of whom they bring. ``certificate_header``: in which they pass
    on certificates of clients, in lower case; None: in none. ``hosts``: by which names it may be
    called, None: by any. ``hsts_max_age_s``: for how long browsers are told to come by HTTPS only;
    0: they are not. ``places``: how many connections there may be; of one listener only."""

    deadlines: Deadlines = field(default_factory=Deadlines)
    proxies: Proxies = field(default_factory=Proxies)
    certificate_header: bytes | None = None
    hosts: Hosts | None = None
    hsts_max_age_s: int = 0
    places: Places = field(default_factory=Places)
