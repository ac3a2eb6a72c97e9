"""The node that a corpus is sent to, on either store, and what it must hold in the end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.corpus.case import CANARY, Case, exactly, found
from tests.support.node import KEY, ProjectFolder, RunningNode, running_node, wait_until
from tests.support.public_port import workflows
from tests.support.raw_http import Answer, RawConnection

CONNECTIONS = 6
GUESSES = 20
TERMINAL = frozenset({"succeeded", "failed", "cancelled", "skipped"})
# What a problem of ours has no business to show.
INNARDS = (
    CANARY.encode(),
    b"Traceback",
    b"site-packages",
    b".py",
    b"sqlite",
    b"psycopg",
    b"SELECT",
)
SEEN = (
    '{"body": body, "error": body_error, "text": body_text, "query": query, "consumer": '
    "message.consumer}"
)
PRINTS = """

@workflow
def prints(input, message):
    key = input["body"]["key"]
    print(key)
    tell_nobody(key)
    return {{"input": input, "query": message.query, "printed": keep(key)}}


def tell_nobody(key):
    import logging

    logging.getLogger(str(key)[:50]).warning("%s", key)


@step
def keep(key):
    return key
"""
EMOJI_LABEL = "Åsa 🔥 אcme 'x' <b>&amp;"
EMOJI_KEY = "emoji-key-0123456789abcdef"
LONG_KEY = "k" * 512
ODD_KEY = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
PARAMETERS: list[dict[str, Any]] = [
    {"name": "text"},
    {"name": "integer", "type": "integer"},
    {"name": "number", "type": "number"},
    {"name": "boolean", "type": "boolean"},
    {"name": "date", "type": "date"},
    {"name": "colour", "enum": ["red", "grün"]},
    {"name": "many", "many": True},
    {"name": "größe"},
]


def fill(folder: Path) -> None:
    """The project: one trigger for each kind of check, each with a workflow that tells all."""
    project = ProjectFolder(folder)
    project.module("work", workflows("http://127.0.0.1:9", PRINTS.format()))
    keys = {"": KEY, EMOJI_LABEL: EMOJI_KEY, "long": LONG_KEY, "odd": ODD_KEY}
    authentication = [
        {"api_key": {"label": label or "tester", "value": value}} for label, value in keys.items()
    ]
    triggers: dict[str, dict[str, Any]] = {
        "Seen": {"methods": ["GET", "POST", "PUT", "PATCH", "DELETE"]},
        "a.b-c_d": {},
        **{f"Guarded{number}": {} for number in range(4)},
        "Query": {"query_parameters": PARAMETERS},
        "Strict": {"query_parameters": PARAMETERS, "undeclared": "reject"},
        "Json": {"body": "json"},
        "JsonAsItIs": {"body": "json"},
        "Xml": {"body": "xml"},
        "Form": {"body": "form"},
        "Small": {"max_body": "1KiB"},
        "Open": {"authentication": []},
        "ById": {"idempotency": {"key": "body.id"}},
        "ByQuery": {"idempotency": {"key": "query.id"}},
        "Lane": {"ordered_delivery": {"key": "body.key"}},
        "LaneByHeader": {"ordered_delivery": {"key": "headers.x-lane"}},
        "LaneByQuery": {"ordered_delivery": {"key": "query.lane"}},
    }
    search = {"key": "body.key", "q": "query.q", "h": "headers.x-h"}
    for name, trigger in triggers.items():
        given = {"authentication": authentication, "request_response": True, **trigger}
        document: dict[str, Any] = {
            "name": name,
            "trigger": given,
            "data_processing": SEEN,
            "workflow": {"python": "work:received"},
        }
        if name.startswith("Lane"):
            document["search"] = search
        if name == "Lane":
            document["workflow"] = {"python": "work:prints"}
        if name == "JsonAsItIs":
            del document["data_processing"]
        project.integration(document)


@dataclass
class Place:
    """A node, the ids of all messages that it has acknowledged here, and each case's answer."""

    node: RunningNode
    store: str
    acknowledged: set[str] = field(default_factory=set)
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def port(self) -> int:
        port = urlsplit(self.node.public_url).port
        assert port is not None
        return port

    def differing(self, cases: Iterable[Case]) -> list[str]:
        """What each case is answered with that is not as it says; several run at once."""
        return asyncio.run(self._differing(list(cases)))

    async def _differing(self, cases: list[Case]) -> list[str]:
        turns = asyncio.Semaphore(CONNECTIONS)

        async def one(case: Case) -> list[str]:
            async with turns:
                return [f"{case.name}: {text}" for text in await self._judged(case)]

        found = await asyncio.gather(*(one(case) for case in cases))
        return [text for texts in found for text in texts]

    async def _judged(self, case: Case) -> list[str]:
        try:
            answer = self.answers[case.name] = await self.ask(case.request())
            wrong = judged(case, answer)
            if case.again:
                wrong += judged_again(case, answer, await self.ask(case.request()))
        except (OSError, EOFError, ValueError) as error:
            return [f"no answer: {error!r}"]
        return wrong

    async def ask(self, data: bytes) -> Answer:
        """One call on a connection of its own."""
        async with await RawConnection.open(self.port) as connection:
            answer = await connection.call(data)
        message_id = answer.get("firesteel-message-id")
        if message_id is not None:
            self.acknowledged.add(message_id)
        return answer

    def message(self, name: str) -> Any:
        """What the REST API says of the message of a case."""
        message_id = self.answers[name]["firesteel-message-id"]
        return self.node.admin("GET", f"/workspaces/test/messages/{message_id}")

    def census(self) -> list[str]:
        """What was acknowledged and is not there, or not ended; what is there and was not."""
        wrong = []
        for message_id in sorted(self.acknowledged):
            message = self.node.admin("GET", f"/workspaces/test/messages/{message_id}")
            state = message["executions"][0]["state"]
            if state != "succeeded":
                wrong.append(f"{message['integration']} {message_id} is {state}")
        figures = self.node.admin("GET", "/workspaces/test/statistics")
        accepted = sum(one["accepted"] for one in figures)
        if accepted != len(self.acknowledged):
            wrong.append(f"{accepted} accepted, {len(self.acknowledged)} acknowledged")
        return wrong


@contextlib.contextmanager
def placed(folder: Path, store: str, database_url: str | None) -> Iterator[Place]:
    """A node on one of the stores; ``database_url``: None for SQLite."""
    fill(folder / "project")
    data = folder / "data"
    data.mkdir(mode=0o700)
    settings = {} if database_url is None else {"FIRESTEEL_DATABASE_URL": database_url}
    with running_node(data, folder / "project", **settings) as node:
        yield Place(node, store)
        wait_until(lambda: node.client.get(f"{node.public_url}/-/health").status_code == 200)


def judged(case: Case, answer: Answer) -> list[str]:
    """What is wrong with an answer."""
    wrong = []
    if answer.status != case.status:
        return [f"{answer.status} instead of {case.status}: {answer.body[:300]!r}"]
    if answer.get("request-id") is None:
        wrong.append("no request-id")
    if case.code:
        wrong += judged_problem(case, answer)
    elif case.seen:
        value = exactly(answer.body)
        for path, wanted in case.seen.items():
            if found(value, path) != wanted:
                wrong.append(f"{path} is {found(value, path)!r:.300} instead of {wanted!r:.300}")
    return wrong


def judged_problem(case: Case, answer: Answer) -> list[str]:
    """What is wrong with a problem: its type, its faults, and what it gives away."""
    wrong = []
    if answer.get("content-type") != "application/problem+json":
        return [f"no problem: {answer.body[:300]!r}"]
    if answer.code != case.code:
        wrong.append(f"{answer.code} instead of {case.code}")
    faults = {fault["code"] for fault in answer.json.get("errors", [])}
    if faults != case.faults:
        wrong.append(f"faults {sorted(faults)} instead of {sorted(case.faults)}")
    if answer.get("firesteel-message-id") is not None:
        wrong.append("something was stored")
    head = "".join(f"{name}: {value}\n" for name, value in answer.headers).encode("latin-1")
    wrong += [f"gives {text!r} away" for text in INNARDS if text in head + answer.body]
    return wrong


def judged_again(case: Case, first: Answer, second: Answer) -> list[str]:
    """What is wrong with the second of two equal calls."""
    same = first.get("firesteel-message-id") == second.get("firesteel-message-id")
    if second.status != first.status or same != (case.again == "duplicate"):
        return [f"the second call is {second.status} and {'the same' if same else 'another'}"]
    return []
