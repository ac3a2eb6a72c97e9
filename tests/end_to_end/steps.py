"""What the tests of steps share: publish a list of steps, call it, look at its execution."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import httpx2

from tests.support.node import AUTHENTICATION, RunningNode, wait_until

RETRY = {"attempts": 2, "first_delay": "10ms", "factor": 1}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and the execution behind it as the REST API shows it."""

    response: httpx2.Response
    execution: dict[str, Any]

    @property
    def value(self) -> Any:
        """The JSON of a success."""
        assert self.response.status_code == 200, (self.response.text, self.execution["failure"])
        return self.response.json()

    @property
    def failure(self) -> dict[str, Any]:
        """Why the execution failed."""
        assert self.response.status_code in (422, 502), self.response.text
        failure: dict[str, Any] = self.execution["failure"]
        return failure

    @property
    def places(self) -> list[str]:
        """Of the steps in the journal."""
        return [step["step"] for step in self.execution["steps"]]


@dataclass(slots=True)
class Steps:
    """Publishes integrations that wait for their response, on a node that runs."""

    node: RunningNode
    published: list[str] = field(default_factory=list)

    def publish(self, *steps: dict[str, Any], **more: Any) -> str:
        """A new integration of these steps; ``more``: other keys of its workflow. Its name."""
        return self.integrate({"workflow": {"steps": list(steps), "retry": RETRY, **more}})

    def integrate(self, document: dict[str, Any]) -> str:
        """The same of a whole document, which may name itself."""
        name = str(document.get("name", f"Steps{next(_numbers)}"))
        trigger = {"authentication": AUTHENTICATION, "request_response": {"timeout": "60s"}}
        whole = {**document, "name": name, "trigger": {**trigger, **document.get("trigger", {})}}
        self.node.admin("PUT", f"/workspaces/test/integrations/{name}", json=whole)
        self.published.append(name)
        return name

    def call(self, name: str, body: Any = None, **request: Any) -> Answered:
        """Call it and look at what it did."""
        if body is not None:
            request["json"] = body
        response = self.node.call(name, **request)
        return Answered(response, self.execution(response))

    def execution(self, response: httpx2.Response) -> dict[str, Any]:
        """The execution of the message that an answer names."""
        message_id = response.headers["firesteel-message-id"]
        message = self.node.admin("GET", f"/workspaces/test/messages/{message_id}")
        execution: dict[str, Any] = message["executions"][0]
        return execution

    def run(self, *steps: dict[str, Any], body: Any = None, **more: Any) -> Answered:
        """Publish and call."""
        return self.call(self.publish(*steps, **more), body)


def workers(node: RunningNode) -> set[int]:
    """The pids of both workers, when both have joined: a test before may have killed one."""
    there: list[int] = wait_until(lambda: _both(node.worker_pids))
    return set(there)


def _both(pids: list[int]) -> list[int] | None:
    return pids if len(pids) == 2 else None
