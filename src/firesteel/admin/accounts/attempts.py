"""How often somebody may try to sign in: by name, and by address.

How many failures the audit log is told of in that time is bounded too, wherever they come from.

Attempts that fail count for a quarter of an hour; one that succeeds clears its name. Whoever is at
a limit is told when to go on, before any password is looked at, and whether the name exists makes
no difference.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from firesteel.errors import CallerError

if TYPE_CHECKING:
    from collections.abc import Callable

WINDOW_S = 15 * 60
PER_NAME = 10
PER_ADDRESS = 50
MOST_KEPT = 10_000
NOTED = 200


class TooManyAttempts(CallerError):
    """``retry_after_s``: when to go on, in whole seconds."""

    code = "too_many_attempts"

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Attempts:
    """In memory, at most ``MOST_KEPT`` names and addresses; ``now_s`` is a monotonic clock."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._names = _Window(PER_NAME, now_s)
        self._addresses = _Window(PER_ADDRESS, now_s)
        self._noted = _Window(NOTED, now_s)

    def begin(self, name: str, address: str) -> None:
        """An attempt, counted as failed until it has succeeded, so that many at once are no way
        around. Raises TooManyAttempts, and then it does not count."""
        network = _network(address)
        wait_s = max(self._names.wait_s(name), self._addresses.wait_s(network))
        if wait_s > 0:
            detail = "too many attempts to sign in with this name or from this address"
            raise TooManyAttempts(detail, math.ceil(wait_s))
        self._names.add(name)
        self._addresses.add(network)

    def noted(self) -> bool:
        """Whether there is room for one more failure in the audit log, which is taken then."""
        if self._noted.wait_s("") > 0:
            return False
        self._noted.add("")
        return True

    def succeeded(self, name: str, address: str) -> None:
        """The last attempt was right."""
        self._names.clear(name)
        self._addresses.take_back(_network(address))


class _Window:
    """When the latest attempts of each key were."""

    def __init__(self, most: int, now_s: Callable[[], float]) -> None:
        self._most = most
        self._now_s = now_s
        self._tried: OrderedDict[str, deque[float]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Until there is room for another; 0: now."""
        tried = self._tried.get(key)
        if tried is None or len(tried) < self._most:
            return 0.0
        return max(tried[0] + WINDOW_S - self._now_s(), 0.0)

    def add(self, key: str) -> None:
        tried = self._tried.setdefault(key, deque(maxlen=self._most))
        tried.append(self._now_s())
        self._tried.move_to_end(key)
        if len(self._tried) > MOST_KEPT:
            self._tried.popitem(last=False)

    def take_back(self, key: str) -> None:
        tried = self._tried.get(key)
        if tried:
            tried.pop()

    def clear(self, key: str) -> None:
        self._tried.pop(key, None)


def _network(address: str) -> str:
    """An IPv6 host has a whole /64 to itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # the version's own number
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False))
