"""What the system has still to send, and whether the client takes it (P26)."""

from __future__ import annotations

import socket
import sys

import pytest

from firesteel.gateway.unsent import PATIENCE_S, Unsent, unsent_bytes
from tests.support.node import wait_until


def take(client: socket.socket, most: int) -> None:
    """Exactly so many bytes."""
    while most:
        most -= len(client.recv(most))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what is unsent")
def test_a_client_that_takes_nothing_is_told_from_one_that_is_slow_and_one_that_is_done() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(listening.getsockname())
        ours, _ = listening.accept()
        with ours:
            unsent = Unsent()
            assert unsent.stuck(ours, 0.0) is None
            ours.setblocking(False)
            sent = ours.send(bytes(1024 * 1024))
            assert unsent.stuck(ours, 1.0) is False
            assert unsent.stuck(ours, 2.0) is False
            assert unsent.stuck(ours, 1.0 + PATIENCE_S) is True
            before = unsent_bytes(ours)
            take(client, sent // 2)
            assert unsent_bytes(ours) < before
            assert unsent.stuck(ours, 9.0) is False
            take(client, sent - sent // 2)
            wait_until(lambda: unsent_bytes(ours) == 0)
            assert unsent.stuck(ours, 99.0) is None
