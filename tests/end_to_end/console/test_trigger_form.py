"""Saving the trigger page untouched changes nothing, whatever stands in the document."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import httpx2
import pytest

from tests.support.http_server import HttpServer
from tests.support.node import ProjectFolder, RunningNode

AT = "/workspaces/test/integrations"
ENVIRONMENT = {"S": "a secret of 32 bytes, for the sake of HS256", "T": "another"}
STEPS = {"steps": [{"name": "a", "map": 1}]}
PARAMETERS = [
    {"name": "text", "default": "012", "description": 'a "quoted" <word> & more'},
    {"name": "empty", "default": ""},
    {"name": "number", "type": "number", "default": 1.5, "enum": [1.5, 2, 1e21]},
    {"name": "big", "type": "integer", "default": 12345678901234567890},
    {"name": "flag", "type": "boolean", "default": False},
    {"name": "day", "type": "date", "default": "2027-06-30"},
    {"name": "several", "many": True, "default": ["a b", "c,d"], "enum": ["a b", "c,d", "e"]},
    {"name": "needed", "type": "string", "required": True, "many": False},
]
DOCUMENTS: dict[str, dict[str, Any]] = {
    "blank": {},
    "written-out": {
        "description": "Two lines\nof text",
        "trigger": {
            "methods": ["GET", "POST"],
            "ordered_delivery": False,
            "request_response": False,
            "undeclared": "keep",
            "body": "any",
            "concurrency": 10,
            "idempotency": {"window": "96h"},
            "max_body": "10MiB",
        },
    },
    "defaults-of-forms": {
        "trigger": {
            "ordered_delivery": {"on_failure": "continue"},
            "request_response": {"timeout": "30s", "on_timeout": "error"},
            "rate_limit": {"rate": "1/s", "per": "consumer"},
            "idempotency": {},
            "query_parameters": [],
        }
    },
    "parameters": {"trigger": {"query_parameters": PARAMETERS, "undeclared": "reject"}},
    "short-forms": {"trigger": {"ordered_delivery": True, "request_response": True}},
    "long-forms": {
        "trigger": {
            "methods": ["GET", "POST", "PUT", "PATCH", "DELETE"],
            "ordered_delivery": {"key": "body.a.b.0", "on_failure": "pause"},
            "request_response": {"timeout": "90s", "on_timeout": "accepted"},
            "body": {"schema": {"type": "object", "required": ["é"], "x": 1.0}},
            "concurrency": 1,
            "rate_limit": {"rate": "20/m", "burst": 5, "per": "trigger"},
            "max_body": "64KiB",
            "max_waiting": 10,
            "idempotency": {"key": "body.no", "window": "30d"},
            "cors": {
                "origins": ["https://shop.example.com", "http://localhost:5173"],
                "headers": ["x-api-key"],
                "expose": ["x-total"],
                "credentials": True,
                "max_age": "1h",
            },
        },
        "search": {"no": "body.no", "who": "consumer"},
        "redact": ["body.card", "x-token"],
        "retention": {"history": "90d", "payloads": "36h"},
    },
    "ways": {
        "trigger": {
            "authentication": [
                {"signature": {"preset": "github", "label": "g", "secrets": ["${S}", "${T}"]}},
                {
                    "signature": {
                        "label": "o",
                        "header": "x-sig",
                        "algorithm": "sha256",
                        "encoding": "base64",
                        "prefix": "v1=",
                        "timestamp_header": "x-time",
                        "signed": "{timestamp}\n{body}",
                        "tolerance": "5m",
                        "secrets": ["${S}"],
                    }
                },
                {"basic": {"username": "erp", "label": "b", "password": "${S}"}},
                {
                    "jwt": {
                        "label": "j",
                        "issuer": "https://idp.example.com",
                        "audience": "a",
                        "jwks_url": "https://idp.example.com/keys",
                        "algorithms": ["RS256", "ES256"],
                        "leeway": "30s",
                        "consumer": "sub",
                    }
                },
                {"jwt": {"label": "h", "secret": "${S}"}},
                {"client_certificate": {"label": "c", "fingerprint": "ab" * 32, "san": "x"}},
            ],
            "allowed_addresses": ["10.0.0.0/8", "2001:db8::/32"],
            "handshakes": ["slack", {"meta": {"verify_token": "${S}"}}],
        }
    },
    "ways-beside-keys": {
        "trigger": {
            "authentication": [
                {"basic": {"label": "b", "username": "erp", "password": "${S}"}},
                {"api_key": {}},
                {"basic": {"label": "c", "username": "crm", "password": "${T}"}},
            ]
        }
    },
    "any-page": {"trigger": {"cors": {"origins": ["*"]}}},
    "switched-off": {"trigger": {"idempotency": False, "rate_limit": "100/s", "body": "xml"}},
    "other-parts": {
        "data_processing": "{'a': query.x}",
        "workflow": STEPS,
        "response": {"status": 201, "text": "{% steps.a %}"},
    },
}


class Fields(HTMLParser):
    """What a browser without scripts would send of the form with an id."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self._form = form
        self._within = False
        self._area: str | None = None
        self._select: str | None = None
        self.sent: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        if tag == "form":
            self._within = given.get("id") == self._form
        elif not self._within:
            return
        elif tag == "input" and name:
            ticked = given.get("type") not in ("checkbox", "radio") or "checked" in given
            if ticked:
                self.sent.append((name, given.get("value") or ("on" if "checked" in given else "")))
        elif tag == "textarea":
            self._area = ""
            self.sent.append((name, ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and "selected" in given and self._select:
            self.sent.append((self._select, given.get("value") or ""))

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self._area += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None:
            text = self._area.removeprefix("\n").replace("\n", "\r\n")
            self.sent[-1] = (self.sent[-1][0], text)
            self._area = None
        elif tag == "form":
            self._within = False


def fill(project: ProjectFolder, _sink: HttpServer) -> None:
    project.integration({"name": "Beside"})


@pytest.mark.parametrize("case", list(DOCUMENTS))
def test_a_page_that_is_saved_untouched_changes_nothing(node: RunningNode, case: str) -> None:
    node.admin("POST", AT, json={"name": case})
    node.admin("POST", f"{AT}/{case}/keys", json={"label": "shop", "close": False})
    for document in (DOCUMENTS[case], with_keys(DOCUMENTS[case])):
        node.admin("PUT", f"{AT}/{case}/draft", json=document)
        node.admin("POST", f"{AT}/{case}/draft/publish")
        before = node.admin("GET", f"{AT}/{case}")

        with console(node) as client:
            at = f"/w/test/integrations/{case}"
            fields = Fields("trigger")
            fields.feed(client.get(at).text)
            answer = client.post(at, data=as_data([*fields.sent, ("act", "publish")]))

        assert answer.status_code == 303
        listed = {item["name"]: item for item in node.admin("GET", AT)}
        assert listed[case]["draft_by"] is None, "it was not published"
        after = node.admin("GET", f"{AT}/{case}")
        assert after["document"] == before["document"]
        assert after["version"] == before["version"]


def with_keys(document: dict[str, Any]) -> dict[str, Any]:
    trigger = {**document.get("trigger", {}), "authentication": [{"api_key": {}}]}
    return {**document, "trigger": trigger}


def as_data(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def console(node: RunningNode) -> httpx2.Client:
    headers = {"authorization": f"Bearer {node.address['token']}", "accept": "text/html"}
    return httpx2.Client(base_url=node.address["admin_url"], headers=headers, timeout=60)
