"""What the processes under test say of what they hold: messages, executions and books."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from typing import Any

import httpx2

from tests.fault.history import Balance, Call, Ending
from tests.support.node import wait_until

PAGE = 500


class Questions(ABC):
    """Asked of the REST API of the workspace ``test``."""

    def endings(self, **selected: str) -> list[Ending]:
        """Every message, as the list of the REST API has it now; or those ``selected`` by its
        parameters."""
        found: list[Ending] = []
        cursor: dict[str, Any] = {}
        while True:
            page = self._page({"limit": PAGE, **selected, **cursor})
            found += [_ending(item) for item in page["items"]]
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}

    def recent(self) -> list[Ending]:
        """The latest of them that have ended."""
        page = self._page({"limit": PAGE})
        return [ending for ending in map(_ending, page["items"]) if ending.terminal]

    def balances(self) -> list[Balance]:
        """The books of every trigger."""
        found = self._answer("/workspaces/test/statistics")
        return [Balance(one.pop("integration"), **one) for one in found]

    def execution(self, call: Call) -> dict[str, Any]:
        """The latest execution of the message that a call made."""
        found: dict[str, Any] = self._answer(f"/workspaces/test/messages/{call.message_id}")
        latest: dict[str, Any] = found["executions"][-1]
        return latest

    def state(self, call: Call) -> str:
        """Of that execution."""
        return str(self.execution(call)["state"])

    def wait_until_waiting(self, call: Call) -> None:
        """Until its execution waits, after an attempt that failed."""
        wait_until(lambda: self.state(call) == "waiting")

    def at_rest(self) -> bool:
        """Whether nothing waits and nothing runs: each trigger's books are of one moment, while an
        execution may hide from two lists, one after the other."""
        return not any(books.waiting or books.running for books in self.balances())

    def _page(self, query: dict[str, Any]) -> dict[str, Any]:
        page: dict[str, Any] = self._answer("/workspaces/test/messages", **query)
        return page

    def _answer(self, path: str, **query: Any) -> Any:
        """Asked again while an engine that has just started has not written its token yet."""

        def asked() -> Any:
            with contextlib.suppress(httpx2.HTTPError, OSError, ValueError):
                return (self._asked(path, query),)
            return None

        (found,) = wait_until(asked)
        return found

    @abstractmethod
    def _asked(self, path: str, query: dict[str, Any]) -> Any:
        """One GET of the REST API; raises where nobody answers it."""


def _ending(item: dict[str, Any]) -> Ending:
    return Ending(
        item["id"],
        item["integration"],
        item["sequence"],
        item["state"],
        item["settled_at"] or "",
    )
