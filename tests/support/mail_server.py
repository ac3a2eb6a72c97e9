"""A real mail server for tests: takes mails by SMTP, keeps what it was sent, and refuses as told.

It runs in threads of the test process, on a free port of 127.0.0.1. ``tls``: a server's context,
for STARTTLS; ``password``: of whoever signs in, None where nobody has to. ``dribble``: it greets
byte by byte and never comes to an end.
"""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import socketserver
import ssl
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

WAIT_S = 60.0


class _Conversation(socketserver.StreamRequestHandler):
    server: MailServer
    timeout = WAIT_S

    def handle(self) -> None:
        if self.server.dribble:
            with contextlib.suppress(OSError):
                while not self.server.over.wait(0.05):
                    self.wfile.write(b"2")
            return
        self._say("220 test")
        self._signed_in = self.server.password is None
        with contextlib.suppress(OSError, EOFError):
            while self._command(self._line()):
                pass
        self.request.close()

    def _line(self) -> str:
        line = self.rfile.readline()
        if not line:
            raise EOFError
        return line.decode().strip()

    def _say(self, *lines: str) -> None:
        for line in lines:
            self.wfile.write(f"{line}\r\n".encode())

    def _command(self, line: str) -> bool:
        verb = line[:4].upper()
        if verb == "EHLO":
            offers = ["STARTTLS"] if self.server.tls is not None else []
            offers += [] if self.server.password is None else ["AUTH PLAIN"]
            words = ["test", *offers, "8BITMIME"]
            self._say(*(f"250-{word}" for word in words[:-1]), f"250 {words[-1]}")
        elif verb == "STAR":
            self._say("220 go ahead")
            assert self.server.tls is not None
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
            self.rfile = self.request.makefile("rb")
            self.wfile = self.request.makefile("wb", buffering=0)
            self.server.encrypted += 1
        elif verb == "AUTH":
            given = base64.b64decode(line.split()[2]).split(b"\0")[2].decode()
            self._signed_in = given == self.server.password
            self._say("235 welcome" if self._signed_in else f"535 no: {given} is wrong")
        elif verb == "DATA":
            self._say("354 go ahead")
            self._take()
        elif verb == "QUIT":
            self._say("221 bye")
            return False
        elif not self._signed_in:
            self._say("530 sign in first")
        elif self.server.refuses:
            self._say(self.server.refuses)
        else:
            self._say("250 good")
        return True

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line)
        mail = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        self.server.mails.append(mail)
        self._say("250 taken")


class MailServer(socketserver.ThreadingTCPServer):
    """``mails``: what was taken; ``encrypted``: conversations that went on with TLS."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        password: str | None = None,
        dribble: bool = False,
        refuses: str = "",
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.tls, self.password = tls, password
        self.dribble, self.refuses = dribble, refuses
        self.over = threading.Event()
        self.mails: list[EmailMessage] = []
        self.encrypted = 0

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @classmethod
    @contextlib.contextmanager
    def started(cls, **how: Any) -> Iterator[MailServer]:
        """A server for the length of a block."""
        server = cls(**how)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            server.shutdown()
            server.server_close()
            thread.join(WAIT_S)
