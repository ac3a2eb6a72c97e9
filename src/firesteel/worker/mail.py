"""Sends a mail by SMTP (RFC 5321), with the standard library's client in a thread of its own.

A thread, for ``smtplib`` blocks; its socket is shut when the time is over, so that a server that
dribbles holds nothing. Its texts are told by number and class alone: what a server says may repeat
what was sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import smtplib
import socket
import ssl
import threading
from email.message import EmailMessage
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final

from firesteel.model.alert import Alert, alert_text
from firesteel.model.execution import Failure
from firesteel.worker.failures import StepError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from firesteel.model.alerts import EmailChannel

SUBJECT_MOST: Final = 200
_PERMANENT: Final = range(500, 600)


async def send_mail(
    channel: EmailChannel, alert: Alert, timeout_s: float, folder: Path | None
) -> None:
    """Return when the server has taken it for all of the recipients. Raises StepError
    ``mail_refused``, ``mail_unreachable``, and TimeoutError from outside."""
    sending = _Sending(channel, alert, timeout_s, folder)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def run() -> None:
        failed: BaseException | None = None
        try:
            sending.run()
        except BaseException as error:  # noqa: BLE001  # raised where it is waited for
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            loop.call_soon_threadsafe(_end, done, failed)

    threading.Thread(target=run, name="mail", daemon=True).start()
    try:
        await done
    finally:
        sending.shut()


def mail_of(channel: EmailChannel, alert: Alert) -> EmailMessage:
    """The mail, as text."""
    mail = EmailMessage()
    mail["From"] = channel.from_
    mail["To"] = ", ".join(channel.email)
    title = " ".join(alert.data.title.split())
    mail["Subject"] = f"[Firesteel {alert.data.workspace}] {title}"[:SUBJECT_MOST]
    mail["Date"] = formatdate(usegmt=True)
    mail["Message-ID"] = f"<{alert.id}@{channel.sender_domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(alert_text(alert))
    return mail


class _Sending:
    """One conversation with a mail server, in a thread."""

    def __init__(
        self, channel: EmailChannel, alert: Alert, timeout_s: float, folder: Path | None
    ) -> None:
        self._channel = channel
        self._alert = alert
        self._timeout_s = timeout_s
        self._folder = folder
        self._client: smtplib.SMTP | None = None
        self._shut = False

    def run(self) -> None:
        """Raises StepError."""
        try:
            self._talk()
        except smtplib.SMTPException as error:
            raise StepError(_refusal(error)) from error
        except ssl.SSLError as error:
            text = f"TLS with the mail server failed: {type(error).__name__}"
            raise StepError(Failure("transient", "mail_unreachable", text)) from error
        except OSError as error:
            text = f"the mail server cannot be reached: {type(error).__name__}"
            raise StepError(Failure("transient", "mail_unreachable", text)) from error

    def shut(self) -> None:
        """End the conversation from outside; safe to repeat."""
        self._shut = True
        client = self._client
        sock: Any = None if client is None else client.sock
        if sock is not None:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # it is over already

    def _talk(self) -> None:
        channel = self._channel
        place = (channel.host, channel.port_number)
        client: smtplib.SMTP
        if channel.tls == "tls":
            context = self._tls()
            client = _TlsClient(self._begun, *place, timeout=self._timeout_s, context=context)
        else:
            client = _Client(self._begun, *place, timeout=self._timeout_s)
        try:
            if self._shut:
                return
            if channel.tls == "starttls":
                client.starttls(context=self._tls())
            if channel.user is not None:
                client.login(channel.user, channel.password or "")
            refused = client.send_message(mail_of(channel, self._alert))
            if refused:
                number = len(refused)
                text = f"the mail server refused {number} of {len(channel.email)} recipients"
                raise StepError(Failure("transient", "mail_refused", text))
            client.quit()
        finally:
            client.close()

    def _begun(self, client: smtplib.SMTP) -> None:
        self._client = client

    def _tls(self) -> ssl.SSLContext:
        ca = self._channel.tls_ca
        if ca is None:
            return ssl.create_default_context()
        return ssl.create_default_context(
            cafile=str(self._folder / ca) if self._folder is not None else ca
        )


class _Client(smtplib.SMTP):
    """Tells of itself before it connects, so that also a greeting can be cut off."""

    def __init__(self, begun: Callable[[smtplib.SMTP], None], *place: Any, **how: Any) -> None:
        begun(self)
        super().__init__(*place, **how)


class _TlsClient(smtplib.SMTP_SSL):
    """The same with TLS from the start."""

    def __init__(self, begun: Callable[[smtplib.SMTP], None], *place: Any, **how: Any) -> None:
        begun(self)
        super().__init__(*place, **how)


def _refusal(error: smtplib.SMTPException) -> Failure:
    if isinstance(error, smtplib.SMTPServerDisconnected | smtplib.SMTPConnectError):
        text = f"the mail server cannot be reached: {type(error).__name__}"
        return Failure("transient", "mail_unreachable", text)
    number = getattr(error, "smtp_code", None)
    said = f" ({number})" if isinstance(number, int) and number > 0 else ""
    text = f"the mail server refused: {type(error).__name__}{said}"
    return Failure("permanent" if number in _PERMANENT else "transient", "mail_refused", text)


def _end(done: asyncio.Future[None], failed: BaseException | None) -> None:
    if done.done():
        return
    if failed is None:
        done.set_result(None)
    else:
        done.set_exception(failed)
