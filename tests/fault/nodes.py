"""Several nodes on one PostgreSQL under test, and what is done to them."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx2

from tests.fault.history import CallRecorder, Effect, History
from tests.fault.loader import Caller
from tests.fault.namespaces import Namespace
from tests.fault.questions import Questions
from tests.fault.scene import Scene
from tests.fault.service import copied_project
from tests.fault.witness import Witness
from tests.support.cluster import APART, Cluster, Member, Role, new_key
from tests.support.node import wait_until

ALL: tuple[Role, ...] = ("all", "all", "all")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a test's nodes are: their ``roles``, the ``environment`` of all, such as a defect, the
    ``namespaces`` of the last ones, and from where these find the database (``there``)."""

    url: str
    roles: Sequence[Role] = ALL
    environment: Sequence[tuple[str, str]] = ()
    namespaces: Sequence[Namespace] = ()
    there: str = ""


@dataclass
class Nodes(Questions):
    """``url``: callers find another gateway with every call, so that what holds for one node only
    is found. ``via``: where they go instead, such as a balancer."""

    cluster: Cluster
    key: str
    via: str = ""
    _turns: Iterator[int] = field(default_factory=itertools.count)

    @classmethod
    @contextlib.contextmanager
    def started(cls, folder: Path, setting: Setting) -> Iterator[Self]:
        """All of them ready; stopped at the end of the block."""
        key = copied_project(folder / "project")
        environment = {
            "FIRESTEEL_DATABASE_URL": setting.url,
            "FIRESTEEL_ENCRYPTION_KEY": new_key(),
            "FIRESTEEL_WORKERS": "1",
            "FIRESTEEL_LOG_LEVEL": "warning",
            **dict(setting.environment),
        }
        cluster = Cluster(folder, folder / "project", environment)
        for number, role in enumerate(setting.roles, 1):
            cluster.add(f"{role}-{number}", role)
        inside = list(cluster.members.values())[len(setting.roles) - len(setting.namespaces) :]
        for member, namespace in zip(inside, setting.namespaces, strict=True):
            member.host, member.within = namespace.host, (*APART, *namespace.within)
            member.environment["FIRESTEEL_DATABASE_URL"] = setting.there
        try:
            cluster.start()
            yield cls(cluster, key)
        except BaseException:
            cluster.print_output()
            raise
        finally:
            cluster.stop()

    @property
    def members(self) -> list[Member]:
        """In the order of their names' numbers."""
        return list(self.cluster.members.values())

    @property
    def url(self) -> str:
        """Where the next call goes: a gateway that runs and does not stand still."""
        if self.via:
            return self.via
        gateways = [m for m in self.cluster.gateways() if m.alive and not m.paused]
        return gateways[next(self._turns) % len(gateways)].url

    def headers(self) -> dict[str, str]:
        """Of every call."""
        return {"x-api-key": self.key, "content-type": "application/json"}

    def running(self, effect: Effect) -> Member:
        """The node whose worker had this effect."""
        return next(member for member in self.members if effect.pid in member.pids())

    def wait_at_rest(self, timeout_s: float) -> None:
        """Until everything accepted is terminal, with nobody's help."""
        wait_until(self.at_rest, timeout_s)

    def _asked(self, path: str, query: dict[str, Any]) -> Any:
        """The first node that answers."""
        fault: Exception | None = None
        for member in self.members:
            if not member.alive or member.paused or member.host != "127.0.0.1":
                continue
            try:
                return member.running.admin("GET", path, params=query)
            except (httpx2.HTTPError, OSError, ValueError) as error:
                fault = error
        raise fault or AssertionError("no node runs")


@dataclass(frozen=True, slots=True)
class OneNode:
    """One of the nodes for those who call it alone."""

    nodes: Nodes
    node: Member

    @property
    def url(self) -> str:
        """Where the next call goes."""
        return self.node.url

    def headers(self) -> dict[str, str]:
        """Of every call."""
        return self.nodes.headers()


@dataclass(frozen=True, slots=True)
class ClusterScene(Scene):
    """The scene of several nodes: ``service`` is a ``Nodes``."""

    service: Nodes  # type: ignore[assignment]

    @classmethod
    @contextlib.contextmanager
    def of(cls, folder: Path, setting: Setting, *, host: str = "127.0.0.1") -> Iterator[Self]:
        """New nodes; ``host``: where the witness listens."""
        recorder = CallRecorder()
        with contextlib.ExitStack() as stack:
            witness = stack.enter_context(Witness.started(folder / "effects.jsonl", host))
            told = (*setting.environment, *witness.environment().items())
            nodes = stack.enter_context(
                Nodes.started(folder, dataclasses.replace(setting, environment=told))
            )
            caller = stack.enter_context(Caller(nodes, recorder))
            yield cls(nodes, witness, caller, recorder)

    def history_of_paused(self) -> History:
        """The history, of nodes that may have stood still past their lease."""
        return dataclasses.replace(self.history(), paused=True)
