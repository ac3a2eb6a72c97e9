"""Checks of the data directory: who may read it, on which disk it is, the encryption key."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import statistics
import tempfile
import time
from typing import TYPE_CHECKING

from firesteel.cli.doctor.finding import Case, Finding, fault, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FLUSHES = 15
_FLUSHED_BYTES = 4096
_SLOW_FLUSH_MS = 20.0
_IN_MEMORY = frozenset({"tmpfs", "ramfs"})
_MIB = 1024**2


def data_directory(case: Case) -> Iterator[Finding]:
    """Its owner's alone, and writable."""
    folder, name = case.settings.data_dir, "data_dir"
    try:
        status = folder.stat()
    except FileNotFoundError:
        yield ok(name, f"{folder} is not there yet: the first start makes it")
        return
    except OSError as error:
        yield fault(name, f"{folder} cannot be read: {error.strerror}", "run as the node's user")
        return
    if not stat.S_ISDIR(status.st_mode):
        yield fault(name, f"{folder} is no folder", "name another one with data_dir")
        return
    mode = stat.S_IMODE(status.st_mode)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        remedy = f"run as its owner (user {status.st_uid}), or give it to this user with chown"
        yield fault(name, f"{folder} may not be written by this user ({os.geteuid()})", remedy)
    elif mode & 0o077:
        says = f"others may enter {folder} (mode {mode:04o})"
        yield warning(name, says, f"chmod 0700 {folder}")
    else:
        yield ok(name, f"{folder} is its owner's alone")


def local_token(case: Case) -> Iterator[Finding]:
    """Whoever can read the token can do all that an administrator can."""
    path = case.settings.data_dir / "node.json"
    with contextlib.suppress(OSError):
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            says = f"others may read the local token (mode {mode:04o})"
            yield fault("local_token", says, f"chmod 0600 {path}, and start the node anew")
        else:
            yield ok("local_token", "only its owner may read it")


def encryption_key(case: Case) -> Iterator[Finding]:
    """There, nobody else's, and the store's own; looked at after the store."""
    from firesteel.engine.data_keys import key_id
    from firesteel.engine.key_chest import check
    from firesteel.engine.key_file import KEY_FILE, read_key
    from firesteel.errors import OperatorError

    name, key = "encryption_key", case.settings.encryption_key
    path = case.settings.data_dir / KEY_FILE
    sealed = case.store.envelope if case.store else None
    if key is None and not path.exists():
        if sealed is None:
            yield ok(name, "there is none yet: the first start makes it")
        else:
            remedy = f"put the store's key there, or into encryption_key; it opens {_ids(sealed)}"
            yield fault(name, f"{path} is not there, and the store is sealed", remedy)
        return
    try:
        key = key or read_key(path)
        if sealed is not None:
            check(key, sealed)
    except OperatorError as error:
        remedy = {
            "encryption_key_exposed": f"chmod 0600 {path}",
            "wrong_encryption_key": f"take the store's key: {_ids(sealed or '')}",
        }.get(error.code, "put the store's key there")
        yield fault(name, f"{error.detail} [{error.code}]", remedy)
        return
    fits = "fits the store" if sealed is not None else "waits for a store"
    yield ok(name, f"{key_id(key).hex()} {fits}; keep a copy of it apart from back-ups")


def _ids(envelope: str) -> str:
    from firesteel.engine.data_keys import Envelope

    if not envelope.startswith("{"):
        return "the one of its first start"
    return f"the one with the id {' or '.join(Envelope.parse(envelope).sealed)}"


def file_system(case: Case) -> Iterator[Finding]:
    """One that keeps what was flushed (P35)."""
    from firesteel.store.sqlite.safety import NETWORK_FILE_SYSTEMS, file_system_of

    for folder in dict.fromkeys((case.store_folder, case.settings.data_dir)):
        kind = file_system_of(folder)
        if kind is None:
            yield ok("file_system", f"of {folder} is not told by this system")
        elif kind.rpartition(".")[2] in NETWORK_FILE_SYSTEMS:
            says = f"{folder} is on a network file system ({kind}): flushed data may be lost"
            yield fault("file_system", says, "put it on a local disk, or the store in PostgreSQL")
        elif kind in _IN_MEMORY:
            says = f"{folder} is in memory ({kind}): a restart of the machine loses all"
            yield warning("file_system", says, "put it on a disk")
        else:
            yield ok("file_system", f"{folder} is on {kind}")


def disk(case: Case) -> Iterator[Finding]:
    """Room above the reserve, below which calls are refused (P25)."""
    usage = shutil.disk_usage(_there(case.store_folder))
    reserve = min(case.settings.disk_reserve_bytes, usage.total // 20)
    says = f"{usage.free // _MIB:,} MiB free, {reserve // _MIB:,} MiB of them are the reserve"
    remedy = "free room, keep messages for a shorter time, or `firesteel compact`"
    if usage.free <= reserve:
        yield fault("disk", f"{says}: calls are refused", remedy)
    elif usage.free < 2 * reserve:
        yield warning("disk", says, remedy)
    else:
        yield ok("disk", says)


def flush(case: Case) -> Iterator[Finding]:
    """How long a flush takes, which every accepted call waits for. Not beside a node: both would
    be slowed."""
    folder = case.store_folder
    if case.runs or not os.access(folder, os.W_OK):
        return
    try:
        took_ms = _flush_ms(folder)
    except OSError as error:
        yield fault("flush", f"{folder} takes no flush: {error.strerror}", "look at the disk")
        return
    says = f"{took_ms:.2f} ms for a flush of {_FLUSHED_BYTES // 1024} KiB"
    if took_ms > _SLOW_FLUSH_MS:
        remedy = "a disk with a protected write cache flushes in less than a millisecond"
        yield warning("flush", f"{says}: calls wait for it", remedy)
    else:
        yield ok("flush", says)


def _flush_ms(folder: Path) -> float:
    """The median of a few, in a file that is gone afterwards."""
    took = []
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".firesteel-") as file:
        for _ in range(_FLUSHES):
            file.write(os.urandom(_FLUSHED_BYTES))
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


def _there(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    return next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
