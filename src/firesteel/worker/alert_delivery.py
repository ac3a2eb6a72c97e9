"""Sends an alert over a channel: a signed post, a post for a chat, or a mail.

Posts go where ``http`` steps may go and nowhere else. A mail server is an administrator's choice,
as a database is, and is not limited. Texts of failures hold nothing of an address or of what the
other side said: they are shown to people who may not see the channel's secrets.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import time
from typing import TYPE_CHECKING, Any, Final

from firesteel.errors import FiresteelError
from firesteel.model.alert import Alert, alert_text, decode_alert
from firesteel.model.alerts import EmailChannel, SlackChannel, WebhookChannel, parse_channel
from firesteel.model.connection import HttpConnection
from firesteel.model.execution import Failure
from firesteel.worker.addresses import AddressRules
from firesteel.worker.failures import StepError, failure_of
from firesteel.worker.http_call import HttpCall
from firesteel.worker.http_connection import HttpClient
from firesteel.worker.mail import send_mail

if TYPE_CHECKING:
    from pathlib import Path

    from firesteel.model import frames

_JSON: Final = ("content-type", "application/json")
_WEBHOOK_SECRET: Final = "whsec_"  # noqa: S105  # what stands before a secret


async def deliver(frame: frames.Deliver, folder: Path | None) -> Failure | None:
    """None where the other side has taken it. ``folder``: of files that the channel names."""
    alert = decode_alert(frame.alert)
    try:
        channel = parse_channel(json.loads(frame.channel))
        async with asyncio.timeout(frame.timeout_s):
            if isinstance(channel, EmailChannel):
                await send_mail(channel, alert, frame.timeout_s, folder)
            elif isinstance(channel, SlackChannel):
                rules = AddressRules(frame.outgoing_allow)
                await _post(channel.slack, slack_body(alert), [], (rules, None, folder))
            else:
                await _post_webhook(channel, frame, alert, folder)
    except TimeoutError:
        return Failure("transient", "alert_timeout", "the other side did not take it in time")
    except (FiresteelError, StepError) as error:
        return failure_of(error)
    except Exception as error:  # noqa: BLE001  # whatever it is, its kind is the answer
        return Failure("unknown", "alert_not_sent", type(error).__name__)
    return None


def slack_body(alert: Alert) -> bytes:
    """``{"text": ...}``, with the three characters written out that mean something to Slack
    (https://docs.slack.dev/messaging/formatting-message-text/#escaping)."""
    text = alert_text(alert).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return json.dumps({"text": text}, ensure_ascii=False).encode()


def signature(secret: str, alert_id: str, at_s: int, body: bytes) -> str:
    """The value of ``webhook-signature`` (https://www.standardwebhooks.com, version 1). Raises
    StepError where the secret is no base64 behind ``whsec_``."""
    try:
        key = (
            base64.b64decode(secret.removeprefix(_WEBHOOK_SECRET), validate=True)
            if secret.startswith(_WEBHOOK_SECRET)
            else secret.encode()
        )
    except (binascii.Error, ValueError) as error:
        text = "the channel's secret is no base64 behind whsec_"
        raise StepError(Failure("permanent", "secret_invalid", text)) from error
    signed = f"{alert_id}.{at_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()


async def _post_webhook(
    channel: WebhookChannel, frame: frames.Deliver, alert: Alert, folder: Path | None
) -> None:
    at_s = int(time.time())
    headers = [*channel.headers.items(), ("webhook-id", alert.id), ("webhook-timestamp", f"{at_s}")]
    if channel.secret is not None:
        signed = signature(channel.secret, alert.id, at_s, frame.alert)
        headers.append(("webhook-signature", signed))
    rules = AddressRules(frame.outgoing_allow)
    await _post(channel.webhook, frame.alert, headers, (rules, channel.tls_ca, folder))


async def _post(
    url: str,
    body: bytes,
    headers: list[tuple[str, str]],
    by: tuple[AddressRules, str | None, Path | None],
) -> None:
    """``by``: whom it may reach, the file of certificates, and its folder."""
    rules, tls_ca, folder = by
    connection: Any = None
    if tls_ca is not None:
        connection = HttpConnection(http=url.partition("?")[0], tls_ca=tls_ca)
    client = HttpClient(connection, rules, share=1, folder=folder, whole_urls=True)
    try:
        answer = await client.call(HttpCall("POST", url, [_JSON, *headers], body))
    finally:
        await client.close()
    if not 200 <= answer.status < 300:
        text = f"the answer was {answer.status}"
        raise StepError(Failure("transient", "http_status", text))
