"""Alerts leave by post and mail, signed and over TLS; what goes wrong is told without secrets."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import ssl
import threading
from pathlib import Path
from typing import Any

import pytest
import trustme

from firesteel.model import frames
from firesteel.model.alert import Alert, AlertData, encode_alert
from firesteel.model.execution import Failure
from firesteel.worker.alert_delivery import deliver
from tests.support.http_server import HttpServer, Reply
from tests.support.mail_server import MailServer

ALERT = Alert(
    "alert_1",
    "alert.firing",
    "2026-11-30T11:51:54Z",
    AlertData(
        workspace="demo",
        rule="failures",
        event="execution_failed",
        title="2 failures of <Orders> & more",
        lines=["the first: message m1, http_status"],
        items=[],
        url="https://console.example.com/w/demo/failed",
    ),
)
LOCAL = ["127.0.0.0/8"]
SECRET = "s3cr3t-canary"  # what a test sends


async def send(
    channel: dict[str, Any], folder: Path | None = None, *, timeout_s: float = 15.0, **more: Any
) -> Failure | None:
    asked = {"outgoing_allow": LOCAL, **more}
    content = encode_alert(ALERT).encode()
    return await deliver(
        frames.Deliver(1, json.dumps(channel).encode(), content, timeout_s, **asked), folder
    )


def mail(server: MailServer, **more: Any) -> dict[str, Any]:
    return {
        "email": ["ops@example.com", "two@example.com"],
        "from": "Firesteel <f@example.com>",
        "host": "127.0.0.1",
        "port": server.port,
        "tls": "none",
        **more,
    }


@pytest.mark.parametrize(
    ("secret", "key"),
    [("a plain text", b"a plain text"), ("whsec_" + base64.b64encode(b"raw").decode(), b"raw")],
)
async def test_a_webhook_gets_the_alert_as_json_signed_by_standard_webhooks(
    secret: str, key: bytes
) -> None:
    with HttpServer.started() as server:
        server.reply("/hook", Reply(204))
        channel = {
            "webhook": f"{server.url}/hook?token=x",
            "secret": secret,
            "headers": {"X-Team": "ops"},
        }
        assert await send(channel) is None
        (got,) = server.received
    assert (got.query, got.header("x-team"), got.json["id"]) == ("token=x", "ops", "alert_1")
    assert got.json["data"]["title"] == ALERT.data.title
    signed = f"alert_1.{got.header('webhook-timestamp')}.".encode() + got.body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    assert got.header("webhook-signature") == f"v1,{expected}"
    assert got.header("webhook-id") == "alert_1"


async def test_a_chat_gets_one_text_in_which_nothing_is_markup() -> None:
    with HttpServer.started() as server:
        server.reply("/chat", Reply(200, b"ok"))
        assert await send({"slack": f"{server.url}/chat"}) is None
        (got,) = server.received
    assert got.json == {
        "text": "2 failures of &lt;Orders&gt; &amp; more\n\nthe first: message m1, http_status\n\n"
        "https://console.example.com/w/demo/failed"
    }


async def test_a_mail_goes_to_all_over_tls_after_signing_in(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with MailServer.started(tls=context, password=SECRET) as server:
        channel = mail(server, tls="starttls", tls_ca="ca.pem", user="f", password=SECRET)
        assert await send(channel, tmp_path) is None
        (got,) = server.mails
        assert server.encrypted == 1
        unknown = await send({**channel, "tls_ca": None}, tmp_path)
    assert got["To"] == "ops@example.com, two@example.com"
    assert got["Subject"] == "[Firesteel demo] 2 failures of <Orders> & more"
    assert got["Message-ID"] == "<alert_1@example.com>"
    assert "the first: message m1" in got.get_content()
    assert unknown is not None
    assert unknown.code == "mail_unreachable"


async def test_a_mail_without_tls_is_not_sent_where_it_is_asked_for() -> None:
    with MailServer.started() as server:
        failure = await send(mail(server, tls="starttls"))
        assert server.mails == []
    assert failure is not None
    assert failure.code == "mail_refused"


async def test_what_a_mail_server_says_is_told_by_its_number_alone() -> None:
    with MailServer.started(password="another") as server:
        failure = await send(mail(server, user="f", password=SECRET))
    assert failure is not None
    assert (failure.code, failure.detail) == (
        "mail_refused",
        "the mail server refused: SMTPAuthenticationError (535)",
    )
    with MailServer.started(refuses="452 too many") as server:
        failure = await send(mail(server))
    assert failure is not None
    assert failure.code == "mail_refused"


async def test_a_server_that_dribbles_holds_nobody_longer_than_the_time() -> None:
    with MailServer.started(dribble=True) as server:
        failure = await send(mail(server), timeout_s=0.5)
    assert failure is not None
    assert failure.code == "alert_timeout"


def test_a_mail_that_is_given_up_may_outlive_the_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    monkeypatch.setattr("firesteel.worker.mail._Sending.run", lambda _: ended.wait(20))
    with MailServer.started() as server:
        asyncio.run(send(mail(server), timeout_s=0.1))
    (thread,) = (thread for thread in threading.enumerate() if thread.name == "mail")
    ended.set()
    thread.join(20)
    assert not thread.is_alive()


@pytest.mark.parametrize("kind", ["webhook", "slack"])
async def test_posts_reach_no_private_address_that_is_not_allowed(kind: str) -> None:
    with HttpServer.started() as server:
        server.reply("/hook", Reply(204))
        failure = await send({kind: f"{server.url}/hook"}, outgoing_allow=[])
        assert server.received == []
    assert failure is not None
    assert failure.code == "address_refused"


async def test_an_answer_that_is_no_success_is_a_failure_without_what_was_said() -> None:
    with HttpServer.started() as server:
        server.reply("/hook", Reply(500, SECRET.encode()), Reply.redirect("http://10.0.0.1/"))
        first = await send({"webhook": f"{server.url}/hook?key={SECRET}"})
        second = await send({"webhook": f"{server.url}/hook?key={SECRET}"})
    assert [item and (item.code, item.detail) for item in (first, second)] == [
        ("http_status", "the answer was 500"),
        ("http_status", "the answer was 302"),
    ]


@pytest.mark.parametrize(
    "channel",
    [
        {"webhook": "http://127.0.0.1:1/a", "secret": "whsec_" + SECRET},
        {"webhook": f"http://127.0.0.1:1/{SECRET}"},
        {"webhook": f"http://[{SECRET}/"},
        {"slack": f"{SECRET} is no address"},
        {"webhook": "http://127.0.0.1:1/", "headers": {"A": f"{SECRET}\u20ac"}},
        {"webhook": "http://127.0.0.1:1/", "tls_ca": SECRET},
    ],
    ids=str,
)
async def test_what_goes_wrong_is_told_without_what_the_channel_holds(
    channel: dict[str, Any],
) -> None:
    failure = await send(channel)
    assert failure is not None
    assert SECRET not in f"{failure.code} {failure.detail}"


async def test_many_at_once_do_not_stand_in_each_others_way() -> None:
    with MailServer.started(dribble=True) as slow, MailServer.started() as quick:
        waits = asyncio.create_task(send(mail(slow), timeout_s=15.0))
        assert await send(mail(quick)) is None
        assert not waits.done()
        waits.cancel()
        await asyncio.gather(waits, return_exceptions=True)
