"""The command ``firesteel`` for pages that call it dozens of times: it starts ten times as fast.

Most of what a short command costs is the import of its parts. Here a process has imported them, and
forks for each command; the command's own code, arguments, folder, environment, input and output are
what they would be. Commands that run a node are started as ever, and so are all those of the
tutorial and of the README.
"""

from __future__ import annotations

import array
import contextlib
import io
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NoReturn

from tests.support.node import wait_until

_START_S: Final = 60.0
# What the first program on the PATH does: hand over, and end as the command ended.
_CLIENT = """#!{python} -SE
import array, json, os, socket, sys
if sys.argv[1:2] and sys.argv[1] in ("serve", "dev", "demo"):
    os.execv({program!r}, [{program!r}, *sys.argv[1:]])
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    fds = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))
    server.sendmsg([b"f"], [fds])
    server.sendall(json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    code = server.recv(1)
sys.exit(code[0] if code else 70)
"""


@contextlib.contextmanager
def quick_cli(folder: Path) -> Iterator[Path]:
    """A folder for the front of the PATH, with ``firesteel`` in it."""
    address = folder / "commands"
    program = Path(sys.executable).with_name("firesteel")
    client = folder / "bin" / "firesteel"
    client.parent.mkdir()
    client.write_text(
        _CLIENT.format(python=sys.executable, program=str(program), address=str(address))
    )
    client.chmod(client.stat().st_mode | stat.S_IXUSR)
    server = subprocess.Popen([sys.executable, "-m", __name__, str(address)])
    try:
        wait_until(lambda: address.exists() or server.poll() is not None, _START_S)
        assert server.poll() is None
        yield client.parent
    finally:
        server.terminate()
        server.wait(_START_S)


def serve(address: str) -> NoReturn:
    """Fork for each command that comes, until this process is ended."""
    from firesteel.cli import applying, node_client  # noqa: F401
    from firesteel.cli.app import run
    from firesteel.worker.expressions import check_expression

    check_expression("$sum([1])")
    with contextlib.redirect_stdout(io.StringIO()):
        run(["--help"])
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the commands here
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        while True:
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _run(connection)
            connection.close()


def _run(connection: socket.socket) -> NoReturn:
    """One command, in a process that is forked for it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    code = 70
    try:
        sent, files = _received(connection)
        arguments, cwd, environment = json.loads(sent)
        for number, file in enumerate(files):
            os.dup2(file, number)
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(environment)
        from firesteel.cli.app import run

        code = run(arguments)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        connection.send(bytes([code]))
        os._exit(code)


def _received(connection: socket.socket) -> tuple[bytes, array.array[int]]:
    _, ancillary, _, _ = connection.recvmsg(1, socket.CMSG_SPACE(3 * array.array("i").itemsize))
    files = array.array("i")
    for _, _, data in ancillary:
        files.frombytes(data)
    sent = b""
    while piece := connection.recv(1 << 16):
        sent += piece
    return sent, files


if __name__ == "__main__":
    serve(sys.argv[1])
