"""What tests of the public port share: reading problems, speaking to the sink from a workflow."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx2

WORKFLOWS = '''
"""Workflows of end-to-end tests; what they do is witnessed by the sink."""

import base64
import http.client

from firesteel import Message, PermanentError, Response, RetryLater, step, workflow

SINK = "{sink}"


def tell(path, data=b""):
    """Call the sink; it answers when the test lets it, and 404 says no more than 200."""
    connection = http.client.HTTPConnection(SINK.removeprefix("http://"), timeout=60)
    try:
        connection.request("POST", path, data)
        return connection.getresponse().read().decode()
    finally:
        connection.close()


@workflow
def nothing(input):
    return None


@workflow
def returns_input(input):
    return input


@workflow
def received(input, message):
    """Everything that a workflow can see of the message."""
    return {{
        "sequence": message.sequence,
        "method": message.method,
        "path": message.path,
        "query": message.query,
        "query_pairs": message.query_pairs,
        "headers": message.headers,
        "header_pairs": message.header_pairs,
        "body": base64.b64encode(message.body).decode(),
        "content_type": message.content_type,
        "consumer": message.consumer,
        "attempt": message.attempt,
        "input": input,
    }}


@workflow
def tells(input):
    """Waits until the sink answers, and returns what it said."""
    return {{"said": tell("/" + str(input["body"]["tell"]))}}
'''
"""Source of a module for ``ProjectFolder.module``; ``workflows`` fills in the sink."""


def workflows(sink_url: str, more: str = "") -> str:
    """The source of the module of workflows, with ``more`` behind it."""
    return WORKFLOWS.format(sink=sink_url) + more


def problem(answer: httpx2.Response) -> dict[str, Any]:
    """The problem document of an answer, whose form is checked."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    found: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(found)
    assert found["status"] == answer.status_code
    assert found["type"].startswith("urn:firesteel:")
    assert answer.headers["request-id"]
    assert answer.headers["cache-control"] == "no-store"
    return found


def code_of(answer: httpx2.Response) -> str:
    """The code of a problem."""
    code: str = problem(answer)["type"].removeprefix("urn:firesteel:")
    return code


def faults_of(answer: httpx2.Response) -> set[tuple[str, str]]:
    """(parameter or pointer, code) of each fault of a 400 or 422."""
    return {
        (fault["parameter"] if "parameter" in fault else fault["pointer"], fault["code"])
        for fault in problem(answer)["errors"]
    }


def without_call(found: Mapping[str, Any]) -> str:
    """A problem without what names this very call, to compare two of them."""
    return json.dumps({key: value for key, value in found.items() if key != "instance"})
